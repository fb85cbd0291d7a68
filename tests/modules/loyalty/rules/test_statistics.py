"""How entries add up, and the figures drawn from them."""

from __future__ import annotations

from datetime import date

import pytest

from app.modules.loyalty.rules.figures import (
    Period,
    median_of,
    period_until,
    permille,
    points_value,
    quantile_of,
    wait_days,
)
from app.modules.loyalty.rules.staff_counts import tally_staff
from app.modules.loyalty.rules.statistics import COUNTS, EntryGroup, tally
from app.modules.loyalty.types import EntryType as E

DAY = date(2026, 3, 10)


@pytest.mark.parametrize(
    ("group", "counts"),
    [
        (EntryGroup(E.CARD_CREATED, False, 3, 0, 0), {"new_cards": 3}),
        (EntryGroup(E.STAMP_EARNED, True, 2, 5, 0), {"stamp_operations": 2, "stamps_given": 5}),
        (EntryGroup(E.WELCOME_BONUS, True, 1, 2, 50), {"stamps_welcome": 2, "points_welcome": 50}),
        (
            EntryGroup(E.STAMP_REDEEMED, False, 2, -30, 0, rewards=3),
            {"stamp_redemptions": 2, "stamps_redeemed": 30, "rewards_redeemed": 3},
        ),
        (EntryGroup(E.STAMP_VOIDED, False, 1, -2, 0), {"voids": 1, "stamps_voided": 2}),
        (
            EntryGroup(E.STAMP_VOIDED, True, 1, 10, 0),
            {"voids": 1, "redemptions_returned": 1, "stamps_returned": 10},
        ),
        (EntryGroup(E.STAMP_REFUNDED, False, 1, -2, 0), {"stamps_refunded": 2}),
        (EntryGroup(E.STAMPS_ADJUSTED, False, 1, -2, 0), {"stamps_adjusted": -2}),
        (
            EntryGroup(E.POINTS_EARNED, True, 2, 0, 509, amount_cents=5099),
            {"purchases": 2, "points_earned": 509, "amount_cents": 5099},
        ),
        (
            EntryGroup(E.POINTS_REDEEMED, False, 1, 0, -200),
            {"point_redemptions": 1, "points_redeemed": 200},
        ),
        (EntryGroup(E.POINTS_VOIDED, False, 1, 0, -7), {"voids": 1, "points_voided": 7}),
        (
            EntryGroup(E.POINTS_REFUNDED, True, 1, 0, 7),
            {"redemptions_returned": 1, "points_returned": 7},
        ),
        (EntryGroup(E.POINTS_REFUNDED, False, 1, 0, -7), {"points_refunded": 7}),
        (EntryGroup(E.POINTS_ADJUSTED, True, 1, 0, 7), {"points_adjusted": 7}),
        (EntryGroup(E.POINTS_EXPIRED, False, 1, 0, -7), {"points_expired": 7}),
        (EntryGroup(E.POINTS_REINSTATED, True, 1, 0, 7), {"points_reinstated": 7}),
        (EntryGroup(E.IMPORTED, True, 1, 3, 7), {"stamps_other": 3, "points_other": 7}),
        (EntryGroup(E.CARD_SUSPENDED, False, 1, 0, 0), {}),
        (
            EntryGroup(E.STAMP_EARNED, True, 1, 1, 0, overrides=1),
            {"stamp_operations": 1, "stamps_given": 1, "overrides": 1},
        ),
    ],
)
def test_given_entries_of_a_type_when_added_up_then_each_measure_has_its_place(
    group: EntryGroup, counts: dict[str, int]
) -> None:
    assert tally(group) == counts
    assert set(counts) <= set(COUNTS)


