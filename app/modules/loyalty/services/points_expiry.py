"""Points that nobody used for long: taking them, and giving them back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Unpack

from sqlalchemy import exists, select, tuple_
from sqlalchemy.orm import Session, aliased

from app.core import clock
from app.core.db import atomic, end_read
from app.modules.loyalty.models import LoyaltyCard, LoyaltyProgram, LoyaltyTransaction
from app.modules.loyalty.rules import expiry
from app.modules.loyalty.services import card_finder, corrections, counter, ledger, results
from app.modules.loyalty.services.card_queries import Question
from app.modules.loyalty.services.counter_request import (
    CounterOptions,
    Operation,
    Serving,
    read_options,
)
from app.modules.loyalty.services.ledger_entries import Actor, Request
from app.modules.loyalty.types import (
    ActorKind,
    CardState,
    CardStatus,
    Draft,
    EntryType,
    PointsResult,
)

BATCH: Final = 100
# Between two batches whoever waits at a counter gets the database.
_PAUSE_S: Final = 0.01
_ALIVE: Final = (CardStatus.ACTIVE.value, CardStatus.SUSPENDED.value)


@dataclass(frozen=True, slots=True)
class ExpiryRule:
    """One merchant's rule: points last `days`, counted from `since` (UTC) at the earliest."""

    merchant_id: int
    days: int
    since: datetime | None


class _NotDue(Exception):
    """The card was used in between."""


def expire_points(db: Session, *, now: datetime, keep_alive: Callable[[], None]) -> dict[str, int]:
    """Take the points of every card that is due; returns how many `cards` and `points`.

    It goes on where an earlier run stopped, since whatever expired has no points any more.
    A card that somebody uses at the same moment keeps them.
    """
    taken = {"cards": 0, "points": 0}
    for rule in rules(db):
        for card_ids in _due(db, rule, now=now):
            for points in _expire_batch(db, rule.merchant_id, card_ids, now=now):
                taken["cards"] += 1
                taken["points"] += points
            keep_alive()
            time.sleep(_PAUSE_S)
    return taken


def reinstate_points(
    db: Session, *, reason: str, now: datetime | None = None, **options: Unpack[CounterOptions]
) -> PointsResult:
    """Give back the points that expired last, within 30 days. For owners and managers.

    Raises:
        Forbidden, CardNotFound, CardReplaced, IdempotencyKeyReused, and what
        `rules.expiry.reinstate` refuses with.
    """
    now = now or clock.utc_now()
    caller = corrections.manager_of(options)
    options["notes"] = reason
    _, card = read_options(options)
    _, state = card_finder.find_state(
        db, card, Question(merchant_id=caller.merchant_id, store_id=caller.store_id), now=now
    )

    def decide(state: CardState, _serving: Serving) -> list[Draft]:
        return [expiry.reinstate(state, now=now)]

    operation = Operation(
        "reinstate_points", (), decide, voids_id=_last_expiry(db, state), needs_pin=False
    )
    return results.points(counter.serve(db, options, operation, now=now))


def rules(db: Session) -> list[ExpiryRule]:
    """The rules of all merchants whose points run out."""
    program = LoyaltyProgram
    rows = db.execute(
        select(program.merchant_id, program.points_expiration_days, program.points_expiry_since)
        .where(program.points_expiration_days.is_not(None))
        .order_by(program.merchant_id)
        .execution_options(tenant_exempt="the job serves all merchants, one after the other")
    ).all()
    end_read(db)
    return [ExpiryRule(row[0], days, row[2]) for row in rows if (days := row[1]) is not None]


def _due(db: Session, rule: ExpiryRule, *, now: datetime) -> Iterator[list[int]]:
    """Ids of cards that may be due, 100 at a time; the rule decides each with the card's store."""
    card = LoyaltyCard
    # A business day ends up to a day later in one zone than in another.
    latest = now - timedelta(days=rule.days) + timedelta(days=1)
    if rule.since is not None and rule.since > latest:
        return
    after: tuple[datetime, int] | None = None
    while True:
        query = (
            select(card.last_collected_at, card.id)
            .where(
                card.merchant_id == rule.merchant_id,
                card.points_balance > 0,
                card.last_collected_at <= latest,
                card.status.in_(_ALIVE),
            )
            .order_by(card.last_collected_at, card.id)
            .limit(BATCH)
        )
        if after is not None:
            query = query.where(tuple_(card.last_collected_at, card.id) > after)
        rows = db.execute(query).all()
        end_read(db)
        if not rows:
            return
        after = (rows[-1].last_collected_at, rows[-1].id)
        yield sorted(row.id for row in rows)


def _expire_batch(
    db: Session, merchant_id: int, card_ids: list[int], *, now: datetime
) -> list[int]:
    """The points taken from each card that was due, in one transaction."""
    request = Request("expire_points", (), actor=Actor(ActorKind.JOB))

    def decide(state: CardState) -> list[Draft]:
        draft = expiry.expire(state, now=now)
        if draft is None:
            raise _NotDue
        return [draft]

    taken = []
    with atomic(db):
        for card_id in card_ids:
            question = Question(merchant_id=merchant_id, card_id=card_id)
            try:
                posted = ledger.post_within(db, question, request, decide, now=now)
            except (ledger.Moved, _NotDue):
                continue  # somebody uses it at this moment: the next run looks again
            taken.append(-posted.facts["points_delta"])
    return taken


def _last_expiry(db: Session, state: CardState) -> int | None:
    """The newest expiry of the card that was not given back, if any."""
    entry, given_back = LoyaltyTransaction, aliased(LoyaltyTransaction)
    entry_id = db.execute(
        select(entry.id)
        .where(
            entry.merchant_id == state.merchant_id,
            entry.card_id == state.card_id,
            entry.type == EntryType.POINTS_EXPIRED.value,
            ~exists().where(
                given_back.merchant_id == entry.merchant_id, given_back.voids_id == entry.id
            ),
        )
        .order_by(entry.sequence.desc())
        .limit(1)
    ).scalar_one_or_none()
    end_read(db)
    return entry_id
