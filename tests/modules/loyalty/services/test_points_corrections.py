"""Undoing and correcting points: who may, what it does to the books, and what stands in the way."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.core.errors import Forbidden, ValidationFailed
from app.modules.loyalty.errors import (
    AlreadyVoided,
    AmountTooLarge,
    InsufficientPoints,
    NotVoidable,
    StaffPinRequired,
    TransactionNotFound,
    VoidsDisabled,
    VoidWindowPassed,
)
from app.modules.loyalty.rules.bounds import MAXIMUM_BALANCE
from app.modules.loyalty.services import ledger_verify, points_service, stamp_service
from app.modules.loyalty.types import Draft, EntryType
from tests import reads
from tests.factories import NOW, make_pin, make_settings, post
from tests.modules.loyalty.services.points_desk import MANAGER_PIN, Desk, refused


@pytest.fixture
def desk(db: Session) -> Desk:
    return Desk(db)


def test_given_an_earning_when_voided_then_a_new_entry_points_at_it(desk: Desk) -> None:
    card = desk.card()
    booked = desk.earn(card, 2500, order_reference="ORD-1")
    undone = desk.void(booked["transaction_id"], idempotency_key="v")
    assert (undone["points_delta"], undone["points_balance"]) == (-250, 0)
    assert (undone["points_earned"], undone["points_redeemed"]) == (0, 0)
    earning, void = reads.entries_of(desk.db, card)[1:]
    assert (void.type, void.voids_id, void.order_reference) == (
        "points_voided",
        earning.id,
        "ORD-1",
    )
    assert (earning.points_delta, earning.amount_cents) == (250, 2500)
    assert desk.void(booked["transaction_id"], idempotency_key="v")["replayed"] is True
    assert list(ledger_verify.verify(desk.db, merchant_id=desk.merchant_id)) == []


def test_given_a_redemption_when_voided_then_what_it_took_comes_back(desk: Desk) -> None:
    card = desk.card(points=100)
    taken = desk.redeem(card, 60)
    assert desk.void(taken["transaction_id"])["points_balance"] == 100
    assert desk.ledger(card)[1:] == [("points_redeemed", -60, 40), ("points_voided", 60, 100)]


def test_given_a_purchase_worth_nothing_when_voided_then_its_order_is_free(desk: Desk) -> None:
    card = desk.card()
    booked = desk.earn(card, 9, order_reference="ORD-1")
    assert desk.void(booked["transaction_id"])["points_balance"] == 0
    assert desk.earn(card, 2500, order_reference="ORD-1")["points_balance"] == 250


def test_c30_given_spent_points_when_the_earning_is_voided_then_the_card_owes(desk: Desk) -> None:
    card = desk.card()
    booked = desk.earn(card, 2500)
    desk.redeem(card, 200)
    assert desk.void(booked["transaction_id"])["points_balance"] == -200
    refused(InsufficientPoints, desk.redeem, card, 1)
    assert desk.earn(card, 2100)["points_balance"] == 10
    assert desk.redeem(card, 10)["points_balance"] == 0


def test_given_a_void_or_a_bonus_when_voided_then_refused(desk: Desk) -> None:
    card = desk.card(points=10)
    booked = desk.earn(card, 2500)
    undone = desk.void(booked["transaction_id"])
    refused(AlreadyVoided, desk.void, booked["transaction_id"])
    refused(NotVoidable, desk.void, undone["transaction_id"])
    first, adjusted, *_ = reads.entries_of(desk.db, card)
    refused(NotVoidable, desk.void, first.id)
    refused(NotVoidable, desk.void, adjusted.id)


def test_given_an_entry_of_the_other_unit_when_voided_then_refused(desk: Desk) -> None:
    card = desk.card()
    points, stamps = desk.earn(card, 2500), desk.stamp(card)
    refused(NotVoidable, desk.void, stamps["transaction_id"])
    with pytest.raises(NotVoidable):
        stamp_service.void_stamp(
            desk.db, transaction_id=points["transaction_id"], reason="wrong_card",
            caller=desk.till, staff_pin=MANAGER_PIN, now=NOW,
        )  # fmt: skip
    assert desk.balances(card) == (1, 250)


def test_given_others_or_older_entries_when_voided_then_by_those_who_may(desk: Desk) -> None:
    make_pin(desk.db, merchant_id=desk.merchant_id, pin="8137", name="Ben")
    make_pin(desk.db, merchant_id=desk.merchant_id, pin="6153", name="Cleo", can_void=True)
    card = desk.card()
    booked = [desk.earn(card, 100)["transaction_id"] for _ in range(5)]
    tomorrow = NOW + timedelta(days=1)
    refused(Forbidden, desk.void, booked[0], staff_pin="8137")
    refused(Forbidden, desk.void, booked[0], now=tomorrow)
    desk.void(booked[0])
    desk.void(booked[1], staff_pin="6153")
    desk.void(booked[2], staff_pin=MANAGER_PIN, now=tomorrow)
    desk.void(booked[3], staff_pin=MANAGER_PIN, now=NOW + timedelta(days=30))
    late = refused(
        VoidWindowPassed, desk.void, booked[4], staff_pin=MANAGER_PIN, now=NOW + timedelta(days=31)
    )
    assert late.params == {"days": 30}
    assert desk.balances(card) == (0, 10)


def test_given_a_session_when_it_voids_what_others_did_then_the_pin_itself_is_asked(
    desk: Desk,
) -> None:
    card = desk.card()
    mine = desk.earn(card, 100, staff_pin=MANAGER_PIN)
    others = desk.earn(card, 100)
    by_session = {"staff_pin": None, "staff_session": mine["staff_session"]}
    refused(StaffPinRequired, desk.void, others["transaction_id"], **by_session)
    assert desk.void(mine["transaction_id"], **by_session)["points_balance"] == 10


def test_given_a_merchant_without_voids_when_voided_then_refused(desk: Desk) -> None:
    make_settings(desk.db, merchant_id=desk.merchant_id, allow_voids=False)
    booked = desk.earn(desk.card(), 2500)
    refused(VoidsDisabled, desk.void, booked["transaction_id"])


def test_given_an_entry_that_is_not_there_when_voided_then_it_is_not_found(
    desk: Desk, db: Session
) -> None:
    foreign = Desk(db)
    booked = foreign.earn(foreign.card(), 2500)
    refused(TransactionNotFound, desk.void, booked["transaction_id"])
    refused(TransactionNotFound, desk.void, 2**40)
    refused(Forbidden, desk.void, booked["transaction_id"], caller=None)


def test_given_a_part_refunded_order_when_voided_then_refused_and_the_rest_can_go_back(
    desk: Desk,
) -> None:
    card = desk.card()
    points = desk.earn(card, 2500, order_reference="ORD-1")
    desk.refund("ORD-1", "R-1", 1)
    refused(NotVoidable, desk.void, points["transaction_id"])
    desk.refund("ORD-1", "R-2")
    assert desk.balances(card) == (0, 0)
    refused(NotVoidable, desk.void, points["transaction_id"])
    [refund, _] = reads.entries_of(desk.db, card)[2:]
    refused(NotVoidable, desk.void, refund.id)


def test_given_an_owner_when_correcting_then_up_and_down_with_the_reason(desk: Desk) -> None:
    card = desk.card()
    assert desk.adjust(card, 40, idempotency_key="a")["points_balance"] == 40
    assert desk.adjust(card, 40, idempotency_key="a")["replayed"] is True
    assert desk.adjust(card, -40)["points_balance"] == 0
    refusal = refused(InsufficientPoints, desk.adjust, card, -1)
    assert refusal.params == {"balance": 0, "needed": 1}
    refused(Forbidden, desk.adjust, card, 1, caller=desk.till)
    refused(ValidationFailed, desk.adjust, card, 0)
    assert desk.ledger(card) == [("points_adjusted", 40, 40), ("points_adjusted", -40, 0)]


def test_c70_given_a_card_that_holds_nearly_everything_when_more_comes_then_refused(
    desk: Desk,
) -> None:
    card = desk.card()
    post(desk.db, card, [Draft(EntryType.IMPORTED, points_delta=MAXIMUM_BALANCE - 249)])
    refusal = refused(AmountTooLarge, desk.earn, card, 2500)
    assert refusal.params == {"maximum": MAXIMUM_BALANCE}
    refused(AmountTooLarge, desk.adjust, card, 250)
    with pytest.raises(AmountTooLarge):
        points_service.preview_points(
            desk.db, caller=desk.till, card_id=card.id, purchase_amount_cents=2500, now=NOW
        )
    assert desk.earn(card, 2490)["points_balance"] == MAXIMUM_BALANCE
    assert desk.balances(card) == (0, MAXIMUM_BALANCE)


def test_c70_given_a_balance_beyond_32_bits_when_earning_then_it_counts_on(desk: Desk) -> None:
    card = desk.card()
    post(desk.db, card, [Draft(EntryType.IMPORTED, points_delta=2_147_483_600)])
    assert desk.earn(card, 2500)["points_balance"] == 2_147_483_850
