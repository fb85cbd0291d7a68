"""Stamps as a shop gives them: through the service, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from app.core.errors import ValidationFailed
from app.modules.loyalty.errors import (
    CardNotFound,
    CardReplaced,
    DailyStampLimit,
    IdempotencyKeyReused,
    InsufficientStamps,
    OwnCard,
    StaffPinRequired,
    StampCooldown,
)
from app.modules.loyalty.models import CardCode
from app.modules.loyalty.services import stamp_service
from app.modules.tenancy.errors import MerchantSuspended
from tests.factories import (
    NOW,
    Shop,
    make_card,
    make_merchant,
    make_pin,
    make_settings,
    make_shop,
    make_store,
    save,
)
from tests.modules.loyalty.services.desk import stamp
from tests.reads import entries_of, ledger_of

LATER = NOW + timedelta(minutes=15)


@pytest.fixture
def shop(db: Session) -> Shop:
    shop = make_shop(db)
    make_pin(db, merchant_id=shop.merchant_id)
    return shop


def test_given_a_card_when_it_is_scanned_and_stamped_then_the_till_hears_what_it_needs(
    db: Session, shop: Shop
) -> None:
    # given
    card = make_card(db, shop=shop, stamps=8)
    # when
    result = stamp(db, card, ip_address="192.0.2.7")
    # then
    assert result["stamp_count"] == 9
    assert (result["stamps_until_reward"], result["rewards_available"]) == (1, 0)
    assert result["reward_earned"] is False
    assert result["next_stamp_available_at"] == LATER
    assert result["stamps_remaining_today"] == 4
    assert result["customer_name"].startswith("Zoé M")
    assert result["staff_name"]
    assert ledger_of(db, card)[-1] == ("stamp_earned", 1, 9)


def test_given_nine_of_ten_when_three_are_given_then_one_reward_and_two_more(
    db: Session, shop: Shop
) -> None:  # C32
    # given
    card = make_card(db, shop=shop, stamps=9)
    # when
    result = stamp(db, card, quantity=3)
    # then
    assert (result["stamp_count"], result["rewards_available"]) == (12, 1)
    assert (result["reward_earned"], result["stamps_until_reward"]) == (True, 8)
    assert ledger_of(db, card)[-1] == ("stamp_earned", 3, 12)


def test_given_four_stamps_today_when_three_more_are_asked_then_refused_whole(
    db: Session, shop: Shop
) -> None:  # C32
    # given
    card = make_card(db, shop=shop)
    stamp(db, card, quantity=4)
    before = ledger_of(db, card)
    # when
    with pytest.raises(DailyStampLimit) as refusal:
        stamp(db, card, quantity=3, now=LATER)
    # then
    assert refusal.value.params["remaining"] == 1
    assert ledger_of(db, card) == before
    assert stamp(db, card, quantity=1, now=LATER)["stamp_count"] == 5


@pytest.mark.parametrize("quantity", [0, -1])
def test_given_a_quantity_that_makes_no_sense_when_stamped_then_refused(
    db: Session, shop: Shop, quantity: int
) -> None:
    card = make_card(db, shop=shop)
    with pytest.raises(ValidationFailed):
        stamp(db, card, quantity=quantity)
    assert ledger_of(db, card) == []


def test_given_the_cooldown_when_a_second_early_then_refused_and_on_time_allowed(
    db: Session, shop: Shop
) -> None:
    # given
    card = make_card(db, shop=shop)
    stamp(db, card)
    # when
    with pytest.raises(StampCooldown) as refusal:
        stamp(db, card, now=LATER - timedelta(seconds=1))
    # then
    assert refusal.value.params["next_stamp_available_at"] == LATER
    assert stamp(db, card, now=LATER)["stamp_count"] == 2


def test_given_a_lost_answer_when_the_till_repeats_then_the_first_answer_even_in_the_cooldown(
    db: Session, shop: Shop
) -> None:
    # given
    card = make_card(db, shop=shop)
    first = stamp(db, card, idempotency_key="till-1")
    # when: without a PIN, since a replay asks for none
    again = stamp(db, card, idempotency_key="till-1", staff_pin=None)
    # then
    assert again["replayed"]
    told = ("staff_session", "staff_session_expires_at", "replayed")
    assert {k: v for k, v in again.items() if k not in told} == {
        k: v for k, v in first.items() if k not in told
    }
    assert len(ledger_of(db, card)) == 1


def test_given_a_used_key_when_another_quantity_is_asked_then_refused(
    db: Session, shop: Shop
) -> None:
    card = make_card(db, shop=shop)
    stamp(db, card, idempotency_key="till-1")
    with pytest.raises(IdempotencyKeyReused):
        stamp(db, card, idempotency_key="till-1", quantity=2, now=LATER)
    assert len(ledger_of(db, card)) == 1


def test_given_a_card_in_two_stores_when_days_differ_then_each_store_counts_its_own_day(
    db: Session, shop: Shop
) -> None:  # C34
    # given: the clocks go back on 25 October 2026, so the day has 25 hours
    card = make_card(db, shop=shop)
    morning = datetime(2026, 10, 25, 6, tzinfo=UTC)
    for n in range(5):
        stamp(db, card, now=morning + timedelta(minutes=15 * n))
    # when
    with pytest.raises(DailyStampLimit) as refusal:
        stamp(db, card, now=datetime(2026, 10, 25, 22, 30, tzinfo=UTC))
    # then
    assert refusal.value.params["resets_at"] == datetime(2026, 10, 25, 23, tzinfo=UTC)
    assert stamp(db, card, now=datetime(2026, 10, 25, 23, 5, tzinfo=UTC))["stamp_count"] == 6


def test_given_a_full_card_when_redeemed_then_target_is_taken_inside_the_cooldown(
    db: Session, shop: Shop
) -> None:
    # given
    card = make_card(db, shop=shop, stamps=9)
    stamp(db, card)
    # when
    result = stamp_service.redeem_stamps(db, card_id=card.id, **shop.at_counter(), now=NOW)
    # then
    assert (result["stamp_count"], result["rewards_available"]) == (0, 0)
    assert result["reward_description"] == "A coffee"
    with pytest.raises(InsufficientStamps) as refusal:
        stamp_service.redeem_stamps(db, card_id=card.id, **shop.at_counter(), now=NOW)
    assert refusal.value.params == {"balance": 0, "needed": 10}


def test_given_a_redeemed_reward_when_undone_step_by_step_then_the_next_count_is_right(
    db: Session,
) -> None:  # C35
    # given
    shop = make_shop(db, stamps_target=4)
    make_pin(db, merchant_id=shop.merchant_id)
    card = make_card(db, shop=shop)
    at = NOW
    for _ in range(4):
        given = stamp(db, card, now=at)
        at += timedelta(minutes=15)
    redeemed = stamp_service.redeem_stamps(db, card_id=card.id, **shop.at_counter(), now=at)
    # when
    for entry in (redeemed, given):
        stamp_service.void_stamp(
            db,
            transaction_id=entry["transaction_id"],
            reason="wrong card",
            **shop.at_counter(),
            now=at,
        )
    last = stamp(db, card, now=at)
    taken = stamp_service.redeem_stamps(db, card_id=card.id, **shop.at_counter(), now=at)
    # then
    counts = [after for _type, _delta, after in ledger_of(db, card)]
    assert counts == [1, 2, 3, 4, 0, 4, 3, 4, 0]
    assert last["reward_earned"]
    assert last["stamps_remaining_today"] == 1
    assert taken["stamp_count"] == 0


def test_given_staff_with_an_own_card_when_they_stamp_it_then_refused(db: Session) -> None:
    # given
    shop = make_shop(db)
    card = make_card(db, shop=shop)
    make_pin(db, merchant_id=shop.merchant_id, own_card_id=card.id)
    # when, then
    with pytest.raises(OwnCard):
        stamp(db, card)
    assert stamp(db, make_card(db, shop=shop))["stamp_count"] == 1


def test_given_a_pin_of_one_store_when_no_store_is_named_then_the_stamp_happens_there(
    db: Session, shop: Shop
) -> None:
    # given
    gare = make_store(db, merchant_id=shop.merchant_id)
    make_pin(db, merchant_id=shop.merchant_id, pin="6153", store_id=gare.id)
    card = make_card(db, shop=shop)
    # when
    stamp(db, card, staff_pin="6153")
    # then
    assert entries_of(db, card)[-1].store_id == gare.id


def test_given_a_program_without_pins_when_stamped_then_nobody_is_asked(db: Session) -> None:
    shop = make_shop(db, require_staff_pin=False)
    result = stamp(db, make_card(db, shop=shop), staff_pin=None)
    assert (result["staff_name"], result["staff_session"]) == (None, None)


def test_given_a_platform_that_requires_pins_when_the_program_does_not_then_a_pin_is_asked(
    db: Session,
) -> None:
    shop = make_shop(db, require_staff_pin=False)
    make_settings(db, merchant_id=shop.merchant_id, staff_pin_policy="required")
    with pytest.raises(StaffPinRequired):
        stamp(db, make_card(db, shop=shop), staff_pin=None)


@pytest.mark.parametrize("status", ["suspended", "closed"])
def test_given_a_merchant_that_may_not_trade_when_stamped_then_refused(
    db: Session, status: str
) -> None:
    merchant = make_merchant(db, status=status)
    shop = make_shop(db, merchant=merchant)
    card = make_card(db, shop=shop)
    with pytest.raises(MerchantSuspended):
        stamp(db, card)
    assert ledger_of(db, card) == []


def test_given_old_codes_when_scanned_then_replaced_ones_say_so_and_merged_ones_lead_on(
    db: Session, shop: Shop
) -> None:
    # given
    card = make_card(db, shop=shop)
    for code, state in (("000000000017", "replaced"), ("LOYAL-42", "imported")):
        save(
            db,
            CardCode(
                merchant_id=shop.merchant_id, kind="number", code=code, card_id=card.id, state=state
            ),
        )
    # when, then
    with pytest.raises(CardReplaced):
        stamp(db, card, qr_code=None, card_number="000000000017")
    assert stamp(db, card, qr_code="loyal-42")["card_id"] == card.id


def test_given_a_number_nobody_has_when_typed_then_not_found_tells_whether_it_was_mistyped(
    db: Session, shop: Shop
) -> None:
    card = make_card(db, shop=shop)
    wrong = card.card_number[:-1] + str((int(card.card_number[-1]) + 1) % 10)
    with pytest.raises(CardNotFound) as refusal:
        stamp(db, card, qr_code=None, card_number=wrong)
    assert refusal.value.params == {"mistyped": True}


def test_given_a_promised_welcome_bonus_when_first_served_then_it_is_paid_out_once(
    db: Session, shop: Shop
) -> None:
    # given
    card = make_card(db, shop=shop, welcome_bonus_due=2)
    # when
    first = stamp(db, card)
    second = stamp(db, card, now=LATER)
    # then
    assert (first["stamp_count"], second["stamp_count"]) == (3, 4)
    assert [kind for kind, _delta, _after in ledger_of(db, card)] == [
        "welcome_bonus",
        "stamp_earned",
        "stamp_earned",
    ]
    assert second["stamps_remaining_today"] == 3
