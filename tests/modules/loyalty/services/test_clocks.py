"""Clocks that jump, differ, skip an hour or have it twice: nothing is doubled, nothing sticks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.orm import Session

from app.core.errors import ValidationFailed
from app.modules.loyalty.errors import DailyStampLimit, StampCooldown
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.services import ledger_verify, points_expiry
from app.modules.loyalty.types import Caller
from tests import reads
from tests.factories import NOW, make_store
from tests.modules.loyalty.services.points_desk import Desk, refused

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
COOLDOWN = 15 * MINUTE
JUMPS = [2 * HOUR, -2 * HOUR, DAY, -90 * SECOND]
# Where clocks change at night, at midnight, by half an hour, twice through midnight; with how
# many hours each of the days has.
CHANGES: dict[str, dict[date, float]] = {
    "Europe/Luxembourg": {date(2026, 3, 29): 23, date(2026, 10, 25): 25},
    "America/New_York": {date(2026, 3, 8): 23, date(2026, 11, 1): 25},
    "America/Havana": {date(2026, 3, 8): 23, date(2026, 11, 1): 25},
    "America/Santiago": {date(2026, 4, 4): 25, date(2026, 9, 6): 23},
    "Australia/Lord_Howe": {date(2026, 4, 5): 24.5, date(2026, 10, 4): 23.5},
}
ORDINARY: dict[date, float] = {date(2028, 2, 29): 24, date(2026, 12, 31): 24, date(2027, 1, 1): 24}


def first_instant(day: date, zone: str) -> datetime:
    """When the clocks of `zone` first show `day`, found by looking at them."""
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) - 15 * HOUR
    while at.astimezone(ZoneInfo(zone)).date() < day:
        at += 15 * MINUTE
    return at


def test_given_the_days_of_these_tests_when_measured_then_they_are_as_long_as_is_said() -> None:
    for zone, changes in CHANGES.items():
        for day, hours in (changes | ORDINARY).items():
            length = first_instant(day + DAY, zone) - first_instant(day, zone)
            assert length == hours * HOUR, (zone, day)


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_given_a_stamp_when_the_clock_jumps_then_the_wait_is_the_cooldown_and_no_more_than_the_jump(
    db: Session, jump: timedelta
) -> None:
    desk = Desk(db, cooldown_minutes=15)
    card = desk.card()
    first = desk.stamp(card, now=NOW)
    assert first["next_stamp_available_at"] == NOW + COOLDOWN
    now = NOW + SECOND + jump
    if jump < COOLDOWN:
        refusal = refused(StampCooldown, desk.stamp, card, now=now)
        assert isinstance(refusal, StampCooldown)
        wait = refusal.params["next_stamp_available_at"] - now
        assert timedelta(0) < wait <= COOLDOWN - jump
        refused(StampCooldown, desk.stamp, card, now=now + wait - SECOND / 1000)
        now += wait
    second = desk.stamp(card, now=now)
    assert second["next_stamp_available_at"] == now + COOLDOWN
    # The clock is put right again: the wait may be longer by the jump, and ends.
    right = now - jump
    if jump > timedelta(0):
        refusal = refused(StampCooldown, desk.stamp, card, now=right)
        assert refusal.params["next_stamp_available_at"] - right <= COOLDOWN + jump
        right = now + COOLDOWN
    assert desk.stamp(card, now=max(right, now + COOLDOWN))["stamp_count"] == 3
    assert [entry.sequence for entry in reads.entries_of(db, card)] == [1, 2, 3, 4]
    assert list(ledger_verify.verify(db, merchant_id=desk.merchant_id)) == []


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_given_no_cooldown_when_the_clock_jumps_there_and_back_then_nobody_waits(
    db: Session, jump: timedelta
) -> None:
    desk = Desk(db)
    card = desk.card()
    for at in (NOW, NOW + jump, NOW, NOW + jump):
        answer = desk.stamp(card, now=at)
        assert answer["next_stamp_available_at"] is None
        assert 0 <= answer["stamps_remaining_today"] < 100
    assert desk.balances(card) == (4, 0)


def test_given_a_full_day_when_the_clock_jumps_a_day_and_back_then_each_date_has_its_own_limit(
    db: Session,
) -> None:
    desk = Desk(db, max_daily_stamps=2)
    card = desk.card()
    desk.stamp(card, 2, now=NOW)
    desk.stamp(card, 1, now=NOW + DAY)
    refused(DailyStampLimit, desk.stamp, card, now=NOW + MINUTE)
    assert desk.stamp(card, 1, now=NOW + DAY)["stamps_remaining_today"] == 0
    refused(DailyStampLimit, desk.stamp, card, now=NOW + DAY)
    assert desk.balances(card) == (4, 0)


@pytest.fixture
def bar(db: Session) -> Desk:
    """Two stamps a day."""
    return Desk(db, max_daily_stamps=2)


def till_in(bar: Desk, zone: str) -> Caller:
    return bar.new_till(make_store(bar.db, merchant_id=bar.merchant_id, timezone=zone).id)


@pytest.mark.parametrize("zone", CHANGES)
def test_given_a_zone_when_its_midnight_comes_then_the_daily_limit_starts_anew(
    bar: Desk, zone: str
) -> None:
    till = till_in(bar, zone)
    for day in CHANGES[zone] | ORDINARY:
        check_limits_around(bar, till, zone, day)


def check_limits_around(bar: Desk, till: Caller, zone: str, day: date) -> None:
    card = bar.card()
    midnight, next_midnight = (first_instant(one, zone) for one in (day, day + DAY))
    for starts, ends in ((midnight - MINUTE, midnight), (midnight, next_midnight)):
        bar.stamp(card, 2, caller=till, now=starts)
        refusal = refused(DailyStampLimit, bar.stamp, card, caller=till, now=ends - SECOND)
        assert refusal.params == {"remaining": 0, "resets_at": ends}
    # An hour that comes twice gives nothing twice.
    for hour in clock_hours(midnight, next_midnight):
        refused(DailyStampLimit, bar.stamp, card, caller=till, now=hour)
    assert bar.stamp(card, 2, caller=till, now=next_midnight)["stamp_count"] == 6
    assert [entry.business_day for entry in reads.entries_of(bar.db, card)[1:]] == [
        day - DAY, day, day + DAY,
    ]  # fmt: skip


def clock_hours(start: datetime, end: datetime) -> Iterator[datetime]:
    while start < end:
        yield start
        start += 6 * HOUR


def expire(db: Session, now: datetime) -> None:
    points_expiry.expire_points(db, now=now, keep_alive=lambda: None)


def due_card(desk: Desk, last_day: date) -> LoyaltyCard:
    """Its points are valid up to the end of `last_day`."""
    collected = first_instant(last_day - 30 * DAY, desk.shop.store.timezone) + 12 * HOUR
    card = desk.card(last_collected_at=collected)
    desk.adjust(card, 40, now=collected)
    return card


@pytest.mark.parametrize("day", [*CHANGES["Europe/Luxembourg"], *ORDINARY], ids=str)
def test_given_points_when_their_last_day_ends_then_they_expire_once_whatever_the_clocks_do(
    db: Session, day: date
) -> None:
    desk = Desk(db, points_expiration_days=30)
    zone = desk.shop.store.timezone
    before, on = due_card(desk, day - DAY), due_card(desk, day)
    start, end = first_instant(day, zone), first_instant(day + DAY, zone)
    taken = [("points_adjusted", 40, 40), ("points_expired", -40, 0)]
    expire(db, start - SECOND)
    assert desk.ledger(before) == taken[:1]
    # 02:00 may be skipped or come twice, the host's clock may jump, and the job may run late.
    for now in (start, start + HOUR, start + 2 * HOUR, start - 2 * HOUR, end - SECOND):
        expire(db, now)
        assert desk.ledger(before) == taken
        assert desk.ledger(on) == taken[:1]
    for now in (end, end - 2 * HOUR, end + DAY):
        expire(db, now)
        assert desk.ledger(before) == desk.ledger(on) == taken
    [expired] = reads.entries_of(db, on)[2:]
    assert expired.business_day == day + DAY
    assert list(ledger_verify.verify(db, merchant_id=desk.merchant_id)) == []


@pytest.mark.parametrize("zone", CHANGES)
def test_given_a_stamp_kept_offline_when_told_after_midnight_then_it_belongs_to_its_own_day(
    bar: Desk, zone: str
) -> None:
    till = till_in(bar, zone)
    for day in CHANGES[zone] | ORDINARY:
        check_told_later(bar, till, zone, day)


def check_told_later(bar: Desk, till: Caller, zone: str, day: date) -> None:
    card = bar.card()
    midnight = first_instant(day, zone)
    now = midnight + HOUR
    bar.stamp(card, 1, caller=till, occurred_at=midnight - SECOND, now=now)
    bar.stamp(card, 2, caller=till, occurred_at=midnight, now=now)
    late = {"caller": till, "now": now}
    refusal = refused(DailyStampLimit, bar.stamp, card, 2, occurred_at=midnight - SECOND, **late)
    assert refusal.params == {"remaining": 1, "resets_at": midnight}
    refusal = refused(DailyStampLimit, bar.stamp, card, 1, occurred_at=midnight + SECOND, **late)
    assert refusal.params["remaining"] == 0
    bar.stamp(card, 1, occurred_at=midnight - SECOND, **late)
    days = [entry.business_day for entry in reads.entries_of(bar.db, card)[1:]]
    assert days == [day - DAY, day, day - DAY]


def test_given_a_till_whose_clock_runs_ahead_when_it_tells_of_a_stamp_then_refused_until_then(
    db: Session,
) -> None:
    desk = Desk(db)
    card = desk.card()
    ahead = NOW + 90 * SECOND
    for occurred_at, now in ((ahead, NOW), (NOW - DAY - SECOND, NOW)):
        fault = refused(ValidationFailed, desk.stamp, card, occurred_at=occurred_at, now=now)
        assert isinstance(fault, ValidationFailed)
        assert [error.code for error in fault.errors] == ["occurred_at_range"]
    assert desk.balances(card) == (0, 0)
    # A day is 24 hours here, also where the local one has 25.
    end = first_instant(date(2026, 10, 26), desk.shop.store.timezone)
    assert desk.stamp(card, occurred_at=end - DAY, now=end)["stamp_count"] == 1
    refused(ValidationFailed, desk.stamp, card, occurred_at=end - 25 * HOUR, now=end)
    assert desk.stamp(card, occurred_at=ahead, now=ahead)["stamp_count"] == 2
