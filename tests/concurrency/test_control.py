"""The race is real: without compare-and-set the same rule books more than it allows."""

from __future__ import annotations

import threading
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.core.db import atomic, read_connection
from app.modules.loyalty.models import LoyaltyCard, LoyaltyTransaction
from app.modules.loyalty.rules import stamps
from app.modules.loyalty.services import card_queries, ledger_entries
from app.modules.loyalty.services.card_queries import Question
from app.modules.loyalty.services.ledger_entries import Request
from tests.concurrency.together import THREADS, Crowd, Work, ledger_earn
from tests.factories import NOW, make_card
from tests.reads import card_now, ledger_of


def naive_earn(card: LoyaltyCard, everybody_has_read: threading.Barrier) -> Work:
    """Read, decide by the same rule, write: as it is done where nobody thought of a second till."""

    def work(db: Session) -> dict[str, Any]:
        question = Question(merchant_id=card.merchant_id, card_id=card.id)
        with read_connection(db) as connection:
            state = card_queries.read_states(connection, question, now=NOW)[0]
        drafts = [stamps.earn(state, quantity=1, now=NOW)]
        everybody_has_read.wait(timeout=30)
        _, [entry] = ledger_entries.entries_of(
            state, Request("add_stamp", ()), drafts, day=NOW.date(), now=NOW
        )
        mine = (LoyaltyTransaction.merchant_id == card.merchant_id) & (
            LoyaltyTransaction.card_id == card.id
        )
        with atomic(db):
            db.execute(
                update(LoyaltyCard)
                .where(LoyaltyCard.merchant_id == card.merchant_id, LoyaltyCard.id == card.id)
                .values(stamp_count=LoyaltyCard.stamp_count + 1, last_stamp_at=NOW)
                .execution_options(synchronize_session=False)
            )
            last = db.execute(select(func.max(LoyaltyTransaction.sequence)).where(mine)).scalar()
            db.add(LoyaltyTransaction(**entry | {"sequence": (last or 0) + 1}))
        return {"replayed": False}

    return work


def test_given_no_compare_and_set_when_twenty_stamp_at_once_then_more_than_one_is_booked(
    db: Session, crowd: Crowd
) -> None:
    # given: a cooldown that allows one
    card = make_card(db)
    # when
    barrier = threading.Barrier(THREADS)
    outcomes = crowd.do([naive_earn(card, barrier) for _ in range(THREADS)])
    # then: the harm is done, and this suite is able to see it
    assert len(outcomes.written) == THREADS
    assert len(ledger_of(db, card)) > 1
    assert card_now(db, card).stamp_count > 1


def test_given_compare_and_set_when_twenty_stamp_at_once_then_one_is_booked(
    db: Session, crowd: Crowd
) -> None:
    card = make_card(db)
    outcomes = crowd.do([ledger_earn(card) for _ in range(THREADS)])
    assert len(outcomes.written) == 1
    assert ledger_of(db, card) == [("stamp_earned", 1, 1)]
    assert card_now(db, card).stamp_count == 1
