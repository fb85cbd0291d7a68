"""Points, orders and refunds, all at once: nothing is lost, doubled or given twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.modules.loyalty.errors import (
    AlreadyVoided,
    InsufficientPoints,
    NotVoidable,
    OrderAlreadyEarned,
    OrderNotFound,
    RefundExceedsOrder,
)
from app.modules.loyalty.models import LoyaltyCard, OrderRefund
from app.modules.loyalty.services import (
    ledger_verify,
    points_service,
    refund_service,
    stamp_service,
)
from app.modules.loyalty.types import Caller
from tests import reads
from tests.concurrency.together import ROUNDS, THREADS, Crowd, Work
from tests.factories import NOW, PIN, make_store
from tests.modules.loyalty.services.points_desk import Desk

PARALLEL = 8
# Enough to meet every order of two, without a minute of waiting.
FEW_ROUNDS = ROUNDS // 4


@pytest.fixture
def desk(db: Session) -> Desk:
    """A shop whose PIN this process has seen before, so that nobody waits for a hash."""
    desk = Desk(db)
    desk.stamp(desk.card())
    return desk


def earn(desk: Desk, card: LoyaltyCard, cents: int, order: str | None, **more: Any) -> Work:
    asked: dict[str, Any] = {"caller": desk.till, "staff_pin": PIN, "now": NOW} | more
    return lambda db: dict(
        points_service.earn_points(
            db, card_id=card.id, purchase_amount_cents=cents, order_reference=order, **asked
        )
    )


def redeem(desk: Desk, card: LoyaltyCard, points: int, caller: Caller) -> Work:
    return lambda db: dict(
        points_service.redeem_points(
            db, card_id=card.id, points_to_redeem=points, caller=caller, staff_pin=PIN, now=NOW
        )
    )


def refund(desk: Desk, order: str, reference: str, cents: int | None = None) -> Work:
    return lambda db: dict(
        refund_service.refund_order(
            db, order_reference=order, refund_reference=reference, amount_cents=cents,
            caller=desk.till, staff_pin=PIN, now=NOW,
        )
    )  # fmt: skip


def void(desk: Desk, transaction_id: int, **more: Any) -> Work:
    asked: dict[str, Any] = {"caller": desk.till, "staff_pin": PIN, "now": NOW} | more
    return lambda db: dict(
        points_service.void_points(db, transaction_id=transaction_id, reason="wrong_card", **asked)
    )


def check_books(desk: Desk) -> None:
    assert list(ledger_verify.verify(desk.db, merchant_id=desk.merchant_id)) == []


def test_c65_given_fifty_purchases_at_once_when_booked_then_all_of_them_count(
    desk: Desk, session_factory: sessionmaker[Session]
) -> None:
    card = desk.card()
    works = [earn(desk, card, 100, f"ORD-{n}") for n in range(50)]

    def do(work: Work) -> dict[str, Any]:
        with session_factory() as db:
            return work(db)

    with ThreadPoolExecutor(PARALLEL) as pool:
        answers = list(pool.map(do, works))
    assert desk.balances(card) == (0, 500)
    running = [after for _, _, after in desk.ledger(card)]
    assert running == list(range(10, 501, 10))
    assert sorted(answer["points_balance"] for answer in answers) == running
    assert not any(answer["duplicate"] for answer in answers)
    check_books(desk)


def test_c66_given_points_for_one_reward_when_twenty_redeem_in_two_stores_then_one_gets_it(
    desk: Desk, crowd: Crowd
) -> None:
    second = desk.new_till(make_store(desk.db, merchant_id=desk.merchant_id).id)
    for _ in range(FEW_ROUNDS):
        card = desk.card(points=100)
        works = [redeem(desk, card, 100, (desk.till, second)[n % 2]) for n in range(THREADS)]
        outcomes = crowd.do(works)
        assert len(outcomes.answers) == 1
        assert {type(refusal) for refusal in outcomes.refusals} == {InsufficientPoints}
        assert desk.ledger(card)[1:] == [("points_redeemed", -100, 0)]
    check_books(desk)


def test_given_one_order_when_sent_twenty_times_at_once_then_one_entry_and_one_answer(
    desk: Desk, crowd: Crowd
) -> None:
    for n in range(FEW_ROUNDS):
        card = desk.card()
        outcomes = crowd.do([earn(desk, card, 2500, f"ORD-{n}")] * THREADS)
        assert outcomes.refusals == []
        assert [answer["duplicate"] for answer in outcomes.answers].count(False) == 1
        assert len({answer["transaction_id"] for answer in outcomes.answers}) == 1
        assert {answer["points_balance"] for answer in outcomes.answers} == {250}
        assert desk.ledger(card) == [("points_earned", 250, 250)]
    check_books(desk)


def test_given_one_key_when_an_order_is_sent_twenty_times_at_once_then_replayed_and_no_duplicate(
    desk: Desk, crowd: Crowd
) -> None:
    for n in range(ROUNDS):
        card = desk.card()
        work = earn(desk, card, 2500, f"ORD-{n}", idempotency_key=f"tap-{n}")
        outcomes = crowd.do([work] * THREADS)
        assert outcomes.refusals == []
        assert len(outcomes.written) == 1
        assert not any(answer["duplicate"] for answer in outcomes.answers)
    check_books(desk)


def test_given_one_key_when_an_entry_is_voided_twenty_times_at_once_then_one_void_and_replays(
    desk: Desk, crowd: Crowd
) -> None:
    for n in range(ROUNDS):
        card = desk.card()
        booked = desk.earn(card, 2500)
        work = void(desk, booked["transaction_id"], idempotency_key=f"undo-{n}")
        outcomes = crowd.do([work] * THREADS)
        assert outcomes.refusals == []
        assert len(outcomes.written) == 1
        assert desk.balances(card) == (0, 0)
    check_books(desk)


def test_given_one_order_when_two_cards_claim_it_at_once_then_one_of_them_gets_it(
    desk: Desk, crowd: Crowd
) -> None:
    for n in range(FEW_ROUNDS):
        cards = [desk.card(), desk.card()]
        works = [earn(desk, cards[i % 2], 2500, f"ORD-{n}") for i in range(THREADS)]
        outcomes = crowd.do(works)
        winners = {answer["card_id"] for answer in outcomes.answers}
        assert len(winners) == 1
        assert [answer["duplicate"] for answer in outcomes.answers].count(False) == 1
        assert {type(refusal) for refusal in outcomes.refusals} == {OrderAlreadyEarned}
        assert sorted(desk.balances(card)[1] for card in cards) == [0, 250]
    check_books(desk)


@pytest.mark.parametrize(("cents", "left"), [(1000, 150), (None, 0)])
def test_given_one_refund_when_sent_twenty_times_at_once_then_it_counts_once(
    desk: Desk, crowd: Crowd, cents: int | None, left: int
) -> None:
    for n in range(FEW_ROUNDS):
        card = desk.card()
        desk.earn(card, 2500, order_reference=f"ORD-{n}")
        outcomes = crowd.do([refund(desk, f"ORD-{n}", f"R-{n}", cents)] * THREADS)
        assert outcomes.refusals == []
        assert len(outcomes.written) == 1
        assert desk.balances(card) == (0, left)
    check_books(desk)


def test_given_an_order_on_two_cards_when_parts_are_refunded_at_once_then_exactly_all_goes_back(
    desk: Desk, crowd: Crowd
) -> None:
    for n in range(FEW_ROUNDS):
        first, second = desk.card(), desk.card()
        desk.stamp(second, 2, order_reference=f"ORD-{n}")
        desk.earn(first, 100, order_reference=f"ORD-{n}")
        works = [refund(desk, f"ORD-{n}", f"R-{n}-{part}", 10) for part in range(THREADS)]
        outcomes = crowd.do(works)
        assert len(outcomes.answers) == 10
        assert {type(refusal) for refusal in outcomes.refusals} == {RefundExceedsOrder}
        assert sum(answer["points_taken_back"] for answer in outcomes.answers) == 10
        assert (desk.balances(first), desk.balances(second)) == ((0, 0), (0, 0))
    check_books(desk)


def test_given_a_void_and_refunds_at_once_when_done_then_points_go_back_once(
    desk: Desk, crowd: Crowd
) -> None:
    for n in range(FEW_ROUNDS):
        card = desk.card()
        booked = desk.earn(card, 2500, order_reference=f"ORD-{n}")
        works = [void(desk, booked["transaction_id"]), refund(desk, f"ORD-{n}", f"R-{n}")]
        outcomes = crowd.do(works * (THREADS // 2))
        assert desk.balances(card) == (0, 0)
        assert len(desk.ledger(card)) == 2
        kinds = {type(refusal) for refusal in outcomes.refusals}
        assert kinds in ({AlreadyVoided, OrderNotFound}, {NotVoidable})
    check_books(desk)


def test_given_one_refund_reference_when_two_orders_claim_it_at_once_then_one_gets_it(
    desk: Desk, crowd: Crowd
) -> None:
    for n in range(FEW_ROUNDS):
        cards = [desk.card(), desk.card()]
        for side, card in enumerate(cards):
            desk.earn(card, 2500, order_reference=f"ORD-{n}-{side}")
        works = [refund(desk, f"ORD-{n}-{i % 2}", f"R-{n}") for i in range(THREADS)]
        outcomes = crowd.do(works)
        assert len(outcomes.written) == 1
        assert {refusal.code for refusal in outcomes.refusals} == {"idempotency_key_reused"}
        assert sorted(desk.balances(card)[1] for card in cards) == [0, 250]
    assert reads.count_of(desk.db, OrderRefund, merchant_id=desk.merchant_id) == FEW_ROUNDS
    check_books(desk)


def test_given_purchases_stamps_and_refunds_of_one_card_at_once_when_done_then_all_count(
    desk: Desk, crowd: Crowd
) -> None:
    card = desk.card()
    for n in range(5):
        desk.earn(card, 1000, order_reference=f"OLD-{n}")
    asked = {"card_id": card.id, "caller": desk.till, "staff_pin": PIN, "now": NOW}
    works: list[Work] = [refund(desk, f"OLD-{n}", f"R-{n}") for n in range(5)]
    works += [earn(desk, card, 1000, f"NEW-{n}") for n in range(8)]
    works += [lambda db: dict(stamp_service.add_stamp(db, **asked)) for _ in range(7)]  # type: ignore[arg-type]
    outcomes = crowd.do(works)
    assert outcomes.refusals == []
    assert desk.balances(card) == (7, 800)
    check_books(desk)
