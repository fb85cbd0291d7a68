"""Who a token stands for.

A session ends 8 hours after its last use and 7 days after it began. What is known of a token
is remembered for 5 seconds (`short_cache`): a revoked one dies at once in the process that
revokes it, and within 5 seconds in others.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, Select, and_, bindparam, select, update
from sqlalchemy.orm import Session

from app.core.clock import utc_now
from app.core.db import atomic, read_connection
from app.core.security import hash_token
from app.modules.tenancy.models import AccessToken, Membership, Terminal, User
from app.modules.tenancy.rules.session_life import ends_at, is_seen_due
from app.modules.tenancy.services.short_cache import ShortCache
from app.modules.tenancy.types import Principal, PrincipalKind, Role, Scope

SESSION: Final = "user"  # how `access_tokens.kind` calls a person's session, an admin's too


@dataclass(frozen=True, slots=True)
class _Known:
    """What is remembered of a token, together with the device it was sent from."""

    principal: Principal
    terminal_hash: str


_PRINCIPALS: ShortCache[_Known] = ShortCache()


def remembered_principal(
    db: Session, *, token: str, terminal_token: str | None = None, now: datetime
) -> Principal | None:
    """As `principal_of`, from memory only: no I/O; None where it must be looked up."""
    known = _PRINCIPALS.get(db, hash_token(token), now=now)
    if known is None or known.terminal_hash != _terminal_hash(terminal_token):
        return None
    return known.principal


def principal_of(
    db: Session, *, token: str, terminal_token: str | None = None, now: datetime | None = None
) -> Principal | None:
    """Who the token stands for; None where it is unknown, revoked or has ended.

    `terminal_token` names the device a session is used on. Notes at most once a minute that
    token and device are in use.
    """
    now = now or utc_now()
    known = remembered_principal(db, token=token, terminal_token=terminal_token, now=now)
    if known is not None:
        return known
    token_hash, terminal_hash = hash_token(token), _terminal_hash(terminal_token)
    with read_connection(db) as connection:
        row = connection.execute(
            _BY_TOKEN, {"token_hash": token_hash, "terminal_hash": terminal_hash}
        ).one_or_none()
    principal = _principal(row) if row else None
    if row is None or principal is None:
        return None
    end = ends_at(
        is_session=row.kind == SESSION, last_seen_at=row.last_seen_at, expires_at=row.expires_at
    )
    if end is not None and now >= end:
        return None
    _note_use(db, row, principal, now=now)
    _PRINCIPALS.put(db, token_hash, _Known(principal, terminal_hash), now=now, until=end)
    return principal


def forget_principal(db: Session, *, token: str) -> None:
    """Look this token up again from now on, in this process."""
    _PRINCIPALS.forget(db, hash_token(token))


def forget_principals(db: Session) -> None:
    """Look every token up again from now on, in this process: something was revoked or moved."""
    _PRINCIPALS.clear(db)


def _note_use(
    db: Session, row: Row[*tuple[Any, ...]], principal: Principal, *, now: datetime
) -> None:
    has_terminal = principal.terminal_id is not None
    is_terminal_due = has_terminal and is_seen_due(row.terminal_seen_at, now)
    if not is_seen_due(row.last_seen_at, now) and not is_terminal_due:
        return
    with atomic(db):
        db.execute(
            update(AccessToken)
            .where(AccessToken.id == row.id)
            .values(last_seen_at=now)
            .execution_options(tenant_exempt="the token that was just presented")
        )
        if is_terminal_due:
            db.execute(
                update(Terminal)
                .where(
                    Terminal.merchant_id == principal.merchant_id,
                    Terminal.id == principal.terminal_id,
                )
                .values(last_seen_at=now)
            )


def _principal(row: Row[*tuple[Any, ...]]) -> Principal | None:
    if row.kind == SESSION:
        return _person(row)
    kind = PrincipalKind(row.kind)
    is_key = kind is PrincipalKind.API_KEY
    return Principal(
        kind=kind,
        merchant_id=row.merchant_id,
        store_id=row.store_id,
        api_key_id=row.id if is_key else None,
        customer_id=row.customer_id,
        pin_exempt=row.pin_exempt,
        scopes=frozenset(map(Scope, row.scopes.split())),
        name=row.name,
    )


def _person(row: Row[*tuple[Any, ...]]) -> Principal | None:
    is_admin = row.is_admin and row.merchant_id is None
    if not row.is_active or not (is_admin or row.role):
        return None
    # A device in another store than the one the user is bound to is not theirs to use.
    is_their_device = row.member_store_id in (None, row.terminal_store_id)
    return Principal(
        kind=PrincipalKind.ADMIN if is_admin else PrincipalKind.USER,
        merchant_id=row.merchant_id,
        store_id=row.member_store_id,
        user_id=row.user_id,
        role=Role(row.role) if row.role else None,
        terminal_id=row.terminal_id if is_their_device else None,
        terminal_store_id=row.terminal_store_id if is_their_device else None,
        name=row.user_name,
        locale=row.locale,
    )


def _terminal_hash(token: str | None) -> str:
    return hash_token(token) if token else ""


def _by_token() -> Select[*tuple[Any, ...]]:
    is_member = and_(
        Membership.user_id == AccessToken.user_id,
        Membership.merchant_id == AccessToken.merchant_id,
    )
    is_device = and_(
        Terminal.token_hash == bindparam("terminal_hash"),
        Terminal.merchant_id == AccessToken.merchant_id,
        Terminal.revoked_at.is_(None),
        AccessToken.kind == SESSION,
    )
    return (
        select(
            AccessToken,
            User.name.label("user_name"),
            User.locale,
            User.is_admin,
            User.is_active,
            Membership.role,
            Membership.store_id.label("member_store_id"),
            Terminal.id.label("terminal_id"),
            Terminal.store_id.label("terminal_store_id"),
            Terminal.last_seen_at.label("terminal_seen_at"),
        )
        .outerjoin(User, User.id == AccessToken.user_id)
        .outerjoin(Membership, is_member)
        .outerjoin(Terminal, is_device)
        .where(AccessToken.token_hash == bindparam("token_hash"), AccessToken.revoked_at.is_(None))
        .execution_options(tenant_exempt="the token says which merchant's it is")
    )


_BY_TOKEN: Final = _by_token()
