from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from app.modules.loyalty.errors import DailyStampLimit
from app.modules.loyalty.rules.daily_limit import check_daily_limit, remaining_today
from tests.modules.loyalty.rules.states import NOON, TODAY, card


def test_given_room_for_two_when_two_are_asked_then_allowed() -> None:
    check_daily_limit(card(stamps_by_day={TODAY: 3}), quantity=2, now=NOON)


def test_given_room_for_one_when_three_are_asked_then_refused_whole_with_what_fits() -> None:
    with pytest.raises(DailyStampLimit) as refused:
        check_daily_limit(card(stamps_by_day={TODAY: 4}), quantity=3, now=NOON)
    assert refused.value.params == {
        "remaining": 1,
        "resets_at": datetime(2026, 6, 15, 22, 0, tzinfo=UTC),
    }


def test_given_yesterdays_stamps_when_today_is_asked_then_they_do_not_count() -> None:
    state = card(stamps_by_day={TODAY - timedelta(days=1): 5})
    assert remaining_today(state, now=NOON) == 5


def test_given_a_limit_lowered_below_what_was_given_when_asked_then_nothing_remains() -> None:
    state = card(stamps_by_day={TODAY: 5}, max_daily_stamps=3)
    assert remaining_today(state, now=NOON) == 0


def test_given_c34_five_stamps_by_noon_when_the_long_day_ends_then_refused_until_midnight() -> None:
    state = card(stamps_by_day={date(2026, 10, 25): 5})
    midnight = datetime(2026, 10, 25, 23, 0, tzinfo=UTC)
    with pytest.raises(DailyStampLimit) as refused:
        check_daily_limit(state, quantity=1, now=midnight - timedelta(minutes=30))
    assert refused.value.params == {"remaining": 0, "resets_at": midnight}
    check_daily_limit(state, quantity=1, now=midnight + timedelta(minutes=5))
