"""The points catalogue, and that every change of it counts as one of the program."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.modules.loyalty.errors import ProgramNotFound, QuotaExceeded, RewardNotFound
from app.modules.loyalty.models import LoyaltyProgram, LoyaltyReward
from app.modules.loyalty.schemas.rewards import RewardCreate, RewardUpdate
from app.modules.loyalty.services import (
    card_views,
    own_card,
    points_service,
    program_service,
    reward_service,
)
from app.modules.loyalty.types import ActorKind, Caller
from app.modules.tenancy.models import AuditEntry
from tests import factories, reads
from tests.factories import NOW, Shop


@pytest.fixture
def shop(db: Session) -> Shop:
    return factories.make_shop(db, loyalty_type="points")


def add(db: Session, shop: Shop, name: str = "Loaf of bread", **columns: Any) -> LoyaltyReward:
    sent: dict[str, Any] = {"name": name, "cost_points": 600} | columns
    data = RewardCreate(**sent)
    return reward_service.create_reward(db, merchant_id=shop.merchant_id, data=data)


def revision_of(db: Session, shop: Shop) -> int:
    [program] = reads.rows_of(db, LoyaltyProgram, merchant_id=shop.merchant_id)
    revision: int = program.revision
    return revision


def test_given_rewards_when_listed_then_what_can_be_had_first_and_the_cheapest_first(
    db: Session, shop: Shop
) -> None:
    for name, cost, is_active in (
        ("Tart", 1500, True), ("Old cake", 10, False), ("Roll", 50, True), ("Bread", 600, True),
    ):  # fmt: skip
        add(db, shop, name, cost_points=cost, is_active=is_active)
    add(db, factories.make_shop(db), "Foreign")

    def names(**options: bool) -> list[str]:
        listed = reward_service.list_rewards(db, merchant_id=shop.merchant_id, **options)
        return [reward.name for reward in listed]

    assert names() == ["Roll", "Bread", "Tart"]
    assert names(include_inactive=True) == ["Roll", "Bread", "Tart", "Old cake"]


def test_given_a_reward_when_made_changed_and_deleted_then_the_programs_revision_rises_each_time(
    db: Session, shop: Shop
) -> None:
    caller = Caller(shop.merchant_id, kind=ActorKind.USER, actor_id=7)
    who: dict[str, Any] = {"merchant_id": shop.merchant_id, "caller": caller}
    data = RewardCreate(name="Bread", cost_points=600, value_cents=420)
    reward = reward_service.create_reward(db, data=data, **who)
    assert revision_of(db, shop) == 2
    update = RewardUpdate(cost_points=650, name="Bread")
    changed = reward_service.update_reward(db, reward_id=reward.id, data=update, **who)
    assert (changed.cost_points, changed.value_cents, revision_of(db, shop)) == (650, 420, 3)
    reward_service.delete_reward(db, reward_id=reward.id, **who)
    assert revision_of(db, shop) == 4
    entries = reads.rows_of(db, AuditEntry, merchant_id=shop.merchant_id)
    assert [(entry.action, entry.old, entry.new) for entry in entries] == [
        (
            "reward_created",
            None,
            {"name": "Bread", "cost_points": 600, "value_cents": 420, "is_active": True},
        ),
        ("reward_changed", {"cost_points": 600}, {"cost_points": 650}),
        ("reward_deleted", {"name": "Bread", "cost_points": 650}, None),
    ]
    assert {entry.actor_id for entry in entries} == {7}
    [kept] = reads.rows_of(db, LoyaltyReward, merchant_id=shop.merchant_id)
    assert (kept.name, kept.is_active) == ("Bread", False)


def test_given_nothing_new_when_saved_then_revision_and_audit_stay(db: Session, shop: Shop) -> None:
    reward = add(db, shop)
    reward_service.update_reward(
        db, merchant_id=shop.merchant_id, reward_id=reward.id, data=RewardUpdate(cost_points=600)
    )
    assert revision_of(db, shop) == 2
    assert reads.count_of(db, AuditEntry, merchant_id=shop.merchant_id) == 1


@pytest.mark.parametrize("whose", ["foreign", "deleted", "never"])
def test_given_no_such_reward_when_changed_or_deleted_then_not_found_and_nothing_happens(
    db: Session, shop: Shop, whose: str
) -> None:
    other = factories.make_shop(db)
    reward_id = 2**40 if whose == "never" else add(db, other if whose == "foreign" else shop).id
    if whose == "deleted":
        reward_service.delete_reward(db, merchant_id=shop.merchant_id, reward_id=reward_id)
    before = revision_of(db, shop)
    who: dict[str, Any] = {"merchant_id": shop.merchant_id, "reward_id": reward_id}
    with pytest.raises(RewardNotFound):
        reward_service.update_reward(db, data=RewardUpdate(cost_points=1), **who)
    with pytest.raises(RewardNotFound):
        reward_service.delete_reward(db, **who)
    assert revision_of(db, shop) == before
    assert [row.cost_points for row in reads.rows_of(db, LoyaltyReward,
            merchant_id=other.merchant_id)] == ([600] if whose == "foreign" else [])  # fmt: skip


def test_given_a_hundred_rewards_when_one_more_is_made_then_refused_until_one_goes(
    db: Session, shop: Shop
) -> None:
    made = [add(db, shop, f"Reward {n}").id for n in range(reward_service.MAXIMUM_REWARDS)]
    with pytest.raises(QuotaExceeded) as refused:
        add(db, shop)
    assert refused.value.params == {"quota": "rewards", "limit": 100}
    reward_service.delete_reward(db, merchant_id=shop.merchant_id, reward_id=made[0])
    assert add(db, shop, "Bread").name == "Bread"


def test_given_no_program_when_the_catalogue_is_used_then_not_found(db: Session) -> None:
    merchant_id = factories.make_merchant(db).id
    with pytest.raises(ProgramNotFound):
        reward_service.list_rewards(db, merchant_id=merchant_id)
    with pytest.raises(ProgramNotFound):
        reward_service.create_reward(
            db, merchant_id=merchant_id, data=RewardCreate(name="Bread", cost_points=1)
        )
    with pytest.raises(ProgramNotFound):
        reward_service.delete_reward(db, merchant_id=merchant_id, reward_id=1)


def test_given_a_reward_taken_out_when_it_was_redeemed_before_then_the_history_keeps_its_cost(
    db: Session, shop: Shop
) -> None:
    reward = add(db, shop)
    card = factories.make_card(db, shop=shop, points_balance=1300)
    factories.make_pin(db, merchant_id=shop.merchant_id)
    counter = {"card_id": card.id, **shop.at_counter(), "now": NOW}
    points_service.redeem_points(db, reward_id=reward.id, **counter)
    reward_service.delete_reward(db, merchant_id=shop.merchant_id, reward_id=reward.id)
    entry = reads.entries_of(db, card)[-1]
    assert (entry.reward_id, entry.points_delta) == (reward.id, -600)
    with pytest.raises(RewardNotFound):
        points_service.redeem_points(db, reward_id=reward.id, **counter)


def test_given_a_card_with_points_when_shown_then_what_they_buy_and_what_is_missing(
    db: Session, shop: Shop
) -> None:
    bread, tart = add(db, shop, "Bread"), add(db, shop, "Tart", cost_points=1500)
    add(db, shop, "Old cake", cost_points=5, is_active=False)
    card = factories.make_card(db, shop=shop, points_balance=600)
    merchant_id = shop.merchant_id
    shown = card_views.get_card(db, merchant_id=merchant_id, card_id=card.id, now=NOW)
    assert [line["id"] for line in shown["rewards"] if line["affordable"]] == [bread.id]
    own = own_card.customer_card(db, merchant_id=merchant_id, customer_id=card.customer_id, now=NOW)
    assert [
        (line["id"], line["affordable"], line["points_missing"]) for line in own["rewards"]
    ] == [(bread.id, True, 0), (tart.id, False, 900)]


def test_given_points_that_run_out_when_the_card_is_shown_then_the_day_stands_there(
    db: Session,
) -> None:
    shop = factories.make_shop(
        db, loyalty_type="points", points_expiration_days=30, points_expiry_since=NOW
    )
    cards = [factories.make_card(db, shop=shop, points_balance=points) for points in (5, 0)]
    shown = [
        card_views.get_card(db, merchant_id=shop.merchant_id, card_id=card.id, now=NOW)
        for card in cards
    ]
    assert [str(view["points_expire_on"]) for view in shown] == ["2026-04-09", "None"]


@pytest.mark.parametrize(("loyalty_type", "shown"), [("points", 1), ("hybrid", 1), ("stamps", 0)])
def test_given_a_catalogue_when_anybody_reads_the_program_then_names_and_costs_of_what_is_given(
    db: Session, loyalty_type: str, shown: int
) -> None:
    shop = factories.make_shop(db, loyalty_type=loyalty_type, points_per_euro=20)
    add(db, shop, "Bread")
    add(db, shop, "Old cake", is_active=False)
    program = program_service.public_program(db, store_code=shop.store.code)
    assert program["rewards"] == [{"name": "Bread", "cost_points": 600}] * shown
    assert (program["currency"], program["points_per_euro"]) == ("EUR", 20)
