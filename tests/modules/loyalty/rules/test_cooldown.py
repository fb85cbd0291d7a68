from __future__ import annotations

from datetime import timedelta

import pytest

from app.modules.loyalty.errors import StampCooldown
from app.modules.loyalty.rules.cooldown import check_cooldown, next_stamp_available_at
from tests.modules.loyalty.rules.states import NOON

QUARTER = timedelta(minutes=15)
TICK = timedelta(microseconds=1)


def test_given_a_stamp_when_the_cooldown_is_nearly_over_then_refused_with_the_moment() -> None:
    with pytest.raises(StampCooldown) as refused:
        check_cooldown(last_stamp_at=NOON, cooldown_minutes=15, now=NOON + QUARTER - TICK)
    assert refused.value.params == {"next_stamp_available_at": NOON + QUARTER}


def test_given_a_stamp_when_the_cooldown_is_just_over_then_allowed() -> None:
    check_cooldown(last_stamp_at=NOON, cooldown_minutes=15, now=NOON + QUARTER)
    assert (
        next_stamp_available_at(last_stamp_at=NOON, cooldown_minutes=15, now=NOON + QUARTER) is None
    )


def test_given_a_first_stamp_when_checked_then_allowed() -> None:
    check_cooldown(last_stamp_at=None, cooldown_minutes=1440, now=NOON)


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(minutes=3)])
def test_given_no_cooldown_when_the_last_stamp_is_now_or_ahead_then_allowed(
    ahead: timedelta,
) -> None:
    check_cooldown(last_stamp_at=NOON + ahead, cooldown_minutes=0, now=NOON)


def test_given_a_clock_that_went_back_when_checked_then_the_wait_counts_from_the_stamp() -> None:
    available_at = next_stamp_available_at(
        last_stamp_at=NOON, cooldown_minutes=15, now=NOON - timedelta(hours=2)
    )
    assert available_at == NOON + QUARTER
