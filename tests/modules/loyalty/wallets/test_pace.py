"""The pace of requests to a vendor, on a clock that only moves as the test says."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.modules.loyalty.wallets.pace import Pace

CENTURY_S = 3e9
HAIR_S = 1e-6


class FakeClock:
    """A stopwatch that moves when somebody sleeps."""

    def __init__(self, at: float = 0.0) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.at += seconds


def most_in_a_second(moments: Sequence[float]) -> int:
    """The most that any sliding second holds, both its ends included."""
    ordered = sorted(moments)
    return max(sum(1 for at in ordered if first <= at <= first + 1 + HAIR_S) for first in ordered)


def pace_on(clock: FakeClock, per_second: int) -> Pace:
    return Pace(per_second, stopwatch=clock, sleep=clock.sleep)


@pytest.mark.parametrize("per_second", [1, 15, 20])
@pytest.mark.parametrize("start", [0.0, CENTURY_S])
def test_given_a_rush_when_paced_then_no_sliding_second_holds_more_than_one_above(
    per_second: int, start: float
) -> None:
    clock = FakeClock(start)
    pace, moments = pace_on(clock, per_second), []
    for _ in range(per_second * 3):
        pace.wait()
        moments.append(clock.at)
    assert most_in_a_second(moments) <= per_second + 1
    assert moments[-1] - start == pytest.approx(3.0, abs=1e-3), "nor is any time lost"


def test_given_a_quiet_hour_when_a_rush_follows_then_nothing_was_saved_up() -> None:
    clock = FakeClock()
    pace, moments = pace_on(clock, 15), []
    pace.wait()
    clock.at += 3600
    for _ in range(40):
        pace.wait()
        moments.append(clock.at)
    assert most_in_a_second(moments) == 16
    assert moments[0] == 3600 + 1 / 15, "the first after the quiet need not wait"


def test_given_one_process_that_follows_another_when_paced_then_their_second_holds_no_more() -> (
    None
):
    clock, moments = FakeClock(), []
    for _process in range(2):
        pace = pace_on(clock, 15)
        for _ in range(15):
            pace.wait()
            moments.append(clock.at)
    assert most_in_a_second(moments) == 16


def test_given_slow_requests_when_paced_then_they_do_not_wait() -> None:
    clock = FakeClock()
    pace = pace_on(clock, 15)
    pace.wait()
    for _ in range(5):
        clock.at += 0.5
        before = clock.at
        pace.wait()
        assert clock.at == before


def test_given_eight_threads_when_paced_then_each_gets_a_turn_of_its_own() -> None:
    pace, moments, guard = Pace(200), [], threading.Lock()

    def ask(_number: int) -> None:
        pace.wait()
        with guard:
            moments.append(time.monotonic())

    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(40)))
    assert len(moments) == 40
    assert max(moments) - began >= 40 / 200 - HAIR_S


def test_given_a_process_that_stalls_when_it_goes_on_then_threads_do_not_rush_all_at_once() -> None:
    stalls, moments, guard = threading.Semaphore(4), [], threading.Lock()

    def sleep(seconds: float) -> None:
        # Asleep at the same time, they are late together.
        time.sleep(0.3 if stalls.acquire(blocking=False) else seconds)

    pace = Pace(20, sleep=sleep)

    def ask(_number: int) -> None:
        pace.wait()
        with guard:
            moments.append(time.monotonic())

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(4)))
    moments.sort()
    assert moments[3] - moments[1] >= 1.5 / 20, "no more than two at once"
