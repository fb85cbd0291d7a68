"""The least time between two stamp operations of one card."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.modules.loyalty.errors import StampCooldown


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
