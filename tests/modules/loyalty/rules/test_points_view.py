"""Points as their holder sees them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from app.modules.loyalty.rules.catalogue import RewardLine
from app.modules.loyalty.rules.points_view import expires_soon, points_view

TODAY = date(2026, 11, 25)


def reward(name: str, cost: int, balance: int, *, minimum: int = 0) -> RewardLine:
    return RewardLine(
        id=cost,
        name=name,
        cost_points=cost,
        affordable=minimum <= cost <= balance,
        points_missing=max(0, cost - balance),
    )


def catalogue(balance: int, *, minimum: int = 0) -> list[RewardLine]:
    lines = (("Bread", 100), ("Cake", 2500), ("Breakfast", 600))
    return [reward(name, cost, balance, minimum=minimum) for name, cost in lines]


@pytest.mark.parametrize(
    ("balance", "ready", "goal", "percent"),
    [
        (0, [], "Bread", 0),
        (99, [], "Bread", 99),
        (100, ["Bread"], "Breakfast", 16),
        (2499, ["Breakfast", "Bread"], "Cake", 99),
        (2500, ["Cake", "Breakfast", "Bread"], None, 100),
    ],
)
def test_given_a_balance_when_shown_then_it_says_what_is_ready_and_what_comes_next(
    balance: int, ready: list[str], goal: str | None, percent: int
) -> None:
    view = points_view(balance, catalogue(balance))
    assert [line["name"] for line in view["ready"]] == ready
    assert (view["goal"]["name"] if view["goal"] else None) == goal
    assert (view["percent"], view["shown"], view["owed"]) == (percent, balance, 0)


def test_given_a_debt_when_shown_then_the_balance_is_nought_and_everything_is_ahead() -> None:
    view = points_view(-200, catalogue(-200))
    assert (view["shown"], view["owed"], view["percent"], view["ready"]) == (0, 200, 0, [])
    assert [line["name"] for line in view["later"]] == ["Bread", "Breakfast", "Cake"]
    assert view["later"][0]["points_missing"] == 300


def test_given_a_reward_below_the_least_redemption_when_shown_then_it_is_promised_to_nobody() -> (
    None
):
    view = points_view(300, catalogue(300, minimum=200))
    assert view["ready"] == []
    assert [line["name"] for line in view["later"]] == ["Breakfast", "Cake"]


def test_given_no_rewards_when_shown_then_there_is_no_goal() -> None:
    view = points_view(50, [])
    assert (view["goal"], view["percent"]) == (None, 100)


@pytest.mark.parametrize(("days", "expected"), [(0, True), (30, True), (31, False)])
def test_given_a_date_of_expiry_when_it_comes_near_then_it_counts_as_soon(
    days: int, expected: bool
) -> None:
    assert expires_soon(TODAY + timedelta(days=days), today=TODAY) is expected


def test_given_points_that_stay_when_asked_then_nothing_is_soon() -> None:
    assert expires_soon(None, today=TODAY) is False
