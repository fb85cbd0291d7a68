"""What a change of the program means for those who hold its cards."""

from __future__ import annotations

from datetime import date, timedelta

from app.modules.loyalty.types import LoyaltyType, Unit


def earns(loyalty_type: LoyaltyType, *, is_active: bool) -> frozenset[Unit]:
    """The units that cards of such a program collect; none while it is switched off."""
    if not is_active:
        return frozenset()
    collects = {Unit.STAMPS: loyalty_type.has_stamps, Unit.POINTS: loyalty_type.has_points}
    return frozenset(unit for unit, is_collected in collects.items() if is_collected)


def expiry_starts_anew(*, before: int | None, after: int | None) -> bool:
    """True where points would run out sooner by `after` days than by `before` (None: never).

    Then the days count from the change on, so that nothing runs out from one day to the next.

    Source: product rule "Expiry", docs/rules.md.
    """
    return after is not None and (before is None or after < before)


def first_day_hit(today: date, *, before: int, after: int) -> date:
    """The first last-use day whose points run out sooner, where `before` days become `after`.

    By the new rule they run out `after` days from `today` on, the day of the change.
    """
    return today + timedelta(days=after - before + 1)
