"""The most stamps a card may get on one business day."""

from __future__ import annotations

from datetime import datetime

from app.modules.loyalty.errors import DailyStampLimit
from app.modules.loyalty.rules.business_day import business_day, next_day_starts
from app.modules.loyalty.types import CardState


def remaining_today(state: CardState, *, now: datetime) -> int:
    """How many stamps the business day of `now` still has room for; never below zero."""
    given = state.stamps_by_day.get(business_day(now, store=state.store), 0)
    return max(0, state.max_daily_stamps - given)


def check_daily_limit(state: CardState, *, quantity: int, now: datetime) -> None:
    """Refuse stamps the day has no room for: all of them, never a part.

    Raises:
        DailyStampLimit: with the stamps that would still fit and when the next day starts.

    Source: product rule "Daily limit", docs/rules.md.
    """
    remaining = remaining_today(state, now=now)
    if quantity > remaining:
        raise DailyStampLimit(
            remaining=remaining, resets_at=next_day_starts(now, store=state.store)
        )
