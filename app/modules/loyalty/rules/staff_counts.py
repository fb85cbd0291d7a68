"""What ledger entries say of the person behind them."""

from __future__ import annotations

from typing import Final

from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from app.modules.loyalty.rules.statistics import OPERATIONS, EntryGroup, tally
from app.modules.loyalty.types import EntryType


class StaffCounts(TypedDict):
    """What somebody did: `operations` are earning and redeeming, the rest is counted apart."""

    operations: int
    stamps: int
    points: int
    redemptions: int
    voids: int
    adjustments: int
    overrides: int


STAFF_COUNTS: Final = tuple(StaffCounts.__annotations__)
_ADJUSTING: Final = frozenset(
    {EntryType.STAMPS_ADJUSTED, EntryType.POINTS_ADJUSTED, EntryType.POINTS_REINSTATED}
)


def tally_staff(group: EntryGroup) -> dict[str, int]:
    """What a group of entries adds to the `StaffCounts` of whoever posted it; empty for nothing.

    Source: product rule "Staff at a glance", docs/rules.md.
    """
    counts = tally(group)
    figures = {
        "operations": group.entries if group.type in OPERATIONS else 0,
        "stamps": counts.get("stamps_given", 0),
        "points": counts.get("points_earned", 0),
        "redemptions": counts.get("stamp_redemptions", 0) + counts.get("point_redemptions", 0),
        "voids": counts.get("voids", 0),
        "adjustments": group.entries if group.type in _ADJUSTING else 0,
        "overrides": group.overrides,
    }
    return {name: count for name, count in figures.items() if count}
