"""What a card starts with: the welcome bonus, and the stamps of a paper card."""

from __future__ import annotations

from typing import Protocol

from app.modules.loyalty.errors import AmountTooLarge, ProgramTypeMismatch
from app.modules.loyalty.rules.rewards import cycle_when_empty
from app.modules.loyalty.types import CardState, Draft, EntryType, LoyaltyType


class Bonus(Protocol):
    """What a program promises to whoever joins."""

    @property
    def loyalty_type(self) -> str:
        """Which units it collects."""

    @property
    def welcome_bonus_stamps(self) -> int:
        """Stamps for whoever joins."""

    @property
    def welcome_bonus_points(self) -> int:
        """Points for whoever joins."""


def bonus_of(program: Bonus) -> tuple[int, int]:
    """Stamps and points for whoever joins: of a unit that the program collects now."""
    collects = LoyaltyType(program.loyalty_type)
    return (
        program.welcome_bonus_stamps if collects.has_stamps else 0,
        program.welcome_bonus_points if collects.has_points else 0,
    )


def due(state: CardState) -> list[Draft]:
    """The bonus entry that goes before the first staff-served earning, or nothing.

    Source: product rule "Enrolment", docs/rules.md: a bonus waits until a person is proved
    to be there, or joining a hundred times from one sofa would pay.
    """
    if state.welcome_bonus_due <= 0 and state.welcome_points_due <= 0:
        return []
    return [
        Draft(
            EntryType.WELCOME_BONUS,
            stamps_delta=state.welcome_bonus_due,
            points_delta=state.welcome_points_due,
            cycle=cycle_when_empty(state, state.stamp_count + state.welcome_bonus_due),
        )
    ]


class Cycled(Protocol):
    """A program, as far as its open cycle goes."""

    @property
    def loyalty_type(self) -> str:
        """Which units it collects."""

    @property
    def stamps_target(self) -> int:
        """Stamps for a reward."""


def paper_card(program: Cycled, quantity: int) -> Draft:
    """The stamps of a paper card that a customer hands in when enrolling.

    Raises:
        ProgramTypeMismatch.
        AmountTooLarge: for a card that would be full: that one is redeemed, not carried over.

    Source: product rule "Void and adjust", docs/rules.md.
    """
    assert quantity >= 1, quantity
    if not LoyaltyType(program.loyalty_type).has_stamps:
        raise ProgramTypeMismatch
    if quantity >= program.stamps_target:
        raise AmountTooLarge(maximum=program.stamps_target - 1)
    return Draft(EntryType.STAMPS_ADJUSTED, stamps_delta=quantity)
