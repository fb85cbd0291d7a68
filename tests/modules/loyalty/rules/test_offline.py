"""What a till tells of later: how old it may be, and which stamps stand near it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from app.core.errors import ValidationFailed
from app.modules.loyalty.errors import DailyStampLimit, StampCooldown
from app.modules.loyalty.rules import stamps
from app.modules.loyalty.rules.offline import check_occurred_at
from app.modules.loyalty.types import NearStamps
from tests.modules.loyalty.rules.states import NOON, TODAY, card

DAY = timedelta(hours=24)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("occurred_at", "is_allowed"),
    [
        (NOON, True),
        (NOON - DAY + SECOND, True),
        (NOON - DAY, True),
        (NOON - DAY - SECOND, False),
        (NOON + SECOND, False),
        (NOON + timedelta(microseconds=1), False),
    ],
)
def test_given_an_earlier_instant_when_told_then_at_most_a_day_old_and_never_ahead(
    occurred_at: datetime, is_allowed: bool
) -> None:
    if is_allowed:
        check_occurred_at(occurred_at, now=NOON)
        return
    with pytest.raises(ValidationFailed) as refused:
        check_occurred_at(occurred_at, now=NOON)
    [fault] = refused.value.errors
    assert (fault.loc, fault.code) == (("occurred_at",), "occurred_at_range")
    assert fault.params == {"hours": 24}


@pytest.mark.parametrize(
    ("before", "after", "next_at"),
    [
        (None, None, None),
        (-15, None, None),
        (-14, None, 1),
        (None, 15, None),
        (None, 14, 29),
        (-15, 15, None),
        (-40, 3, 18),
    ],
)
def test_given_stamps_around_when_told_later_then_the_cooldown_looks_both_ways(
    before: int | None, after: int | None, next_at: int | None
) -> None:
    at = NOON - timedelta(hours=5)
    near = NearStamps(
        None if before is None else at + before * MINUTE,
        None if after is None else at + after * MINUTE,
    )
    # The newest stamp of the card lies later still, and does not count.
    state = card(near_stamps=near, last_stamp_at=NOON - MINUTE)
    if next_at is None:
        draft = stamps.earn(state, quantity=1, now=at)
        assert draft.last_stamp_at == NOON - MINUTE, "the newest stamp stays the newest"
        return
    with pytest.raises(StampCooldown) as refused:
        stamps.earn(state, quantity=1, now=at)
    assert refused.value.params == {"next_stamp_available_at": at + next_at * MINUTE}


def test_given_no_later_stamp_when_told_later_then_it_is_the_newest() -> None:
    at = NOON - timedelta(hours=5)
    state = card(near_stamps=NearStamps(None, None), last_stamp_at=at - timedelta(days=1))
    assert stamps.earn(state, quantity=1, now=at).last_stamp_at == at


def test_given_a_full_day_when_told_of_it_later_then_its_limit_counts_and_not_todays() -> None:
    yesterday, at = TODAY - timedelta(days=1), NOON - timedelta(hours=20)
    near = NearStamps(None, None)
    full = card(near_stamps=near, stamps_by_day={yesterday: 5})
    with pytest.raises(DailyStampLimit):
        stamps.earn(full, quantity=1, now=at)
    free = card(near_stamps=near, stamps_by_day={yesterday: 4, TODAY: 5})
    assert stamps.earn(free, quantity=1, now=at).stamps_delta == 1


def test_given_somebody_who_may_when_a_later_stamp_is_too_near_then_the_limit_is_lifted() -> None:
    near = NearStamps(None, NOON + MINUTE)
    draft = stamps.earn(card(near_stamps=near), quantity=1, now=NOON, may_override=True)
    assert draft.overrides_limits is True
