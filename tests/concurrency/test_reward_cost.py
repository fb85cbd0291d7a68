"""A reward redeemed while its cost changes: what is taken is one of its costs, and stays so."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.modules.loyalty.errors import RewardNotFound
from app.modules.loyalty.models import LoyaltyProgram
from app.modules.loyalty.schemas.rewards import RewardCreate, RewardUpdate
from app.modules.loyalty.services import points_service, reward_service
from tests import factories, reads
from tests.concurrency.together import Crowd, Work
from tests.factories import NOW, Shop

REDEEMERS, ROUNDS = 8, 6
RICH = 1_000_000


def redeem(shop: Shop, card_id: int, reward_id: int) -> Work:
    counter: dict[str, Any] = {"card_id": card_id, "reward_id": reward_id, "now": NOW}
    return lambda db: dict(points_service.redeem_points(db, **counter, **shop.at_counter()))


def reprice(shop: Shop, reward_id: int, cost: int) -> Work:
    def work(db: Session) -> dict[str, Any]:
        reward_service.update_reward(
            db,
            merchant_id=shop.merchant_id,
            reward_id=reward_id,
            data=RewardUpdate(cost_points=cost),
        )
        return {"replayed": False}

    return work


@pytest.fixture
def shop(db: Session) -> Shop:
    shop = factories.make_shop(db, loyalty_type="points")
    factories.make_pin(db, merchant_id=shop.merchant_id)
    return shop


@pytest.mark.parametrize("own_card_each", [True, False])
def test_given_a_cost_that_is_raised_when_eight_redeem_then_each_pays_the_old_or_the_new_one(
    db: Session, crowd: Crowd, shop: Shop, own_card_each: bool
) -> None:
    data = RewardCreate(name="Bread", cost_points=100)
    reward = reward_service.create_reward(db, merchant_id=shop.merchant_id, data=data)
    cards = [
        factories.make_card(db, shop=shop, points_balance=RICH)
        for _ in range(REDEEMERS if own_card_each else 1)
    ]
    for turn in range(ROUNDS):
        old, new = 100 + turn, 101 + turn
        works = [redeem(shop, cards[n % len(cards)].id, reward.id) for n in range(REDEEMERS)]
        outcomes = crowd.do([*works, reprice(shop, reward.id, new)])
        assert outcomes.refusals == []
        taken = [one["points_redeemed"] for one in outcomes.answers if "points_redeemed" in one]
        assert len(taken) == REDEEMERS
        assert set(taken) <= {old, new}
        late = crowd.do([redeem(shop, cards[0].id, reward.id)]).answers
        assert late[0]["points_redeemed"] == new
    _check_ledgers(db, shop, cards, most=100 + ROUNDS)


def test_given_a_reward_that_is_taken_out_when_eight_redeem_then_given_before_or_not_at_all(
    db: Session, crowd: Crowd, shop: Shop
) -> None:
    data = RewardCreate(name="Bread", cost_points=100)
    reward = reward_service.create_reward(db, merchant_id=shop.merchant_id, data=data)
    card = factories.make_card(db, shop=shop, points_balance=RICH)

    def take_out(db: Session) -> dict[str, Any]:
        reward_service.delete_reward(db, merchant_id=shop.merchant_id, reward_id=reward.id)
        return {"replayed": False}

    outcomes = crowd.do([redeem(shop, card.id, reward.id)] * REDEEMERS + [take_out])
    assert {type(refusal) for refusal in outcomes.refusals} <= {RewardNotFound}
    given = len(outcomes.answers) - 1
    assert reads.card_now(db, card).points_balance == RICH - 100 * given
    assert given + len(outcomes.refusals) == REDEEMERS


def test_given_eight_who_add_the_last_reward_when_at_once_then_the_catalogue_holds_a_hundred(
    db: Session, crowd: Crowd, shop: Shop, session_factory: sessionmaker[Session]
) -> None:
    def add(db: Session) -> dict[str, Any]:
        data = RewardCreate(name="Bread", cost_points=100)
        reward_service.create_reward(db, merchant_id=shop.merchant_id, data=data)
        return {"replayed": False}

    for _ in range(reward_service.MAXIMUM_REWARDS - 1):
        add(db)
    outcomes = crowd.do([add] * REDEEMERS)
    assert (len(outcomes.answers), len(outcomes.refusals)) == (1, REDEEMERS - 1)
    with session_factory() as fresh:
        rewards = reward_service.list_rewards(fresh, merchant_id=shop.merchant_id)
    assert len(rewards) == reward_service.MAXIMUM_REWARDS
    [program] = reads.rows_of(db, LoyaltyProgram, merchant_id=shop.merchant_id)
    assert program.revision == 1 + reward_service.MAXIMUM_REWARDS


def _check_ledgers(db: Session, shop: Shop, cards: list[Any], *, most: int) -> None:
    """Entry by entry: one of the costs, and the balance goes down by just that."""
    for card in cards:
        balance = RICH
        for entry in reads.entries_of(db, card)[1:]:
            assert 100 <= -entry.points_delta <= most
            balance += entry.points_delta
            assert entry.points_after == balance
        assert reads.card_now(db, card).points_balance == balance
