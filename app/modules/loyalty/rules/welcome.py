"""The welcome bonus of a card that was joined without staff."""

from __future__ import annotations

from app.modules.loyalty.rules.rewards import cycle_when_empty
from app.modules.loyalty.types import CardState, Draft, EntryType


def due(state: CardState) -> list[Draft]:
    """The bonus entry that goes before the first staff-served stamp, or nothing.

    Source: product rule "Enrolment", docs/rules.md: a bonus waits until a person is proved
    to be there, or joining a hundred times from one sofa would pay.
    """
    if state.welcome_bonus_due <= 0:
        return []
    return [
        Draft(
            EntryType.WELCOME_BONUS,
            stamps_delta=state.welcome_bonus_due,
            cycle=cycle_when_empty(state, state.stamp_count + state.welcome_bonus_due),
        )
    ]
