from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.modules.loyalty.rules.rewards import (
    cycle_after,
    cycle_applies,
    cycle_when_empty,
    rewards_available,
    stamps_until_reward,
)
from app.modules.loyalty.types import Cycle
from tests.modules.loyalty.rules.states import COFFEE, card

BAGEL = Cycle(target=10, reward="A bagel")
HIGHER = Cycle(target=12, reward="A free coffee")
LOWER = Cycle(target=8, reward="A free coffee")


@pytest.mark.parametrize(
    ("stamp_count", "available", "until"),
    [
        (0, 0, 10),
        (1, 0, 9),
        (9, 0, 1),
        (10, 1, 10),
        (12, 1, 8),
        (20, 2, 10),
        (-1, 0, 11),
        (-12, 0, 22),
    ],
)
def test_given_a_balance_when_rewards_are_counted_then_none_is_invented_or_lost(
    stamp_count: int, available: int, until: int
) -> None:
    assert rewards_available(stamp_count, 10) == available
    assert stamps_until_reward(stamp_count, 10) == until


@given(stamp_count=st.integers(-500, 5000), target=st.integers(2, 50))
def test_given_any_balance_when_the_missing_stamps_come_then_there_is_exactly_one_reward_more(
    stamp_count: int, target: int
) -> None:
    missing = stamps_until_reward(stamp_count, target)
    ready = rewards_available(stamp_count, target)
    assert missing >= 1
    assert rewards_available(stamp_count + missing - 1, target) == ready
    assert rewards_available(stamp_count + missing, target) == ready + 1


@pytest.mark.parametrize(
    ("program_cycle", "stamp_count", "applies"),
    [
        (LOWER, 1, True),
        (LOWER, 25, True),
        (HIGHER, 1, False),
        (HIGHER, 0, True),
        (HIGHER, -2, True),
        (BAGEL, 1, False),
        (BAGEL, 0, True),
    ],
)
def test_given_a_changed_program_when_a_card_is_looked_at_then_only_what_helps_comes_at_once(
    program_cycle: Cycle, stamp_count: int, applies: bool
) -> None:
    assert (
        cycle_applies(card_cycle=COFFEE, stamp_count=stamp_count, program_cycle=program_cycle)
        is applies
    )


@pytest.mark.parametrize("program_cycle", [HIGHER, BAGEL])
def test_given_a_changed_program_when_a_reward_is_still_ready_then_the_cycle_stays(
    program_cycle: Cycle,
) -> None:
    state = card(stamp_count=20, program_cycle=program_cycle)
    assert cycle_after(state, 10) is None
    assert cycle_after(state, 9) == program_cycle


def test_given_an_unchanged_program_when_nothing_is_left_then_the_cycle_is_left_alone() -> None:
    assert cycle_after(card(stamp_count=10), 0) is None
    assert cycle_when_empty(card(stamp_count=0), 1) is None


@pytest.mark.parametrize(
    ("before", "after", "adopts"),
    [(0, 1, True), (-1, 1, True), (1, 0, True), (1, -1, True), (1, 2, False), (2, 1, False)],
)
def test_given_a_raised_target_when_the_card_is_or_gets_empty_then_it_is_adopted(
    before: int, after: int, adopts: bool
) -> None:
    adopted = cycle_when_empty(card(stamp_count=before, program_cycle=HIGHER), after)
    assert adopted == (HIGHER if adopts else None)
