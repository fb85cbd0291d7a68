"""Counting wrong PINs, in transactions of their own: a failed try must survive the refusal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.db import atomic
from app.modules.loyalty.config import get_loyalty_settings
from app.modules.loyalty.errors import StaffPinLocked, TerminalLocked
from app.modules.loyalty.models import LoyaltyProgram, MerchantLoyaltySettings, PinEntryLock
from app.modules.loyalty.rules import lockout
from app.modules.loyalty.services import pin_alerts
from app.modules.loyalty.types import ActorKind, Caller, CardState, LockScope
from app.modules.tenancy.errors import StoreRequired
from app.modules.tenancy.models import AuditEntry
from app.modules.tenancy.services import audit_service

_ALERT_AT = 50  # wrong PINs in one store and hour: the owner should know


@dataclass(frozen=True, slots=True)
class PinEntry:
    """One place where PINs are typed, and what is known of the wrong ones there.

    `scope` and `subject_id` say whose tries are counted: the named person's, else the
    terminal's or API key's, else the store's.
    """

    merchant_id: int
    store_id: int | None
    scope: LockScope
    subject_id: int
    failed_attempts: int
    locked_until: datetime | None
    max_failed_attempts: int
    lockout_minutes: int
    caller: Caller | None = None


def scope_of(caller: Caller | None, *, staff_pin_id: int | None) -> tuple[LockScope, int | None]:
    """Whose wrong tries count; None stands for the store of the operation."""
    if staff_pin_id is not None:
        return LockScope.PERSON, staff_pin_id
    if caller is not None and caller.terminal_id is not None:
        return LockScope.TERMINAL, caller.terminal_id
    if caller is not None and caller.kind is ActorKind.API_KEY:
        return LockScope.API_KEY, caller.actor_id
    return LockScope.STORE, None


def entry_for(state: CardState, *, caller: Caller | None, staff_pin_id: int | None) -> PinEntry:
    """The PIN entry of an operation on a card, as it was read with the card."""
    scope, subject_id = scope_of(caller, staff_pin_id=staff_pin_id)
    return PinEntry(
        merchant_id=state.merchant_id,
        store_id=state.store.id,
        scope=scope,
        subject_id=state.store.id if subject_id is None else subject_id,
        failed_attempts=state.entry_failed_attempts,
        locked_until=state.entry_locked_until,
        max_failed_attempts=state.pin_max_failed_attempts,
        lockout_minutes=state.pin_lockout_minutes,
        caller=caller,
    )


def entry_at(db: Session, caller: Caller, *, staff_pin_id: int | None) -> tuple[PinEntry, int]:
    """The PIN entry where a caller stands, and how long (minutes) a PIN opens a session there.

    Raises:
        StoreRequired: nothing says where the PIN is typed.
    """
    scope, subject_id = scope_of(caller, staff_pin_id=staff_pin_id)
    subject_id = caller.store_id if subject_id is None else subject_id
    if subject_id is None:
        raise StoreRequired
    defaults = get_loyalty_settings()
    options, merchant_id = MerchantLoyaltySettings, caller.merchant_id
    program = db.execute(
        select(LoyaltyProgram.pin_session_minutes).where(LoyaltyProgram.merchant_id == merchant_id)
    ).scalar_one_or_none()
    limits = db.execute(
        select(options.pin_max_failed_attempts, options.pin_lockout_minutes).where(
            options.merchant_id == merchant_id
        )
    ).one_or_none()
    lock = db.execute(
        select(PinEntryLock.failed_attempts, PinEntryLock.locked_until).where(
            PinEntryLock.merchant_id == merchant_id,
            PinEntryLock.scope == scope.value,
            PinEntryLock.subject_id == subject_id,
        )
    ).one_or_none()
    entry = PinEntry(
        merchant_id=merchant_id,
        store_id=caller.store_id,
        scope=scope,
        subject_id=subject_id,
        failed_attempts=lock.failed_attempts if lock else 0,
        locked_until=lock.locked_until if lock else None,
        max_failed_attempts=limits[0] if limits else defaults.pin_max_failed_attempts,
        lockout_minutes=limits[1] if limits else defaults.pin_lockout_minutes,
        caller=caller,
    )
    return entry, program or 0


def check_open(entry: PinEntry, *, now: datetime) -> None:
    """Refuse while entry is locked, without a word on whether the PIN was right.

    Raises:
        StaffPinLocked, TerminalLocked: with the end of the lock.
    """
    if lockout.is_locked(locked_until=entry.locked_until, now=now):
        _refuse(entry.scope, entry.locked_until)


def count_try(db: Session, entry: PinEntry, *, now: datetime) -> int:
    """Count a try *before* it is checked, so that a thousand at once check no more than allowed.

    Returns how many are left. `clear` forgets the count once the PIN proves right.

    Raises:
        StaffPinLocked, TerminalLocked: the tries before this one used up what was allowed.
    """
    with atomic(db):
        _make_sure_of_row(db, entry)
        row = db.execute(
            select(PinEntryLock.failed_attempts, PinEntryLock.locked_until)
            .where(*_row(entry))
            .with_for_update()
        ).one()
        if lockout.is_locked(locked_until=row.locked_until, now=now):
            _refuse(entry.scope, row.locked_until)
        attempts = lockout.after_failure(
            failed_attempts=row.failed_attempts,
            locked_until=row.locked_until,
            max_failed_attempts=entry.max_failed_attempts,
            lockout_minutes=entry.lockout_minutes,
            now=now,
        )
        db.execute(
            update(PinEntryLock)
            .where(*_row(entry))
            .values(failed_attempts=attempts.failed_attempts, locked_until=attempts.locked_until)
        )
    return attempts.attempts_left


def record_failure(db: Session, entry: PinEntry, *, now: datetime) -> None:
    """Write the wrong try into the audit log, and an alert where an hour has seen too many."""
    with atomic(db):
        _audit(db, entry, action="pin_failed", now=now)
        recent = db.execute(
            select(func.count())
            .select_from(AuditEntry)
            .where(
                AuditEntry.merchant_id == entry.merchant_id,
                AuditEntry.store_id == entry.store_id,
                AuditEntry.action == "pin_failed",
                AuditEntry.at > now - timedelta(hours=1),
            )
        ).scalar_one()
        if recent == _ALERT_AT:
            _audit(db, entry, action="pin_failures_alert", now=now)
            pin_alerts.tell_owners(
                db,
                merchant_id=entry.merchant_id,
                store_id=entry.store_id,
                tries=recent,
                now=now,
            )


def clear(db: Session, entry: PinEntry) -> None:
    """Forget the wrong tries: the PIN was right, or a manager unlocked."""
    with atomic(db):
        clear_row(db, merchant_id=entry.merchant_id, scope=entry.scope, subject_id=entry.subject_id)


def clear_row(db: Session, *, merchant_id: int, scope: LockScope, subject_id: int) -> None:
    """As `clear`, inside the caller's transaction."""
    db.execute(
        delete(PinEntryLock).where(
            PinEntryLock.merchant_id == merchant_id,
            PinEntryLock.scope == scope.value,
            PinEntryLock.subject_id == subject_id,
        )
    )


