"""What the points on a card buy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from app.modules.loyalty.types import CardState, RewardFacts


class RewardLine(TypedDict):
    """A line of the catalogue as the holder of a card sees it. Counts are points.

    `affordable`: the card can have it now. `points_missing` is what is left to collect for it.
    """

    id: int
    name: str
    cost_points: int
    affordable: bool
    points_missing: int


def is_offered(state: CardState) -> bool:
    """True where the catalogue means something to the card: it collects points, or holds some."""
    return state.loyalty_type.has_points or state.points_balance > 0


def offer(state: CardState, catalogue: Iterable[RewardFacts]) -> list[RewardLine]:
    """The catalogue with what is missing on this card for each line.

    Source: product rule "Rewards", docs/rules.md.
    """
    return [
        RewardLine(
            id=reward.id,
            name=reward.name,
            cost_points=reward.cost_points,
            affordable=reward.cost_points <= state.points_balance,
            points_missing=max(0, reward.cost_points - state.points_balance),
        )
        for reward in catalogue
    ]
