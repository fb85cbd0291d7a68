"""How stamps become rewards, and which target a card collects for."""

from __future__ import annotations

from app.modules.loyalty.types import CardState, Cycle


def rewards_available(stamp_count: int, target: int) -> int:
    """How many rewards `stamp_count` stamps buy at `target` stamps each; none below zero."""
    return max(0, stamp_count) // target


def stamps_until_reward(stamp_count: int, target: int) -> int:
    """How many stamps are missing for the next reward; a debt has to be collected first."""
    return target - (stamp_count % target if stamp_count >= 0 else stamp_count)


def cycle_applies(*, card_cycle: Cycle, stamp_count: int, program_cycle: Cycle) -> bool:
    """True where a changed program's cycle replaces the card's at once.

    A lower target only helps and counts for every card above it; a higher one, or another
    reward for as many stamps, would change what is half collected and waits until the card
    is empty.

    Source: product rule "Target change", docs/rules.md.
    """
    return program_cycle.target < card_cycle.target or stamp_count <= 0


def cycle_when_empty(state: CardState, stamp_count_after: int) -> Cycle | None:
    """The program's cycle, where the card starts from or ends at nothing; None: unchanged."""
    starts_afresh = state.stamp_count <= 0 or stamp_count_after <= 0
    return _adopted(state) if starts_afresh else None


def cycle_after(state: CardState, stamp_count_after: int) -> Cycle | None:
    """The program's cycle, where a redemption leaves no reward ready; None: unchanged.

    Source: product rule "Target change", docs/rules.md.
    """
    has_reward_ready = rewards_available(stamp_count_after, state.cycle.target) > 0
    return None if has_reward_ready else _adopted(state)


def _adopted(state: CardState) -> Cycle | None:
    return state.program_cycle if state.program_cycle != state.cycle else None
