"""Points as their holder sees them: what they buy, and how far the next reward is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final, TypedDict

from app.modules.loyalty.rules.catalogue import RewardLine

# A date that is nearer is shown where nobody overlooks it.
SOON_DAYS: Final = 30
_FULL: Final = 100


class PointsView(TypedDict):
    """A balance as pages show it: never below zero; `owed` is how far below it is.

    `ready` are the rewards the points are enough for, the dearest first, `later` the others,
    the nearest first. `goal` is the first of those (None: nothing is left to collect for), and
    `percent` how much of it is there.
    """

    shown: int
    owed: int
    ready: list[RewardLine]
    later: list[RewardLine]
    goal: RewardLine | None
    percent: int


def points_view(balance: int, rewards: Sequence[RewardLine]) -> PointsView:
    """What a balance of `balance` points means with these rewards.

    A reward that costs less than may be redeemed at once is neither ready nor to be reached.
    """
    shown = max(0, balance)
    later = [reward for reward in rewards if reward["points_missing"] > 0]
    later.sort(key=lambda reward: reward["cost_points"])
    goal = later[0] if later else None
    return PointsView(
        shown=shown,
        owed=max(0, -balance),
        ready=sorted(
            (reward for reward in rewards if reward["affordable"]),
            key=lambda reward: -reward["cost_points"],
        ),
        later=later,
        goal=goal,
        percent=shown * _FULL // goal["cost_points"] if goal else _FULL,
    )


def expires_soon(on: date | None, *, today: date) -> bool:
    """True from 30 days before the points run out.

    Source: product rule "Expiry", docs/rules.md.
    """
    return on is not None and (on - today).days <= SOON_DAYS
