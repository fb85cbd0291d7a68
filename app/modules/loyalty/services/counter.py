"""What every operation at the counter shares: find, replay, authenticate, decide and post."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypedDict

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.db import end_read
from app.modules.loyalty.errors import StaffPinRequired
from app.modules.loyalty.models import StaffPin
from app.modules.loyalty.services import card_finder, ledger, pin_locks, staff_auth, staff_sessions
from app.modules.loyalty.services.card_finder import CardRef
from app.modules.loyalty.services.card_queries import Question
from app.modules.loyalty.services.ledger import Actor, Posted, Request, StaffPinChanged
from app.modules.loyalty.services.staff_auth import Authenticated, Credentials
from app.modules.loyalty.services.staff_memory import memory_of
from app.modules.loyalty.types import ActorKind, Caller, CardState, Draft
from app.modules.tenancy.rules.merchant_status import check_merchant_allows
from app.modules.tenancy.types import MerchantAct

Decide = Callable[[CardState, Authenticated | None], list[Draft]]


@dataclass(frozen=True, slots=True)
class Operation:
    """What is asked for: `body` is what makes two requests the same, `decide` the rule."""

    name: str
    body: tuple[str | int | None, ...]
    decide: Decide


@dataclass(frozen=True, slots=True)
class Counter:
    """Where and by whom an operation is asked for, as the caller's arguments said."""

    credentials: Credentials
    caller: Caller | None = None
    store_id: int | None = None
    ip_address: str | None = None
    user_agent: str | None = None
    idempotency_key: str | None = None
    notes: str | None = None

    def question(self, *, voids_id: int | None = None) -> Question:
        """What to read: the card comes in later."""
        scope, subject_id = pin_locks.scope_of(
            self.caller, staff_pin_id=self.credentials.staff_pin_id
        )
        caller_store = self.caller.store_id if self.caller else None
        return Question(
            merchant_id=self.caller.merchant_id if self.caller else None,
            store_id=self.store_id if self.store_id is not None else caller_store,
            idempotency_key=self.idempotency_key,
            lock_scope=scope,
            lock_subject_id=subject_id,
            voids_id=voids_id,
        )

    def request(self, operation: Operation, who: Authenticated | None) -> Request:
        """The ledger's request: the PIN's holder acts, else the signed-in user or key."""
        caller = self.caller
        actor = Actor(caller.kind, caller.actor_id) if caller else Actor(ActorKind.SERVICE)
        if who is not None:
            actor = Actor(ActorKind.PIN, who.staff.pin_id)
        return Request(
            operation=operation.name,
            body=operation.body,
            actor=actor,
            idempotency_key=self.idempotency_key,
            staff=who.staff if who else None,
            terminal_id=caller.terminal_id if caller else None,
            ip_address=self.ip_address or (caller.ip_address if caller else None),
            user_agent=self.user_agent or (caller.user_agent if caller else None),
            notes=self.notes,
            request_id=caller.request_id if caller else None,
        )


class CounterOptions(TypedDict, total=False):
    """The keywords that every operation at the counter takes.

    The card is named by one of `qr_code` (as scanned), `card_number` (as typed) and
    `card_id`. `staff_pin` or `staff_session` says who is at the counter, `staff_pin_id` may
    name the person. The store is `store_id`, else the caller's, the PIN's, the card's.
    """

    qr_code: str | None
    card_number: str | None
    card_id: int | None
    staff_pin: str | None
    staff_pin_id: int | None
    staff_session: str | None
    caller: Caller | None
    store_id: int | None
    ip_address: str | None
    user_agent: str | None
    idempotency_key: str | None
    notes: str | None


def read_options(options: CounterOptions) -> tuple[Counter, CardRef]:
    """Split the keywords of an operation into who and where, and which card.

    Raises:
        TypeError: for a keyword that no operation knows.
    """
    rest: dict[str, Any] = {**options}
    card = CardRef(*(rest.pop(name, None) for name in ("qr_code", "card_number", "card_id")))
    secrets = ("staff_pin", "staff_pin_id", "staff_session")
    return Counter(Credentials(*(rest.pop(name, None) for name in secrets)), **rest), card


