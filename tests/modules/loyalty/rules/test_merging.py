"""Two cards become one: what is added up, what is compared, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.modules.loyalty.errors import AmountTooLarge, CardInactive
from app.modules.loyalty.rules import merging
from app.modules.loyalty.rules.bounds import MAXIMUM_BALANCE
from app.modules.loyalty.types import CardStatus, Cycle, EntryType
from tests.modules.loyalty.rules.states import NOON, card

TEN, EIGHT = Cycle(10, "A coffee"), Cycle(8, "A tea")


def merged(one: dict[str, Any], two: dict[str, Any], *, was_welcomed: bool = False) -> Any:
    return merging.merge(card(**one), card(**two), was_welcomed=was_welcomed)


@pytest.mark.parametrize(
    ("one", "two", "expected"), [(9, 3, 12), (4, -6, -2), (0, 0, 0), (-1, -2, -3)]
)
def test_given_two_balances_when_merged_then_they_add_up_debts_included(
    one: int, two: int, expected: int
) -> None:
    both = merged(
        {"stamp_count": one, "points_balance": two}, {"stamp_count": two, "points_balance": one}
    )
    assert (both.stamp_count, both.points_balance) == (expected, expected)


@pytest.mark.parametrize("beyond", [0, 1])
def test_given_sums_at_the_bound_when_merged_then_one_more_is_too_much(beyond: int) -> None:
    one, two = {"points_balance": MAXIMUM_BALANCE - 5}, {"points_balance": 5 + beyond}
    if not beyond:
        assert merged(one, two).points_balance == MAXIMUM_BALANCE
        return
    with pytest.raises(AmountTooLarge) as refused:
        merged(one, two)
    assert refused.value.params == {"maximum": MAXIMUM_BALANCE}


def test_given_two_targets_when_merged_then_the_lower_counts_with_its_reward() -> None:
    for one, two in ((TEN, EIGHT), (EIGHT, TEN)):
        both = merged(
            {"stamp_count": 3, "cycle": one, "program_cycle": TEN},
            {"stamp_count": 3, "cycle": two, "program_cycle": TEN},
        )
        assert both.cycle == EIGHT


def test_given_equal_targets_when_merged_then_the_survivors_reward_counts() -> None:
    mine, theirs = Cycle(10, "Mine"), Cycle(10, "Theirs")
    both = merged({"stamp_count": 3, "cycle": mine}, {"stamp_count": 3, "cycle": theirs})
    assert both.cycle == mine


def test_given_nothing_left_when_merged_then_the_programs_cycle_begins() -> None:
    both = merged(
        {"stamp_count": 3, "cycle": EIGHT, "program_cycle": TEN},
        {"stamp_count": -3, "cycle": EIGHT, "program_cycle": TEN},
    )
    assert both.cycle == TEN


def test_given_last_stamps_when_merged_then_the_later_counts() -> None:
    earlier = NOON - timedelta(minutes=5)
    both = merged({"last_stamp_at": earlier}, {"last_stamp_at": NOON})
    assert both.last_stamp_at == NOON
    assert merged({"last_stamp_at": earlier}, {"last_stamp_at": None}).last_stamp_at == earlier
    assert merged({"last_stamp_at": None}, {"last_stamp_at": None}).last_stamp_at is None


@pytest.mark.parametrize(
    ("one", "two", "was_welcomed", "expected"),
    [
        ((2, 0), (2, 50), False, (2, 50)),
        ((0, 0), (2, 50), True, (0, 0)),
        ((2, 0), (0, 0), False, (2, 0)),
    ],
)
def test_given_bonuses_that_are_due_when_merged_then_a_person_is_welcomed_once(
    one: tuple[int, int], two: tuple[int, int], was_welcomed: bool, expected: tuple[int, int]
) -> None:
    names = ("welcome_bonus_due", "welcome_points_due")
    first, second = (dict(zip(names, due, strict=True)) for due in (one, two))
    both = merged(first, second, was_welcomed=was_welcomed)
    assert (both.welcome_bonus_due, both.welcome_points_due) == expected


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        (CardStatus.ACTIVE, CardStatus.ACTIVE, CardStatus.ACTIVE),
        (CardStatus.ACTIVE, CardStatus.SUSPENDED, CardStatus.SUSPENDED),
        (CardStatus.SUSPENDED, CardStatus.ACTIVE, CardStatus.SUSPENDED),
    ],
)
def test_given_a_suspended_card_when_merged_then_the_suspension_stays(
    one: CardStatus, two: CardStatus, expected: CardStatus
) -> None:
    assert merged({"status": one}, {"status": two}).status is expected


@pytest.mark.parametrize("gone", [CardStatus.MERGED, CardStatus.ERASED])
def test_given_a_card_that_is_gone_when_merged_either_way_then_refused(gone: CardStatus) -> None:
    for one, two in ((gone, CardStatus.ACTIVE), (CardStatus.ACTIVE, gone)):
        with pytest.raises(CardInactive):
            merged({"status": one}, {"status": two})


def test_given_a_merger_when_posted_then_what_one_gives_the_other_takes() -> None:
    survivor = card(stamp_count=9, points_balance=-20)
    other = replace(card(stamp_count=3, points_balance=120), status=CardStatus.SUSPENDED)
    merger = merging.merge(survivor, other, was_welcomed=False)
    (given,) = merging.give(other)
    suspended, taken = merging.take(survivor, merger, related_id=7)
    assert (given.stamps_delta, given.points_delta) == (-3, -120)
    assert (taken.stamps_delta, taken.points_delta, taken.related_id) == (3, 120, 7)
    assert (given.type, taken.type) == (EntryType.CARDS_MERGED, EntryType.CARDS_MERGED)
    assert (suspended.type, suspended.stamps_delta) == (EntryType.CARD_SUSPENDED, 0)
