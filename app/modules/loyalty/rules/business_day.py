"""Which day of the shop an instant belongs to, and when the next one starts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from app.modules.loyalty.types import StoreFacts


def business_day(at: datetime, *, store: StoreFacts) -> date:
    """The store's business day at `at` (aware).

    It begins when the store's clocks show `day_starts_at` and lasts until they show it
    again, so it has 23 or 25 hours where the clocks change. Where that time comes twice the
    first counts; where it is skipped the day begins as if the clocks had not changed yet.

    Source: product rule "Business day", docs/rules.md.
    """
    local_date = at.astimezone(ZoneInfo(store.timezone)).date()
    # Early hours belong to the day before; a clock set back over midnight shows a date that
    # is over, and a zone may skip a whole date: so neighbours are looked at on both sides.
    nearby = (local_date + timedelta(days=offset) for offset in (1, 0, -1, -2))
    return next(day for day in nearby if day_starts(day, store=store) <= at)


def next_day_starts(at: datetime, *, store: StoreFacts) -> datetime:
    """The instant (UTC) at which the business day after the one of `at` begins."""
    return day_starts(business_day(at, store=store) + timedelta(days=1), store=store)


def day_starts(day: date, *, store: StoreFacts) -> datetime:
    """The instant (UTC) at which a business day begins."""
    local = datetime.combine(day, store.day_starts_at, tzinfo=ZoneInfo(store.timezone))
    return local.astimezone(UTC)
