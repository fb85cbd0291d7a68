"""The only writer of balances: read, decide, compare-and-set. Read this file first.

`apply` takes a card as it was read with its program and idempotency row, lets a pure rule
decide, and posts everything the decision changes in one statement that holds only if the
card and the program are still the ones read and the PIN still stands. Otherwise it reads
again. Nothing is locked while Python thinks, so no order of events can book twice.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.util import identity_key

from app.core import db as database
from app.core import jobs
from app.core.errors import AppError, Unavailable
from app.modules.loyalty.errors import CardNotFound, IdempotencyKeyReused, OrderAlreadyEarned
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.rules.business_day import business_day
from app.modules.loyalty.services import (
    card_queries,
    ledger_entries,
    ledger_statements,
    results,
)
from app.modules.loyalty.services.card_queries import Question
from app.modules.loyalty.services.ledger_entries import Request
from app.modules.loyalty.types import CardState, Draft

# Every miss means that somebody else's change to the same card went through.
_ATTEMPTS = 50
_LONGEST_PAUSE_S = 0.005
# PostgreSQL: serialization_failure, deadlock_detected.
_STOPPED = frozenset({"40001", "40P01"})


@dataclass(frozen=True, slots=True)
class Posted:
    """What came of a request: the card afterwards, and the answer as facts."""

    state: CardState
    facts: dict[str, Any]
    replayed: bool


class StaffPinChanged(Exception):
    """The PIN that was authenticated no longer stands: authenticate again, or refuse."""


class Moved(Exception):
    """Somebody else changed one of several cards in between: all of it is tried again."""


Decide = Callable[[CardState], Sequence[Draft]]
_T = TypeVar("_T")


def apply(
    db: Session,
    question: Question,
    request: Request,
    decide: Decide,
    *,
    first: CardState | None = None,
    now: datetime,
) -> Posted:
    """Post what `decide` answers to the card that `question` names, exactly once.

    `first` is the card as the caller has just read it with the same question: it saves a
    read and need not be trusted, since the write compares its revision. `now` is aware UTC.

    Raises:
        IdempotencyKeyReused: the key stands for another request.
        StaffPinChanged: `request.staff` was changed, locked or switched off meanwhile.
        OrderAlreadyEarned: the order's reference earned for another card or purchase.
        CardNotFound, Unavailable (too many misses), and whatever `decide` refuses with.
    """
    state = first or _read(db, question, now=now)
    for _ in range(_ATTEMPTS):
        known = _known(db, question, request, state, now=now)
        if known is not None:
            return known
        try:
            drafts = decide(state)
        except AppError:
            twin = _by_twin(db, question, request, now=now)
            if twin is None:
                raise
            return twin
        collision: IntegrityError | None = None
        try:
            with database.write_connection(db) as connection:
                posted = _post(connection, state, request, drafts, now=now)
        except IntegrityError as error:
            posted, collision = None, error
        if posted is not None:
            _tell_session(db, posted.state)
            jobs.wake()  # the card's passes are behind
            return posted
        before, state = state, _read(db, question, now=now)
        if _is_same(before, state):
            raise collision or StaffPinChanged
        time.sleep(random.uniform(0, _LONGEST_PAUSE_S))  # noqa: S311 - jitter, not a secret
    raise Unavailable


def together(db: Session, work: Callable[[], _T]) -> _T:
    """Do `work`, which posts to several cards with `post_within`, in one transaction.

    Cards are to be taken in the order of their ids. Where one of them moved, or the database
    stopped it for the sake of another, everything is rolled back and `work` runs again, so it
    reads whatever it decides on anew.

    Raises:
        Unavailable (too many misses), and whatever `work` refuses with.
    """
    collision: IntegrityError | None = None
    for _ in range(_ATTEMPTS):
        try:
            with database.atomic(db):
                done = work()
            jobs.wake()
            return done
        except Moved:
            collision = None
        except IntegrityError as error:
            if collision is not None:
                raise
            collision = error  # a twin was faster: the next reading shows what it did
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) not in _STOPPED:
                raise
            collision = None
        time.sleep(random.uniform(0, _LONGEST_PAUSE_S))  # noqa: S311 - jitter, not a secret
    raise Unavailable


def post_within(
    db: Session, question: Question, request: Request, decide: Decide, *, now: datetime
) -> Posted:
    """As `apply`, but inside the caller's `atomic` (see `together`) and with one try.

    Raises:
        Moved: the card, its program or the PIN changed in between.
        CardNotFound, IdempotencyKeyReused, OrderAlreadyEarned, and what `decide` refuses with.
    """
    assert database.in_atomic(db)
    states = card_queries.read_states(db.connection(), question, now=now)
    if not states:
        raise CardNotFound(mistyped=False)
    if states[0].remembered is not None:
        return replay(states[0], request)
    if states[0].award is not None:
        return _duplicate(states[0], request)
    posted = _post(db.connection(), states[0], request, decide(states[0]), now=now)
    if posted is None:
        raise Moved
    _tell_session(db, posted.state)
    return posted


def replay(state: CardState, request: Request) -> Posted:
    """The first answer again.

    Raises:
        IdempotencyKeyReused: the key stands for another request.
    """
    assert state.remembered is not None
    if state.remembered.request_hash != request.hash:
        raise IdempotencyKeyReused
    return Posted(state, dict(state.remembered.facts), replayed=True)


def _known(
    db: Session, question: Question, request: Request, state: CardState, *, now: datetime
) -> Posted | None:
    """The first answer, where the key was used or the order has earned before."""
    if state.remembered is not None:
        return replay(state, request)
    if state.award is not None:
        return _by_twin(db, question, request, now=now) or _duplicate(state, request)
    return None


def _by_twin(db: Session, question: Question, request: Request, *, now: datetime) -> Posted | None:
    """What the same request did between the reading of the card and of what it is about.

    An order or an entry is read after its card and may say already what a twin has done.
    """
    is_about_more = question.order is not None or question.voids_id is not None
    if request.idempotency_key is None or not is_about_more:
        return None
    state = _read(db, question, now=now)
    return replay(state, request) if state.remembered is not None else None


def _duplicate(state: CardState, request: Request) -> Posted:
    """The first answer for an order that earned before, if card and purchase are the same."""
    award, order = state.award, request.order
    assert award is not None
    assert order is not None
    same_card = award.card_id == state.card_id
    if not same_card or award.basis != order.basis:
        raise OrderAlreadyEarned
    facts = {**award.facts, "transaction_id": award.transaction_id, "duplicate": True}
    return Posted(state, facts, replayed=False)


def _read(db: Session, question: Question, *, now: datetime) -> CardState:
    with database.read_connection(db) as connection:
        states = card_queries.read_states(connection, question, now=now)
    if not states:
        raise CardNotFound(mistyped=False)
    return states[0]


def _is_same(before: CardState, after: CardState) -> bool:
    """True where neither card nor program moved, so that a miss has another cause."""
    return (
        after.remembered is None
        and before.revision == after.revision
        and before.program_revision == after.program_revision
        and before.award == after.award
    )


def _post(
    connection: Connection,
    before: CardState,
    request: Request,
    drafts: Sequence[Draft],
    *,
    now: datetime,
) -> Posted | None:
    at = request.occurred_at or now
    day = business_day(at, store=before.store)
    after, entries = ledger_entries.entries_of(before, request, drafts, day=day, now=now)
    facts = results.facts(before, after, drafts, staff=request.staff, now=now)
    earns = request.order is not None
    award = ledger_entries.award_of(before, request, drafts[-1], day) if earns else None
    entry_id = ledger_statements.post(
        connection,
        before,
        after,
        entries,
        request=ledger_entries.request_columns(request, facts),
        award=award,
        now=now,
    )
    if entry_id is None:
        return None
    return Posted(after, {**facts, "transaction_id": entry_id}, replayed=False)


def _tell_session(db: Session, state: CardState) -> None:
    """Let a card object that the caller's session holds say what is now stored."""
    card = db.identity_map.get(identity_key(LoyaltyCard, state.card_id))
    if card is None:
        return
    for name, value in ledger_statements.card_columns(state).items():
        set_committed_value(card, name, value)
