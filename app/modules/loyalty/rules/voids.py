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
from app.modules.loyalty.rules.business_day import business_day
from app.modules.loyalty.rules.undoing import undo_points, undo_stamps
from app.modules.loyalty.types import (
    CardState,
    CardStatus,
    Draft,
    EntryFacts,
    EntryType,
    Staff,
    Unit,
)

_VOIDABLE: Final = {
    Unit.STAMPS: frozenset({EntryType.STAMP_EARNED, EntryType.STAMP_REDEEMED}),
    Unit.POINTS: frozenset({EntryType.POINTS_EARNED, EntryType.POINTS_REDEEMED}),
}
_GONE: Final = frozenset({CardStatus.MERGED, CardStatus.ERASED})


def void(
    state: CardState,
    *,
    unit: Unit,
    staff: Staff | None,
    user_is_manager: bool,
    user_id: int | None,
    now: datetime,
) -> Draft:
    """What undoing the entry `state.target` (of `unit`) at `now` does, or the refusal.

    Taken stamps come back with the target they were taken at; given ones go, even where
    that leaves a debt, and the cooldown then runs from the newest other stamp. Points come
    back and go alike. Where a PIN
    names the member of staff, that person's rights count, else those of the signed-in user.
    A suspended card's entries can be undone.

    Raises:
        CardInactive, VoidsDisabled, NotVoidable, AlreadyVoided, Forbidden, VoidWindowPassed.
        AmountTooLarge: for a balance that nothing could hold.

    Source: product rule "Void and adjust", docs/rules.md.
    """
    entry = state.target
    assert entry is not None
    _check_voidable(state, entry, unit)
    age_days = (business_day(now, store=state.store) - entry.business_day).days
    if not (_is_own(entry, staff=staff, user_id=user_id) and age_days <= 0):
        _check_may_void_any(state, age_days, staff=staff, user_is_manager=user_is_manager)
    return undo_points(state, entry) if unit is Unit.POINTS else undo_stamps(state, entry)


def _check_voidable(state: CardState, entry: EntryFacts, unit: Unit) -> None:
    if state.status in _GONE:
        raise CardInactive
    if not state.allow_voids:
        raise VoidsDisabled
    if entry.type not in _VOIDABLE[unit]:
        raise NotVoidable
    if entry.is_voided:
        raise AlreadyVoided
    if entry.refunded:
        raise NotVoidable  # what is left of the order goes back by another refund


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
