from __future__ import annotations

from datetime import timedelta

import pytest

from app.modules.loyalty.rules.notify_budget import may_ring
from tests.modules.loyalty.rules.states import NOON

DAY = timedelta(hours=24)
TICK = timedelta(microseconds=1)


def facts(stamps: int = 0, points: int = 0, rewards: int = 0) -> dict[str, int]:
    return {"stamps": stamps, "points": points, "rewards": rewards}


@pytest.mark.parametrize(
    ("before", "after", "rings"),
    [
        ({}, facts(1), False),
        (facts(1), facts(1), False),
        (facts(1), facts(2), True),
        (facts(2), facts(1), True),
        (facts(points=10), facts(points=11), True),
        (facts(9), facts(10, rewards=1), True),
        (facts(10, rewards=1), facts(0), True),
    ],
)
def test_given_a_quiet_day_when_a_pass_changes_then_it_rings_unless_new_or_the_same(
    before: dict[str, int], after: dict[str, int], rings: bool
) -> None:
    assert may_ring(before, after, rang_at=[], now=NOON) is rings


@pytest.mark.parametrize(
    ("rang", "for_a_stamp", "for_a_reward"),
    [(0, True, True), (1, True, True), (2, False, True), (3, False, False)],
)
def test_given_notices_today_when_a_pass_changes_then_the_third_is_kept_for_a_reward(
    rang: int, for_a_stamp: bool, for_a_reward: bool
) -> None:
    today = [NOON - timedelta(hours=hour) for hour in range(rang)]
    assert may_ring(facts(1), facts(2), rang_at=today, now=NOON) is for_a_stamp
    ready = may_ring(facts(9), facts(10, rewards=1), rang_at=today, now=NOON)
    assert ready is for_a_reward


def test_given_a_reward_that_was_ready_before_when_a_stamp_comes_then_it_is_no_reward() -> None:
    two = [NOON, NOON]
    assert may_ring(facts(10, rewards=1), facts(11, rewards=1), rang_at=two, now=NOON) is False
    assert may_ring(facts(19, rewards=1), facts(20, rewards=2), rang_at=two, now=NOON) is True
    assert may_ring(facts(20, rewards=2), facts(10, rewards=1), rang_at=two, now=NOON) is False


@pytest.mark.parametrize(("ago", "rings"), [(DAY - TICK, False), (DAY, True)])
def test_given_two_notices_when_one_is_24_hours_old_then_it_no_longer_counts(
    ago: timedelta, rings: bool
) -> None:
    rang_at = [NOON - ago, NOON]
    assert may_ring(facts(1), facts(2), rang_at=rang_at, now=NOON) is rings
