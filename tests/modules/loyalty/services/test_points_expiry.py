"""Points that nobody used for long, on real databases: taken once, warned of once, given back."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from app.core.db import atomic
from app.core.errors import Forbidden
from app.core.mail.models import OutboxEmail
from app.modules.loyalty import tasks
from app.modules.loyalty.errors import InsufficientPoints, NothingToReinstate
from app.modules.loyalty.models import LoyaltyCard, LoyaltyProgram
from app.modules.loyalty.services import (
    expiry_warnings,
    ledger_verify,
    points_expiry,
    points_service,
)
from app.modules.loyalty.types import Caller, Draft, EntryType
from tests.factories import (
    NOW,
    Shop,
    make_card,
    make_customer,
    make_pass,
    make_pin,
    make_shop,
    post,
)
from tests.reads import card_now, entries_of, rows_of

DAYS = 30
LATER = NOW + timedelta(days=DAYS + 1)


@pytest.fixture(autouse=True)
def nobody_else(session_factory: sessionmaker[Session]) -> None:
    """The job serves all merchants: points of those that other tests left never run out."""
    with session_factory() as db, atomic(db):
        db.execute(
            update(LoyaltyProgram)
            .values(points_expiration_days=None)
            .execution_options(tenant_exempt="all of them")
        )


def alive() -> None:
    """The lease is ours all the time."""


def make_points_shop(db: Session, **program: Any) -> Shop:
    defaults: dict[str, Any] = {
        "loyalty_type": "points",
        "points_expiration_days": DAYS,
        "points_expiry_since": NOW - timedelta(days=1),
    }
    return make_shop(db, **defaults | program)


def make_points_card(db: Session, shop: Shop, points: int = 50, **columns: Any) -> LoyaltyCard:
    card = make_card(db, shop=shop, last_collected_at=NOW, **columns)
    post(db, card, [Draft(EntryType.POINTS_EARNED, points_delta=points, amount_cents=500)])
    return card


def points_of(db: Session, card: LoyaltyCard) -> list[tuple[str, int, int]]:
    return [(e.type, e.points_delta, e.points_after) for e in entries_of(db, card)[1:]]


def expire(db: Session, now: datetime) -> dict[str, int]:
    return points_expiry.expire_points(db, now=now, keep_alive=alive)


def test_given_due_and_other_cards_when_the_job_runs_twice_then_each_due_one_lost_its_points_once(
    db: Session,
) -> None:
    shop = make_points_shop(db)
    due = [make_points_card(db, shop) for _ in range(3)]
    used = make_points_card(db, shop)
    post(db, used, [Draft(EntryType.STAMP_EARNED, stamps_delta=1)], now=NOW + timedelta(days=2))
    forever = make_points_card(db, make_points_shop(db, points_expiration_days=None))
    marked = make_pass(db, card=due[0])
    assert expire(db, LATER) == {"cards": 3, "points": 150}
    assert expire(db, LATER) == {"cards": 0, "points": 0}
    for card in due:
        assert points_of(db, card) == [("points_earned", 50, 50), ("points_expired", -50, 0)]
        assert card_now(db, card).points_balance == 0
    assert card_now(db, used).points_balance == card_now(db, forever).points_balance == 50
    [stale] = rows_of(db, type(marked), merchant_id=shop.merchant_id)
    assert stale.target_revision == card_now(db, due[0]).revision
    [entry] = entries_of(db, due[0])[2:]
    assert (entry.actor_kind, entry.store_id) == ("job", shop.store.id)
    assert list(ledger_verify.verify(db)) == []


def test_given_a_rule_that_was_shortened_when_the_old_day_comes_then_nothing_is_taken_yet(
    db: Session,
) -> None:
    shop = make_points_shop(db, points_expiry_since=NOW + timedelta(days=10))
    card = make_points_card(db, shop)
    assert expire(db, LATER)["cards"] == 0
    assert expire(db, LATER + timedelta(days=10))["cards"] == 1
    assert card_now(db, card).points_balance == 0


def test_given_more_than_a_batch_when_the_job_is_stopped_in_between_then_the_next_run_ends_it(
    db: Session,
) -> None:
    shop = make_points_shop(db)
    cards = [make_points_card(db, shop) for _ in range(points_expiry.BATCH + 5)]

    class Stopped(Exception):
        pass

    def lost() -> None:
        raise Stopped

    with pytest.raises(Stopped):
        points_expiry.expire_points(db, now=LATER, keep_alive=lost)
    assert sum(card_now(db, card).points_balance == 0 for card in cards) == points_expiry.BATCH
    assert expire(db, LATER) == {"cards": 5, "points": 250}
    assert {points_of(db, card)[-1] for card in cards} == {("points_expired", -50, 0)}


def test_given_c29_two_workers_and_twenty_redeeming_when_all_run_at_once_then_each_point_goes_once(
    session_factory: sessionmaker[Session],
) -> None:
    with session_factory() as db:
        shop = make_points_shop(db)
        make_pin(db, merchant_id=shop.merchant_id)
        cards = [make_points_card(db, shop) for _ in range(60)]
        points_service.redeem_points(  # the PIN is remembered from here on
            db, card_id=make_points_card(db, shop).id, points_to_redeem=50, now=NOW,
            **shop.at_counter(),
        )  # fmt: skip
    start = threading.Barrier(4)

    def work() -> int:
        with session_factory() as db:
            start.wait(timeout=30)
            return expire(db, LATER)["cards"]

    def redeem(some: list[LoyaltyCard]) -> int:
        redeemed = 0
        with session_factory() as db:
            start.wait(timeout=30)
            for card in some:
                try:
                    points_service.redeem_points(
                        db, card_id=card.id, points_to_redeem=50, now=LATER, **shop.at_counter()
                    )
                    redeemed += 1
                except InsufficientPoints:
                    pass
        return redeemed

    with ThreadPoolExecutor(4) as pool:
        expiring = [pool.submit(work), pool.submit(work)]
        redeeming = [pool.submit(redeem, cards[20:30]), pool.submit(redeem, cards[50:])]
        taken = sum(future.result(timeout=60) for future in expiring)
        redeemed = sum(future.result(timeout=60) for future in redeeming)
    with session_factory() as db:
        assert taken + redeemed <= 60  # a miss waits for the next run
        expire(db, LATER)
        for card in cards:
            assert card_now(db, card).points_balance == 0
            assert [delta for _, delta, _ in points_of(db, card)] == [50, -50]
        assert list(ledger_verify.verify(db)) == []


def test_given_points_near_their_end_when_the_job_runs_daily_then_people_are_told_twice(
    db: Session,
) -> None:
    shop = make_points_shop(db, points_expiration_days=60)
    anna = make_customer(db, merchant_id=shop.merchant_id, email="anna@example.com", locale="fr")
    card = make_points_card(db, shop, customer_id=anna.id)
    pending = make_customer(
        db, merchant_id=shop.merchant_id, email="not.proved@example.com", email_pending=True
    )
    silent = make_points_card(db, shop, customer_id=pending.id)
    told = []
    for day in range(28, 62):
        report = tasks.expire_points(db, now=NOW + timedelta(days=day), keep_alive=alive)
        told += [(day, report["warned"], report["emails"])] if report["warned"] else []
    assert told == [(30, 2, 1), (53, 2, 1)]
    mails = rows_of(db, OutboxEmail, merchant_id=shop.merchant_id)
    assert [mail.to_address for mail in mails] == ["anna@example.com"] * 2
    assert "50 points chez" in mails[0].text_body
    assert "9 mai 2026" in mails[0].text_body
    for one in (card, silent):
        assert points_of(db, one)[-1][0] == "points_expired"


def test_given_a_warned_card_when_it_is_used_then_a_new_date_brings_new_warnings(
    db: Session,
) -> None:
    shop = make_points_shop(db, points_expiration_days=60)
    card = make_points_card(db, shop)
    when = NOW + timedelta(days=31)
    assert expiry_warnings.warn(db, now=when, keep_alive=alive)["warned"] == 1
    post(db, card, [Draft(EntryType.POINTS_EARNED, points_delta=1, amount_cents=10)], now=when)
    later = when + timedelta(days=29)
    assert expiry_warnings.warn(db, now=later, keep_alive=alive)["warned"] == 0
    assert expiry_warnings.warn(db, now=later + timedelta(days=1), keep_alive=alive)["warned"] == 1


def test_given_expired_points_when_a_manager_gives_them_back_then_once_and_they_last_again(
    db: Session,
) -> None:
    shop = make_points_shop(db)
    card = make_points_card(db, shop)
    expire(db, LATER)
    manager = Caller(shop.merchant_id, is_manager=True)
    options: dict[str, Any] = {"card_id": card.id, "caller": manager, "reason": "was ill"}
    with pytest.raises(Forbidden):
        points_expiry.reinstate_points(
            db, **options | {"caller": Caller(shop.merchant_id)}, now=LATER
        )
    back = points_expiry.reinstate_points(db, **options, idempotency_key="r1", now=LATER)
    assert (back["type"], back["points_delta"], back["points_balance"]) == (
        "points_reinstated", 50, 50,
    )  # fmt: skip
    again = points_expiry.reinstate_points(db, **options, idempotency_key="r1", now=LATER)
    assert again["replayed"]
    with pytest.raises(NothingToReinstate):
        points_expiry.reinstate_points(db, **options, now=LATER)
    assert expire(db, LATER + timedelta(days=DAYS - 1))["cards"] == 0
    assert expire(db, LATER + timedelta(days=DAYS + 1))["cards"] == 1
    assert list(ledger_verify.verify(db)) == []


def test_given_two_managers_when_they_reinstate_at_once_then_points_come_back_once(
    session_factory: sessionmaker[Session],
) -> None:
    with session_factory() as db:
        shop = make_points_shop(db)
        card = make_points_card(db, shop)
        expire(db, LATER)
        card_id, merchant_id = card.id, shop.merchant_id
    start = threading.Barrier(8)

    def reinstate(_n: int) -> bool:
        with session_factory() as db:
            start.wait(timeout=30)
            try:
                points_expiry.reinstate_points(
                    db, card_id=card_id, reason="was ill", now=LATER,
                    caller=Caller(merchant_id, is_manager=True),
                )  # fmt: skip
            except NothingToReinstate:
                return False
            return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(reinstate, range(8))) == 1
    with session_factory() as db:
        balance = db.execute(
            select(LoyaltyCard.points_balance).where(
                LoyaltyCard.merchant_id == merchant_id, LoyaltyCard.id == card_id
            )
        ).scalar_one()
        assert balance == 50
