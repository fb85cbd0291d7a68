"""Phones that hold Apple passes: who wants to hear of which pass, and what has changed for whom.

Source: Apple, Wallet Passes: "Adding a Web Service to Update Passes" and the endpoints below it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy import case, delete, exists, func, select, update
from sqlalchemy.orm import Session

from app.core import clock, jobs
from app.core.db import atomic, read_connection
from app.modules.loyalty.config import get_loyalty_settings
from app.modules.loyalty.models import AppleDeviceLog, AppleDeviceRegistration, WalletPass
from app.modules.loyalty.services import apple_wallet_service
from app.modules.loyalty.services.pass_reading import PASS_COLUMNS, pass_row
from app.modules.loyalty.types import PassRow, Provider

MOST_LOG_LINES: Final = 200
LOG_LINES_A_CALL: Final = 20
LOG_LINE_LENGTH: Final = 500
# Above it no database counts: what a phone sends may be anything.
_MOST_TAG_DIGITS: Final = 18
_BY_PHONE = {"tenant_exempt": "a phone asks by its own secret, whosever passes it holds"}
_BY_SERIAL = {"tenant_exempt": "the pass's own secret was presented"}
_PUSHES = {"tenant_exempt": "passes of all merchants are pushed alike"}

_Phone = AppleDeviceRegistration


def pass_of(db: Session, *, pass_type: str, serial: str, token: str) -> PassRow | None:
    """The pass whose own secret `token` is; None for a wrong one, as for a pass that is unknown.

    The secret is compared first: what is wrong about a call can't be told from how long it takes.
    """
    is_ours = pass_type == get_loyalty_settings().apple_pass_type_id
    if not apple_wallet_service.is_secret_of(serial, token) or not is_ours:
        return None
    query = select(*PASS_COLUMNS).where(
        WalletPass.serial == serial, WalletPass.provider == Provider.APPLE
    )
    with read_connection(db) as connection:
        row = connection.execute(query, execution_options=_BY_SERIAL).one_or_none()
    return replace(pass_row(row), secret=token) if row else None


def register(
    db: Session, row: PassRow, *, device_id: str, push_token: str, now: datetime | None = None
) -> bool:
    """A phone wants to hear of the pass. True: it did not until now.

    A phone that says so again may have another token: the newest counts. The pass is held from
    now on. Nothing is sent, since the phone has just fetched it, unless the card changed while
    its holder thought about adding it.
    """
    now = now or clock.utc_now()
    has_missed = False
    with atomic(db):
        _hold(db, row, now)
        known = db.execute(
            update(_Phone)
            .where(
                _Phone.merchant_id == row.merchant_id,
                _Phone.pass_id == row.id,
                _Phone.device_id == device_id,
            )
            .values(push_token=push_token, updated_at=now)
            .returning(_Phone.id)
        ).first()
        if known is None:
            place = {"merchant_id": row.merchant_id, "pass_id": row.id, "device_id": device_id}
            db.add(_Phone(**place, push_token=push_token, created_at=now, updated_at=now))
            has_missed = _send_what_was_missed(db, row)
    if has_missed:
        jobs.wake()
    return known is None


def unregister(db: Session, row: PassRow, *, device_id: str) -> None:
    """A phone wants to hear no more: the pass was deleted, or its updates turned off.

    Nothing happens where it was not registered: some phones say so before they ever register.
    """
    with atomic(db):
        _lock(db, [row.id])
        db.execute(
            delete(_Phone).where(
                _Phone.merchant_id == row.merchant_id,
                _Phone.pass_id == row.id,
                _Phone.device_id == device_id,
            )
        )
        _let_go(db, [row.id])


def changed_serials(
    db: Session, *, device_id: str, pass_type: str, since: str | None = None
) -> tuple[list[str], str] | None:
    """Serials of the phone's passes that changed after the tag `since`, and the newest tag.

    Without a tag, or with something that is none, all of them. None: there are none, or the
    phone is unknown.
    """
    if pass_type != get_loyalty_settings().apple_pass_type_id:
        return None
    query = (
        select(WalletPass.serial, WalletPass.tag)
        .join(
            _Phone,
            (_Phone.merchant_id == WalletPass.merchant_id) & (_Phone.pass_id == WalletPass.id),
        )
        .where(_Phone.device_id == device_id)
        .order_by(WalletPass.id)
    )
    if (tag := _tag(since)) is not None:
        query = query.where(WalletPass.tag > tag)
    with read_connection(db) as connection:
        rows = connection.execute(query, execution_options=_BY_PHONE).all()
    if not rows:
        return None
    return [row.serial for row in rows], str(max(row.tag for row in rows))


def push_tokens(db: Session, pass_ids: Collection[int]) -> dict[int, set[str]]:
    """The tokens to push for each pass; a pass that no phone registered is left out."""
    query = select(_Phone.pass_id, _Phone.push_token).where(_Phone.pass_id.in_(pass_ids))
    tokens: dict[int, set[str]] = {}
    with read_connection(db) as connection:
        for row in connection.execute(query, execution_options=_PUSHES):
            tokens.setdefault(row.pass_id, set()).add(row.push_token)
    return tokens


def forget_token(db: Session, token: str, *, unregistered_at: datetime | None) -> int:
    """Apple knows the token no more: its registrations go, as many as are answered.

    One that was made or repeated after `unregistered_at` stays; None: all go.
    Source: Apple, "Handling notification responses from APNs": status 410 and its timestamp.
    """
    gone = _Phone.push_token == token
    if unregistered_at is not None:
        gone &= _Phone.updated_at <= unregistered_at
    with atomic(db):
        ids = db.scalars(select(_Phone.pass_id).where(gone), execution_options=_PUSHES).all()
        _lock(db, ids)
        forgotten = db.execute(
            delete(_Phone).where(gone).returning(_Phone.id), execution_options=_PUSHES
        ).all()
        _let_go(db, ids)
    return len(forgotten)


def note_log(db: Session, lines: Iterable[str], *, now: datetime | None = None) -> None:
    """Keep what a phone has to say: 20 lines a call, 500 characters each, the newest 200.

    Anybody can call this, so nothing in a line may steer a terminal.
    """
    now = now or clock.utc_now()
    said = [line for line in map(_plain, list(lines)[:LOG_LINES_A_CALL]) if line]
    if not said:
        return
    log = AppleDeviceLog
    oldest = select(log.id).order_by(log.id.desc()).offset(MOST_LOG_LINES).limit(1)
    with atomic(db):
        db.add_all([log(line=line, heard_at=now) for line in said])
        db.flush()
        db.execute(delete(log).where(log.id <= oldest.scalar_subquery()))


def read_log(db: Session, *, limit: int = 20) -> list[tuple[datetime, str]]:
    """The newest lines that phones had to say, newest first, and when (UTC)."""
    log = AppleDeviceLog
    query = select(log.heard_at, log.line).order_by(log.id.desc()).limit(limit)
    with read_connection(db) as connection:
        return [(row.heard_at, row.line) for row in connection.execute(query)]


def _hold(db: Session, row: PassRow, now: datetime) -> None:
    """Also makes calls for one pass wait for each other."""
    db.execute(
        update(WalletPass)
        .where(WalletPass.merchant_id == row.merchant_id, WalletPass.id == row.id)
        .values(held_since=func.coalesce(WalletPass.held_since, now))
        .execution_options(synchronize_session=False)
    )


def _send_what_was_missed(db: Session, row: PassRow) -> bool:
    """The pass changed after it was fetched, and was pushed to nobody: mark it as behind.

    Where it is behind already, it may be under way without this phone: it falls behind
    further, so that what comes of that counts for nothing.
    """
    one = WalletPass
    behind = one.target_revision - 1
    missed = db.execute(
        update(one)
        .where(
            one.merchant_id == row.merchant_id,
            one.id == row.id,
            one.served_revision > 0,
            one.served_revision < one.target_revision,
        )
        .values(
            synced_revision=case(
                (one.synced_revision > behind, behind), else_=one.synced_revision - 1
            )
        )
        .returning(one.id)
        .execution_options(synchronize_session=False)
    ).first()
    return missed is not None


def _lock(db: Session, pass_ids: Collection[int]) -> None:
    """Always in the same order, so that nobody waits in a circle."""
    query = select(WalletPass.id).where(WalletPass.id.in_(pass_ids)).order_by(WalletPass.id)
    db.execute(query.with_for_update(), execution_options=_PUSHES)


def _let_go(db: Session, pass_ids: Collection[int]) -> None:
    is_registered = exists().where(
        _Phone.merchant_id == WalletPass.merchant_id, _Phone.pass_id == WalletPass.id
    )
    db.execute(
        update(WalletPass)
        .where(WalletPass.id.in_(pass_ids), ~is_registered)
        .values(held_since=None)
        .execution_options(synchronize_session=False, **_PUSHES)
    )


def _tag(since: str | None) -> int | None:
    if since and since.isascii() and since.isdigit() and len(since) <= _MOST_TAG_DIGITS:
        return int(since)
    return None


def _plain(line: str) -> str:
    """One line of printable characters (line breaks and marks of direction are none)."""
    shown = "".join(char if char.isprintable() else " " for char in line[: LOG_LINE_LENGTH * 4])
    return " ".join(shown.split())[:LOG_LINE_LENGTH]
