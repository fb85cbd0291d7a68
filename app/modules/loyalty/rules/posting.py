"""What drafts do to a card: the state after them, before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Final

from app.modules.loyalty.types import CardState, Draft, EntryType

# What keeps points alive (product rule "Expiry", docs/rules.md).
_COLLECTING: Final = frozenset(
    {
        EntryType.STAMP_EARNED,
        EntryType.STAMP_REDEEMED,
        EntryType.POINTS_EARNED,
        EntryType.POINTS_REDEEMED,
        EntryType.POINTS_REINSTATED,
    }
)
_GIVEN: Final = frozenset({EntryType.STAMP_EARNED, EntryType.WELCOME_BONUS})


def after(
    state: CardState, drafts: Sequence[Draft], *, business_day: date, at: datetime
) -> CardState:
    """The card once `drafts` are posted, having happened `at` on `business_day`.

    Chain head and revision aside.
    """
    for draft in drafts:
        pays_welcome = draft.type is EntryType.WELCOME_BONUS
        state = replace(
            state,
            stamp_count=state.stamp_count + draft.stamps_delta,
            points_balance=state.points_balance + draft.points_delta,
            total_stamps_earned=state.total_stamps_earned + _earned(state, draft),
            welcome_bonus_due=0 if pays_welcome else state.welcome_bonus_due,
            welcome_points_due=0 if pays_welcome else state.welcome_points_due,
            cycle=draft.cycle or state.cycle,
            last_stamp_at=draft.last_stamp_at if draft.sets_last_stamp else state.last_stamp_at,
            last_collected_at=_collected(state, draft, at=at),
            stamps_by_day=_days_after(state, draft, business_day=business_day),
        )
    return state


def _collected(state: CardState, draft: Draft, *, at: datetime) -> datetime:
    before = state.last_collected_at or state.created_at
    # What a till kept while it was offline may be older than what came since.
    return max(before, at) if draft.type in _COLLECTING else before


def _earned(state: CardState, draft: Draft) -> int:
    """Stamps that count as ever earned: what was given, less what was voided or refunded."""
    if draft.type in _GIVEN or draft.type is EntryType.STAMP_REFUNDED:
        return draft.stamps_delta
    if draft.type is EntryType.STAMP_VOIDED and _voids_earning(state):
        return draft.stamps_delta
    return 0


def _days_after(state: CardState, draft: Draft, *, business_day: date) -> dict[date, int]:
    days = dict(state.stamps_by_day)
    if draft.type is EntryType.STAMP_EARNED:
        days[business_day] = days.get(business_day, 0) + draft.stamps_delta
    elif draft.type is EntryType.STAMP_VOIDED and _voids_earning(state):
        assert state.target is not None
        if state.target.business_day in days:
            days[state.target.business_day] += draft.stamps_delta
    return days


def _voids_earning(state: CardState) -> bool:
    return state.target is not None and state.target.type is EntryType.STAMP_EARNED
