from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.modules.loyalty.rules.business_day import business_day, next_day_starts
from app.modules.loyalty.types import StoreFacts
from tests.modules.loyalty.rules.states import STORE

BAR = replace(STORE, day_starts_at=time(5, 0))
ZONES = sorted(
    zone
    for zone in available_timezones()
    if "/" in zone and not zone.startswith(("posix", "right"))
)
SECOND = timedelta(seconds=1)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (utc(2026, 10, 24, 21, 59, 59), date(2026, 10, 24)),
        (utc(2026, 10, 24, 22, 0), date(2026, 10, 25)),
        (utc(2026, 10, 25, 22, 30), date(2026, 10, 25)),
        (utc(2026, 10, 25, 23, 0), date(2026, 10, 26)),
        (utc(2026, 10, 25, 23, 5), date(2026, 10, 26)),
        (utc(2026, 3, 29, 21, 59), date(2026, 3, 29)),
        (utc(2026, 3, 29, 22, 0), date(2026, 3, 30)),
        (utc(2026, 7, 1, 21, 59), date(2026, 7, 1)),
        (utc(2026, 7, 1, 22, 1), date(2026, 7, 2)),
        (utc(2026, 12, 31, 23, 0), date(2027, 1, 1)),
        (utc(2028, 2, 29, 12, 0), date(2028, 2, 29)),
    ],
)
def test_given_c34_instants_when_the_day_is_asked_then_it_is_the_local_one(
    at: datetime, day: date
) -> None:
    assert business_day(at, store=STORE) == day


def test_given_the_autumn_change_when_the_day_is_measured_then_it_has_25_hours() -> None:
    starts = next_day_starts(utc(2026, 10, 24, 12, 0), store=STORE)
    ends = next_day_starts(utc(2026, 10, 25, 12, 0), store=STORE)
    assert (starts, ends) == (utc(2026, 10, 24, 22, 0), utc(2026, 10, 25, 23, 0))


def test_given_the_spring_change_when_the_day_is_measured_then_it_has_23_hours() -> None:
    starts = next_day_starts(utc(2026, 3, 28, 12, 0), store=STORE)
    ends = next_day_starts(utc(2026, 3, 29, 12, 0), store=STORE)
    assert ends - starts == timedelta(hours=23)


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (utc(2026, 6, 16, 2, 59, 59), date(2026, 6, 15)),
        (utc(2026, 6, 16, 3, 0), date(2026, 6, 16)),
        (utc(2026, 6, 15, 22, 30), date(2026, 6, 15)),
    ],
)
def test_given_a_bar_that_starts_at_five_when_it_is_night_then_it_is_still_yesterday(
    at: datetime, day: date
) -> None:
    assert business_day(at, store=BAR) == day


def test_given_a_start_that_the_clock_shows_twice_when_it_comes_again_then_the_day_goes_on() -> (
    None
):
    # 02:30 is at 00:30Z and again at 01:30Z.
    store = replace(STORE, day_starts_at=time(2, 30))
    instants = [utc(2026, 10, 25, 0, 29), utc(2026, 10, 25, 0, 30), utc(2026, 10, 25, 1, 15)]
    assert [business_day(at, store=store).day for at in instants] == [24, 25, 25]


def test_given_a_start_that_the_clock_skips_when_the_day_begins_then_as_if_not_yet_changed() -> (
    None
):
    # 02:30 does not exist on that night; by the winter's clock it is 01:30Z.
    store = replace(STORE, day_starts_at=time(2, 30))
    assert business_day(utc(2026, 3, 29, 1, 29), store=store) == date(2026, 3, 28)
    assert business_day(utc(2026, 3, 29, 1, 30), store=store) == date(2026, 3, 29)


def test_given_an_island_that_skipped_a_date_when_it_slept_then_the_day_after_follows() -> None:
    # Samoa had no 30 December 2011.
    apia = replace(STORE, timezone="Pacific/Apia")
    before, after = utc(2011, 12, 30, 9, 59), utc(2011, 12, 30, 10, 0)
    assert business_day(before, store=apia) == date(2011, 12, 29)
    assert business_day(after, store=apia) == date(2011, 12, 31)
    assert next_day_starts(before, store=apia) == after


def test_given_clocks_set_back_over_midnight_when_it_is_yesterday_again_then_the_day_goes_on() -> (
    None
):
    # Newfoundland went back from 00:01 to 23:01: the date changed, and changed back.
    st_johns = replace(STORE, timezone="America/St_Johns")
    midnight = datetime(2010, 11, 7, 0, 0, tzinfo=ZoneInfo("America/St_Johns")).astimezone(UTC)
    days = [business_day(midnight + timedelta(minutes=m), store=st_johns) for m in (-1, 0, 30, 61)]
    assert [day.day for day in days] == [6, 7, 7, 7]


@given(
    zone=st.sampled_from(ZONES),
    starts=st.times(),
    at=st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 (hypothesis adds the zone)
)
def test_given_any_store_and_instant_when_days_are_cut_then_none_overlaps_or_leaves_a_gap(
    zone: str, starts: time, at: datetime
) -> None:
    store: StoreFacts = replace(
        STORE, timezone=zone, day_starts_at=starts.replace(second=0, microsecond=0)
    )
    today, ends = business_day(at, store=store), next_day_starts(at, store=store)
    assert at < ends <= at + timedelta(hours=50)
    assert business_day(ends - SECOND, store=store) == today
    assert business_day(ends, store=store) > today
