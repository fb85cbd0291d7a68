"""When points run out, and when their holder is told so."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

from app.modules.loyalty.errors import NothingToReinstate
from app.modules.loyalty.rules.bounds import check_balance
from app.modules.loyalty.rules.business_day import business_day
from app.modules.loyalty.rules.card_state import check_active
from app.modules.loyalty.types import CardState, Draft, EntryType, StoreFacts

# How many days ahead people are warned, and how long a manager may give points back.
WARNINGS_DAYS: Final = (30, 7)
REINSTATEMENT_DAYS: Final = 30


def expires_on(
    *, since: datetime, rule_since: datetime | None, days: int, store: StoreFacts
) -> date:
    """The local date at whose end points run out.

    It is counted from the later of `since`, the last earning or redeeming, and `rule_since`,
    when the rule was set or shortened: `days` business days of `store` later.

    Source: product rule "Expiry", docs/rules.md.
    """
    start = since if rule_since is None else max(since, rule_since)
    return business_day(start, store=store) + timedelta(days=days)


def points_expire_on(state: CardState) -> date | None:
    """The date of `expires_on` for a card as it was read; None: never, or it has no points."""
    if state.points_expiration_days is None or state.points_balance <= 0:
        return None
    return expires_on(
        since=state.last_collected_at or state.created_at,
        rule_since=state.points_expiry_since,
        days=state.points_expiration_days,
        store=state.store,
    )


def expire(state: CardState, *, now: datetime) -> Draft | None:
    """The entry that takes all points where they are due at `now`, or None."""
    on = points_expire_on(state)
    if on is None or business_day(now, store=state.store) <= on:
        return None
    return Draft(EntryType.POINTS_EXPIRED, points_delta=-state.points_balance)


def reinstate(state: CardState, *, now: datetime) -> Draft:
    """The entry that gives the points of the expiry `state.target` back.

    It counts as using the card, so that they do not run out again the night after.

    Raises:
        CardInactive.
        NothingToReinstate: they were given back before, or expired too long ago.
        AmountTooLarge: for more points than a card may hold.
    """
    check_active(state)
    entry = state.target
    if (
        entry is None
        or entry.type is not EntryType.POINTS_EXPIRED
        or entry.is_voided
        or now - entry.occurred_at > timedelta(days=REINSTATEMENT_DAYS)
    ):
        raise NothingToReinstate(days=REINSTATEMENT_DAYS)
    check_balance(state.points_balance - entry.points_delta)
    return Draft(EntryType.POINTS_REINSTATED, points_delta=-entry.points_delta, voids_id=entry.id)


def warning_due(
    on: date, *, today: date, warned_on: date | None, warned_days: int | None
) -> int | None:
    """Which warning (days ahead, of `WARNINGS_DAYS`) of points that run out `on` is due `today`.

    `warned_on` and `warned_days` are the date and the step of the last one: every step is
    given once for a date, and whoever missed the first gets the nearest. None: no warning.
    """
    left = (on - today).days
    steps = [days for days in WARNINGS_DAYS if 0 <= left <= days]
    if not steps:
        return None
    step = min(steps)
    given = warned_on == on and warned_days is not None and warned_days <= step
    return None if given else step
