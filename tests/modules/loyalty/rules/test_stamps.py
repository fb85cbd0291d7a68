from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import AppError
from app.modules.loyalty import errors
from app.modules.loyalty.rules import stamps
from app.modules.loyalty.rules.bounds import MAXIMUM_BALANCE
from app.modules.loyalty.types import CardStatus, Cycle, Draft, EntryType, LoyaltyType
from tests.modules.loyalty.rules.states import NOON, TODAY, card

HIGHER = Cycle(target=12, reward="A free coffee")


def test_given_c32_nine_stamps_when_three_come_then_all_three_are_kept() -> None:
    draft = stamps.earn(card(stamp_count=9), quantity=3, now=NOON)
    assert draft == Draft(
        EntryType.STAMP_EARNED, stamps_delta=3, sets_last_stamp=True, last_stamp_at=NOON
    )


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"status": CardStatus.SUSPENDED}, errors.CardInactive),
        ({"status": CardStatus.MERGED}, errors.CardInactive),
        ({"status": CardStatus.ERASED}, errors.CardInactive),
        ({"program_is_active": False}, errors.ProgramInactive),
        ({"loyalty_type": LoyaltyType.POINTS}, errors.ProgramTypeMismatch),
        ({"last_stamp_at": NOON - timedelta(minutes=14)}, errors.StampCooldown),
        ({"stamps_by_day": {TODAY: 5}}, errors.DailyStampLimit),
        ({"stamp_count": MAXIMUM_BALANCE}, errors.AmountTooLarge),
    ],
)
def test_given_a_card_that_may_not_earn_when_stamped_then_the_refusal_says_why(
    changes: dict[str, Any], refusal: type[AppError]
) -> None:
    with pytest.raises(refusal):
        stamps.earn(card(**changes), quantity=1, now=NOON)


def test_given_several_refusals_when_stamped_then_they_come_in_the_order_of_the_rule() -> None:
    changes = {
        "status": CardStatus.SUSPENDED,
        "program_is_active": False,
        "loyalty_type": LoyaltyType.POINTS,
        "last_stamp_at": NOON,
        "stamps_by_day": {TODAY: 5},
    }
    seen = []
    for change in list(changes):
        with pytest.raises(AppError) as refused:
            stamps.earn(card(**changes), quantity=1, now=NOON)
        seen.append(refused.value.code)
        del changes[change]
    assert seen == [
        "card_inactive",
        "program_inactive",
        "program_type_mismatch",
        "stamp_cooldown",
        "daily_stamp_limit",
    ]


def test_given_the_most_an_operation_gives_when_one_more_is_asked_then_refused() -> None:
    state = card(max_daily_stamps=100)
    assert stamps.earn(state, quantity=5, now=NOON).stamps_delta == 5
    with pytest.raises(errors.AmountTooLarge) as refused:
        stamps.earn(state, quantity=6, now=NOON)
    assert refused.value.params == {"maximum": 5}


def test_given_the_largest_balance_when_it_is_reached_then_allowed_and_not_beyond() -> None:
    state = card(stamp_count=MAXIMUM_BALANCE - 1)
    assert stamps.earn(state, quantity=1, now=NOON).stamps_delta == 1
    with pytest.raises(errors.AmountTooLarge) as refused:
        stamps.earn(state, quantity=2, now=NOON)
    assert refused.value.params == {"maximum": MAXIMUM_BALANCE}


@pytest.mark.parametrize(("stamp_count", "cycle"), [(0, HIGHER), (-1, HIGHER), (1, None)])
def test_given_a_raised_target_when_stamped_then_only_an_empty_card_starts_with_it(
    stamp_count: int, cycle: Cycle | None
) -> None:
    state = card(stamp_count=stamp_count, program_cycle=HIGHER)
    assert stamps.earn(state, quantity=1, now=NOON).cycle == cycle


def test_given_a_hybrid_program_when_stamped_then_allowed() -> None:
    assert (
        stamps.earn(card(loyalty_type=LoyaltyType.HYBRID), quantity=1, now=NOON).stamps_delta == 1
    )


def test_given_exactly_one_reward_when_redeemed_then_the_card_is_empty() -> None:
    draft = stamps.redeem(card(stamp_count=10), quantity=1, store_id=1)
    assert draft == Draft(EntryType.STAMP_REDEEMED, stamps_delta=-10)


