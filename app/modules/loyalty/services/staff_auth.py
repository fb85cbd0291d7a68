"""Who stands behind a counter operation: a PIN, or the session that a PIN opened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from app.core.db import end_read, in_atomic
from app.modules.loyalty.config import pin_keys
from app.modules.loyalty.errors import InvalidStaffPin, StaffPinRequired
from app.modules.loyalty.models import PinEntryLock, StaffPin
from app.modules.loyalty.models.staff_pin import pin_lookup
from app.modules.loyalty.rules.pins import check_pin_format
from app.modules.loyalty.services import pin_locks, staff_sessions
from app.modules.loyalty.services.pin_locks import PinEntry
from app.modules.loyalty.services.staff_memory import memory_of
from app.modules.loyalty.services.staff_sessions import Place
from app.modules.loyalty.types import LockScope, PinRole, Staff


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a caller gave to say who is at the counter; `staff_pin_id` may name the person."""

    staff_pin: str | None = None
    staff_pin_id: int | None = None
    staff_session: str | None = None


@dataclass(frozen=True, slots=True)
class Authenticated:
    """The member of staff, and whether a session (not a PIN just typed) said so."""

    staff: Staff
    by_session: bool


def authenticate(
    db: Session,
    credentials: Credentials,
    entry: PinEntry,
    *,
    is_required: bool,
    session_minutes: int,
    store_id: int | None,
    now: datetime,
) -> Authenticated | None:
    """Find out who is at the counter; None where nobody has to say.

    A session comes before a PIN. `store_id` None: a PIN of any store will do. Wrong tries
    are counted in their own transaction, so this never runs inside another.

    Raises:
        StaffPinRequired: nothing valid was given and the program asks for it.
        InvalidStaffPin: with the tries that are left. StaffPinLocked, TerminalLocked.
        ValidationFailed: the PIN is not 4 to 8 ASCII digits.
    """
    assert not in_atomic(db), "hashing must not happen while a transaction is open"
    end_read(db)
    if credentials.staff_session is not None and session_minutes > 0:
        staff = _by_session(
            db, credentials.staff_session, entry, session_minutes=session_minutes, now=now
        )
        if staff is not None and staff.store_id in (None, store_id or staff.store_id):
            return Authenticated(staff, by_session=True)
    if credentials.staff_pin is not None:
        return Authenticated(
            by_pin(db, credentials, entry, store_id=store_id, now=now), by_session=False
        )
    if is_required:
        raise StaffPinRequired
    return None


def by_pin(
    db: Session, credentials: Credentials, entry: PinEntry, *, store_id: int | None, now: datetime
) -> Staff:
    """The member of staff whose PIN this is. The slow hash runs outside any transaction.

    Raises:
        InvalidStaffPin, StaffPinLocked, TerminalLocked, ValidationFailed: as `authenticate`.
    """
    pin = credentials.staff_pin
    assert pin is not None
    check_pin_format(pin)
    pin_locks.check_open(entry, now=now)
    staff = _recall(db, credentials, entry, store_id=store_id, now=now)
    if staff is not None:
        return staff
    with memory_of(db).turn(entry.merchant_id, entry.scope, entry.subject_id):
        # Somebody with the same PIN may have had the turn before.
        staff = _recall(db, credentials, entry, store_id=store_id, now=now)
        return staff or _try(db, credentials, entry, store_id=store_id, now=now)


def prove(db: Session, pin: str, entry: PinEntry, *, store_id: int | None, now: datetime) -> Staff:
    """As `by_pin`, and the PIN stands in the database at this moment, whatever is remembered.

    Raises:
        InvalidStaffPin, TerminalLocked, ValidationFailed: as `authenticate`.
        StaffPinRequired: it is right, but its holder is locked out.
    """
    credentials, merchant_id = Credentials(staff_pin=pin), entry.merchant_id
    staff = by_pin(db, credentials, entry, store_id=store_id, now=now)
    if not stands(db, staff, merchant_id=merchant_id, now=now):
        memory_of(db).forget(merchant_id=merchant_id, pin_id=staff.pin_id)
        staff = by_pin(db, credentials, entry, store_id=store_id, now=now)
        if not stands(db, staff, merchant_id=merchant_id, now=now):
            raise StaffPinRequired
    return staff


