"""Work over several cards that PostgreSQL stops for the sake of another is done again."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Engine, update
from sqlalchemy.orm import Session

from app.core.db import build_sessionmaker
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.services import ledger
from tests.factories import make_card, make_shop
from tests.reads import card_now


def test_given_two_that_wait_for_each_other_when_one_is_stopped_then_both_are_done(
    postgresql_engine: Engine,
) -> None:
    sessions = build_sessionmaker(postgresql_engine)
    with sessions() as db:
        shop = make_shop(db)
        cards = [make_card(db, shop=shop) for _ in range(2)]
        merchant_id, ids = shop.merchant_id, [card.id for card in cards]
    both_hold_one = threading.Barrier(2)
    runs: list[int] = []

    def note(db: Session, card_id: int) -> None:
        db.execute(
            update(LoyaltyCard)
            .where(LoyaltyCard.merchant_id == merchant_id, LoyaltyCard.id == card_id)
            .values(note=LoyaltyCard.note + "x")
            .execution_options(synchronize_session=False)
        )

    def change(order: list[int]) -> None:
        with sessions() as db:

            def work() -> None:
                runs.append(order[0])
                note(db, order[0])
                if runs.count(order[0]) == 1:
                    both_hold_one.wait(timeout=30)
                note(db, order[1])

            ledger.together(db, work)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(change, ids), pool.submit(change, ids[::-1])]:
            done.result(timeout=60)
    assert len(runs) == 3  # one of the two was stopped, and began again
    with sessions() as db:
        assert [card_now(db, card).note for card in cards] == ["xx", "xx"]
