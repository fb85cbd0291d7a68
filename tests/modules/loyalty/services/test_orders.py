"""An order earns once: for one card and one amount, in one store, for each unit."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.core.errors import ValidationFailed
from app.modules.loyalty.errors import OrderAlreadyEarned, OrderReferenceRequired, StaffPinRequired
from app.modules.loyalty.services import stamp_service
from tests.factories import NOW, make_settings, make_store
from tests.modules.loyalty.services.points_desk import Desk, at, refused


@pytest.fixture
def desk(db: Session) -> Desk:
    return Desk(db)


def test_c25_given_a_lost_answer_when_the_order_comes_again_then_the_first_one(desk: Desk) -> None:
    card = desk.card()
    first = desk.earn(card, 2500, order_reference="ORD-12345")
    desk.redeem(card, 50)
    other_till = desk.new_till(desk.shop.store.id)
    again = desk.earn(card, 2500, order_reference=" ORD-12345 ", caller=other_till)
    assert (again["duplicate"], again["replayed"]) == (True, False)
    assert again["transaction_id"] == first["transaction_id"]
    assert (again["points_earned"], again["points_balance"]) == (250, 250)
    assert desk.ledger(card) == [("points_earned", 250, 250), ("points_redeemed", -50, 200)]
    assert len(desk.awards()) == 1


def test_c25_given_an_order_when_another_amount_or_card_comes_then_refused(desk: Desk) -> None:
    card, other = desk.card(), desk.card()
    desk.earn(card, 2500, order_reference="ORD-12345")
    refused(OrderAlreadyEarned, desk.earn, card, 9900, order_reference="ORD-12345")
    refused(OrderAlreadyEarned, desk.earn, other, 2500, order_reference="ORD-12345")
    assert (desk.balances(card), desk.balances(other)) == ((0, 250), (0, 0))


def test_given_an_order_when_it_comes_again_without_a_pin_then_nobody_is_told(desk: Desk) -> None:
    card = desk.card()
    desk.earn(card, 2500, order_reference="ORD-12345")
    refused(StaffPinRequired, desk.earn, card, 2500, order_reference="ORD-12345", staff_pin=None)


def test_given_capitals_when_a_reference_differs_in_them_then_it_is_another(desk: Desk) -> None:
    card = desk.card()
    desk.earn(card, 100, order_reference="ord-1")
    assert desk.earn(card, 100, order_reference="ORD-1")["duplicate"] is False
    assert desk.balances(card) == (0, 20)


def test_c25_given_another_merchant_or_store_when_the_reference_is_the_same_then_independent(
    desk: Desk, db: Session
) -> None:
    card = desk.card()
    second = desk.new_till(make_store(db, merchant_id=desk.merchant_id).id)
    foreign = Desk(db)
    stranger = foreign.card()
    desk.earn(card, 2500, order_reference="1")
    assert desk.earn(card, 2500, order_reference="1", caller=second)["duplicate"] is False
    assert foreign.earn(stranger, 9900, order_reference="1")["points_balance"] == 990
    assert desk.balances(card) == (0, 500)


def test_given_a_hybrid_purchase_when_both_are_earned_then_under_one_reference(desk: Desk) -> None:
    card = desk.card()
    desk.earn(card, 2500, order_reference="ORD-1")
    stamped = desk.stamp(card, 2, order_reference="ORD-1")
    assert (stamped["duplicate"], stamped["points_balance"]) == (False, 250)
    assert desk.balances(card) == (2, 250)
    assert desk.stamp(card, 2, order_reference="ORD-1")["duplicate"] is True
    refused(OrderAlreadyEarned, desk.stamp, card, 1, order_reference="ORD-1")
    assert [(award.kind, award.basis, award.units) for award in desk.awards()] == [
        ("points", 2500, 250),
        ("stamps", 2, 2),
    ]


def test_given_a_cooldown_when_a_stamps_order_comes_again_then_the_first_answer(
    db: Session,
) -> None:
    desk = Desk(db, cooldown_minutes=15)
    card = desk.card()
    first = desk.stamp(card, order_reference="ORD-1")
    again = desk.stamp(card, order_reference="ORD-1")
    assert again["duplicate"] is True
    assert again["transaction_id"] == first["transaction_id"]
    assert desk.balances(card) == (1, 0)


def test_given_the_wrong_card_when_voided_then_the_order_is_free_for_the_right_one(
    desk: Desk,
) -> None:
    wrong, right = desk.card(), desk.card()
    booked = desk.earn(wrong, 2500, order_reference="ORD-1")
    stamped = desk.stamp(wrong, order_reference="ORD-1")
    desk.void(booked["transaction_id"])
    assert desk.earn(right, 2500, order_reference="ORD-1")["duplicate"] is False
    refused(OrderAlreadyEarned, desk.stamp, right, order_reference="ORD-1")
    stamp_service.void_stamp(
        desk.db, transaction_id=stamped["transaction_id"], reason="wrong_card",
        caller=desk.till, staff_pin="4826", now=NOW,
    )  # fmt: skip
    desk.stamp(right, order_reference="ORD-1")
    assert (desk.balances(wrong), desk.balances(right)) == ((0, 0), (1, 250))
    assert [award.is_voided for award in desk.awards()] == [True, True, False, False]


def test_given_references_that_restart_when_a_new_business_day_begins_then_free_again(
    desk: Desk,
) -> None:
    make_settings(desk.db, merchant_id=desk.merchant_id, order_references_restart_daily=True)
    card = desk.card()
    evening, midnight = at(22, 59), at(23, 0)
    desk.earn(card, 2500, order_reference="7", now=evening)
    refused(OrderAlreadyEarned, desk.earn, card, 100, order_reference="7", now=evening)
    assert desk.earn(card, 2500, order_reference="7", now=midnight)["duplicate"] is False
    assert desk.earn(card, 2500, order_reference="7", now=midnight)["duplicate"] is True
    assert desk.balances(card) == (0, 500)
    assert [award.period for award in desk.awards()] == ["2026-03-10", "2026-03-11"]


def test_given_references_that_stay_when_days_pass_then_the_order_has_still_earned(
    desk: Desk,
) -> None:
    card = desk.card()
    desk.earn(card, 2500, order_reference="7")
    later = NOW + timedelta(days=300)
    assert desk.earn(card, 2500, order_reference="7", now=later)["duplicate"] is True


def test_given_a_setting_that_changes_when_the_order_comes_again_then_it_has_earned(
    desk: Desk,
) -> None:
    card = desk.card()
    desk.earn(card, 2500, order_reference="7")
    make_settings(desk.db, merchant_id=desk.merchant_id, order_references_restart_daily=True)
    assert desk.earn(card, 2500, order_reference="7")["duplicate"] is True
    tomorrow = NOW + timedelta(days=1)
    assert desk.earn(card, 2500, order_reference="7", now=tomorrow)["duplicate"] is False


def test_given_a_merchant_who_demands_references_when_one_is_missing_then_refused(
    desk: Desk,
) -> None:
    make_settings(desk.db, merchant_id=desk.merchant_id, require_order_reference=True)
    card = desk.card()
    refused(OrderReferenceRequired, desk.earn, card, 2500)
    refused(OrderReferenceRequired, desk.stamp, card)
    assert desk.earn(card, 2500, order_reference="1")["points_earned"] == 250
    assert desk.stamp(card, order_reference="1")["stamp_count"] == 1


@pytest.mark.parametrize("reference", ["", " ", "a\nb", "x" * 65])
def test_given_no_real_reference_when_booked_then_refused(desk: Desk, reference: str) -> None:
    card = desk.card()
    refused(ValidationFailed, desk.earn, card, 100, order_reference=reference)
    refused(ValidationFailed, desk.stamp, card, order_reference=reference)
    assert desk.balances(card) == (0, 0)


def test_given_a_key_and_an_order_when_the_key_comes_again_then_the_key_counts(desk: Desk) -> None:
    card = desk.card()
    asked = {"order_reference": "ORD-1", "idempotency_key": "k"}
    desk.earn(card, 2500, **asked)
    assert desk.earn(card, 2500, **asked)["replayed"] is True
    assert desk.earn(card, 2500, order_reference="ORD-1", idempotency_key="k2")["duplicate"] is True
    assert desk.balances(card) == (0, 250)
