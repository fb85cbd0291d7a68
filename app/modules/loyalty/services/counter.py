"""What every operation at the counter shares: find, replay, authenticate, decide and post."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypedDict

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.db import end_read
from app.core.errors import FieldError, Forbidden, ValidationFailed
from app.modules.loyalty.errors import StaffPinRequired
from app.modules.loyalty.models import StaffPin
from app.modules.loyalty.rules.offline import check_occurred_at
from app.modules.loyalty.services import (
    card_family,
    card_finder,
    ledger,
    pin_locks,
    staff_auth,
    staff_sessions,
)
from app.modules.loyalty.services.card_finder import CardRef
from app.modules.loyalty.services.card_queries import Question
from app.modules.loyalty.services.counter_request import (
    Counter,
    CounterOptions,
    Operation,
    Serving,
    read_options,
)
from app.modules.loyalty.services.ledger import Posted, StaffPinChanged
from app.modules.loyalty.services.staff_auth import Authenticated
from app.modules.loyalty.services.staff_memory import memory_of
from app.modules.loyalty.types import ActorKind, Caller, CardState, Staff
from app.modules.tenancy.rules.merchant_status import check_merchant_allows
from app.modules.tenancy.types import MerchantAct


@dataclass(frozen=True, slots=True)
class Served:
    """What came of an operation, and the PIN session that goes on from it."""

    posted: Posted
    staff_name: str | None
    staff_session: str | None
    staff_session_expires_at: datetime | None


def serve(db: Session, options: CounterOptions, operation: Operation, *, now: datetime) -> Served:
    """Carry out one operation: a replay asks neither for a PIN nor for the card's state.

    Raises:
        What finding, authenticating, `decide` and the ledger refuse with; MerchantSuspended.
        Forbidden: the override's PIN lifts no limits.
        ValidationFailed: `occurred_at` is too old, in the future, or comes from no till.
    """
    counter, card = read_options(options)
    untimely = _offline_refusal(counter, operation, now=now)
    if untimely is not None:
        operation = replace(operation, occurred_at=None)
    found, state = card_finder.find_state(db, card, counter.question(operation), now=now)
    # From here on the card is known: read again by merchant and id, whatever its codes do.
    question = replace(
        found,
        merchant_id=state.merchant_id,
        card_id=state.card_id,
        qr_code_data=None,
        card_number=None,
    )
    if state.remembered is not None:
        return _replay(db, counter, question, state, operation, now=now)
    operation = replace(operation, body=(state.card_id, *operation.body))
    if untimely is not None:  # only now: told again after days, it may have been booked before
        raise untimely
    check_merchant_allows(state.merchant_status, MerchantAct.COUNTER)
    if not operation.needs_pin:
        return _post(db, counter, question, state, operation, Serving(None), now=now)
    try:
        return _post_with_pin(db, counter, question, state, operation, now=now)
    except StaffPinChanged:
        # Changed or locked since it was remembered: this time the database is asked.
        _, state = card_finder.find_state(db, CardRef(card_id=state.card_id), question, now=now)
    try:
        return _post_with_pin(db, counter, question, state, operation, now=now)
    except StaffPinChanged:
        raise StaffPinRequired from None


def _replay(
    db: Session,
    counter: Counter,
    question: Question,
    state: CardState,
    operation: Operation,
    *,
    now: datetime,
) -> Served:
    assert question.idempotency_key is not None
    first_id = card_family.card_of_key(
        db, merchant_id=state.merchant_id, key=question.idempotency_key, card_id=state.card_id
    )
    if first_id != state.card_id:  # merged since: it was asked for, and answered, as that card
        _, state = card_finder.find_state(db, CardRef(card_id=first_id), question, now=now)
    operation = replace(operation, body=(state.card_id, *operation.body))
    replayed = ledger.replay(state, counter.request(operation, Serving(None)))
    return _served(db, counter, replayed, Serving(None), now=now)


def _offline_refusal(
    counter: Counter, operation: Operation, *, now: datetime
) -> ValidationFailed | None:
    if operation.occurred_at is None:
        return None
    caller = counter.caller
    is_till = caller is not None and (
        caller.terminal_id is not None or caller.kind is ActorKind.API_KEY
    )
    if not is_till:
        return ValidationFailed(FieldError(("occurred_at",), "occurred_at_only_tills"))
    try:
        check_occurred_at(operation.occurred_at, now=now)
    except ValidationFailed as refusal:
        return refusal
    return None


def who_serves(
    db: Session, counter: Counter, state: CardState, *, store_id: int | None, now: datetime
) -> Authenticated | None:
    """The member of staff behind a PIN or a session; None where nobody has to say.

    Raises:
        As `staff_auth.authenticate`.
    """
    entry = pin_locks.entry_for(
        state, caller=counter.caller, staff_pin_id=counter.credentials.staff_pin_id
    )
    return staff_auth.authenticate(
        db,
        counter.credentials,
        entry,
        is_required=state.asks_for_pin and not (counter.caller and counter.caller.pin_exempt),
        session_minutes=state.pin_session_minutes,
        store_id=store_id,
        now=now,
    )


def _post_with_pin(
    db: Session,
    counter: Counter,
    question: Question,
    state: CardState,
    operation: Operation,
    *,
    now: datetime,
) -> Served:
    # First: otherwise the cashier's own right PIN would forget each wrong try of a manager's.
    override = _lifts_limits(db, counter, question, state, operation, now=now)
    who = who_serves(db, counter, state, store_id=question.store_id, now=now)
    first: CardState | None = state
    if who is not None and question.store_id is None and who.staff.store_id is not None:
        # A PIN of one store says where we are; the card has to be read for that store.
        question, first = replace(question, store_id=who.staff.store_id), None
    if override is not None and override.store_id not in (
        None,
        question.store_id or state.store.id,
    ):
        raise Forbidden
    serving = Serving(who, override)
    try:
        return _post(db, counter, question, first, operation, serving, now=now)
    except StaffPinChanged:
        assert who is not None
        memory_of(db).forget(merchant_id=state.merchant_id, pin_id=who.staff.pin_id)
        raise


def _lifts_limits(
    db: Session,
    counter: Counter,
    question: Question,
    state: CardState,
    operation: Operation,
    *,
    now: datetime,
) -> Staff | None:
    if operation.override is None:
        return None
    caller = replace(counter.caller or Caller(state.merchant_id), store_id=state.store.id)
    entry, _ = pin_locks.entry_at(db, caller, staff_pin_id=None)
    pin, store_id = operation.override["pin"], question.store_id
    staff = staff_auth.prove(db, pin, entry, store_id=store_id, now=now)
    if not (staff.is_manager or staff.can_override):
        raise Forbidden
    return staff


def _post(
    db: Session,
    counter: Counter,
    question: Question,
    state: CardState | None,
    operation: Operation,
    serving: Serving,
    *,
    now: datetime,
) -> Served:
    posted = ledger.apply(
        db,
        question,
        counter.request(operation, serving),
        lambda current: operation.decide(current, serving),
        first=state,
        now=now,
    )
    return _served(db, counter, posted, serving, now=now)


def _served(
    db: Session, counter: Counter, posted: Posted, serving: Serving, *, now: datetime
) -> Served:
    state, who = posted.state, serving.who
    if who is None:
        pin_id = posted.facts.get("staff_pin_id")
        return Served(posted, name_of(db, state.merchant_id, pin_id), None, None)
    return Served(posted, who.staff.name, **session_of(counter, state, who, now=now))


class StaffSession(TypedDict):
    """The PIN session that goes on from an operation, where the program allows sessions."""

    staff_session: str | None
    staff_session_expires_at: datetime | None


def session_of(
    counter: Counter, state: CardState, who: Authenticated, *, now: datetime
) -> StaffSession:
    """Open, or prolong, the session of somebody who has just served."""
    if state.pin_session_minutes == 0:
        return StaffSession(staff_session=None, staff_session_expires_at=None)
    entry = pin_locks.entry_for(state, caller=counter.caller, staff_pin_id=None)
    return StaffSession(
        staff_session=staff_sessions.issue(who.staff, staff_auth.place_of(entry), now=now),
        staff_session_expires_at=staff_sessions.expires_at(
            now=now, session_minutes=state.pin_session_minutes
        ),
    )


def name_of(db: Session, merchant_id: int, pin_id: int | None) -> str | None:
    """The name behind an entry of long ago, also where the PIN is dead by now."""
    if pin_id is None:
        return None
    name = db.execute(
        select(StaffPin.name).where(StaffPin.merchant_id == merchant_id, StaffPin.id == pin_id)
    ).scalar_one_or_none()
    end_read(db)
    return name
