"""How ledger entries add up to statistics, and the figures that are drawn from the sums."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from app.modules.loyalty.types import EntryType

EARNING: Final = (EntryType.STAMP_EARNED, EntryType.POINTS_EARNED)
REDEEMING: Final = (EntryType.STAMP_REDEEMED, EntryType.POINTS_REDEEMED)
# What somebody does at the counter, and what makes a card active on a day.
OPERATIONS: Final = EARNING + REDEEMING


class DayCounts(TypedDict):
    """What happened on one business day (or several, added up): counts, units, minor units.

    `*_returned` came back with the undoing of a redemption. All entries sum up to given, welcome,
    returned, adjusted, reinstated and other less voided, refunded, redeemed and expired.
    """

    stamp_operations: int
    stamps_given: int
    stamps_welcome: int
    stamps_voided: int
    stamps_refunded: int
    stamp_redemptions: int
    rewards_redeemed: int
    stamps_redeemed: int
    stamps_returned: int
    stamps_adjusted: int
    stamps_other: int
    purchases: int
    amount_cents: int
    points_earned: int
    points_welcome: int
    points_voided: int
    points_refunded: int
    point_redemptions: int
    points_redeemed: int
    points_returned: int
    points_adjusted: int
    points_expired: int
    points_reinstated: int
    points_other: int
    redemptions_returned: int
    new_cards: int
    voids: int
    overrides: int


COUNTS: Final = tuple(DayCounts.__annotations__)


@dataclass(frozen=True, slots=True)
class EntryGroup:
    """Ledger entries of one type, added up. `gains`: they brought the card stamps or points."""

    type: EntryType
    gains: bool
    entries: int
    stamps: int
    points: int
    amount_cents: int = 0
    rewards: int = 0
    overrides: int = 0


_E = EntryType
# For each type: the count, the measure of the group it takes, and its sign.
_TALLIES: Final[Mapping[EntryType, tuple[tuple[str, str, int], ...]]] = {
    _E.CARD_CREATED: (("new_cards", "entries", 1),),
    _E.WELCOME_BONUS: (("stamps_welcome", "stamps", 1), ("points_welcome", "points", 1)),
    _E.STAMP_EARNED: (("stamp_operations", "entries", 1), ("stamps_given", "stamps", 1)),
    _E.STAMP_REDEEMED: (
        ("stamp_redemptions", "entries", 1),
        ("rewards_redeemed", "rewards", 1),
        ("stamps_redeemed", "stamps", -1),
    ),
    _E.STAMP_VOIDED: (("voids", "entries", 1), ("stamps_voided", "stamps", -1)),
    _E.STAMP_REFUNDED: (("stamps_refunded", "stamps", -1),),
    _E.STAMPS_ADJUSTED: (("stamps_adjusted", "stamps", 1),),
    _E.POINTS_EARNED: (
        ("purchases", "entries", 1),
        ("amount_cents", "amount_cents", 1),
        ("points_earned", "points", 1),
    ),
    _E.POINTS_REDEEMED: (("point_redemptions", "entries", 1), ("points_redeemed", "points", -1)),
    _E.POINTS_VOIDED: (("voids", "entries", 1), ("points_voided", "points", -1)),
    _E.POINTS_REFUNDED: (("points_refunded", "points", -1),),
    _E.POINTS_ADJUSTED: (("points_adjusted", "points", 1),),
    _E.POINTS_EXPIRED: (("points_expired", "points", -1),),
    _E.POINTS_REINSTATED: (("points_reinstated", "points", 1),),
}
_OTHER: Final = (("stamps_other", "stamps", 1), ("points_other", "points", 1))
_RETURNED: Final = (
    ("redemptions_returned", "entries", 1),
    ("stamps_returned", "stamps", 1),
    ("points_returned", "points", 1),
)
_UNDOING: Final = frozenset(
    {_E.STAMP_VOIDED, _E.STAMP_REFUNDED, _E.POINTS_VOIDED, _E.POINTS_REFUNDED}
)


def tally(group: EntryGroup) -> dict[str, int]:
    """What a group of entries adds to the `DayCounts` of its business day.

    Source: product rule "Statistics", docs/rules.md.
    """
    rules = _TALLIES.get(group.type, _OTHER)
    if group.type in _UNDOING and group.gains:
        is_void = group.type in (_E.STAMP_VOIDED, _E.POINTS_VOIDED)
        rules = (("voids", "entries", 1), *_RETURNED) if is_void else _RETURNED
    counts = {name: sign * getattr(group, measure) for name, measure, sign in rules}
    return {name: n for name, n in (counts | {"overrides": group.overrides}).items() if n}
