"""What a pass in a phone's wallet shows, whosever wallet it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from app.modules.loyalty.rules import expiry
from app.modules.loyalty.rules.catalogue import RewardLine
from app.modules.loyalty.rules.looks import StampGrid, stamp_grid
from app.modules.loyalty.rules.points_view import PointsView, points_view
from app.modules.loyalty.types import CardState, CardStatus, PassDesign, PassEnd


@dataclass(frozen=True, slots=True)
class PassView:
    """One pass as it should look now.

    `grid` and `points` are None where the card has no such unit. `ended` is why it no longer
    stands for a card, and then nothing of a card is shown. `holder` is what the card calls its
    customer ("Zoé S."), empty where there is no name. `card_reward` is what a full row of stamps
    buys. `language` is the customer's own.
    """

    design: PassDesign
    serial: str
    revision: int
    ended: PassEnd | None
    is_suspended: bool
    card_number: str
    qr_code_data: str
    holder: str
    language: str
    card_reward: str
    grid: StampGrid | None
    points: PointsView | None
    points_expire_on: date | None

    @property
    def is_usable(self) -> bool:
        """True where a counter would serve this card."""
        return self.ended is None and not self.is_suspended

    @property
    def rewards_ready(self) -> int:
        """How many rewards can be had now: full rows of stamps, and lines of the catalogue."""
        stamps = self.grid["rewards_ready"] if self.grid else 0
        return stamps + (len(self.points["ready"]) if self.points else 0)

    @property
    def facts(self) -> dict[str, int]:
        """The numbers on it, by which one showing is told from the next."""
        grid, points = self.grid, self.points
        return {
            "stamps": grid["filled"] if grid else 0,
            "points": points["shown"] if points else 0,
            "rewards": self.rewards_ready,
        }


def pass_view(
    state: CardState,
    rewards: Sequence[RewardLine],
    design: PassDesign,
    *,
    serial: str,
    ended: PassEnd | None,
    holder: str,
    language: str,
    qr_code_data: str,
) -> PassView:
    """The pass of a card: its program's units, and what is left of one it had before.

    Source: product rule "Passes", docs/rules.md.
    """
    units = state.loyalty_type
    has_stamps = ended is None and (units.has_stamps or state.stamp_count != 0)
    has_points = ended is None and (units.has_points or state.points_balance != 0)
    return PassView(
        design=design,
        serial=serial,
        revision=state.revision,
        ended=ended,
        is_suspended=state.status is CardStatus.SUSPENDED,
        card_number="" if ended else state.card_number,
        qr_code_data="" if ended else qr_code_data,
        holder="" if ended else holder,
        language=language,
        card_reward=state.cycle.reward,
        grid=stamp_grid(state.stamp_count, state.cycle.target) if has_stamps else None,
        points=points_view(state.points_balance, rewards) if has_points else None,
        points_expire_on=expiry.points_expire_on(state) if has_points else None,
    )