def stands(db: Session, staff: Staff, *, merchant_id: int, now: datetime) -> bool:
    """True while the PIN is active, of that version, and its holder is not locked out."""
    pin, lock = StaffPin, PinEntryLock
    locked = exists().where(
        lock.merchant_id == pin.merchant_id,
        lock.scope == LockScope.PERSON.value,
        lock.subject_id == pin.id,
        lock.locked_until > now,
    )
    found = db.execute(
        select(pin.id).where(
            pin.merchant_id == merchant_id,
            pin.id == staff.pin_id,
            pin.version == staff.version,
            pin.is_active,
            pin.deleted_at.is_(None),
            ~locked,
        )
    ).one_or_none()
    if not in_atomic(db):
        end_read(db)
    return found is not None


def _recall(
    db: Session, credentials: Credentials, entry: PinEntry, *, store_id: int | None, now: datetime
) -> Staff | None:
    """The PIN's holder, if this process has seen the PIN proved; wrong tries are forgotten then."""
    pin = credentials.staff_pin
    assert pin is not None
    staff = memory_of(db).recall(merchant_id=entry.merchant_id, pin=pin, now=now)
    if staff is None or not _fits(staff, credentials, store_id=store_id):
        return None
    if entry.failed_attempts:
        pin_locks.clear(db, entry)
    return staff


def _try(
    db: Session, credentials: Credentials, entry: PinEntry, *, store_id: int | None, now: datetime
) -> Staff:
    pin = credentials.staff_pin
    assert pin is not None
    attempts_left = pin_locks.count_try(db, entry, now=now)
    staff = _prove(db, pin, merchant_id=entry.merchant_id)
    if staff is None or not _fits(staff, credentials, store_id=store_id):
        pin_locks.record_failure(db, entry, now=now)
        raise InvalidStaffPin(attempts_left=attempts_left)
    pin_locks.clear(db, entry)
    memory_of(db).remember(merchant_id=entry.merchant_id, staff=staff, now=now, pin=pin)
    return staff


def staff_by_id(db: Session, *, merchant_id: int, pin_id: int, now: datetime) -> Staff | None:
    """An active member of staff, from memory where possible."""
    staff = memory_of(db).recall_by_id(merchant_id=merchant_id, pin_id=pin_id, now=now)
    if staff is None:
        row = _active_row(db, merchant_id, StaffPin.id == pin_id)
        if row is None:
            return None
        staff = staff_of(row)
        memory_of(db).remember(merchant_id=merchant_id, staff=staff, now=now)
    return staff


def place_of(entry: PinEntry) -> Place:
    """Where a session that is opened at this entry is valid: never at one person, but at a device.

    A person named beforehand types at the same terminal as everybody else.
    """
    scope, subject_id = pin_locks.scope_of(entry.caller, staff_pin_id=None)
    return Place(entry.merchant_id, scope, entry.store_id if subject_id is None else subject_id)


def staff_of(row: StaffPin) -> Staff:
    """The facts about a member of staff that rules need."""
    return Staff(
        pin_id=row.id,
        version=row.version,
        name=row.name,
        role=PinRole(row.role),
        can_void=row.can_void,
        can_override=row.can_override,
        own_card_id=row.own_card_id,
        store_id=row.store_id,
    )


def _by_session(
    db: Session, token: str, entry: PinEntry, *, session_minutes: int, now: datetime
) -> Staff | None:
    said = staff_sessions.read(token, place_of(entry), session_minutes=session_minutes, now=now)
    if said is None:
        return None
    staff = staff_by_id(db, merchant_id=entry.merchant_id, pin_id=said.pin_id, now=now)
    return staff if staff is not None and staff.version == said.version else None


def _fits(staff: Staff, credentials: Credentials, *, store_id: int | None) -> bool:
    """The PIN belongs to the person who was named, if any, and to this store."""
    named = credentials.staff_pin_id in (None, staff.pin_id)
    return named and (store_id is None or staff.store_id in (None, store_id))


def _prove(db: Session, pin: str, *, merchant_id: int) -> Staff | None:
    """One row by the keyed look-up, then one bcrypt; without a row as much work for nothing."""
    lookups = [pin_lookup(key, merchant_id=merchant_id, pin=pin) for key in pin_keys()]
    row = _active_row(db, merchant_id, StaffPin.pin_lookup.in_(lookups))
    if row is None:
        _nobody().verify_pin(pin)
        return None
    return staff_of(row) if row.verify_pin(pin) else None


def _active_row(db: Session, merchant_id: int, which: ColumnElement[bool]) -> StaffPin | None:
    row = db.execute(
        select(StaffPin)
        .where(
            StaffPin.merchant_id == merchant_id,
            which,
            StaffPin.is_active,
            StaffPin.deleted_at.is_(None),
        )
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    end_read(db)
    return row


@cache
def _nobody() -> StaffPin:
    row = StaffPin(merchant_id=0)
    row.set_pin("00000000")
    return row
