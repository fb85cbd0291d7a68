"""Cooldown and daily limit together, and their lifting by somebody who may."""

from __future__ import annotations

from datetime import datetime

from app.modules.loyalty.errors import DailyStampLimit, StampCooldown
from app.modules.loyalty.rules.cooldown import check_cooldown, check_cooldown_around
from app.modules.loyalty.rules.daily_limit import check_daily_limit
from app.modules.loyalty.types import CardState


def exceeds_limits(state: CardState, *, quantity: int, now: datetime, may_override: bool) -> bool:
    """True where a limit stands in the way and `may_override` lifts it.

    Raises:
        StampCooldown, DailyStampLimit: nobody lifts it.
    """
    minutes = state.cooldown_minutes
    try:
        if state.near_stamps is None:
            check_cooldown(last_stamp_at=state.last_stamp_at, cooldown_minutes=minutes, now=now)
        else:
            check_cooldown_around(state.near_stamps, cooldown_minutes=minutes, occurred_at=now)
        check_daily_limit(state, quantity=quantity, now=now)
    except (StampCooldown, DailyStampLimit):
        if not may_override:
            raise
        return True
    return False