def _refuse(scope: LockScope, locked_until: datetime | None) -> None:
    if scope is LockScope.PERSON:
        raise StaffPinLocked(retry_at=locked_until)
    raise TerminalLocked(retry_at=locked_until)


def _make_sure_of_row(db: Session, entry: PinEntry) -> None:
    try:
        with db.begin_nested():
            db.execute(
                insert(PinEntryLock).values(
                    merchant_id=entry.merchant_id,
                    scope=entry.scope.value,
                    subject_id=entry.subject_id,
                    failed_attempts=0,
                )
            )
    except IntegrityError:
        pass  # it was there


def _row(entry: PinEntry) -> tuple[ColumnElement[bool], ...]:
    return (
        PinEntryLock.merchant_id == entry.merchant_id,
        PinEntryLock.scope == entry.scope.value,
        PinEntryLock.subject_id == entry.subject_id,
    )


def _audit(db: Session, entry: PinEntry, *, action: str, now: datetime) -> None:
    caller = entry.caller
    audit_service.record(
        db,
        merchant_id=entry.merchant_id,
        store_id=entry.store_id,
        terminal_id=caller.terminal_id if caller else None,
        action=action,
        subject=f"{entry.scope.value}:{entry.subject_id}",
        actor_kind=caller.kind.value if caller else "service",
        actor_id=caller.actor_id if caller else None,
        ip_address=caller.ip_address if caller else None,
        request_id=caller.request_id if caller else None,
        now=now,
    )
