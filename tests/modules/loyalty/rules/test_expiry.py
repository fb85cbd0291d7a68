"""When points run out, are warned of and given back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from app.modules.loyalty.errors import AmountTooLarge, CardInactive, NothingToReinstate
from app.modules.loyalty.rules import expiry
from app.modules.loyalty.rules.bounds import MAXIMUM_BALANCE
from app.modules.loyalty.types import CardState, CardStatus, EntryType
from tests.modules.loyalty.rules.states import NOON, STORE, TODAY, card, entry

YEAR = 365
BAR = replace(STORE, day_starts_at=time(6, 0))


def points_card(**facts: object) -> CardState:
    defaults = {"points_balance": 50, "points_expiration_days": YEAR, "last_collected_at": NOON}
    return card(**defaults | facts)


def test_given_a_last_purchase_when_no_rule_is_younger_then_points_last_from_it() -> None:
    assert expiry.points_expire_on(points_card()) == TODAY + timedelta(days=YEAR)


@pytest.mark.parametrize(
    ("rule_since", "expected"),
    [
        (NOON - timedelta(days=1), TODAY + timedelta(days=YEAR)),
        (NOON + timedelta(days=1), TODAY + timedelta(days=YEAR + 1)),
    ],
)
def test_given_a_rule_when_it_was_set_later_then_points_last_from_its_day(
    rule_since: datetime, expected: date
) -> None:
    assert expiry.points_expire_on(points_card(points_expiry_since=rule_since)) == expected


@pytest.mark.parametrize(
    "facts", [{"points_expiration_days": None}, {"points_balance": 0}, {"points_balance": -5}]
)
def test_given_nothing_to_run_out_when_asked_then_there_is_no_date(facts: dict[str, int]) -> None:
    assert expiry.points_expire_on(points_card(**facts)) is None
    assert expiry.expire(points_card(**facts), now=NOON + timedelta(days=9999)) is None


def test_given_a_card_never_used_when_asked_then_its_enrolment_counts() -> None:
    state = points_card(last_collected_at=None, created_at=NOON - timedelta(days=2))
    assert expiry.points_expire_on(state) == TODAY + timedelta(days=YEAR - 2)


def test_given_a_bar_when_points_are_earned_after_midnight_then_the_evening_counts() -> None:
    night = datetime(2026, 6, 15, 23, 30, tzinfo=UTC)  # 01:30 of the 16th in Luxembourg
    state = points_card(last_collected_at=night, store=BAR)
    assert expiry.points_expire_on(state) == date(2026, 6, 15) + timedelta(days=YEAR)


def test_given_the_last_day_when_it_ends_then_points_go_and_not_before() -> None:
    state = points_card(points_expiration_days=30)
    last_moment = datetime(2026, 7, 15, 21, 59, 59, tzinfo=UTC)  # 23:59:59 in Luxembourg
    assert expiry.expire(state, now=last_moment) is None
    draft = expiry.expire(state, now=last_moment + timedelta(seconds=1))
    assert draft is not None
    assert (draft.type, draft.points_delta) == (EntryType.POINTS_EXPIRED, -50)


@pytest.mark.parametrize(
    ("days_ahead", "warned_days", "step"),
    [
        (31, None, None),
        (30, None, 30),
        (29, 30, None),
        (8, 30, None),
        (8, None, 30),
        (7, 30, 7),
        (7, None, 7),
        (6, 7, None),
        (0, None, 7),
        (-1, None, None),
    ],
)
def test_given_days_ahead_when_warnings_were_given_then_each_step_comes_once(
    days_ahead: int, warned_days: int | None, step: int | None
) -> None:
    on = TODAY + timedelta(days=days_ahead)
    warned_on = on if warned_days else None
    due = expiry.warning_due(on, today=TODAY, warned_on=warned_on, warned_days=warned_days)
    assert due == step


def test_given_a_warning_of_another_date_when_the_card_was_used_since_then_all_begins_anew() -> (
    None
):
    on = TODAY + timedelta(days=30)
    earlier = on - timedelta(days=100)
    assert expiry.warning_due(on, today=TODAY, warned_on=earlier, warned_days=7) == 30


def expired(*, days_ago: int = 0, **facts: object) -> CardState:
    gone = entry(
        type=EntryType.POINTS_EXPIRED,
        stamps_delta=0,
        points_delta=-50,
        occurred_at=NOON - timedelta(days=days_ago),
        **facts,
    )
    return points_card(points_balance=0, target=gone)


@pytest.mark.parametrize("days_ago", [0, 30])
def test_given_an_expiry_when_within_thirty_days_then_points_come_back(days_ago: int) -> None:
    draft = expiry.reinstate(expired(days_ago=days_ago), now=NOON)
    assert (draft.type, draft.points_delta, draft.voids_id) == (
        EntryType.POINTS_REINSTATED,
        50,
        90,
    )


@pytest.mark.parametrize(
    "state",
    [
        expired(days_ago=31),
        expired(is_voided=True),
        points_card(target=None),
        points_card(target=entry(type=EntryType.POINTS_REDEEMED)),
    ],
)
def test_given_nothing_to_give_back_when_asked_then_it_is_refused(state: CardState) -> None:
    with pytest.raises(NothingToReinstate):
        expiry.reinstate(state, now=NOON)


def test_given_a_suspended_card_or_a_full_one_when_reinstated_then_it_is_refused() -> None:
    with pytest.raises(CardInactive):
        expiry.reinstate(replace(expired(), status=CardStatus.SUSPENDED), now=NOON)
    with pytest.raises(AmountTooLarge):
        expiry.reinstate(replace(expired(), points_balance=MAXIMUM_BALANCE - 49), now=NOON)
