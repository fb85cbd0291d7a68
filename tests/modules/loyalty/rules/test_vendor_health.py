from __future__ import annotations

from datetime import timedelta
from functools import reduce

import pytest

from app.modules.loyalty.rules import vendor_health


def after(answers: str) -> int:
    """The health after these answers, the oldest first: `x` is a failure."""
    return reduce(lambda health, one: vendor_health.heard(health, failed=one == "x"), answers, 0)


@pytest.mark.parametrize(
    ("answers", "is_failing", "is_down"),
    [
        ("", False, False),
        ("x" * 7, False, False),
        ("x" * 8, True, True),
        ("x" * 8 + ".", True, False),
        ("x" * 15 + ".", True, False),
        (".x" * 8, True, False),
        ("." + ".x" * 7 + ".", False, False),
        ("x" * 16 + "." * 8, True, False),
        ("x" * 16 + "." * 9, False, False),
        ("." * 16 + "x" * 7, False, False),
        ("." * 16 + "x" * 8, True, True),
    ],
)
def test_given_answers_when_judged_then_half_of_16_is_failing_and_8_in_a_row_is_down(
    answers: str, is_failing: bool, is_down: bool
) -> None:
    health = after(answers)
    assert vendor_health.is_failing(health) is is_failing
    assert vendor_health.is_down(health) is is_down


def test_given_years_of_failures_when_heard_then_the_health_stays_a_small_number() -> None:
    health = after("x" * 100)
    assert health == after("x" * 16) < 2**16
    assert after("x" * 100 + "." * 16) == 0


@pytest.mark.parametrize(
    ("attempts", "longest_s"), [(1, 2), (2, 4), (5, 32), (11, 2048), (12, 3600), (10_000, 3600)]
)
def test_given_failures_of_a_pass_when_retried_then_twice_as_late_each_time_up_to_an_hour(
    attempts: int, longest_s: int
) -> None:
    waits = [
        vendor_health.retry_after(attempts, failing=False, jitter=jitter) for jitter in (0, 0.5, 1)
    ]
    assert waits == [timedelta(seconds=longest_s * share) for share in (0.5, 0.75, 1)]


@pytest.mark.parametrize(("attempts", "longest_s"), [(1, 2), (3, 8), (4, 10), (10_000, 10)])
def test_given_a_vendor_that_fails_as_a_whole_when_retried_then_within_ten_seconds(
    attempts: int, longest_s: int
) -> None:
    wait = vendor_health.retry_after(attempts, failing=True, jitter=1)
    assert wait == timedelta(seconds=longest_s)
