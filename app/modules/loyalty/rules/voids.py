"""Undoing one earlier entry of a card's ledger."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from app.core.errors import Forbidden
from app.modules.loyalty.errors import (
    AlreadyVoided,
    CardInactive,
    NotVoidable,
    VoidsDisabled,
    VoidWindowPassed,
)
from app.modules.loyalty.rules.bounds import check_balance
from app.modules.loyalty.rules.business_day import business_day
from app.modules.loyalty.rules.rewards import cycle_applies, cycle_when_empty
from app.modules.loyalty.types import (
    CardState,
    CardStatus,
    Cycle,
    Draft,
    EntryFacts,
    EntryType,
    Staff,
)

_VOIDABLE: Final = frozenset({EntryType.STAMP_EARNED, EntryType.STAMP_REDEEMED})
_GONE: Final = frozenset({CardStatus.MERGED, CardStatus.ERASED})


def void(
    state: CardState,
    *,
    staff: Staff | None,
    user_is_manager: bool,
    user_id: int | None,
    now: datetime,
) -> Draft:
    """What undoing the entry `state.target` at `now` does to the card, or the refusal.

    Taken stamps come back with the target they were taken at; given ones go, even where
    that leaves a debt, and the cooldown then runs from the newest other stamp. Where a PIN
    names the member of staff, that person's rights count, else those of the signed-in user.
    A suspended card's entries can be undone.

    Raises:
        CardInactive, VoidsDisabled, NotVoidable, AlreadyVoided, Forbidden, VoidWindowPassed.
        AmountTooLarge: for a balance that nothing could hold.

    Source: product rule "Void and adjust", docs/rules.md.
    """
    entry = state.target
    assert entry is not None
    _check_voidable(state, entry)
    age_days = (business_day(now, store=state.store) - entry.business_day).days
    if not (_is_own(entry, staff=staff, user_id=user_id) and age_days <= 0):
        _check_may_void_any(state, age_days, staff=staff, user_is_manager=user_is_manager)
    stamp_count_after = state.stamp_count - entry.stamps_delta
    check_balance(stamp_count_after)
    if entry.type is EntryType.STAMP_REDEEMED:
        return Draft(
            EntryType.STAMP_VOIDED,
            stamps_delta=-entry.stamps_delta,
            cycle=_restored_cycle(state, entry, stamp_count_after),
            voids_id=entry.id,
        )
    return Draft(
        EntryType.STAMP_VOIDED,
        stamps_delta=-entry.stamps_delta,
        cycle=cycle_when_empty(state, stamp_count_after),
        sets_last_stamp=True,
        last_stamp_at=entry.newest_other_stamp_at,
        voids_id=entry.id,
    )


def _check_voidable(state: CardState, entry: EntryFacts) -> None:
    if state.status in _GONE:
        raise CardInactive
    if not state.allow_voids:
        raise VoidsDisabled
    if entry.type not in _VOIDABLE:
        raise NotVoidable
    if entry.is_voided:
        raise AlreadyVoided


def _is_own(entry: EntryFacts, *, staff: Staff | None, user_id: int | None) -> bool:
    if staff is not None:
        return entry.pin_id == staff.pin_id
    return entry.pin_id is None and user_id is not None and entry.user_id == user_id


def _check_may_void_any(
    state: CardState, age_days: int, *, staff: Staff | None, user_is_manager: bool
) -> None:
    allowed = staff.is_manager or staff.can_void if staff is not None else user_is_manager
    if not allowed:
        raise Forbidden
    if age_days > state.void_window_days:
        raise VoidWindowPassed(days=state.void_window_days)


def _restored_cycle(state: CardState, entry: EntryFacts, stamp_count_after: int) -> Cycle:
    # A target lowered since the redemption would have reached the card: it counts here too.
    lowered = cycle_applies(
        card_cycle=entry.cycle, stamp_count=stamp_count_after, program_cycle=state.program_cycle
    )
    return state.program_cycle if lowered else entry.cycle
