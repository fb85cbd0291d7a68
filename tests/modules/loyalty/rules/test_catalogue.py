from __future__ import annotations

from typing import Any

import pytest

from app.modules.loyalty.errors import InsufficientPoints
from app.modules.loyalty.rules import points
from app.modules.loyalty.rules.catalogue import is_offered, offer
from app.modules.loyalty.types import LoyaltyType, RewardFacts
from tests.modules.loyalty.rules.states import card

BREAD = RewardFacts(3, "Loaf of bread", 600)


@pytest.mark.parametrize(
    ("balance", "is_affordable", "missing"),
    [(599, False, 1), (600, True, 0), (601, True, 0), (0, False, 600), (-50, False, 650)],
)
def test_given_a_balance_when_the_catalogue_is_offered_then_what_is_missing_stands_there(
    balance: int, is_affordable: bool, missing: int
) -> None:
    [line] = offer(card(points_balance=balance), [BREAD])
    assert line == {
        "id": 3, "name": "Loaf of bread", "cost_points": 600,
        "affordable": is_affordable, "points_missing": missing,
    }  # fmt: skip


@pytest.mark.parametrize("balance", [599, 600, 5000])
@pytest.mark.parametrize("minimum", [0, 600, 601])
def test_given_a_line_when_it_is_called_affordable_then_redeeming_it_is_not_refused(
    balance: int, minimum: int
) -> None:
    state = card(points_balance=balance, minimum_redemption_points=minimum)
    [line] = offer(state, [BREAD])
    try:
        points.redeem(state, points=BREAD.cost_points, reward_id=BREAD.id)
        is_given = True
    except InsufficientPoints:
        is_given = False
    assert line["affordable"] is is_given


@pytest.mark.parametrize(
    ("state", "is_shown"),
    [
        ({"loyalty_type": LoyaltyType.POINTS}, True),
        ({"loyalty_type": LoyaltyType.HYBRID}, True),
        ({"loyalty_type": LoyaltyType.STAMPS}, False),
        ({"loyalty_type": LoyaltyType.STAMPS, "points_balance": 1}, True),
        ({"loyalty_type": LoyaltyType.STAMPS, "points_balance": -1}, False),
    ],
)
def test_given_a_program_when_it_knows_no_points_then_only_who_holds_some_sees_the_catalogue(
    state: dict[str, Any], is_shown: bool
) -> None:
    assert is_offered(card(**state)) is is_shown
