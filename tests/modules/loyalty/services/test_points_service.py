"""Points at the counter: the ledger's lines and the answer, on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.core.errors import AppError, ValidationFailed
from app.modules.loyalty.errors import (
    BelowMinimumPurchase,
    CardInactive,
    CardNotFound,
    CrossStoreRedemptionDisabled,
    IdempotencyKeyReused,
    InsufficientPoints,
    InvalidStaffPin,
    OwnCard,
    ProgramInactive,
    ProgramTypeMismatch,
    RewardNotFound,
    StaffPinRequired,
)
from app.modules.loyalty.models import LoyaltyReward, StaffPin
from app.modules.loyalty.schemas.program import ProgramUpdate
from app.modules.loyalty.services import (
    card_service,
    ledger_verify,
    points_service,
    program_service,
)
from app.modules.loyalty.types import Caller
from tests import factories, reads
from tests.factories import NOW, make_merchant, make_settings, make_store
from tests.modules.loyalty.services.points_desk import Desk, refused


@pytest.fixture
def desk(db: Session) -> Desk:
    return Desk(db)


def make_reward(db: Session, merchant_id: int, cost: int, **columns: Any) -> int:
    row = LoyaltyReward(
        merchant_id=merchant_id, name="A loaf of bread", cost_points=cost, created_at=NOW, **columns
    )
    return factories.save(db, row).id


def test_given_a_purchase_when_booked_then_entry_card_and_answer_agree(desk: Desk) -> None:
    card = desk.card()
    answer = desk.earn(card, 2599, order_reference="ORD-12345")
    assert (answer["points_earned"], answer["points_balance"]) == (259, 259)
    assert (answer["points_delta"], answer["points_redeemed"]) == (259, 0)
    assert answer["duplicate"] is answer["replayed"] is False
    assert answer["staff_name"] == "Ana"
    assert answer["points_expire_on"] is None
    assert desk.balances(card) == (0, 259)
    [entry] = reads.entries_of(desk.db, card)[1:]
    assert entry.id == answer["transaction_id"]
    assert (entry.type, entry.points_delta, entry.points_after) == ("points_earned", 259, 259)
    assert (entry.amount_cents, entry.currency) == (2599, "EUR")
    assert (entry.order_reference, entry.actor_kind) == ("ORD-12345", "pin")
    assert (entry.stamps_delta, entry.stamps_after) == (0, 0)
    assert list(ledger_verify.verify(desk.db, merchant_id=desk.merchant_id)) == []


def test_given_a_purchase_worth_nothing_when_booked_then_the_ledger_says_so(desk: Desk) -> None:
    card = desk.card()
    assert desk.earn(card, 9)["points_earned"] == 0
    assert desk.earn(card, 0)["points_earned"] == 0
    assert [entry.amount_cents for entry in reads.entries_of(desk.db, card)[1:]] == [9, 0]
    assert desk.ledger(card) == [("points_earned", 0, 0)] * 2


def test_given_any_purchase_when_previewed_then_what_would_be_booked_and_nothing_written(
    desk: Desk,
) -> None:
    card = desk.card(points=100)
    asked = {"caller": desk.till, "card_number": card.card_number, "now": NOW}
    shown = points_service.preview_points(desk.db, purchase_amount_cents=2599, **asked)  # type: ignore[arg-type]
    assert shown == {"points_earned": 259, "points_balance": 359}
    assert desk.balances(card) == (0, 100)
    with pytest.raises(CardNotFound):
        points_service.preview_points(
            desk.db, caller=Caller(make_merchant(desk.db).id), card_id=card.id,
            purchase_amount_cents=100, now=NOW,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("currency", "amount", "points", "expected"),
    [("JPY", 1250, 10, 12_500), ("KWD", 12_599, 10, 125), ("EUR", 1250, 10, 125)],
)
def test_given_the_merchants_currency_when_earning_then_its_decimals_count(
    db: Session, currency: str, amount: int, points: int, expected: int
) -> None:
    desk = Desk(db, merchant=make_merchant(db, currency=currency), points_per_euro=points)
    card = desk.card()
    assert desk.earn(card, amount)["points_earned"] == expected
    assert reads.entries_of(db, card)[-1].currency == currency


@pytest.mark.parametrize("amount", [-1, -(2**63)])
def test_c70_given_a_negative_purchase_when_booked_then_the_field_is_refused(
    desk: Desk, amount: int
) -> None:
    card = desk.card()
    fault = refused(ValidationFailed, desk.earn, card, amount)
    assert isinstance(fault, ValidationFailed)
    assert [error.loc for error in fault.errors] == [("purchase_amount_cents",)]
    assert desk.ledger(card) == []


def test_given_a_used_key_when_asked_again_then_the_first_answer_whatever_came_since(
    desk: Desk,
) -> None:
    card = desk.card()
    first = desk.earn(card, 2500, idempotency_key="till-7-1")
    desk.redeem(card, 50)
    again = desk.earn(card, 2500, idempotency_key="till-7-1", staff_pin=None)
    assert again["replayed"] is True
    assert again["points_balance"] == first["points_balance"] == 250
    assert again["transaction_id"] == first["transaction_id"]
    assert again["staff_name"] == "Ana"
    refused(IdempotencyKeyReused, desk.earn, card, 2501, idempotency_key="till-7-1")
    refused(IdempotencyKeyReused, desk.redeem, card, 50, idempotency_key="till-7-1")
    assert desk.balances(card) == (0, 200)


def test_given_no_pin_or_a_wrong_one_when_earning_or_redeeming_then_refused(desk: Desk) -> None:
    card = desk.card(points=100)
    refused(StaffPinRequired, desk.earn, card, 2500, staff_pin=None)
    refused(StaffPinRequired, desk.redeem, card, 50, staff_pin=None)
    refused(InvalidStaffPin, desk.earn, card, 2500, staff_pin="9174")
    assert desk.balances(card) == (0, 100)


def test_given_staffs_own_card_when_earning_or_redeeming_then_refused(desk: Desk) -> None:
    card = desk.card(points=100)
    desk.change(desk.cashier, own_card_id=card.id)
    refused(OwnCard, desk.earn, card, 2500)
    refused(OwnCard, desk.redeem, card, 50)
    assert desk.balances(card) == (0, 100)


def test_given_a_reward_when_redeemed_then_its_price_its_name_and_its_id(desk: Desk) -> None:
    reward_id = make_reward(desk.db, desk.merchant_id, 150)
    card = desk.card(points=150)
    answer = desk.redeem(card, reward_id=reward_id, idempotency_key="r")
    assert (answer["points_redeemed"], answer["points_balance"]) == (150, 0)
    assert answer["reward_description"] == "A loaf of bread"
    assert reads.entries_of(desk.db, card)[-1].reward_id == reward_id
    refusal = refused(InsufficientPoints, desk.redeem, card, reward_id=reward_id)
    assert refusal.params == {"balance": 0, "needed": 150}
    assert desk.redeem(card, reward_id=reward_id, idempotency_key="r")["replayed"] is True


@pytest.mark.parametrize("columns", [{"is_active": False}, {"deleted_at": NOW}])
def test_given_a_reward_that_is_no_longer_given_when_redeemed_then_it_does_not_exist(
    desk: Desk, columns: dict[str, Any]
) -> None:
    reward_id = make_reward(desk.db, desk.merchant_id, 10, **columns)
    card = desk.card(points=100)
    refused(RewardNotFound, desk.redeem, card, reward_id=reward_id)
    refused(RewardNotFound, desk.redeem, card, reward_id=2**40)
    assert desk.balances(card) == (0, 100)


def test_given_another_merchants_reward_when_redeemed_then_it_does_not_exist(
    desk: Desk, db: Session
) -> None:
    foreign = make_reward(db, Desk(db).merchant_id, 10)
    refused(RewardNotFound, desk.redeem, desk.card(points=100), reward_id=foreign)


def test_given_neither_or_both_when_redeeming_then_the_field_is_refused(desk: Desk) -> None:
    card = desk.card(points=100)
    reward_id = make_reward(desk.db, desk.merchant_id, 10)
    refused(ValidationFailed, desk.redeem, card)
    refused(ValidationFailed, desk.redeem, card, 10, reward_id=reward_id)
    refused(ValidationFailed, desk.redeem, card, 0)
    assert desk.balances(card) == (0, 100)


def test_c24_given_two_stores_when_points_are_spent_in_both_then_from_one_balance(
    desk: Desk,
) -> None:
    second = desk.new_till(make_store(desk.db, merchant_id=desk.merchant_id).id)
    card = desk.card()
    desk.earn(card, 1060)
    assert desk.redeem(card, 50, caller=second)["points_balance"] == 56
    assert reads.entries_of(desk.db, card)[-1].store_id == second.store_id
    refusal = refused(InsufficientPoints, desk.redeem, card, 60)
    assert refusal.params == {"balance": 56, "needed": 60}
    assert desk.ledger(card)[1:] == [("points_redeemed", -50, 56)]


def test_c24_given_points_from_anywhere_when_spent_then_all_of_them_count(db: Session) -> None:
    desk = Desk(db, welcome_bonus_points=30)
    made = card_service.enroll(
        db, caller=desk.till, store_id=desk.shop.store.id, email="zoe@example.com", now=NOW
    )
    asked = {"card_id": made["card_id"], "caller": desk.office, "now": NOW}
    points_service.adjust_points(db, delta=20, reason="a present", **asked)  # type: ignore[arg-type]
    points_service.earn_points(db, purchase_amount_cents=500, staff_pin=factories.PIN, **asked)  # type: ignore[arg-type]
    left = points_service.redeem_points(db, points_to_redeem=100, staff_pin=factories.PIN, **asked)  # type: ignore[arg-type]
    assert left["points_balance"] == 0


def test_given_a_store_that_keeps_its_rewards_when_redeemed_elsewhere_then_refused(
    desk: Desk,
) -> None:
    make_settings(desk.db, merchant_id=desk.merchant_id, allow_cross_store_redemption=False)
    second = desk.new_till(make_store(desk.db, merchant_id=desk.merchant_id).id)
    card = desk.card(points=100)
    refused(CrossStoreRedemptionDisabled, desk.redeem, card, 50, caller=second)
    assert desk.redeem(card, 50)["points_balance"] == 50


def test_given_a_program_that_turns_to_stamps_when_used_then_points_are_spent_not_earned(
    desk: Desk,
) -> None:
    card = desk.card(points=100)
    desk.change(desk.shop.program, loyalty_type="stamps", revision=2)
    refused(ProgramTypeMismatch, desk.earn, card, 2500)
    assert desk.redeem(card, 40)["points_balance"] == 60


def test_given_a_program_that_is_off_when_used_then_points_are_spent_not_earned(
    desk: Desk,
) -> None:
    card = desk.card(points=100)
    program_service.update_program(
        desk.db, merchant_id=desk.merchant_id, data=ProgramUpdate(is_active=False), now=NOW
    )
    refused(ProgramInactive, desk.earn, card, 2500)
    assert desk.redeem(card, 40)["points_balance"] == 60


def test_given_a_suspended_card_when_used_then_refused(desk: Desk) -> None:
    card = desk.card(points=100)
    desk.change(card, status="suspended")
    refused(CardInactive, desk.earn, card, 2500)
    refused(CardInactive, desk.redeem, card, 40)
    with pytest.raises(CardInactive):
        points_service.preview_points(
            desk.db, caller=desk.till, card_id=card.id, purchase_amount_cents=1, now=NOW
        )


def test_given_a_least_purchase_when_below_then_refused_and_nothing_written(db: Session) -> None:
    desk = Desk(db, minimum_purchase_cents=500)
    card = desk.card()
    refusal = refused(BelowMinimumPurchase, desk.earn, card, 499)
    assert refusal.params == {"minimum": 500, "currency": "EUR"}
    assert desk.ledger(card) == []
    assert desk.earn(card, 500)["points_earned"] == 50


def test_given_points_that_run_out_when_earning_or_redeeming_then_they_live_on(
    db: Session,
) -> None:
    desk = Desk(db, points_expiration_days=30)
    card = desk.card()
    later = NOW + timedelta(days=20)
    first = desk.earn(card, 2500)["points_expire_on"]
    second = desk.redeem(card, 10, now=later)["points_expire_on"]
    assert first is not None
    assert second == first + timedelta(days=20)
    assert desk.adjust(card, 5, now=later + timedelta(days=5))["points_expire_on"] == second


def test_given_a_card_without_staff_when_it_first_earns_then_its_welcome_comes_first(
    db: Session,
) -> None:
    desk = Desk(db)
    card = desk.card(welcome_points_due=20, welcome_bonus_due=1)
    answer = desk.earn(card, 2500)
    assert (answer["points_earned"], answer["points_balance"]) == (250, 270)
    assert desk.ledger(card) == [("welcome_bonus", 20, 20), ("points_earned", 250, 270)]
    assert desk.balances(card) == (1, 270)
    assert desk.earn(card, 100)["points_balance"] == 280


def test_given_the_pins_row_when_a_terminal_serves_then_it_stands_in_the_entry(desk: Desk) -> None:
    card = desk.card()
    desk.earn(card, 100, notes="paid in cash", ip_address="192.0.2.7")
    [entry] = reads.entries_of(desk.db, card)[1:]
    [pin] = [
        row
        for row in reads.rows_of(desk.db, StaffPin, merchant_id=desk.merchant_id)
        if row.name == "Ana"
    ]
    assert (entry.actor_id, entry.terminal_id) == (pin.id, desk.till.terminal_id)


@pytest.mark.parametrize("length", [500, 501])
def test_given_long_notes_when_booked_then_both_databases_have_the_same_room(
    desk: Desk, length: int
) -> None:
    card = desk.card()
    if length == 500:
        assert desk.earn(card, 100, notes="x" * length)["points_earned"] == 10
        return
    fault: AppError = refused(ValidationFailed, desk.earn, card, 100, notes="x" * length)
    assert isinstance(fault, ValidationFailed)
    assert fault.errors[0].code == "string_too_long"
