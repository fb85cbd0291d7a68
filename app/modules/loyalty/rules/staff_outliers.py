"""Which members of staff an owner should look at, and why. No flag proves anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.modules.loyalty.rules.figures import quantile_of

# Fewer than this of anything is chance.
FEWEST: Final = 5
_PAIRS_ABOVE: Final = 2  # times what 95 % of all pairs do not exceed
_QUIET_SHARE: Final = 5  # a quiet hour has a fifth of the busiest one's operations at most
_USUAL_SHARE: Final = 3  # an hour used on a third of the open days is a usual one
_DAYS_TO_TELL: Final = 7  # with fewer open days nobody knows what is usual
_AFTER_HOURS_PERMILLE: Final = 20
_SHARE_PERMILLE: Final = 50
_SHARE_ABOVE: Final = 3  # times the share of all others


class Flag(StrEnum):
    """Why somebody is listed."""

    OWN_CARD = "own_card"
    REPEAT_PAIR = "repeat_pair"
    AFTER_HOURS = "after_hours"
    OVERRIDE_SHARE = "override_share"
    VOID_SHARE = "void_share"


@dataclass(frozen=True, slots=True)
class Conduct:
    """What one member of staff did in a period."""

    operations: int
    overrides: int = 0
    voids: int = 0
    after_hours: int = 0
    own_card_operations: int = 0
    repeat_pairs: int = 0


def repeat_pair_from(pairs: Mapping[int, int]) -> int:
    """From how many operations on a pair of one person of staff and one card stands out.

    `pairs[n]` is how many pairs had n operations. A regular who always meets the same person
    is as common as 1 in 20; more than twice that is not.

    Source: product rule "Staff at a glance", docs/rules.md.
    """
    return max(FEWEST, _PAIRS_ABOVE * (quantile_of(pairs, 950) or 0) + 1)


def quiet_hours(operations: Mapping[int, int], days_used: Mapping[int, int]) -> frozenset[int]:
    """The local hours (0 to 23) in which a store hardly works.

    `operations[hour]` are those of the whole period, `days_used[hour]` the days with any. An
    hour that is used regularly is not quiet, however little goes on: somebody has to open.
    """
    busiest = max(operations.values(), default=0)
    open_days = max(days_used.values(), default=0)
    return frozenset(
        hour
        for hour, count in operations.items()
        if count * _QUIET_SHARE <= busiest
        and (open_days < _DAYS_TO_TELL or days_used[hour] * _USUAL_SHARE < open_days)
    )


def is_after_hours(mine: int, everybody: int) -> bool:
    """Of a quiet hour's operations, are most of one person's? Where several work, it is open."""
    return 2 * mine > everybody


def flags(one: Conduct, others: Conduct) -> list[Flag]:
    """Why the owner should look at `one`; `others` is everybody else together."""
    found = []
    if one.own_card_operations:
        found.append(Flag.OWN_CARD)
    if one.repeat_pairs:
        found.append(Flag.REPEAT_PAIR)
    if one.after_hours >= FEWEST and one.after_hours * 1000 >= one.operations * (
        _AFTER_HOURS_PERMILLE
    ):
        found.append(Flag.AFTER_HOURS)
    for flag, mine, theirs in (
        (Flag.OVERRIDE_SHARE, one.overrides, others.overrides),
        (Flag.VOID_SHARE, one.voids, others.voids),
    ):
        is_many = mine >= FEWEST and mine * 1000 >= one.operations * _SHARE_PERMILLE
        if is_many and mine * max(others.operations, 1) > _SHARE_ABOVE * theirs * one.operations:
            found.append(flag)
    return found
