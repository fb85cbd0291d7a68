"""One merchant's, or one store's, figures at a moment: the roll-up, and the ledger since then."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from app.modules.loyalty.rules.figures import Period, wait_days
from app.modules.loyalty.services import card_totals, stats_ledger, stats_queries
from app.modules.loyalty.services.card_totals import Totals
from app.modules.loyalty.services.stats_ledger import Span
from app.modules.loyalty.services.stats_queries import ActiveCards, Days, PersonAtHour
from app.modules.loyalty.services.stats_sums import Places, Sums, sum_up

_BEFORE_ALL: Final = datetime(1970, 1, 1, tzinfo=UTC)
_REDEMPTIONS: Final = ("stamp_redemptions", "point_redemptions")
_VISITS: Final = ("stamp_operations", "purchases", *_REDEMPTIONS)


@dataclass(frozen=True, slots=True)
class StatsScope:
    """Whose figures: the roll-up goes up to `counted_until`, `live` is what came after.

    All is read in one snapshot (`one_snapshot`), so nothing counts twice and nothing is missed
    while a roll-up runs.
    """

    merchant_id: int
    store_id: int | None
    places: Places
    counted_until: datetime | None
    live: Sums

    @property
    def mark(self) -> datetime:
        """Entries recorded from here on are in `live`."""
        return self.counted_until or _BEFORE_ALL

    def takes(self, store_id: int) -> bool:
        """Is this one of the stores that are meant?"""
        return self.store_id in (None, store_id)

    def of(self, period: Period) -> dict[str, Any]:
        """What the queries want to know."""
        return {"merchant_id": self.merchant_id, "period": period, "store_id": self.store_id}


def read_scope(
    db: Session, *, merchant_id: int, store_id: int | None, counted_until: datetime | None
) -> StatsScope:
    """A merchant, or one store; begin with `one_snapshot`."""
    places = Places.of(db, merchant_id=merchant_id)
    live = sum_up(db, Span(merchant_id, counted_until or _BEFORE_ALL), places)
    return StatsScope(merchant_id, store_id, places, counted_until, live)


def days_of(db: Session, scope: StatsScope, period: Period) -> Days:
    """The business days of a period, by store; days without anything are left out."""
    found = stats_queries.read_days(db, **scope.of(period))
    for (day, store_id), counts in scope.live.days.items():
        if period.first <= day <= period.last and scope.takes(store_id):
            found.counts.setdefault((day, store_id), Counter()).update(counts)
    for at, done in scope.live.staff.items():
        if period.first <= at.business_day <= period.last and scope.takes(at.store_id):
            found.hours[at.store_id, at.business_day, at.hour] += done["operations"]
    return found


def people_of(db: Session, scope: StatsScope, period: Period) -> dict[PersonAtHour, Counter[str]]:
    """`StaffCounts` of a period by person, store and hour of the day."""
    found = stats_queries.read_staff(db, **scope.of(period))
    for at, counts in scope.live.staff.items():
        if period.first <= at.business_day <= period.last and scope.takes(at.store_id):
            person = PersonAtHour(at.store_id, at.actor_kind, at.actor_id, at.hour)
            found.setdefault(person, Counter()).update(counts)
    return found


def active_of(db: Session, scope: StatsScope, period: Period, known: ActiveCards) -> ActiveCards:
    """Distinct cards that earned or redeemed in a period; the roll-up has `known` ones."""
    if not _has_live(scope, period, _VISITS):
        return known
    new = stats_queries.read_new_active(db, **scope.of(period), since=scope.mark)
    return ActiveCards(known.active + new.active, known.returning + new.returning)


def waits_of(db: Session, scope: StatsScope, period: Period, known: Counter[int]) -> Counter[int]:
    """How many redemptions of a period had taken so many days; the roll-up has `known` ones."""
    found = known.copy()
    if _has_live(scope, period, _REDEMPTIONS):
        for wait in stats_ledger.read_waits(db, Span(scope.merchant_id, scope.mark)):
            day = wait.business_day
            if period.first <= day <= period.last and scope.takes(wait.store_id):
                found[wait_days(wait.since, day)] += wait.redemptions
    return found


def held_of(db: Session, scope: StatsScope, known: Totals) -> Totals:
    """What the members hold now, by store of enrolment; they held `known` at the roll-up."""
    merchant_id = scope.merchant_id
    if scope.counted_until is None:
        return card_totals.read_totals(db, merchant_id=merchant_id)
    found = {store_id: counts.copy() for store_id, counts in known.items()}
    if scope.live.days:
        changes = card_totals.read_changes(db, merchant_id=merchant_id, since=scope.mark)
        for store_id, change in changes.items():
            found.setdefault(store_id, Counter()).update(change)
    return found


def _has_live(scope: StatsScope, period: Period, names: tuple[str, ...]) -> bool:
    return any(
        counts[name]
        for (day, store_id), counts in scope.live.days.items()
        if period.first <= day <= period.last and scope.takes(store_id)
        for name in names
    )
