"""What a change of the program means for those who hold its cards."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

from app.modules.loyalty.types import LoyaltyType, Unit

# What a pass in a phone's wallet shows of the program, or is worked out from.
_ON_PASSES: Final = frozenset(
    {
        "loyalty_type", "is_active", "card_name", "card_color", "card_secondary_color",
        "logo_image", "hero_image", "stamp_icon", "terms_text", "privacy_url",
        "rotating_barcode", "points_expiration_days", "minimum_redemption_points",
    }
)  # fmt: skip


def shows_on_passes(columns: Iterable[str]) -> bool:
    """True where a change of these columns of the program is seen on passes in wallets.

    A new target or reward is not among them: it changes the cards that it applies to.
    """
    return not _ON_PASSES.isdisjoint(columns)


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
