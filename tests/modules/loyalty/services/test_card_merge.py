"""Two cards become one: sums, codes, orders, people, and what may not be won by it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import ValidationFailed
from app.modules.loyalty.errors import (
    AmountTooLarge,
    CardInactive,
    CardNotFound,
    CardReplaced,
    DailyStampLimit,
    IdempotencyKeyReused,
    InsufficientPoints,
    StampCooldown,
)
from app.modules.loyalty.models import CardCode, LoyaltyCard, TransactionDetail
from app.modules.loyalty.rules.bounds import MAXIMUM_BALANCE
from app.modules.loyalty.services import (
    card_lists,
    card_merge,
    ledger_verify,
    points_service,
    stamp_service,
)
from app.modules.loyalty.services.ledger_entries import Actor
from app.modules.loyalty.types import ActorKind, Caller, Draft, EntryType
from app.modules.tenancy.models import AuditEntry
from tests import factories
from tests.factories import NOW, Shop, make_card, make_pin, make_shop, post
from tests.reads import card_now, entries_of, ledger_of, rows_of

MANAGER = Actor(ActorKind.USER, 7)


@pytest.fixture
def shop(db: Session) -> Shop:
    shop = make_shop(db, loyalty_type="hybrid", require_staff_pin=False)
    make_pin(db, merchant_id=shop.merchant_id)
    return shop


def merge(db: Session, survivor: LoyaltyCard, other: LoyaltyCard, **more: Any) -> card_merge.Merged:
    defaults: dict[str, Any] = {"reason": "Same person", "actor": MANAGER, "now": NOW}
    return card_merge.merge(
        db,
        merchant_id=survivor.merchant_id,
        survivor_card_id=survivor.id,
        other_card_id=other.id,
        **defaults | more,
    )


def points(db: Session, card: LoyaltyCard, delta: int) -> None:
    post(db, card, [Draft(EntryType.POINTS_ADJUSTED, points_delta=delta)])


def stamp(db: Session, shop: Shop, card: LoyaltyCard, **more: Any) -> Any:
    options: dict[str, Any] = {"card_id": card.id, "now": NOW} | more
    return stamp_service.add_stamp(db, caller=Caller(shop.merchant_id), **options)


def is_sound(db: Session, shop: Shop) -> bool:
    return list(ledger_verify.verify(db, merchant_id=shop.merchant_id)) == []


@pytest.mark.parametrize("survivor_is_older", [True, False])
def test_given_two_cards_when_merged_then_the_survivor_has_the_sums_and_the_other_nothing(
    db: Session, shop: Shop, survivor_is_older: bool
) -> None:
    one, two = make_card(db, shop=shop, stamps=9), make_card(db, shop=shop, stamps=3)
    points(db, one, 120)
    points(db, two, -20)
    survivor, other = (one, two) if survivor_is_older else (two, one)
    # when
    merged = merge(db, survivor, other)
    # then
    assert (merged["stamp_count"], merged["points_balance"]) == (12, 100)
    assert (merged["rewards_available"], merged["stamps_target"]) == (1, 10)
    kept, gone = card_now(db, survivor), card_now(db, other)
    assert (kept.stamp_count, kept.points_balance, kept.status) == (12, 100, "active")
    assert (gone.stamp_count, gone.points_balance, gone.status) == (0, 0, "merged")
    assert (gone.merged_into_id, gone.has_merged, kept.has_merged) == (survivor.id, False, True)
    given, taken = entries_of(db, other)[-1], entries_of(db, survivor)[-1]
    assert (given.type, taken.type) == ("cards_merged", "cards_merged")
    assert given.stamps_delta == -taken.stamps_delta
    assert given.points_delta == -taken.points_delta
    assert taken.related_id == given.id
    assert merged["transaction_id"] == taken.id
    assert is_sound(db, shop)


def test_given_debts_when_merged_then_they_are_settled_by_the_other_card(
    db: Session, shop: Shop
) -> None:
    survivor, other = make_card(db, shop=shop, stamps=4), make_card(db, shop=shop)
    post(db, other, [Draft(EntryType.STAMP_VOIDED, -6)])
    assert merge(db, survivor, other)["stamp_count"] == -2
    assert is_sound(db, shop)


def test_given_a_merge_when_the_preview_is_asked_then_it_says_the_same_and_writes_nothing(
    db: Session, shop: Shop
) -> None:
    survivor, other = make_card(db, shop=shop, stamps=9), make_card(db, shop=shop, stamps=3)
    preview: Any = card_merge.preview(
        db, merchant_id=shop.merchant_id, survivor_card_id=survivor.id, other_card_id=other.id,
        now=NOW,
    )  # fmt: skip
    assert len(entries_of(db, survivor)) == 2
    assert card_now(db, other).status == "active"
    merged: Any = merge(db, survivor, other)
    common = set(preview) & set(merged)
    assert len(common) == 5
    assert {name: preview[name] for name in common} == {name: merged[name] for name in common}
    assert (preview["survivor"]["stamp_count"], preview["other"]["stamp_count"]) == (9, 3)
    assert preview["other"]["card_number"] == other.card_number


def test_given_different_targets_when_merged_then_the_lower_counts_with_its_reward(
    db: Session, shop: Shop
) -> None:
    other = make_card(db, shop=shop, stamps=3, stamps_target=8, reward_description="A small coffee")
    survivor = make_card(db, shop=shop, stamps=4)
    merge(db, survivor, other)
    kept = card_now(db, survivor)
    assert (kept.stamps_target, kept.reward_description) == (8, "A small coffee")


def test_given_a_stamp_on_the_other_when_merged_then_cooldown_and_daily_limit_count_both(
    db: Session, shop: Shop
) -> None:
    survivor, other = make_card(db, shop=shop), make_card(db, shop=shop)
    stamp(db, shop, survivor, quantity=3, now=NOW - timedelta(hours=2))
    stamp(db, shop, other, now=NOW - timedelta(minutes=5))
    merge(db, survivor, other)
    # then
    with pytest.raises(StampCooldown) as refused:
        stamp(db, shop, survivor)
    assert refused.value.params["next_stamp_available_at"] == NOW + timedelta(minutes=10)
    later = NOW + timedelta(minutes=10)
    with pytest.raises(DailyStampLimit) as limited:
        stamp(db, shop, survivor, quantity=2, now=later)
    assert limited.value.params["remaining"] == 1
    assert stamp(db, shop, survivor, now=later)["stamp_count"] == 5


def test_given_a_merge_when_an_old_entry_is_voided_then_on_the_survivor_and_the_day_is_given_back(
    db: Session, shop: Shop
) -> None:
    survivor, other = make_card(db, shop=shop), make_card(db, shop=shop)
    entry_id = stamp(db, shop, other, quantity=5)["transaction_id"]
    merge(db, survivor, other)
    caller = Caller(shop.merchant_id, kind=ActorKind.USER, actor_id=7, is_manager=True)
    # when
    voided = stamp_service.void_stamp(
        db, transaction_id=entry_id, reason="wrong_card", caller=caller, now=NOW
    )
    # then
    assert (voided["card_id"], voided["stamp_count"]) == (survivor.id, 0)
    assert voided["stamps_remaining_today"] == 5
    assert card_now(db, survivor).total_stamps_earned == 0
    assert ledger_of(db, survivor)[-1] == ("stamp_voided", -5, 0)
    assert stamp(db, shop, survivor, quantity=5)["stamp_count"] == 5
    assert is_sound(db, shop)


def test_given_a_merged_card_when_its_codes_are_used_then_the_survivor_answers(
    db: Session, shop: Shop
) -> None:
    survivor, other = make_card(db, shop=shop, stamps=1), make_card(db, shop=shop, stamps=1)
    factories.save(
        db,
        CardCode(merchant_id=shop.merchant_id, kind="number", code="4711", card_id=other.id,
                 state="imported"),
    )  # fmt: skip
    stolen = CardCode(
        merchant_id=shop.merchant_id, kind="number", code="4712", card_id=other.id, state="replaced"
    )
    factories.save(db, stolen)
    merge(db, survivor, other)
    # then
    for code in (other.card_number, other.qr_code_data, "4711"):
        found = card_lists.lookup(db, merchant_id=shop.merchant_id, query=code, now=NOW)
        assert found["card_id"] == survivor.id, code
    assert stamp(db, shop, survivor, card_id=None, qr_code=other.qr_code_data)["stamp_count"] == 3
    with pytest.raises(CardReplaced):
        card_lists.lookup(db, merchant_id=shop.merchant_id, query="4712", now=NOW)


def test_given_a_card_that_took_others_over_when_it_is_merged_then_all_lead_to_the_last(
    db: Session, shop: Shop
) -> None:
    first, second, third = (make_card(db, shop=shop, stamps=n) for n in (1, 2, 3))
    entry_id = stamp(db, shop, first)["transaction_id"]
    merge(db, second, first)
    merge(db, third, second)
    assert card_now(db, first).merged_into_id == card_now(db, second).merged_into_id == third.id
    found = card_lists.lookup(db, merchant_id=shop.merchant_id, query=first.card_number, now=NOW)
    assert (found["card_id"], found["stamp_count"]) == (third.id, 7)
    assert found["stamps_remaining_today"] == 4
    caller = Caller(shop.merchant_id, kind=ActorKind.USER, actor_id=7, is_manager=True)
    voided = stamp_service.void_stamp(
        db, transaction_id=entry_id, reason="wrong_card", caller=caller, now=NOW
    )
    assert (voided["card_id"], voided["stamp_count"]) == (third.id, 6)
    assert is_sound(db, shop)


def test_given_an_order_on_the_other_when_sent_again_after_the_merge_then_its_first_answer(
    db: Session, shop: Shop
) -> None:
    survivor, other = make_card(db, shop=shop), make_card(db, shop=shop)
    purchase: dict[str, Any] = {
        "purchase_amount_cents": 2500, "order_reference": "ORD-1",
        "caller": Caller(shop.merchant_id), "now": NOW,
    }  # fmt: skip
    points_service.earn_points(db, card_id=other.id, **purchase)
    merge(db, survivor, other)
    again = points_service.earn_points(db, qr_code=other.qr_code_data, **purchase)
    assert (again["card_id"], again["duplicate"], again["points_earned"]) == (
        survivor.id, True, 250,
    )  # fmt: skip
    assert card_now(db, survivor).points_balance == 250


@pytest.mark.parametrize("which", ["survivor", "other"])
def test_given_a_suspended_card_when_merged_then_the_survivor_is_suspended_and_says_so(
    db: Session, shop: Shop, which: str
) -> None:
    status = {which: "suspended"}
    survivor = make_card(db, shop=shop, status=status.get("survivor", "active"))
    other = make_card(db, shop=shop, status=status.get("other", "active"))
    merge(db, survivor, other)
    assert card_now(db, survivor).status == "suspended"
    types = [entry.type for entry in entries_of(db, survivor)[1:]]
    assert types == (
        ["cards_merged"] if which == "survivor" else ["card_suspended", "cards_merged"]
    )
    with pytest.raises(CardInactive):
        stamp(db, shop, survivor)


@pytest.mark.parametrize("was_welcomed", [True, False])
def test_given_welcomes_that_are_due_when_merged_then_one_person_is_welcomed_once(
    db: Session, shop: Shop, was_welcomed: bool
) -> None:
    survivor = make_card(db, shop=shop, welcome_bonus_due=0 if was_welcomed else 2)
    other = make_card(db, shop=shop, welcome_bonus_due=2, welcome_points_due=50)
    if was_welcomed:
        post(db, survivor, [Draft(EntryType.WELCOME_BONUS, 2)])
    merge(db, survivor, other)
    kept = card_now(db, survivor)
    due = (kept.welcome_bonus_due, kept.welcome_points_due)
    assert due == ((0, 0) if was_welcomed else (2, 50))
    assert stamp(db, shop, survivor)["stamp_count"] == 3


def test_c24_given_points_of_a_merged_card_when_redeemed_then_all_of_them_are_taken(
    db: Session, shop: Shop
) -> None:
    survivor, other = make_card(db, shop=shop), make_card(db, shop=shop)
    points(db, survivor, 56)
    points(db, other, 50)
    db.expunge_all()
    merge(db, survivor, other)
    asked: dict[str, Any] = {
        "qr_code": other.qr_code_data, "caller": Caller(shop.merchant_id), "now": NOW,
    }  # fmt: skip
    assert points_service.redeem_points(db, points_to_redeem=106, **asked)["points_balance"] == 0
    with pytest.raises(InsufficientPoints):
        points_service.redeem_points(db, points_to_redeem=1, **asked)


def test_given_a_key_when_the_merge_is_sent_again_then_the_first_answer(
    db: Session, shop: Shop
) -> None:
    survivor, other = make_card(db, shop=shop, stamps=2), make_card(db, shop=shop, stamps=3)
    third = make_card(db, shop=shop)
    db.expunge_all()
    first = merge(db, survivor, other, idempotency_key="merge-1")
    again = merge(db, survivor, other, idempotency_key="merge-1", reason="Twice")
    assert again == {**first, "replayed": True}
    with pytest.raises(IdempotencyKeyReused):
        merge(db, survivor, third, idempotency_key="merge-1")
    assert card_now(db, third).status == "active"


def test_given_a_merge_that_cannot_be_when_asked_for_then_refused_and_nothing_is_written(
    db: Session, shop: Shop
) -> None:
    survivor, other = make_card(db, shop=shop, stamps=1), make_card(db, shop=shop, stamps=2)
    third, foreign = make_card(db, shop=shop), make_card(db)
    points(db, survivor, MAXIMUM_BALANCE)
    points(db, other, 1)
    db.expunge_all()
    with pytest.raises(ValidationFailed):
        merge(db, survivor, survivor)
    with pytest.raises(CardNotFound):
        merge(db, survivor, foreign)
    with pytest.raises(AmountTooLarge):
        merge(db, survivor, other)
    assert card_now(db, other).status == "active"
    points(db, other, -1)
    merge(db, survivor, other)
    for one, two in ((survivor, other), (other, third)):
        with pytest.raises(CardInactive):
            merge(db, one, two)
    assert card_now(db, third).stamp_count == 0


def test_given_a_merge_when_it_is_done_then_it_stands_in_the_audit_and_beside_the_ledger(
    db: Session, shop: Shop
) -> None:
    survivor, other = make_card(db, shop=shop, stamps=1), make_card(db, shop=shop, stamps=2)
    merged = merge(db, survivor, other, ip_address="192.0.2.1", request_id="r-1")
    (entry,) = rows_of(db, AuditEntry, merchant_id=shop.merchant_id)
    assert (entry.action, entry.subject) == ("cards_merged", f"card:{survivor.id}")
    assert (entry.actor_kind, entry.actor_id, entry.request_id) == ("user", 7, "r-1")
    assert entry.old == {"stamp_count": 1, "points_balance": 0}
    assert entry.new == {
        "stamp_count": 3, "points_balance": 0, "other_card_id": other.id, "reason": "Same person",
    }  # fmt: skip
    with Session(db.get_bind()) as fresh:
        notes = fresh.execute(
            select(TransactionDetail.notes).where(
                TransactionDetail.merchant_id == shop.merchant_id,
                TransactionDetail.transaction_id == merged["transaction_id"],
            )
        ).scalar_one()
    assert notes == "Same person"
