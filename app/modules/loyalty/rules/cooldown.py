"""The least time between two stamp operations of one card."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.modules.loyalty.errors import StampCooldown
from app.modules.loyalty.types import NearStamps


def check_cooldown(*, last_stamp_at: datetime | None, cooldown_minutes: int, now: datetime) -> None:
    """Refuse a stamp that comes too soon after the last one.

    The wait ends at exactly `last_stamp_at` + `cooldown_minutes` (minutes): a stamp at
    that instant is allowed. Zero switches the rule off. Times are aware UTC.

    Raises:
        StampCooldown: with the first allowed moment.

    Source: product rule "Cooldown", docs/rules.md.
    """
    available_at = next_stamp_available_at(
        last_stamp_at=last_stamp_at, cooldown_minutes=cooldown_minutes, now=now
    )
    if available_at is not None:
        raise StampCooldown(next_stamp_available_at=available_at)


def check_cooldown_around(
    near: NearStamps, *, cooldown_minutes: int, occurred_at: datetime
) -> None:
    """The same for a stamp that was given at an earlier instant: it looks both ways.

    Raises:
        StampCooldown: a stamp before or after it is too near.

    Source: product rule "Offline", docs/rules.md.
    """
    check_cooldown(last_stamp_at=near.before, cooldown_minutes=cooldown_minutes, now=occurred_at)
    if near.after is not None and near.after < occurred_at + timedelta(minutes=cooldown_minutes):
        wait = timedelta(minutes=cooldown_minutes)
        raise StampCooldown(next_stamp_available_at=near.after + wait)


def next_stamp_available_at(
    *, last_stamp_at: datetime | None, cooldown_minutes: int, now: datetime
) -> datetime | None:
    """The first moment (UTC) the cooldown allows a stamp; None where that is already so."""
    assert cooldown_minutes >= 0, cooldown_minutes
    # Switched off it stays off, even where a host's clock ran ahead when the last stamp was given.
    if last_stamp_at is None or cooldown_minutes == 0:
        return None
    available_at = last_stamp_at + timedelta(minutes=cooldown_minutes)
    return available_at if now < available_at else None
