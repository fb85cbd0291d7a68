"""What a card starts with: the bonus of each unit, and a paper card's stamps."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from app.modules.loyalty.errors import AmountTooLarge, ProgramTypeMismatch
from app.modules.loyalty.rules import welcome
from app.modules.loyalty.types import EntryType
from tests.modules.loyalty.rules.states import card


@dataclass(frozen=True)
class Program:
    """As much of a program as these rules look at."""

    loyalty_type: str = "hybrid"
    welcome_bonus_stamps: int = 2
    welcome_bonus_points: int = 30
    stamps_target: int = 10


@pytest.mark.parametrize(
    ("loyalty_type", "bonus"), [("stamps", (2, 0)), ("points", (0, 30)), ("hybrid", (2, 30))]
)
def test_given_a_program_when_somebody_joins_then_the_bonus_of_what_it_collects(
    loyalty_type: str, bonus: tuple[int, int]
) -> None:
    assert welcome.bonus_of(Program(loyalty_type)) == bonus


@pytest.mark.parametrize(("stamps", "points"), [(2, 0), (0, 30), (2, 30)])
def test_given_a_bonus_that_is_due_when_paid_then_one_entry_for_both_units(
    stamps: int, points: int
) -> None:
    [draft] = welcome.due(card(welcome_bonus_due=stamps, welcome_points_due=points))
    assert draft.type is EntryType.WELCOME_BONUS
    assert (draft.stamps_delta, draft.points_delta) == (stamps, points)
    assert draft.sets_last_stamp is False  # it starts no cooldown


def test_given_nothing_due_when_asked_then_nothing_is_paid() -> None:
    assert welcome.due(card()) == []


@pytest.mark.parametrize("quantity", [1, 9])
def test_given_a_paper_card_when_it_is_not_full_then_its_stamps_are_carried_over(
    quantity: int,
) -> None:
    draft = welcome.paper_card(Program(), quantity)
    assert (draft.type, draft.stamps_delta) == (EntryType.STAMPS_ADJUSTED, quantity)


@pytest.mark.parametrize("quantity", [10, 49])
def test_given_a_full_paper_card_when_handed_in_then_refused_with_the_most(quantity: int) -> None:
    with pytest.raises(AmountTooLarge) as refusal:
        welcome.paper_card(Program(), quantity)
    assert refusal.value.params == {"maximum": 9}


def test_given_a_program_of_points_when_a_paper_card_comes_then_refused() -> None:
    with pytest.raises(ProgramTypeMismatch):
        welcome.paper_card(Program("points"), 3)
