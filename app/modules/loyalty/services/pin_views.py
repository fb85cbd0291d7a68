"""Staff PINs as managers see them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core import clock
from app.modules.loyalty.errors import PinNotFound
from app.modules.loyalty.models import (
    LoyaltyTransaction,
    PinEntryLock,
    StaffPin,
)
from app.modules.loyalty.rules import lockout
from app.modules.loyalty.types import ActorKind, LockScope, PinView


def list_pins(db: Session, *, merchant_id: int, now: datetime | None = None) -> list[PinView]:
    """All members of staff of a merchant who are not deleted, by name; never a hash."""
    now = now or clock.utc_now()
    last_used = (
        select(LoyaltyTransaction.actor_id, func.max(LoyaltyTransaction.recorded_at).label("at"))
        .where(
            LoyaltyTransaction.merchant_id == merchant_id,
            LoyaltyTransaction.actor_kind == ActorKind.PIN.value,
        )
        .group_by(LoyaltyTransaction.actor_id)
        .subquery()
    )
    rows = db.execute(
        select(StaffPin, PinEntryLock, last_used.c.at)
        .outerjoin(last_used, last_used.c.actor_id == StaffPin.id)
        .outerjoin(
            PinEntryLock,
            (PinEntryLock.merchant_id == StaffPin.merchant_id)
            & (PinEntryLock.scope == LockScope.PERSON.value)
            & (PinEntryLock.subject_id == StaffPin.id),
        )
        .where(StaffPin.merchant_id == merchant_id, StaffPin.deleted_at.is_(None))
        .order_by(StaffPin.name, StaffPin.id)
        .execution_options(populate_existing=True)
    ).all()
    return [_view(pin, lock, last_used_at, now=now) for pin, lock, last_used_at in rows]


def get_pin(db: Session, merchant_id: int, pin_id: int, *, now: datetime) -> PinView:
    """One of them.

    Raises:
        PinNotFound: also where another merchant has it.
    """
    for view in list_pins(db, merchant_id=merchant_id, now=now):
        if view["id"] == pin_id:
            return view
    raise PinNotFound


def _view(
    pin: StaffPin, lock: PinEntryLock | None, last_used_at: datetime | None, *, now: datetime
) -> PinView:
    locked_until = lock.locked_until if lock else None
    is_locked = lockout.is_locked(locked_until=locked_until, now=now)
    return PinView(
        id=pin.id,
        name=pin.name,
        staff_code=pin.staff_code,
        store_id=pin.store_id,
        role=pin.role,
        can_void=pin.can_void,
        can_override=pin.can_override,
        own_card_id=pin.own_card_id,
        is_active=pin.is_active,
        is_locked=is_locked,
        locked_until=locked_until if is_locked else None,
        failed_attempts=lock.failed_attempts if lock and (is_locked or not locked_until) else 0,
        last_used_at=last_used_at,
    )
