"""Staff PINs: making, changing, unlocking and checking them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core import clock
from app.core.db import atomic, end_read
from app.modules.loyalty.config import pin_keys
from app.modules.loyalty.errors import CardNotFound, PinInUse
from app.modules.loyalty.models import (
    LoyaltyCard,
    StaffPin,
)
from app.modules.loyalty.models.staff_pin import pin_lookup
from app.modules.loyalty.rules.pins import check_pin_strength
from app.modules.loyalty.schemas.pins import PinCreate, PinUpdate
from app.modules.loyalty.services import pin_locks, pin_views, staff_auth, staff_sessions
from app.modules.loyalty.services.staff_auth import Credentials
from app.modules.loyalty.services.staff_memory import memory_of
from app.modules.loyalty.types import ActorKind, Caller, LockScope, PinVerified, PinView
from app.modules.tenancy.services import audit_service, store_service, terminal_service

# What the audit log calls the things that can be locked.
_KINDS: Final = {LockScope.PERSON: "staff_pin", LockScope.TERMINAL: "terminal"}

list_pins = pin_views.list_pins


def create_pin(
    db: Session,
    *,
    merchant_id: int,
    data: PinCreate,
    caller: Caller | None = None,
    now: datetime | None = None,
) -> PinView:
    """Give a member of staff a PIN.

    Raises:
        WeakPin, PinInUse (another active member of the merchant has it).
        StoreNotFound, CardNotFound: the store or own card is not this merchant's.
    """
    now = now or clock.utc_now()
    check_pin_strength(data.pin)
    values = data.model_dump(exclude={"pin"})
    _check_references(db, merchant_id, values)
    _check_free(db, merchant_id, data.pin)
    end_read(db)
    row = StaffPin(merchant_id=merchant_id, created_at=now, version=1, **values)
    row.set_pin(data.pin)
    try:
        with atomic(db):
            db.add(row)
            db.flush()
            _audit(
                db, f"staff_pin:{row.id}", merchant_id, "pin_created", caller, new=values, now=now
            )
    except IntegrityError:
        raise PinInUse from None
    return pin_views.get_pin(db, merchant_id, row.id, now=now)


def update_pin(
    db: Session,
    *,
    merchant_id: int,
    pin_id: int,
    data: PinUpdate,
    caller: Caller | None = None,
    now: datetime | None = None,
) -> PinView:
    """Change a member of staff. Any change ends their sessions at once.

    Raises:
        PinNotFound, WeakPin, PinInUse, StoreNotFound, CardNotFound.
    """
    now = now or clock.utc_now()
    before = pin_views.get_pin(db, merchant_id, pin_id, now=now)
    values: dict[str, Any] = data.model_dump(exclude_unset=True, exclude={"pin"})
    _check_references(db, merchant_id, values)
    if data.pin is not None:
        _check_free(db, merchant_id, data.pin, besides=pin_id)
    end_read(db)
    columns = {**values, **_hashes(merchant_id, data.pin)}
    old = {name: before[name] for name in values}  # type: ignore[literal-required]
    try:
        _change(
            db, merchant_id, pin_id, columns, "pin_changed", caller, old=old, new=values, now=now
        )
    except IntegrityError:
        raise PinInUse from None
    return pin_views.get_pin(db, merchant_id, pin_id, now=now)


def delete_pin(
    db: Session,
    *,
    merchant_id: int,
    pin_id: int,
    caller: Caller | None = None,
    now: datetime | None = None,
) -> None:
    """Hide a member of staff and kill the PIN; the name stays for the ledger.

    Raises:
        PinNotFound.
    """
    now = now or clock.utc_now()
    before = pin_views.get_pin(db, merchant_id, pin_id, now=now)
    columns = {"deleted_at": now, "is_active": False}
    _change(
        db, merchant_id, pin_id, columns, "pin_deleted", caller,
        old={"name": before["name"]}, new=None, now=now,
    )  # fmt: skip


def unlock_pin(
    db: Session,
    *,
    merchant_id: int,
    pin_id: int,
    caller: Caller | None = None,
    now: datetime | None = None,
) -> PinView:
    """End a person's lockout at once.

    Raises:
        PinNotFound.
    """
    now = now or clock.utc_now()
    pin_views.get_pin(db, merchant_id, pin_id, now=now)
    _unlock(db, merchant_id, LockScope.PERSON, pin_id, "pin_unlocked", caller, now=now)
    return pin_views.get_pin(db, merchant_id, pin_id, now=now)


def unlock_terminal(
    db: Session,
    *,
    merchant_id: int,
    terminal_id: int,
    caller: Caller | None = None,
    now: datetime | None = None,
) -> None:
    """End a terminal's lockout at once.

    Raises:
        TerminalNotFound.
    """
    now = now or clock.utc_now()
    terminal_service.get_terminal(db, merchant_id=merchant_id, terminal_id=terminal_id)
    _unlock(db, merchant_id, LockScope.TERMINAL, terminal_id, "terminal_unlocked", caller, now=now)


def verify_pin(
    db: Session,
    *,
    caller: Caller,
    staff_pin: str,
    staff_pin_id: int | None = None,
    now: datetime | None = None,
) -> PinVerified:
    """Check a PIN, and open a session where the program allows sessions.

    Raises:
        InvalidStaffPin, StaffPinLocked, TerminalLocked, ValidationFailed.
        StoreRequired: nothing says where the PIN was typed.
    """
    now = now or clock.utc_now()
    entry, session_minutes = pin_locks.entry_at(db, caller, staff_pin_id=staff_pin_id)
    end_read(db)
    credentials = Credentials(staff_pin=staff_pin, staff_pin_id=staff_pin_id)
    staff = staff_auth.by_pin(db, credentials, entry, store_id=caller.store_id, now=now)
    session = None
    if session_minutes > 0:
        session = staff_sessions.issue(staff, staff_auth.place_of(entry), now=now)
    return PinVerified(
        staff_pin_id=staff.pin_id,
        name=staff.name,
        role=staff.role.value,
        can_void=staff.can_void,
        can_override=staff.can_override,
        staff_session=session,
        staff_session_expires_at=(
            staff_sessions.expires_at(now=now, session_minutes=session_minutes) if session else None
        ),
    )


def _hashes(merchant_id: int, pin: str | None) -> dict[str, str]:
    if pin is None:
        return {}
    check_pin_strength(pin)
    draft = StaffPin(merchant_id=merchant_id)
    draft.set_pin(pin)
    return {"pin_hash": draft.pin_hash, "pin_lookup": draft.pin_lookup, "key_id": draft.key_id}


def _change(  # noqa: PLR0913 - one private place for all changes
    db: Session,
    merchant_id: int,
    pin_id: int,
    columns: dict[str, Any],
    action: str,
    caller: Caller | None,
    *,
    old: dict[str, Any] | None,
    new: dict[str, Any] | None,
    now: datetime,
) -> None:
    with atomic(db):
        db.execute(
            update(StaffPin)
            .where(StaffPin.merchant_id == merchant_id, StaffPin.id == pin_id)
            .values(**columns, version=StaffPin.version + 1)
            .execution_options(synchronize_session=False)
        )
        _audit(db, f"staff_pin:{pin_id}", merchant_id, action, caller, old=old, new=new, now=now)
    memory_of(db).forget(merchant_id=merchant_id, pin_id=pin_id)


def _unlock(
    db: Session,
    merchant_id: int,
    scope: LockScope,
    subject_id: int,
    action: str,
    caller: Caller | None,
    *,
    now: datetime,
) -> None:
    with atomic(db):
        pin_locks.clear_row(db, merchant_id=merchant_id, scope=scope, subject_id=subject_id)
        _audit(db, f"{_KINDS[scope]}:{subject_id}", merchant_id, action, caller, now=now)


def _check_references(db: Session, merchant_id: int, values: dict[str, Any]) -> None:
    if values.get("store_id") is not None:
        store_service.get_store(db, merchant_id=merchant_id, store_id=values["store_id"])
    if values.get("own_card_id") is not None:
        found = db.execute(
            select(LoyaltyCard.id).where(
                LoyaltyCard.merchant_id == merchant_id, LoyaltyCard.id == values["own_card_id"]
            )
        ).one_or_none()
        if found is None:
            raise CardNotFound(mistyped=False)


def _check_free(db: Session, merchant_id: int, pin: str, *, besides: int | None = None) -> None:
    """A twin under the same pepper meets the unique index; one under an old pepper, only this."""
    lookups = [pin_lookup(key, merchant_id=merchant_id, pin=pin) for key in pin_keys()]
    taken = db.execute(
        select(StaffPin.id).where(
            StaffPin.merchant_id == merchant_id,
            StaffPin.pin_lookup.in_(lookups),
            StaffPin.is_active,
            StaffPin.deleted_at.is_(None),
            StaffPin.id != (besides or 0),
        )
    ).first()
    if taken is not None:
        raise PinInUse


def _audit(
    db: Session,
    subject: str,
    merchant_id: int,
    action: str,
    caller: Caller | None,
    *,
    old: dict[str, Any] | None = None,
    new: dict[str, Any] | None = None,
    now: datetime,
) -> None:
    audit_service.record(
        db,
        merchant_id=merchant_id,
        action=action,
        subject=subject,
        actor_kind=(caller.kind if caller else ActorKind.SERVICE).value,
        actor_id=caller.actor_id if caller else None,
        terminal_id=caller.terminal_id if caller else None,
        ip_address=caller.ip_address if caller else None,
        request_id=caller.request_id if caller else None,
        old=old,
        new=new,
        now=now,
    )
