"""Refunds of orders: the books after each, whole and in parts, on one card and on two."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.core.errors import ValidationFailed
from app.modules.loyalty.errors import (
    IdempotencyKeyReused,
    InsufficientPoints,
    OrderNotFound,
    RefundExceedsOrder,
)
from app.modules.loyalty.models import IdempotencyRecord, OrderRefund
from app.modules.loyalty.services import ledger_verify, stamp_service
from app.modules.tenancy.errors import StoreRequired
from tests import reads
from tests.factories import NOW, PIN, make_settings, make_store
from tests.modules.loyalty.services.points_desk import MANAGER_PIN, Desk, at, refused


@pytest.fixture
def desk(db: Session) -> Desk:
    return Desk(db)


def test_c21_given_goods_that_come_back_when_repeated_five_times_then_no_free_points(
    desk: Desk,
) -> None:
    card = desk.card()
    for n in range(1, 6):
        desk.earn(card, 2500, order_reference=f"ORD-{n}")
        refund = desk.refund(f"ORD-{n}", f"R-{n}")
        assert (refund["refunded_cents"], refund["points_taken_back"]) == (2500, 250)
        assert desk.balances(card) == (0, 0)
        left = refused(RefundExceedsOrder, desk.refund, f"ORD-{n}", f"R-{n}-again")
        assert left.params == {"left": 0, "currency": "EUR"}
    entries = reads.entries_of(desk.db, card)[1:]
    for earned, taken in zip(entries[::2], entries[1::2], strict=True):
        assert (earned.type, earned.points_delta) == ("points_earned", 250)
        assert (taken.type, taken.points_delta) == ("points_refunded", -250)
        assert (taken.related_id, taken.voids_id) == (earned.id, None)
        assert (taken.amount_cents, taken.currency) == (2500, "EUR")
        assert taken.order_reference == earned.order_reference
        assert (taken.actor_kind, taken.actor_id) == ("pin", desk.cashier.id)
    assert list(ledger_verify.verify(desk.db, merchant_id=desk.merchant_id)) == []


def test_c23_given_parts_when_refunded_then_in_proportion_and_never_more_than_the_order(
    desk: Desk,
) -> None:
    card = desk.card()
    desk.earn(card, 2500, order_reference="ORD-12345")
    first = desk.refund("ORD-12345", "R-1", 1000)
    assert first["cards"] == [{"card_id": card.id, "stamp_count": 0, "points_balance": 150}]
    assert desk.refund("ORD-12345", "R-2", 1500)["cards"][0]["points_balance"] == 0
    refused(RefundExceedsOrder, desk.refund, "ORD-12345", "R-3", 1)
    [award] = desk.awards()
    assert (award.refunded_cents, award.taken_back) == (2500, 250)


def test_c23_given_odd_parts_when_refunded_then_the_end_is_exactly_nothing(desk: Desk) -> None:
    card = desk.card()
    desk.earn(card, 100, order_reference="ORD-1")
    for n, cents in enumerate((33, 33, 34)):
        desk.refund("ORD-1", f"R-{n}", cents)
    assert [delta for _, delta, _ in desk.ledger(card)] == [10, -4, -3, -3]
    assert desk.balances(card) == (0, 0)


def test_given_todays_rules_when_they_have_changed_then_the_order_goes_back_as_it_earned(
    desk: Desk,
) -> None:
    card = desk.card()
    desk.earn(card, 2500, order_reference="ORD-1")
    desk.change(desk.shop.program, points_per_euro=1, loyalty_type="stamps", revision=2)
    assert desk.refund("ORD-1", "R-1", 1000)["points_taken_back"] == 100
    desk.change(desk.shop.program, is_active=False, revision=3)
    assert desk.refund("ORD-1", "R-2")["points_taken_back"] == 150


def test_c30_given_spent_points_when_refunded_then_the_card_owes_and_earns_itself_free(
    desk: Desk,
) -> None:
    card = desk.card()
    desk.earn(card, 2500, order_reference="ORD-7")
    desk.redeem(card, 200)
    assert desk.refund("ORD-7", "R-1")["cards"][0]["points_balance"] == -200
    refusal = refused(InsufficientPoints, desk.redeem, card, 1)
    assert refusal.params == {"balance": -200, "needed": 1}
    desk.earn(card, 3000)
    assert desk.redeem(card, 100)["points_balance"] == 0


def test_given_the_same_refund_when_it_comes_again_then_the_first_answer(desk: Desk) -> None:
    card = desk.card()
    desk.earn(card, 2500, order_reference="ORD-1")
    first = desk.refund("ORD-1", "R-1", 1000, idempotency_key="k")
    desk.refund("ORD-1", "R-2", 500)
    for changes in ({"idempotency_key": "k"}, {}, {"staff_pin": None}, {"staff_pin": "9174"}):
        again = desk.refund(" ORD-1 ", "R-1 ", 1000, **changes)
        session = ("staff_session", "staff_session_expires_at")
        expected = {name: value for name, value in first.items() if name not in session}
        assert again == expected | {"replayed": True}
    assert desk.balances(card) == (0, 100)
    [record, _] = reads.rows_of(desk.db, OrderRefund, merchant_id=desk.merchant_id)
    assert set(record.facts) == {
        "refunded_cents", "currency", "points_taken_back", "stamps_taken_back", "cards",
        "transaction_ids", "staff_pin_id",
    }  # fmt: skip


def test_given_a_used_reference_or_key_when_it_comes_with_something_else_then_refused(
    desk: Desk,
) -> None:
    card = desk.card()
    for n in (1, 2):
        desk.earn(card, 2500, order_reference=f"ORD-{n}")
    desk.refund("ORD-1", "R-1", 1000, idempotency_key="k")
    reused: list[tuple[str, str, int | None, dict[str, Any]]] = [
        ("ORD-1", "R-1", 999, {}),
        ("ORD-1", "R-1", None, {}),
        ("ORD-2", "R-1", 1000, {}),
        ("ORD-1", "R-2", 1000, {"idempotency_key": "k"}),
    ]
    for order, refund, cents, changes in reused:
        refused(IdempotencyKeyReused, desk.refund, order, refund, cents, **changes)
    refused(IdempotencyKeyReused, desk.earn, card, 1, idempotency_key="k")
    booked = desk.earn(card, 100, idempotency_key="k2")
    assert booked["replayed"] is False
    refused(IdempotencyKeyReused, desk.refund, "ORD-1", "R-3", 1, idempotency_key="k2")
    assert desk.balances(card) == (0, 410)


def test_given_a_refusal_when_the_reference_comes_again_then_it_is_free(desk: Desk) -> None:
    desk.earn(desk.card(), 100, order_reference="ORD-1")
    refused(RefundExceedsOrder, desk.refund, "ORD-1", "R-1", 101, idempotency_key="k")
    assert desk.refund("ORD-1", "R-1", 100, idempotency_key="k")["points_taken_back"] == 10
    assert reads.count_of(desk.db, IdempotencyRecord, merchant_id=desk.merchant_id) == 1


def test_given_a_hybrid_order_when_refunded_in_parts_then_stamps_go_with_the_last_part(
    desk: Desk,
) -> None:
    card = desk.card()
    desk.earn(card, 2500, order_reference="ORD-1")
    desk.stamp(card, 3, order_reference="ORD-1")
    part = desk.refund("ORD-1", "R-1", 2499)
    assert (part["points_taken_back"], part["stamps_taken_back"]) == (250, 0)
    assert desk.balances(card) == (3, 0)
    last = desk.refund("ORD-1", "R-2", 1)
    assert (last["points_taken_back"], last["stamps_taken_back"]) == (0, 3)
    assert desk.balances(card) == (0, 0)
    assert reads.card_now(desk.db, card).total_stamps_earned == 0
    assert len(last["transaction_ids"]) == 2
    refund = reads.entries_of(desk.db, card)[-2:]
    assert {entry.id for entry in refund} == set(last["transaction_ids"])
    assert {entry.type for entry in refund} == {"stamp_refunded", "points_refunded"}


def test_given_an_order_on_two_cards_when_refunded_then_both_in_one_go(desk: Desk) -> None:
    first, second = desk.card(), desk.card()
    desk.earn(second, 2500, order_reference="ORD-1")
    desk.stamp(first, 2, order_reference="ORD-1")
    refund = desk.refund("ORD-1", "R-1")
    assert [card["card_id"] for card in refund["cards"]] == [first.id, second.id]
    assert (desk.balances(first), desk.balances(second)) == ((0, 0), (0, 0))
    assert len(refund["transaction_ids"]) == 2
    assert list(ledger_verify.verify(desk.db, merchant_id=desk.merchant_id)) == []


def test_given_an_order_of_stamps_when_refunded_in_part_then_only_noted_and_whole_takes_them(
    desk: Desk,
) -> None:
    card = desk.card()
    desk.stamp(card, 2, order_reference="ORD-1")
    part = desk.refund("ORD-1", "R-1", 150, idempotency_key="k")
    assert (part["refunded_cents"], part["stamps_taken_back"]) == (150, 0)
    assert (part["cards"], part["transaction_ids"]) == ([], [])
    assert desk.refund("ORD-1", "R-1", 150, idempotency_key="k")["replayed"] is True
    assert desk.balances(card) == (2, 0)
    whole = desk.refund("ORD-1", "R-2")
    assert (whole["refunded_cents"], whole["stamps_taken_back"]) == (None, 2)
    assert desk.balances(card) == (0, 0)
    refused(RefundExceedsOrder, desk.refund, "ORD-1", "R-3")


def test_given_stamps_that_were_redeemed_when_refunded_then_the_card_owes(desk: Desk) -> None:
    card = desk.card(stamps=8)
    desk.stamp(card, 2, order_reference="ORD-1")
    asked = {"card_id": card.id, "caller": desk.till, "staff_pin": PIN, "now": NOW}
    stamp_service.redeem_stamps(desk.db, **asked)  # type: ignore[arg-type]
    assert desk.refund("ORD-1", "R-1")["cards"][0]["stamp_count"] == -2


def test_given_refunded_stamps_when_the_next_come_then_day_and_cooldown_are_not_given_back(
    db: Session,
) -> None:
    desk = Desk(db, cooldown_minutes=15, max_daily_stamps=5)
    card = desk.card()
    given = desk.stamp(card, 5, order_reference="ORD-1")
    desk.refund("ORD-1", "R-1")
    stored = reads.card_now(db, card)
    assert stored.last_stamp_at == NOW
    assert given["stamps_remaining_today"] == 0
    lifted = desk.stamp(
        card, now=NOW + timedelta(minutes=15), override={"pin": MANAGER_PIN, "reason": "a test"}
    )
    assert reads.entries_of(db, card)[-1].overrides_limits is True
    assert lifted["stamps_remaining_today"] == 0


def test_given_an_unknown_voided_or_foreign_order_when_refunded_then_it_is_not_found(
    desk: Desk, db: Session
) -> None:
    card = desk.card()
    booked = desk.earn(card, 2500, order_reference="ORD-1")
    elsewhere = desk.new_till(make_store(db, merchant_id=desk.merchant_id).id)
    stranger = Desk(db)
    for ask in (
        lambda: desk.refund("ORD-2", "R-1"),
        lambda: desk.refund("ord-1", "R-1"),
        lambda: desk.refund("ORD-1", "R-1", caller=elsewhere),
        lambda: stranger.refund("ORD-1", "R-1"),
    ):
        refused(OrderNotFound, ask)
    desk.void(booked["transaction_id"])
    refused(OrderNotFound, desk.refund, "ORD-1", "R-1")
    assert reads.count_of(db, OrderRefund, merchant_id=desk.merchant_id) == 0


def test_given_a_voided_half_when_the_order_is_refunded_then_the_other_half_goes_back(
    desk: Desk,
) -> None:
    card = desk.card()
    points = desk.earn(card, 2500, order_reference="ORD-1")
    desk.stamp(card, 2, order_reference="ORD-1")
    desk.void(points["transaction_id"])
    refund = desk.refund("ORD-1", "R-1")
    assert (refund["points_taken_back"], refund["stamps_taken_back"]) == (0, 2)


def test_given_references_that_restart_when_refunded_then_the_newest_order_is_meant(
    desk: Desk,
) -> None:
    make_settings(desk.db, merchant_id=desk.merchant_id, order_references_restart_daily=True)
    old, new = desk.card(), desk.card()
    today, tomorrow = at(12), at(12, day=11)
    desk.earn(old, 2500, order_reference="7", now=today)
    desk.stamp(old, order_reference="7", now=today)
    desk.earn(new, 100, order_reference="7", now=tomorrow)
    refund = desk.refund("7", "R-1", now=tomorrow)
    assert [card["card_id"] for card in refund["cards"]] == [new.id]
    assert desk.balances(old) == (1, 250)


def test_given_another_merchants_refund_reference_when_used_then_independent(
    desk: Desk, db: Session
) -> None:
    other = Desk(db)
    for shop in (desk, other):
        shop.earn(shop.card(), 2500, order_reference="ORD-1")
    assert desk.refund("ORD-1", "R-1")["points_taken_back"] == 250
    assert other.refund("ORD-1", "R-1", 1000)["points_taken_back"] == 100


def test_given_a_purchase_worth_nothing_when_refunded_then_it_is_noted_on_the_card(
    desk: Desk,
) -> None:
    card = desk.card()
    desk.earn(card, 9, order_reference="ORD-1")
    refund = desk.refund("ORD-1", "R-1", 4)
    assert (refund["points_taken_back"], len(refund["transaction_ids"])) == (0, 1)
    assert desk.ledger(card) == [("points_earned", 0, 0), ("points_refunded", 0, 0)]
    refused(RefundExceedsOrder, desk.refund, "ORD-1", "R-2", 6)


@pytest.mark.parametrize(
    ("order", "refund", "cents", "field"),
    [
        ("", "R-1", None, "order_reference"),
        ("ORD-1", " ", None, "refund_reference"),
        ("ORD-1", "x" * 65, None, "refund_reference"),
        ("ORD-1", "R-1", 0, "amount_cents"),
        ("ORD-1", "R-1", -1, "amount_cents"),
    ],
)
def test_given_a_senseless_refund_when_asked_for_then_the_field_is_named(
    desk: Desk, order: str, refund: str, cents: int | None, field: str
) -> None:
    fault = refused(ValidationFailed, desk.refund, order, refund, cents)
    assert isinstance(fault, ValidationFailed)
    assert [error.loc for error in fault.errors] == [(field,)]


def test_c70_given_an_immense_refund_when_asked_for_then_it_exceeds_the_order(desk: Desk) -> None:
    desk.earn(desk.card(), 2500, order_reference="ORD-1")
    for cents in (2**31 - 1, 2**63 - 1):
        refused(RefundExceedsOrder, desk.refund, "ORD-1", "R-1", cents)


def test_given_no_store_when_refunding_then_it_has_to_be_named(desk: Desk) -> None:
    nowhere = replace(desk.till, store_id=None)
    refused(StoreRequired, desk.refund, "ORD-1", "R-1", caller=nowhere)
    desk.earn(desk.card(), 100, order_reference="ORD-1")
    named = desk.refund("ORD-1", "R-1", caller=nowhere, store_id=desk.shop.store.id)
    assert named["points_taken_back"] == 10
