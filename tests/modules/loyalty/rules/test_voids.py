from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.core.errors import Forbidden
from app.modules.loyalty import errors
from app.modules.loyalty.rules import stamps, voids
from app.modules.loyalty.rules.bounds import MAXIMUM_BALANCE
from app.modules.loyalty.rules.posting import after
from app.modules.loyalty.types import CardState, CardStatus, Cycle, Draft, EntryType, Staff, Unit
from tests.modules.loyalty.rules.states import ANNA, BEN, COFFEE, MIA, NOON, TODAY, card, entry

HIGHER = Cycle(target=12, reward="A free coffee")
LOWER = Cycle(target=8, reward="A free coffee")
SUPERVISOR = replace(BEN, can_void=True)


def void(
    state: CardState,
    *,
    staff: Staff | None = MIA,
    user_is_manager: bool = False,
    user_id: int | None = None,
    now: datetime = NOON,
) -> Draft:
    return voids.void(
        state,
        unit=Unit.STAMPS,
        staff=staff,
        user_is_manager=user_is_manager,
        user_id=user_id,
        now=now,
    )


def stamped(**changes: Any) -> CardState:
    return card(stamp_count=4, last_stamp_at=NOON, target=entry(**changes))


def days_ago(days: int) -> dict[str, Any]:
    return {"business_day": TODAY - timedelta(days=days)}


def test_given_a_stamp_when_voided_then_it_goes_and_the_cooldown_runs_from_the_newest_other() -> (
    None
):
    earlier = NOON - timedelta(minutes=40)
    draft = void(stamped(stamps_delta=3, newest_other_stamp_at=earlier))
    assert draft == Draft(
        EntryType.STAMP_VOIDED,
        stamps_delta=-3,
        sets_last_stamp=True,
        last_stamp_at=earlier,
        voids_id=90,
    )


def test_given_spent_stamps_when_voided_then_the_card_is_in_debt() -> None:
    state = card(stamp_count=0, target=entry(stamps_delta=3))
    assert void(state).stamps_delta == -3


def test_given_a_redemption_when_voided_then_stamps_and_cycle_come_back_and_no_cooldown_moves() -> (
    None
):
    taken = entry(type=EntryType.STAMP_REDEEMED, stamps_delta=-20, cycle=COFFEE)
    draft = void(card(stamp_count=3, cycle=HIGHER, program_cycle=HIGHER, target=taken))
    assert draft == Draft(EntryType.STAMP_VOIDED, stamps_delta=20, cycle=COFFEE, voids_id=90)


def test_given_a_target_lowered_since_when_a_redemption_is_voided_then_the_lower_one_counts() -> (
    None
):
    taken = entry(type=EntryType.STAMP_REDEEMED, stamps_delta=-10, cycle=COFFEE)
    draft = void(card(stamp_count=0, cycle=LOWER, program_cycle=LOWER, target=taken))
    assert draft.cycle == LOWER


def test_given_a_raised_target_when_the_only_stamp_is_voided_then_the_empty_card_takes_it() -> None:
    state = card(stamp_count=1, program_cycle=HIGHER, target=entry())
    assert void(state).cycle == HIGHER


@pytest.mark.parametrize(
    "kind", sorted(set(EntryType) - {EntryType.STAMP_EARNED, EntryType.STAMP_REDEEMED})
)
def test_given_another_kind_of_entry_when_voided_then_refused(kind: EntryType) -> None:
    with pytest.raises(errors.NotVoidable):
        void(stamped(type=kind))


def test_given_a_voided_entry_when_voided_again_then_refused() -> None:
    with pytest.raises(errors.AlreadyVoided):
        void(stamped(is_voided=True))


def test_given_a_merchant_without_voids_when_voided_then_refused() -> None:
    with pytest.raises(errors.VoidsDisabled):
        void(replace(stamped(), allow_voids=False))


@pytest.mark.parametrize("status", [CardStatus.MERGED, CardStatus.ERASED])
def test_given_a_card_that_is_gone_when_voided_then_refused(status: CardStatus) -> None:
    with pytest.raises(errors.CardInactive):
        void(replace(stamped(), status=status))


def test_given_a_suspended_card_when_voided_then_done() -> None:
    assert void(replace(stamped(), status=CardStatus.SUSPENDED)).stamps_delta == -1