@dataclass(frozen=True, slots=True)
class Served:
    """What came of an operation, and the PIN session that goes on from it."""

    posted: Posted
    staff_name: str | None
    staff_session: str | None
    staff_session_expires_at: datetime | None


def serve(
    db: Session,
    counter: Counter,
    card: CardRef,
    operation: Operation,
    *,
    voids_id: int | None = None,
    needs_pin: bool = True,
    now: datetime,
) -> Served:
    """Carry out one operation: a replay asks neither for a PIN nor for the card's state.

    `needs_pin` False: the operation goes by the signed-in user's role alone.

    Raises:
        What finding, authenticating, `decide` and the ledger refuse with; MerchantSuspended.
    """
    found, state = card_finder.find_state(db, card, counter.question(voids_id=voids_id), now=now)
    # From here on the card is known: read again by merchant and id, whatever its codes do.
    question = replace(
        found,
        merchant_id=state.merchant_id,
        card_id=state.card_id,
        qr_code_data=None,
        card_number=None,
    )
    operation = replace(operation, body=(state.card_id, *operation.body))
    if state.remembered is not None:
        replayed = ledger.replay(state, counter.request(operation, None))
        return _served(db, counter, replayed, None, now=now)
    check_merchant_allows(state.merchant_status, MerchantAct.COUNTER)
    if not needs_pin:
        return _post(db, counter, question, state, operation, None, now=now)
    try:
        return _post_with_pin(db, counter, question, state, operation, now=now)
    except StaffPinChanged:
        # Changed or locked since it was remembered: this time the database is asked.
        _, state = card_finder.find_state(db, CardRef(card_id=state.card_id), question, now=now)
    try:
        return _post_with_pin(db, counter, question, state, operation, now=now)
    except StaffPinChanged:
        raise StaffPinRequired from None


def _post_with_pin(
    db: Session,
    counter: Counter,
    question: Question,
    state: CardState,
    operation: Operation,
    *,
    now: datetime,
) -> Served:
    entry = pin_locks.entry_for(
        state, caller=counter.caller, staff_pin_id=counter.credentials.staff_pin_id
    )
    who = staff_auth.authenticate(
        db,
        counter.credentials,
        entry,
        is_required=state.asks_for_pin and not (counter.caller and counter.caller.pin_exempt),
        session_minutes=state.pin_session_minutes,
        store_id=question.store_id,
        now=now,
    )
    first: CardState | None = state
    if who is not None and question.store_id is None and who.staff.store_id is not None:
        # A PIN of one store says where we are; the card has to be read for that store.
        question, first = replace(question, store_id=who.staff.store_id), None
    try:
        return _post(db, counter, question, first, operation, who, now=now)
    except StaffPinChanged:
        assert who is not None
        memory_of(db).forget(merchant_id=state.merchant_id, pin_id=who.staff.pin_id)
        raise


def _post(
    db: Session,
    counter: Counter,
    question: Question,
    state: CardState | None,
    operation: Operation,
    who: Authenticated | None,
    *,
    now: datetime,
) -> Served:
    posted = ledger.apply(
        db,
        question,
        counter.request(operation, who),
        lambda current: operation.decide(current, who),
        first=state,
        now=now,
    )
    return _served(db, counter, posted, who, now=now)


def _served(
    db: Session, counter: Counter, posted: Posted, who: Authenticated | None, *, now: datetime
) -> Served:
    state = posted.state
    if who is None:
        pin_id = posted.facts.get("staff_pin_id")
        name = _name_of(db, state.merchant_id, pin_id) if pin_id is not None else None
        return Served(posted, name, None, None)
    if state.pin_session_minutes == 0:
        return Served(posted, who.staff.name, None, None)
    entry = pin_locks.entry_for(state, caller=counter.caller, staff_pin_id=None)
    return Served(
        posted,
        who.staff.name,
        staff_sessions.issue(who.staff, staff_auth.place_of(entry), now=now),
        staff_sessions.expires_at(now=now, session_minutes=state.pin_session_minutes),
    )


def _name_of(db: Session, merchant_id: int, pin_id: int) -> str | None:
    """The name behind an entry of long ago, also where the PIN is dead by now."""
    name = db.execute(
        select(StaffPin.name).where(StaffPin.merchant_id == merchant_id, StaffPin.id == pin_id)
    ).scalar_one_or_none()
    end_read(db)
    return name
