"""T11: a slot falls due once per local day or hour, whatever clocks and calendars do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from app.core.jobs.schedule import Daily, Hourly, Slots, due_slot, next_due

LUXEMBOURG = ZoneInfo("Europe/Luxembourg")
# Zone, and the local days around which its clocks change in 2026.
CHANGES = [
    ("Europe/Luxembourg", "2026-03-29"),  # 02:00 to 03:00
    ("Europe/Luxembourg", "2026-10-25"),  # 03:00 to 02:00
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("Australia/Lord_Howe", "2026-04-05"),  # by half an hour
    ("Australia/Lord_Howe", "2026-10-04"),
    ("America/Santiago", "2026-04-05"),  # at midnight, back into the day before
    ("America/Santiago", "2026-09-06"),  # midnight does not exist
    ("Africa/Cairo", "2026-04-24"),
    ("Africa/Cairo", "2026-10-30"),
]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def minutes_around(day: str, tz: ZoneInfo) -> Iterator[datetime]:
    """Each minute from the noon before a local day to the noon after it."""
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=tz).astimezone(UTC)
    for minute in range(-36 * 60, 24 * 60):
        yield noon + timedelta(minutes=minute)


def slots_around(schedule: Slots, day: str, zone: str) -> list[str]:
    """The slots in the order in which a clock that ticks every minute meets them."""
    tz = ZoneInfo(zone)
    met = [due_slot(schedule, now, tz) for now in minutes_around(day, tz)]
    return [slot for at, slot in enumerate(met) if at == 0 or slot != met[at - 1]]


@pytest.mark.parametrize("schedule", [Daily(0), Daily(2), Daily(2, 30), Daily(3), Daily(23, 59)])
@pytest.mark.parametrize(("zone", "day"), CHANGES)
def test_given_a_clock_change_when_a_daily_job_ticks_then_each_local_date_comes_once(
    schedule: Daily, zone: str, day: str
) -> None:
    met = slots_around(schedule, day, zone)
    first = date.fromisoformat(met[0])
    assert met == [str(first + timedelta(days=n)) for n in range(len(met))]
    assert day in met


@pytest.mark.parametrize("schedule", [Hourly(), Hourly(15), Hourly(45)])
@pytest.mark.parametrize(("zone", "day"), CHANGES)
def test_given_a_clock_change_when_an_hourly_job_ticks_then_no_slot_comes_back(
    schedule: Hourly, zone: str, day: str
) -> None:
    met = slots_around(schedule, day, zone)
    starts = [datetime.fromisoformat(f"{slot}:00+00:00") for slot in met]
    steps = [(later - earlier) / timedelta(hours=1) for earlier, later in pairwise(starts)]
    # The hour that does not exist has no slot, and the one that comes twice has one.
    assert sorted(steps)[:-1] == [1] * (len(steps) - 1)
    assert max(steps) in (1, 2)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-03-29T00:59:59.999999", "2026-03-28"),  # 01:59:59
        ("2026-03-29T01:00", "2026-03-29"),  # 03:00, since 02:00 does not exist
        ("2026-10-24T23:59:59", "2026-10-24"),  # 01:59:59
        ("2026-10-25T00:00", "2026-10-25"),  # the first 02:00
        ("2026-10-25T01:00", "2026-10-25"),  # the second
        ("2028-02-29T00:59:59", "2028-02-28"),
        ("2028-02-29T01:00", "2028-02-29"),
        ("2028-03-01T01:00", "2028-03-01"),
        ("2026-12-31T22:30", "2026-12-31"),  # 23:30
        ("2026-12-31T23:30", "2026-12-31"),  # 00:30 on New Year's Day
        ("2027-01-01T01:00", "2027-01-01"),
    ],
)
def test_given_two_o_clock_in_luxembourg_when_asked_then_the_slot_is_the_local_date(
    now: str, expected: str
) -> None:
    assert due_slot(Daily(hour=2), utc(now), LUXEMBOURG) == expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-25T09:14:59", "2026-11-25T09"),  # 10:14:59
        ("2026-11-25T09:15", "2026-11-25T10"),
        ("2026-12-31T23:14", "2026-12-31T23"),
        ("2026-12-31T23:15", "2027-01-01T00"),
    ],
)
def test_given_a_quarter_past_when_asked_then_the_slot_is_the_local_hour(
    now: str, expected: str
) -> None:
    assert due_slot(Hourly(minute=15), utc(now), LUXEMBOURG) == expected


def test_given_a_day_that_a_country_skipped_when_asked_then_it_is_folded_into_the_next() -> None:
    """Samoa had no 30 December 2011."""
    apia = ZoneInfo("Pacific/Apia")
    before, after = utc("2011-12-30T09:00"), utc("2011-12-30T12:00")  # 23:00 the 29th, 02:00
    assert due_slot(Daily(2), before, apia) == "2011-12-29"
    assert due_slot(Daily(2), after, apia) == "2011-12-31"


@pytest.mark.parametrize("schedule", [Daily(2), Daily(2, 30), Hourly(), Hourly(45)])
@pytest.mark.parametrize(("zone", "day"), CHANGES)
def test_given_any_minute_when_the_next_slot_is_asked_for_then_it_falls_due_just_then(
    schedule: Slots, zone: str, day: str
) -> None:
    tz = ZoneInfo(zone)
    for now in list(minutes_around(day, tz))[::17]:
        due = next_due(schedule, now, tz)
        just_before = due - timedelta(microseconds=1)
        assert due > now
        assert due_slot(schedule, just_before, tz) == due_slot(schedule, now, tz)
        assert due_slot(schedule, due, tz) > due_slot(schedule, now, tz)


def test_given_schedules_when_named_then_people_understand_them() -> None:
    assert [str(Daily(2)), str(Daily(3, 5)), str(Hourly(7))] == [
        "daily at 02:00", "daily at 03:05", "hourly at minute 07",
    ]  # fmt: skip