def test_given_a_cashiers_own_entry_when_the_day_ends_then_only_until_then() -> None:
    midnight = datetime(2026, 6, 15, 22, 0, tzinfo=UTC)
    assert void(stamped(), staff=ANNA, now=midnight - timedelta(seconds=1)).stamps_delta == -1
    with pytest.raises(Forbidden):
        void(stamped(), staff=ANNA, now=midnight)


def test_given_a_colleagues_entry_when_a_cashier_voids_then_refused() -> None:
    with pytest.raises(Forbidden):
        void(stamped(), staff=BEN)


@pytest.mark.parametrize("staff", [MIA, SUPERVISOR])
def test_given_anothers_old_entry_when_the_right_is_there_then_within_the_window_only(
    staff: Staff | None,
) -> None:
    assert void(stamped(**days_ago(30)), staff=staff).stamps_delta == -1
    with pytest.raises(errors.VoidWindowPassed) as refused:
        void(stamped(**days_ago(31)), staff=staff)
    assert refused.value.params == {"days": 30}


def test_given_no_window_when_a_manager_voids_then_today_only() -> None:
    state = replace(stamped(), void_window_days=0)
    assert void(state).stamps_delta == -1
    with pytest.raises(errors.VoidWindowPassed):
        void(replace(state, target=entry(**days_ago(1))))


def test_given_a_cashiers_pin_on_a_managers_session_when_voided_then_the_pin_decides() -> None:
    with pytest.raises(Forbidden):
        void(stamped(), staff=BEN, user_is_manager=True, user_id=1)


def test_given_no_pins_when_the_same_user_voids_then_own_of_today_only() -> None:
    own = {"pin_id": None, "user_id": 5}
    assert void(stamped(**own), staff=None, user_id=5).stamps_delta == -1
    for changes, user_id in [(own, 6), (own, None), (own | days_ago(1), 5), ({"user_id": 5}, 5)]:
        with pytest.raises(Forbidden):
            void(stamped(**changes), staff=None, user_id=user_id)


def test_given_nobody_known_when_the_entry_has_nobody_either_then_it_is_not_own() -> None:
    with pytest.raises(Forbidden):
        void(stamped(pin_id=None, user_id=None), staff=None, user_id=None)


def test_given_no_pins_when_a_manager_voids_then_any_within_the_window() -> None:
    assert (
        void(stamped(**days_ago(30)), staff=None, user_is_manager=True, user_id=1).stamps_delta
        == -1
    )
    with pytest.raises(errors.VoidWindowPassed):
        void(stamped(**days_ago(31)), staff=None, user_is_manager=True, user_id=1)


def test_given_a_balance_at_its_bounds_when_voided_then_not_beyond() -> None:
    taken = entry(type=EntryType.STAMP_REDEEMED, stamps_delta=-10)
    with pytest.raises(errors.AmountTooLarge):
        void(card(stamp_count=MAXIMUM_BALANCE - 9, target=taken))
    with pytest.raises(errors.AmountTooLarge):
        void(card(stamp_count=-MAXIMUM_BALANCE, target=entry()))


def test_given_c35_a_full_card_when_redeemed_voided_and_stamped_then_every_count_is_right() -> None:
    # given
    four = Cycle(target=4, reward="A free coffee")
    state = card(
        stamp_count=4, cycle=four, program_cycle=four, last_stamp_at=NOON, stamps_by_day={TODAY: 4}
    )
    counts, later = [state.stamp_count], NOON + timedelta(minutes=1)
    third_stamp_at = NOON - timedelta(minutes=15)

    def post(draft: Draft) -> None:
        nonlocal state
        state = after(state, [draft], business_day=TODAY, at=NOON)
        counts.append(state.stamp_count)

    # when
    post(stamps.redeem(state, quantity=1, store_id=1))
    redemption = entry(type=EntryType.STAMP_REDEEMED, stamps_delta=-4, cycle=four)
    state = replace(state, target=redemption)
    post(void(state, now=later))
    state = replace(state, target=entry(cycle=four, newest_other_stamp_at=third_stamp_at))
    post(void(state, now=later))
    # then: the cooldown runs from stamp 3, and the day has its stamp back
    assert (state.last_stamp_at, state.stamps_by_day) == (third_stamp_at, {TODAY: 3})
    # when
    post(stamps.earn(state, quantity=1, now=later))
    post(stamps.redeem(state, quantity=1, store_id=1))
    # then
    assert counts == [4, 0, 4, 3, 4, 0]
