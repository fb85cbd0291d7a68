"""Earning, previewing, redeeming and correcting points."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.errors import AppError
from app.modules.loyalty.errors import (
    AmountTooLarge,
    BelowMinimumPurchase,
    BelowMinimumRedemption,
    CardInactive,
    CrossStoreRedemptionDisabled,
    InsufficientPoints,
    ProgramInactive,
    ProgramTypeMismatch,
)
from app.modules.loyalty.rules import points
from app.modules.loyalty.rules.bounds import MAXIMUM_AMOUNT_CENTS, MAXIMUM_BALANCE
from app.modules.loyalty.types import CardState, CardStatus, EntryType, LoyaltyType
from tests.modules.loyalty.rules import states


def card(**changes: Any) -> CardState:
    """A card of a points program: 10 points a euro."""
    return states.card(loyalty_type=LoyaltyType.POINTS, **changes)


def earned(state: CardState, amount_cents: int, exponent: int = 2) -> int:
    draft = points.earn(
        state, amount_cents=amount_cents, exponent=exponent, order_reference="ORD-1"
    )
    assert draft.type is EntryType.POINTS_EARNED
    assert (draft.amount_cents, draft.order_reference) == (amount_cents, "ORD-1")
    assert draft.stamps_delta == 0
    shown = points.preview(state, amount_cents=amount_cents, exponent=exponent)
    assert shown == draft.points_delta, "the preview promises what is booked"
    return draft.points_delta


@pytest.mark.parametrize(
    ("points_per_euro", "amount_cents", "expected"),
    [
        *[(10, amount, whole) for whole, amount in enumerate((5, 15, 25, 35, 45))],
        *[(100, amount, amount) for amount in (29, 57, 58, 113)],
        (10, 333, 33),
        (10, 999, 99),
        (10, 2500, 250),
        (10, 2599, 259),
        (10, 9, 0),
        (10, 0, 0),
        (1, 99, 0),
        (1, 100, 1),
    ],
)
def test_c20_given_a_purchase_when_it_earns_then_always_rounded_down(
    points_per_euro: int, amount_cents: int, expected: int
) -> None:
    assert earned(card(points_per_euro=points_per_euro), amount_cents) == expected


@pytest.mark.parametrize(
    ("exponent", "amount", "expected"),
    [(0, 250, 2500), (0, 1, 10), (2, 250, 25), (3, 250, 2), (3, 12_599, 125), (3, 99, 0)],
)
def test_given_a_currency_when_earning_then_the_rate_is_per_whole_unit_of_it(
    exponent: int, amount: int, expected: int
) -> None:
    assert earned(card(), amount, exponent) == expected


@pytest.mark.parametrize(("amount_cents", "is_refused"), [(499, True), (500, False), (501, False)])
def test_given_a_least_purchase_when_earning_then_only_from_it_on(
    amount_cents: int, is_refused: bool
) -> None:
    state = card(minimum_purchase_cents=500)
    if not is_refused:
        assert earned(state, amount_cents) == 50
        return
    with pytest.raises(BelowMinimumPurchase) as refused:
        earned(state, amount_cents)
    assert refused.value.params == {"minimum": 500, "currency": "EUR"}


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"status": CardStatus.SUSPENDED}, CardInactive),
        ({"status": CardStatus.MERGED}, CardInactive),
        ({"status": CardStatus.ERASED}, CardInactive),
        ({"program_is_active": False}, ProgramInactive),
        ({"loyalty_type": LoyaltyType.STAMPS}, ProgramTypeMismatch),
    ],
)
def test_given_a_card_that_may_not_collect_when_earning_then_refused(
    changes: dict[str, Any], refusal: type[AppError]
) -> None:
    state = states.card(**{"loyalty_type": LoyaltyType.HYBRID} | changes)
    with pytest.raises(refusal):
        points.earn(state, amount_cents=100, exponent=2, order_reference=None)


def test_given_a_hybrid_program_when_earning_then_it_collects_points_too() -> None:
    assert earned(states.card(loyalty_type=LoyaltyType.HYBRID), 2500) == 250


def test_c70_given_the_largest_purchase_when_earning_then_it_counts_and_one_more_is_refused() -> (
    None
):
    assert earned(card(), MAXIMUM_AMOUNT_CENTS) == 1_000_000
    for amount in (MAXIMUM_AMOUNT_CENTS + 1, 2**31 - 1, 2**63 - 1, 10**30):
        with pytest.raises(AmountTooLarge) as refused:
            earned(card(), amount)
        assert refused.value.params == {"maximum": MAXIMUM_AMOUNT_CENTS}


@pytest.mark.parametrize(
    ("balance", "fits"), [(MAXIMUM_BALANCE - 10, True), (MAXIMUM_BALANCE - 9, False)]
)
def test_c70_given_a_balance_near_the_maximum_when_earning_then_the_sum_counts(
    balance: int, fits: bool
) -> None:
    state = card(points_balance=balance)
    if fits:
        assert earned(state, 100) == 10
        return
    with pytest.raises(AmountTooLarge) as refused:
        earned(state, 100)
    assert refused.value.params == {"maximum": MAXIMUM_BALANCE}


def test_given_a_card_in_debt_when_it_earns_then_that_fills_it_up() -> None:
    assert earned(card(points_balance=-200), 2500) == 250


@pytest.mark.parametrize(("balance", "is_enough"), [(99, False), (100, True), (101, True)])
def test_given_a_number_of_points_when_redeemed_then_exactly_enough_works(
    balance: int, is_enough: bool
) -> None:
    state = card(points_balance=balance)
    if is_enough:
        draft = points.redeem(state, points=100, reward_id=None)
        assert (draft.type, draft.points_delta) == (EntryType.POINTS_REDEEMED, -100)
        return
    with pytest.raises(InsufficientPoints) as refused:
        points.redeem(state, points=100, reward_id=None)
    assert refused.value.params == {"balance": balance, "needed": 100}


def test_c30_given_a_card_in_debt_when_redeeming_one_point_then_refused() -> None:
    with pytest.raises(InsufficientPoints) as refused:
        points.redeem(card(points_balance=-200), points=1, reward_id=None)
    assert refused.value.params == {"balance": -200, "needed": 1}


@pytest.mark.parametrize(("number", "is_refused"), [(49, True), (50, False)])
def test_given_a_least_number_when_redeeming_freely_then_only_from_it_on(
    number: int, is_refused: bool
) -> None:
    state = card(points_balance=100, minimum_redemption_points=50)
    if not is_refused:
        assert points.redeem(state, points=number, reward_id=None).points_delta == -50
        return
    with pytest.raises(BelowMinimumRedemption) as refused:
        points.redeem(state, points=number, reward_id=None)
    assert refused.value.params == {"minimum": 50}


def test_given_a_cheap_reward_when_redeemed_then_its_own_price_counts() -> None:
    state = card(points_balance=100, minimum_redemption_points=50)
    draft = points.redeem(state, points=20, reward_id=3)
    assert (draft.points_delta, draft.reward_id) == (-20, 3)


def test_given_another_store_when_redeeming_then_only_where_the_platform_allows_it() -> None:
    state = card(points_balance=100, enrolled_store_id=2)
    assert points.redeem(state, points=100, reward_id=None).points_delta == -100
    bound = card(points_balance=100, enrolled_store_id=2, allow_cross_store_redemption=False)
    with pytest.raises(CrossStoreRedemptionDisabled):
        points.redeem(bound, points=100, reward_id=None)
    home = card(points_balance=100, allow_cross_store_redemption=False)
    assert points.redeem(home, points=100, reward_id=None).points_delta == -100


@pytest.mark.parametrize(
    "changes", [{"program_is_active": False}, {"loyalty_type": LoyaltyType.STAMPS}]
)
def test_given_a_program_that_stopped_when_redeeming_then_what_people_have_stays_theirs(
    changes: dict[str, Any],
) -> None:
    state = states.card(points_balance=100, **changes)
    assert points.redeem(state, points=100, reward_id=None).points_delta == -100


def test_given_a_suspended_card_when_redeeming_or_correcting_then_refused() -> None:
    state = card(points_balance=100, status=CardStatus.SUSPENDED)
    with pytest.raises(CardInactive):
        points.redeem(state, points=1, reward_id=None)
    with pytest.raises(CardInactive):
        points.adjust(state, 1)


@pytest.mark.parametrize(
    ("balance", "delta", "is_refused"),
    [
        (0, 1, False),
        (10, -10, False),
        (10, -11, True),
        (-5, 3, False),
        (-5, -1, True),
        (MAXIMUM_BALANCE - 1, 1, False),
    ],
)
def test_given_a_correction_when_it_takes_then_at_most_what_is_there(
    balance: int, delta: int, is_refused: bool
) -> None:
    state = card(points_balance=balance)
    if not is_refused:
        draft = points.adjust(state, delta)
        assert (draft.type, draft.points_delta) == (EntryType.POINTS_ADJUSTED, delta)
        return
    with pytest.raises(InsufficientPoints) as refused:
        points.adjust(state, delta)
    assert refused.value.params == {"balance": balance, "needed": -delta}


def test_c70_given_a_correction_beyond_the_maximum_when_made_then_refused() -> None:
    with pytest.raises(AmountTooLarge):
        points.adjust(card(points_balance=MAXIMUM_BALANCE), 1)