@pytest.mark.parametrize("entry_type", list(E))
@pytest.mark.parametrize("delta", [-3, 3])
def test_given_any_entry_when_added_up_then_no_change_of_a_balance_is_left_out(
    entry_type: E, delta: int
) -> None:
    group = EntryGroup(entry_type, delta > 0, 1, delta, 10 * delta)
    counts = tally(group)
    taken = ("voided", "refunded", "redeemed", "expired")
    for unit, change in (("stamps", delta), ("points", 10 * delta)):
        sums = sum(
            -count if name.endswith(taken) else count
            for name, count in counts.items()
            if name.startswith(f"{unit}_")
        )
        known = entry_type.value.startswith(unit[:5]) or entry_type in (
            E.WELCOME_BONUS, E.IMPORTED, E.CARDS_MERGED, E.CUSTOMER_ERASED,
        )  # fmt: skip
        assert sums == (change if known else sums)
        assert sums in (0, change)


def test_given_entries_of_a_person_when_added_up_then_as_the_staff_table_says() -> None:
    earned = EntryGroup(E.STAMP_EARNED, True, 2, 5, 0, overrides=1)
    assert tally_staff(earned) == {"operations": 2, "stamps": 5, "overrides": 1}
    redeemed = EntryGroup(E.POINTS_REDEEMED, False, 1, 0, -200)
    assert tally_staff(redeemed) == {"operations": 1, "redemptions": 1}
    assert tally_staff(EntryGroup(E.POINTS_VOIDED, False, 3, 0, -9)) == {"voids": 3}
    assert tally_staff(EntryGroup(E.POINTS_ADJUSTED, True, 1, 0, 9)) == {"adjustments": 1}
    assert tally_staff(EntryGroup(E.POINTS_EXPIRED, False, 1, 0, -9)) == {}
    assert tally_staff(EntryGroup(E.CARD_CREATED, False, 1, 0, 0)) == {}


def test_given_a_number_of_days_when_a_period_is_made_then_today_and_the_days_before() -> None:
    period = period_until(DAY, days=3)
    assert period.days == [date(2026, 3, 8), date(2026, 3, 9), DAY]
    assert period.before == Period(date(2026, 3, 5), date(2026, 3, 7))
    assert period_until(DAY, days=1) == Period(DAY, DAY)


@pytest.mark.parametrize(
    ("part", "whole", "share"),
    [(1, 3, 333), (2, 3, 667), (1, 2000, 1), (0, 5, 0), (5, 5, 1000), (9, 5, 1800), (0, 0, None),
     (3, -1, None)],
)  # fmt: skip
def test_given_a_part_when_its_share_is_told_then_in_thousandths(
    part: int, whole: int, share: int | None
) -> None:
    assert permille(part, whole) == share


@pytest.mark.parametrize(
    ("counts", "median"),
    [({}, None), ({4: 1}, 4), ({1: 1, 9: 1}, 1), ({1: 1, 5: 1, 9: 1}, 5), ({1: 10, 300: 9}, 1),
     ({1: 9, 300: 10}, 300), ({0: 0}, None)],
)  # fmt: skip
def test_given_values_when_their_median_is_told_then_the_lower_of_two(
    counts: dict[int, int], median: int | None
) -> None:
    assert median_of(counts) == median


@pytest.mark.parametrize(("counts", "most"), [({1: 95, 8: 5}, 1), ({1: 94, 8: 6}, 8), ({2: 1}, 2)])
def test_given_values_when_95_of_100_are_asked_for_then_what_these_do_not_exceed(
    counts: dict[int, int], most: int
) -> None:
    assert quantile_of(counts, 950) == most


@pytest.mark.parametrize(
    ("since", "days"),
    [(DAY, 0), (date(2026, 3, 1), 9), (date(2026, 3, 11), 0), (date(2020, 1, 1), 366)],
)
def test_given_a_redemption_when_its_wait_is_told_then_whole_days_up_to_a_year(
    since: date, days: int
) -> None:
    assert wait_days(since, DAY) == days


@pytest.mark.parametrize(
    ("points", "cost", "cents", "value"),
    [(1000, 100, 250, 2500), (199, 100, 250, 497), (5, None, 250, None), (5, 100, None, None)],
)
def test_given_points_when_their_worth_is_told_then_by_the_cheapest_reward_rounded_down(
    points: int, cost: int | None, cents: int | None, value: int | None
) -> None:
    assert points_value(points, cost_points=cost, value_cents=cents) == value
