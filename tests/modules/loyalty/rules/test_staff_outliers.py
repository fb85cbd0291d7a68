"""Whom an owner should look at."""

from __future__ import annotations

import pytest

from app.modules.loyalty.rules.staff_outliers import (
    Conduct,
    Flag,
    flags,
    is_after_hours,
    quiet_hours,
    repeat_pair_from,
)

OTHERS = Conduct(operations=900, overrides=9, voids=9)


@pytest.mark.parametrize(
    ("pairs", "threshold"),
    [({}, 5), ({1: 100}, 5), ({1: 90, 2: 10}, 5), ({1: 50, 3: 50}, 7), ({2: 80, 22: 20}, 45)],
)
def test_given_how_often_pairs_meet_when_one_stands_out_then_above_twice_what_is_common(
    pairs: dict[int, int], threshold: int
) -> None:
    assert repeat_pair_from(pairs) == threshold


def test_given_a_short_period_when_hours_are_judged_then_by_a_fifth_of_the_busiest() -> None:
    operations = {8: 20, 12: 100, 22: 21, 23: 1}
    assert quiet_hours(operations, dict.fromkeys(operations, 1)) == {8, 23}
    assert quiet_hours({}, {}) == frozenset()


@pytest.mark.parametrize(("days", "is_quiet"), [(1, True), (9, True), (10, False), (30, False)])
def test_given_a_month_when_an_hour_is_used_regularly_then_it_is_not_quiet(
    days: int, is_quiet: bool
) -> None:
    found = quiet_hours({7: 30, 12: 3000}, {7: days, 12: 30})
    assert (7 in found) is is_quiet


def test_given_a_quiet_hour_when_one_person_does_most_then_it_is_after_hours() -> None:
    assert is_after_hours(3, 5)
    assert not is_after_hours(3, 6)


@pytest.mark.parametrize(
    ("one", "found"),
    [
        (Conduct(operations=100), []),
        (Conduct(operations=100, own_card_operations=1), [Flag.OWN_CARD]),
        (Conduct(operations=100, repeat_pairs=1), [Flag.REPEAT_PAIR]),
        (Conduct(operations=100, after_hours=4), []),
        (Conduct(operations=100, after_hours=5), [Flag.AFTER_HOURS]),
        (Conduct(operations=251, after_hours=5), []),
        (Conduct(operations=100, overrides=4), []),
        (Conduct(operations=100, overrides=5), [Flag.OVERRIDE_SHARE]),
        (Conduct(operations=101, overrides=5), []),
        (Conduct(operations=100, voids=5), [Flag.VOID_SHARE]),
    ],
)
def test_given_somebodys_conduct_when_judged_then_from_these_numbers_on(
    one: Conduct, found: list[Flag]
) -> None:
    assert flags(one, OTHERS) == found


@pytest.mark.parametrize(("theirs", "is_listed"), [(30, True), (31, False)])
def test_given_others_who_do_it_too_when_judged_then_only_above_three_times_their_share(
    theirs: int, is_listed: bool
) -> None:
    others = Conduct(operations=1000, voids=theirs)
    assert bool(flags(Conduct(operations=100, voids=10), others)) is (theirs < 34)
    assert bool(flags(Conduct(operations=110, voids=10), others)) is is_listed