@pytest.mark.parametrize(("stamp_count", "quantity"), [(9, 1), (19, 2), (0, 1), (-3, 1), (10, 2)])
def test_given_too_few_stamps_when_redeemed_then_refused_with_both_numbers(
    stamp_count: int, quantity: int
) -> None:
    with pytest.raises(errors.InsufficientStamps) as refused:
        stamps.redeem(card(stamp_count=stamp_count), quantity=quantity, store_id=1)
    assert refused.value.params == {"balance": stamp_count, "needed": 10 * quantity}


@pytest.mark.parametrize(
    "changes",
    [
        {"program_is_active": False},
        {"loyalty_type": LoyaltyType.POINTS},
        {"last_stamp_at": NOON, "stamps_by_day": {TODAY: 5}},
    ],
)
def test_given_what_stops_earning_when_redeemed_then_people_get_what_they_have(
    changes: dict[str, Any],
) -> None:
    draft = stamps.redeem(card(stamp_count=12, **changes), quantity=1, store_id=1)
    assert draft.stamps_delta == -10


def test_given_a_suspended_card_when_redeemed_then_refused() -> None:
    with pytest.raises(errors.CardInactive):
        stamps.redeem(card(stamp_count=10, status=CardStatus.SUSPENDED), quantity=1, store_id=1)


def test_given_rewards_in_the_home_store_only_when_redeemed_elsewhere_then_refused() -> None:
    state = card(stamp_count=10, allow_cross_store_redemption=False)
    with pytest.raises(errors.CrossStoreRedemptionDisabled):
        stamps.redeem(state, quantity=1, store_id=2)
    assert stamps.redeem(state, quantity=1, store_id=1).stamps_delta == -10


def test_given_rewards_in_every_store_when_redeemed_elsewhere_then_allowed() -> None:
    assert stamps.redeem(card(stamp_count=10), quantity=1, store_id=2).stamps_delta == -10


@pytest.mark.parametrize(
    ("stamp_count", "quantity", "delta", "cycle"),
    [(25, 1, -10, None), (25, 2, -20, HIGHER), (19, 1, -10, HIGHER), (20, 1, -10, None)],
)
def test_given_a_raised_target_when_redeemed_then_ready_rewards_cost_what_they_cost(
    stamp_count: int, quantity: int, delta: int, cycle: Cycle | None
) -> None:
    state = card(stamp_count=stamp_count, program_cycle=HIGHER)
    draft = stamps.redeem(state, quantity=quantity, store_id=1)
    assert (draft.stamps_delta, draft.cycle) == (delta, cycle)


@given(stamp_count=st.integers(-100, 1000), quantity=st.integers(1, 20))
def test_given_any_balance_when_redeemed_then_never_below_zero(
    stamp_count: int, quantity: int
) -> None:
    state = card(stamp_count=stamp_count)
    try:
        draft = stamps.redeem(state, quantity=quantity, store_id=1)
    except errors.InsufficientStamps:
        assert stamp_count < 10 * quantity
    else:
        assert stamp_count + draft.stamps_delta >= 0


@pytest.mark.parametrize(("stamp_count", "delta"), [(3, -3), (0, 5), (-2, 1), (-2, 2), (-2, 9)])
def test_given_a_correction_when_it_takes_no_more_than_is_there_then_booked(
    stamp_count: int, delta: int
) -> None:
    draft = stamps.adjust(card(stamp_count=stamp_count), delta)
    assert draft == Draft(EntryType.STAMPS_ADJUSTED, stamps_delta=delta)


@pytest.mark.parametrize(("stamp_count", "delta"), [(3, -4), (0, -1), (-2, -1)])
def test_given_a_correction_when_it_takes_more_than_is_there_then_refused(
    stamp_count: int, delta: int
) -> None:
    with pytest.raises(errors.InsufficientStamps) as refused:
        stamps.adjust(card(stamp_count=stamp_count), delta)
    assert refused.value.params == {"balance": stamp_count, "needed": -delta}


def test_given_a_correction_when_it_goes_beyond_the_largest_balance_then_refused() -> None:
    stamps.adjust(card(stamp_count=1), MAXIMUM_BALANCE - 1)
    with pytest.raises(errors.AmountTooLarge):
        stamps.adjust(card(stamp_count=1), MAXIMUM_BALANCE)


def test_given_a_suspended_card_when_corrected_then_refused() -> None:
    with pytest.raises(errors.CardInactive):
        stamps.adjust(card(status=CardStatus.SUSPENDED), 1)


def test_given_a_correction_when_made_then_the_cooldown_stays_as_it_was() -> None:
    assert not stamps.adjust(card(), 1).sets_last_stamp
