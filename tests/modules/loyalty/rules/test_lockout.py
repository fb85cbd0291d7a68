from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from app.modules.loyalty.rules.lockout import Attempts, after_failure, is_locked
from tests.modules.loyalty.rules.states import NOON

HALF_AN_HOUR = timedelta(minutes=30)
TICK = timedelta(microseconds=1)


def fail(kept: Attempts | None = None, *, now: datetime = NOON, most: int = 5) -> Attempts:
    return after_failure(
        failed_attempts=kept.failed_attempts if kept else 0,
        locked_until=kept.locked_until if kept else None,
        max_failed_attempts=most,
        lockout_minutes=30,
        now=now,
    )


def test_given_five_wrong_pins_when_counted_then_the_fifth_locks_for_half_an_hour() -> None:
    kept = fail()
    seen = [kept]
    for _ in range(4):
        kept = fail(kept)
        seen.append(kept)
    assert [each.attempts_left for each in seen] == [4, 3, 2, 1, 0]
    assert [each.locked_until for each in seen] == [None] * 4 + [NOON + HALF_AN_HOUR]


def test_given_c36_a_lock_when_a_hundred_more_come_then_it_neither_grows_nor_counts() -> None:
    locked = Attempts(5, NOON + HALF_AN_HOUR, attempts_left=0)
    kept = locked
    for minute in range(100):
        kept = fail(kept, now=NOON + timedelta(seconds=minute * 17))
    assert kept == locked


def test_given_a_lock_when_its_time_comes_then_it_ends_by_itself_and_the_count_restarts() -> None:
    ends_at = NOON + HALF_AN_HOUR
    locked = Attempts(5, ends_at, attempts_left=0)
    assert fail(locked, now=ends_at - TICK) == locked
    assert fail(locked, now=ends_at) == Attempts(1, None, attempts_left=4)


@pytest.mark.parametrize(
    ("locked_until", "locked"),
    [(None, False), (NOON + TICK, True), (NOON, False), (NOON - TICK, False)],
)
def test_given_a_kept_moment_when_asked_then_locked_until_just_before_it(
    locked_until: datetime | None, locked: bool
) -> None:
    assert is_locked(locked_until=locked_until, now=NOON) is locked


def test_given_a_maximum_lowered_below_the_count_when_one_more_fails_then_it_locks() -> None:
    assert fail(Attempts(4, None, attempts_left=1), most=3).locked_until == NOON + HALF_AN_HOUR


def test_given_a_maximum_of_one_when_the_first_try_after_a_lock_fails_then_it_locks_again() -> None:
    later = NOON + HALF_AN_HOUR
    kept = fail(fail(most=1), now=later, most=1)
    assert kept == Attempts(1, later + HALF_AN_HOUR, attempts_left=0)
