"""What a refund takes back: parts that add up, whole orders, debts, and who may."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import AppError, Forbidden
from app.modules.loyalty.errors import AmountTooLarge, RefundExceedsOrder, VoidWindowPassed
from app.modules.loyalty.rules.bounds import MAXIMUM_AMOUNT_CENTS, MAXIMUM_BALANCE
from app.modules.loyalty.rules.refund_rights import check_may_refund
from app.modules.loyalty.rules.refunds import Award, Share, shares_of, take_back
from app.modules.loyalty.types import Cycle, EntryType, Staff, Unit
from tests.modules.loyalty.rules.states import ANNA, MIA, NOON, STORE, TODAY, card

POINTS = Award(
    id=1, unit=Unit.POINTS, card_id=7, transaction_id=90, basis=2500, units=250,
    refunded_cents=0, taken_back=0, business_day=TODAY,
)  # fmt: skip
STAMPS = Award(
    id=2, unit=Unit.STAMPS, card_id=7, transaction_id=91, basis=3, units=3,
    refunded_cents=0, taken_back=0, business_day=TODAY,
)  # fmt: skip


def after(award: Award, shares: list[Share]) -> Award:
    """The award once the shares are booked."""
    for share in shares:
        if share.award.id == award.id:
            award = replace(
                award,
                refunded_cents=award.refunded_cents + share.cents,
                taken_back=award.taken_back + share.units,
            )
    return award


def taken(award: Award, *amounts: int | None) -> list[int]:
    """The points that refunds of these amounts take, one after the other."""
    units = []
    for amount in amounts:
        [share] = shares_of([award], amount_cents=amount)
        units.append(share.units)
        award = after(award, [share])
    return units


@pytest.mark.parametrize(
    ("basis", "units", "amounts", "expected"),
    [
        (2500, 250, [1000, 1500], [100, 150]),
        (100, 10, [33, 33, 34], [4, 3, 3]),
        (100, 10, [None], [10]),
        (100, 10, [1, None], [1, 9]),
        (100, 10, [99, 1], [10, 0]),
        (333, 33, [1, 1, 1, 330], [1, 0, 0, 32]),
        (9, 0, [4, 5], [0, 0]),
    ],
)
def test_c23_given_refunds_of_parts_when_added_up_then_all_that_was_earned_and_no_more(
    basis: int, units: int, amounts: list[int | None], expected: list[int]
) -> None:
    assert taken(replace(POINTS, basis=basis, units=units), *amounts) == expected
    assert sum(expected) == units


@given(
    basis=st.integers(1, MAXIMUM_AMOUNT_CENTS),
    rate=st.integers(1, 1_000_000),
    cuts=st.lists(st.integers(1, MAXIMUM_AMOUNT_CENTS), max_size=12),
)
def test_given_any_order_when_split_into_any_refunds_then_exactly_what_it_earned_is_taken(
    basis: int, rate: int, cuts: list[int]
) -> None:
    earned = basis * rate // 100
    award = replace(POINTS, basis=basis, units=earned)
    for cut in [*sorted({cut % basis for cut in cuts} - {0}), basis]:
        shares = shares_of([award], amount_cents=cut - award.refunded_cents)
        award = after(award, shares)
        assert shares[0].units >= 0
        assert award.taken_back <= earned
        # What stays is what a purchase of the rest would keep in proportion, rounded down.
        kept = earned - award.taken_back
        assert kept * basis <= earned * (basis - cut) < (kept + 1) * basis
    assert award.taken_back == earned


@pytest.mark.parametrize(
    ("refunded", "amount", "left"), [(0, 2501, 2500), (2499, 2, 1), (2500, 1, 0), (2500, None, 0)]
)
def test_c23_given_more_than_is_left_when_refunded_then_refused_with_the_rest(
    refunded: int, amount: int | None, left: int
) -> None:
    award = replace(POINTS, refunded_cents=refunded)
    with pytest.raises(RefundExceedsOrder) as refused:
        shares_of([award], amount_cents=amount, currency="EUR")
    assert refused.value.params == {"left": left, "currency": "EUR"}


def test_given_a_hybrid_order_when_refunded_in_parts_then_stamps_go_back_with_the_last() -> None:
    first = shares_of([POINTS, STAMPS], amount_cents=1000)
    assert [(share.award.unit, share.units) for share in first] == [(Unit.POINTS, 100)]
    rest = [after(POINTS, first), STAMPS]
    last = shares_of(rest, amount_cents=1500)
    assert [(share.award.unit, share.cents, share.units) for share in last] == [
        (Unit.POINTS, 1500, 150),
        (Unit.STAMPS, 0, 3),
    ]
    done = [after(award, last) for award in rest]
    with pytest.raises(RefundExceedsOrder):
        shares_of(done, amount_cents=None)


def test_given_stamps_that_came_after_the_refund_when_refunded_whole_then_they_go_too() -> None:
    award = replace(POINTS, refunded_cents=2500, taken_back=250)
    [share] = shares_of([award, STAMPS], amount_cents=None)
    assert (share.award.unit, share.units) == (Unit.STAMPS, 3)


def test_given_an_order_of_stamps_alone_when_refunded_then_whole_or_nothing() -> None:
    assert shares_of([STAMPS], amount_cents=300) == []
    whole = shares_of([STAMPS], amount_cents=None)
    assert whole == [Share(STAMPS, 0, 3)]
    for amount in (None, 1):
        with pytest.raises(RefundExceedsOrder) as refused:
            shares_of([after(STAMPS, whole)], amount_cents=amount)
        assert refused.value.params["left"] == 0


def test_given_a_purchase_of_nothing_when_refunded_then_only_its_stamps_go_back() -> None:
    free = replace(POINTS, basis=0, units=0)
    with pytest.raises(RefundExceedsOrder):
        shares_of([free], amount_cents=None)
    assert shares_of([free, STAMPS], amount_cents=None) == [Share(STAMPS, 0, 3)]


def test_given_an_erased_persons_card_when_refunded_then_nothing_is_taken_from_it() -> None:
    gone = replace(POINTS, is_gone=True)
    [share] = shares_of([gone, replace(STAMPS, is_gone=True)], amount_cents=None)
    assert (share.award.unit, share.cents, share.units) == (Unit.POINTS, 2500, 0)
    with pytest.raises(RefundExceedsOrder):
        shares_of([replace(STAMPS, is_gone=True)], amount_cents=None)


def test_c30_given_points_that_were_spent_when_taken_back_then_the_card_owes() -> None:
    draft = take_back(card(points_balance=50), Share(POINTS, 2500, 250), order_reference="ORD-7")
    assert (draft.type, draft.points_delta) == (EntryType.POINTS_REFUNDED, -250)
    assert (draft.related_id, draft.amount_cents, draft.order_reference) == (90, 2500, "ORD-7")
    assert draft.voids_id is None


def test_given_stamps_when_taken_back_then_a_card_that_empties_starts_the_programs_cycle() -> None:
    state = card(stamp_count=3, program_cycle=Cycle(12, "A cake"))
    draft = take_back(state, Share(STAMPS, 0, 3), order_reference="ORD-7")
    assert (draft.type, draft.stamps_delta, draft.points_delta) == (EntryType.STAMP_REFUNDED, -3, 0)
    assert (draft.related_id, draft.amount_cents) == (91, None)
    assert draft.cycle == Cycle(12, "A cake")
    fuller = replace(state, stamp_count=5)
    assert take_back(fuller, Share(STAMPS, 0, 3), order_reference="ORD-7").cycle is None


def test_c70_given_a_debt_that_nothing_could_hold_when_taken_back_then_refused() -> None:
    with pytest.raises(AmountTooLarge):
        take_back(card(points_balance=-MAXIMUM_BALANCE), Share(POINTS, 1, 1), order_reference="O")


@pytest.mark.parametrize(
    ("who", "age_days", "refusal"),
    [
        ({"staff": ANNA}, 0, None),
        ({"staff": ANNA}, 1, Forbidden),
        ({"staff": replace(ANNA, can_void=True)}, 30, None),
        ({"staff": MIA}, 30, None),
        ({"staff": MIA}, 31, VoidWindowPassed),
        ({}, 0, None),
        ({}, 1, Forbidden),
        ({"is_user_manager": True}, 30, None),
        ({"is_user_manager": True}, 31, VoidWindowPassed),
        ({"staff": ANNA, "is_user_manager": True}, 1, Forbidden),
        ({"is_api_key": True}, 30, None),
        ({"staff": ANNA, "is_api_key": True}, 30, None),
        ({"is_api_key": True}, 31, VoidWindowPassed),
    ],
)
def test_given_somebody_and_an_order_when_refunding_then_by_rights_and_window(
    who: dict[str, Any], age_days: int, refusal: type[AppError] | None
) -> None:
    def check(*days: date) -> None:
        staff: Staff | None = who.get("staff")
        check_may_refund(
            days,
            store=STORE,
            staff=staff,
            is_user_manager=who.get("is_user_manager", False),
            is_api_key=who.get("is_api_key", False),
            window_days=30,
            now=NOON,
        )

    day = TODAY - timedelta(days=age_days)
    if refusal is None:
        check(day, TODAY)
        return
    with pytest.raises(refusal):
        check(TODAY, day)
