"""When a job is due. Slots are local dates or hours, never instants.

So the hour that a clock change skips neither skips a run, nor does the hour that comes twice
double one. Slots of one schedule are texts whose order is the order of time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session


@dataclass(frozen=True)
class Daily:
    """Once a local day, as soon as the local time is `hour`:`minute`."""

    hour: int
    minute: int = 0

    def __str__(self) -> str:
        return f"daily at {self.hour:02}:{self.minute:02}"


@dataclass(frozen=True)
class Hourly:
    """Once a local hour, from its `minute` on. An hour that comes twice counts once."""

    minute: int = 0

    def __str__(self) -> str:
        return f"hourly at minute {self.minute:02}"


@dataclass(frozen=True)
class WhenDue:
    """No slots: whenever `is_due` says so. It is asked at every tick and must be cheap."""

    is_due: Callable[[Session, datetime], bool]

    def __str__(self) -> str:
        return "whenever there is something to do"


Slots = Daily | Hourly
Schedule = Slots | WhenDue


def due_slot(schedule: Slots, now: datetime, tz: ZoneInfo) -> str:
    """The newest slot that is due at `now` (aware). Older ones, if missed, are folded into it."""
    return _named(schedule, _newest(schedule, now, tz))


def next_due(schedule: Slots, now: datetime, tz: ZoneInfo) -> datetime:
    """When the slot after `due_slot` falls due (UTC)."""
    start = _newest(schedule, now, tz) + _step(schedule)
    while _instant(start, tz) <= now:  # a slot inside a skipped hour falls due with its neighbour
        start += _step(schedule)
    return _instant(start, tz)


def _newest(schedule: Slots, now: datetime, tz: ZoneInfo) -> datetime:
    """The local start of the newest due slot, as written on a wall (without a zone)."""
    local = now.astimezone(tz).replace(tzinfo=None)
    start = local.replace(minute=schedule.minute, second=0, microsecond=0)
    if isinstance(schedule, Daily):
        start = start.replace(hour=schedule.hour)
    while _instant(start, tz) > now:
        start -= _step(schedule)
    return start


def _instant(wall: datetime, tz: ZoneInfo) -> datetime:
    """When the clock on the wall first shows `wall`; if it skips it, as long after the skip."""
    return wall.replace(tzinfo=tz, fold=0).astimezone(UTC)


def _step(schedule: Slots) -> timedelta:
    return timedelta(days=1) if isinstance(schedule, Daily) else timedelta(hours=1)


def _named(schedule: Slots, start: datetime) -> str:
    return f"{start:%Y-%m-%d}" if isinstance(schedule, Daily) else f"{start:%Y-%m-%dT%H}"
