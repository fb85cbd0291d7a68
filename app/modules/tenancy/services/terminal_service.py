"""Terminals: the devices at the counters of a merchant."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.core.clock import utc_now
from app.core.db import atomic
from app.core.errors import Forbidden, RateLimited
from app.core.security import hash_token, new_token
from app.modules.tenancy.errors import StoreNotFound, TerminalNotFound
from app.modules.tenancy.models import Terminal
from app.modules.tenancy.rules.session_life import is_seen_due
from app.modules.tenancy.services import audit_service, principal_service
from app.modules.tenancy.types import (
    OpenedTerminal,
    Principal,
    PrincipalKind,
    StoreContext,
    TerminalView,
)

# Each new device starts with a clean count of wrong PINs, so devices must not come for free.
_MOST_NEW_PER_HOUR: Final = 20
_AN_HOUR: Final = timedelta(hours=1)
_MOST_NAME_CHARACTERS: Final = 100


def open_terminal(
    db: Session,
    *,
    principal: Principal,
    store: StoreContext,
    terminal_token: str | None = None,
    now: datetime | None = None,
) -> OpenedTerminal:
    """Make this device a terminal of the store, or know it again by the token in its cookie.

    A device stays the same terminal whoever signs in, and moves with its people to another
    store of the same merchant. A revoked one, or another merchant's, becomes a new one.

    Raises:
        Forbidden: the caller is no user of a merchant.
        StoreNotFound: the store is another merchant's, or not the one the user is bound to.
        RateLimited: 20 new devices in this store within an hour.
    """
    now = now or utc_now()
    _check_place(principal, store)
    known = _known(db, store.merchant_id, terminal_token)
    if known is None:
        return _add(db, principal, store, now=now)
    before = known.store_id
    moves = before != store.store_id
    if moves or is_seen_due(known.last_seen_at, now):
        with atomic(db):
            db.execute(
                update(Terminal)
                .where(Terminal.merchant_id == store.merchant_id, Terminal.id == known.id)
                .values(store_id=store.store_id, last_seen_at=now)
            )
            if moves:
                old, new = {"store_id": before}, {"store_id": store.store_id}
                _record(db, principal, "terminal_moved", known.id, store, old=old, new=new, now=now)
        principal_service.forget_principals(db)
    return OpenedTerminal(known.id, store.store_id, known.name, token=None)


def list_terminals(db: Session, *, merchant_id: int) -> list[TerminalView]:
    """The devices of a merchant that are not revoked, the last used first."""
    wanted = select(Terminal).where(
        Terminal.merchant_id == merchant_id, Terminal.revoked_at.is_(None)
    )
    return [
        TerminalView(
            id=row.id,
            store_id=row.store_id,
            name=row.name,
            created_at=row.created_at,
            last_seen_at=row.last_seen_at,
            revoked_at=row.revoked_at,
        )
        for row in db.execute(
            wanted.order_by(Terminal.last_seen_at.desc(), Terminal.id.desc())
        ).scalars()
    ]


def get_terminal(db: Session, *, merchant_id: int, terminal_id: int) -> Terminal:
    """One device that is not revoked.

    Raises:
        TerminalNotFound: also where another merchant has it.
    """
    terminal = db.execute(
        select(Terminal).where(
            Terminal.merchant_id == merchant_id,
            Terminal.id == terminal_id,
            Terminal.revoked_at.is_(None),
        )
    ).scalar_one_or_none()
    if terminal is None:
        raise TerminalNotFound
    return terminal


def revoke_terminal(
    db: Session,
    *,
    merchant_id: int,
    terminal_id: int,
    principal: Principal | None = None,
    ip_address: str | None = None,
    request_id: str | None = None,
    now: datetime | None = None,
) -> None:
    """Make a device a stranger: at once in this process, within 5 seconds in others.

    Raises:
        TerminalNotFound: as `get_terminal`.
    """
    now = now or utc_now()
    with atomic(db):
        revoked = db.execute(
            update(Terminal)
            .where(
                Terminal.merchant_id == merchant_id,
                Terminal.id == terminal_id,
                Terminal.revoked_at.is_(None),
            )
            .values(revoked_at=now)
            .returning(Terminal.store_id, Terminal.name)
        ).one_or_none()
        if revoked is None:
            raise TerminalNotFound
        audit_service.record(
            db,
            merchant_id=merchant_id,
            action="terminal_revoked",
            subject=f"terminal:{terminal_id}",
            actor_kind=principal.kind.value if principal else "service",
            actor_id=principal.actor_id if principal else None,
            store_id=revoked.store_id,
            old={"name": revoked.name},
            ip_address=ip_address,
            request_id=request_id,
            now=now,
        )
    principal_service.forget_principals(db)


def _check_place(principal: Principal, store: StoreContext) -> None:
    if principal.kind is not PrincipalKind.USER:
        raise Forbidden
    is_theirs = principal.store_id in (None, store.store_id)
    if principal.merchant_id != store.merchant_id or not is_theirs:
        raise StoreNotFound


def _known(db: Session, merchant_id: int, token: str | None) -> Terminal | None:
    if not token:
        return None
    return db.execute(
        select(Terminal).where(
            Terminal.merchant_id == merchant_id,
            Terminal.token_hash == hash_token(token),
            Terminal.revoked_at.is_(None),
        )
    ).scalar_one_or_none()


def _add(
    db: Session, principal: Principal, store: StoreContext, *, now: datetime
) -> OpenedTerminal:
    token = new_token()
    with atomic(db):
        _check_new_ones(db, store, now=now)
        terminal = Terminal(
            merchant_id=store.merchant_id,
            store_id=store.store_id,
            name=_next_name(db, store),
            token_hash=hash_token(token),
            created_at=now,
            last_seen_at=now,
        )
        db.add(terminal)
        db.flush()
        facts = {"name": terminal.name}
        _record(db, principal, "terminal_opened", terminal.id, store, new=facts, now=now)
    return OpenedTerminal(terminal.id, store.store_id, terminal.name, token=token)


def _check_new_ones(db: Session, store: StoreContext, *, now: datetime) -> None:
    new = list(
        db.execute(
            select(Terminal.created_at)
            .where(
                Terminal.merchant_id == store.merchant_id,
                Terminal.store_id == store.store_id,
                Terminal.created_at > now - _AN_HOUR,
            )
            .order_by(Terminal.created_at.desc())
            .limit(_MOST_NEW_PER_HOUR)
        ).scalars()
    )
    if len(new) == _MOST_NEW_PER_HOUR:
        wait = new[-1] + _AN_HOUR - now
        raise RateLimited(retry_after_seconds=max(1, math.ceil(wait.total_seconds())))


def _next_name(db: Session, store: StoreContext) -> str:
    number = db.execute(
        select(func.count())
        .select_from(Terminal)
        .where(Terminal.merchant_id == store.merchant_id, Terminal.store_id == store.store_id)
    ).scalar_one()
    suffix = f" {number + 1}"
    return store.name[: _MOST_NAME_CHARACTERS - len(suffix)] + suffix


def _record(
    db: Session,
    principal: Principal,
    action: str,
    terminal_id: int,
    store: StoreContext,
    *,
    old: dict[str, Any] | None = None,
    new: dict[str, Any],
    now: datetime,
) -> None:
    audit_service.record(
        db,
        merchant_id=store.merchant_id,
        action=action,
        subject=f"terminal:{terminal_id}",
        actor_kind=principal.kind.value,
        actor_id=principal.actor_id,
        store_id=store.store_id,
        terminal_id=terminal_id,
        old=old,
        new=new,
        now=now,
    )
