"""How far a manager's hand reaches: one who is bound to a store looks after that store only."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.errors import Forbidden
from app.modules.loyalty.errors import PinNotFound
from app.modules.loyalty.models import PinEntryLock
from app.modules.loyalty.rules import lockout
from app.modules.loyalty.services import pin_service
from app.modules.loyalty.types import Caller, LockScope, PinView
from app.modules.tenancy.errors import TerminalNotFound
from app.modules.tenancy.services import store_service, terminal_service


class TerminalLine(TypedDict):
    """A device at a counter, and whether PINs may be typed there. Times are aware UTC."""

    id: int
    name: str
    store_id: int
    store_name: str
    created_at: datetime
    last_seen_at: datetime
    is_locked: bool
    locked_until: datetime | None
    failed_attempts: int


def pins_in_reach(db: Session, caller: Caller, *, now: datetime | None = None) -> list[PinView]:
    """The members of staff that `caller` sees: all, or those who serve in the caller's store."""
    pins = pin_service.list_pins(db, merchant_id=caller.merchant_id, now=now)
    if caller.store_id is None:
        return pins
    return [pin for pin in pins if pin["store_id"] in (None, caller.store_id)]


def check_pin_in_reach(db: Session, caller: Caller, *, pin_id: int) -> None:
    """Refuse a change of somebody who serves elsewhere, or everywhere, to a store's manager.

    Raises:
        PinNotFound: not one of this store.
        Forbidden: serves in every store, so one store's manager may not change them.
    """
    if caller.store_id is None:
        return
    mine = {pin["id"]: pin["store_id"] for pin in pins_in_reach(db, caller)}
    if pin_id not in mine:
        raise PinNotFound
    if mine[pin_id] is None:
        raise Forbidden


def check_place_in_reach(caller: Caller, *, store_id: int | None) -> None:
    """Refuse to place a PIN outside the caller's own store.

    Raises:
        Forbidden.
    """
    if caller.store_id is not None and store_id != caller.store_id:
        raise Forbidden


def terminals_in_reach(
    db: Session, caller: Caller, *, now: datetime | None = None
) -> list[TerminalLine]:
    """The devices that `caller` sees, the last used first, with their locks."""
    now = now or clock.utc_now()
    merchant_id = caller.merchant_id
    stores = store_service.list_stores(db, merchant_id=merchant_id)
    names = {store.id: store.name for store in stores}
    locks = _terminal_locks(db, merchant_id)
    lines = []
    for terminal in terminal_service.list_terminals(db, merchant_id=merchant_id):
        if caller.store_id not in (None, terminal["store_id"]):
            continue
        failed_attempts, locked_until = locks.get(terminal["id"], (0, None))
        is_locked = lockout.is_locked(locked_until=locked_until, now=now)
        lines.append(
            TerminalLine(
                id=terminal["id"],
                name=terminal["name"],
                store_id=terminal["store_id"],
                store_name=names[terminal["store_id"]],
                created_at=terminal["created_at"],
                last_seen_at=terminal["last_seen_at"],
                is_locked=is_locked,
                locked_until=locked_until if is_locked else None,
                failed_attempts=failed_attempts if is_locked or not locked_until else 0,
            )
        )
    return lines


def check_terminal_in_reach(db: Session, caller: Caller, *, terminal_id: int) -> None:
    """Refuse a device of another store to a store's manager.

    Raises:
        TerminalNotFound.
    """
    terminal = terminal_service.get_terminal(
        db, merchant_id=caller.merchant_id, terminal_id=terminal_id
    )
    if caller.store_id not in (None, terminal.store_id):
        raise TerminalNotFound


def _terminal_locks(db: Session, merchant_id: int) -> dict[int, tuple[int, datetime | None]]:
    rows = db.execute(
        select(
            PinEntryLock.subject_id, PinEntryLock.failed_attempts, PinEntryLock.locked_until
        ).where(
            PinEntryLock.merchant_id == merchant_id,
            PinEntryLock.scope == LockScope.TERMINAL.value,
        )
    ).all()
    return {row.subject_id: (row.failed_attempts, row.locked_until) for row in rows}
