"""What the rolled-up tables say of a period, and what the ledger adds to it since."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam, case, func, select
from sqlalchemy.orm import Session, aliased

from app.core.db import BigInt, LocalDate
from app.modules.loyalty.models import (
    CardTotals,
    DailyRewards,
    DailyStaffStats,
    DailyStats,
    DailyVisits,
    LoyaltyTransaction,
    MerchantStats,
)
from app.modules.loyalty.rules.figures import Period
from app.modules.loyalty.rules.staff_counts import STAFF_COUNTS
from app.modules.loyalty.rules.statistics import COUNTS, OPERATIONS
from app.modules.loyalty.services.card_totals import TOTALS, Totals
from app.modules.loyalty.services.stats_ledger import AnySelect, instant, total

ALL_STORES: Final = 0
_VISIT: Final = [entry_type.value for entry_type in OPERATIONS]


@dataclass(frozen=True, slots=True)
class ActiveCards:
    """Cards that earned or redeemed in a period; `returning` did so on two days or more."""

    active: int
    returning: int


@dataclass(frozen=True, slots=True)
class Days:
    """A period's `DayCounts` by day and store, and operations by store, day and hour."""

    counts: dict[tuple[date, int], Counter[str]]
    hours: Counter[tuple[int, date, int]]


@dataclass(frozen=True, slots=True)
class PersonAtHour:
    """Whose work, where, in which hour of the day, whatever the day."""

    store_id: int
    actor_kind: str
    actor_id: int
    hour: int


def read_mark(db: Session, *, merchant_id: int) -> MerchantStats | None:
    """How far the merchant's ledger is rolled up; None: not at all."""
    return db.execute(
        select(MerchantStats)
        .where(MerchantStats.merchant_id == merchant_id)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()


def read_days(
    db: Session, *, merchant_id: int, period: Period, store_id: int | None = None
) -> Days:
    """The rolled-up days of a period."""
    parameters = _parameters(merchant_id, period, store_id)
    days = Days({}, Counter())
    for row in db.connection().execute(_days(store_id is not None), parameters).all():
        day, store, hours, *counts = row
        days.counts[day, store] = Counter(dict(zip(COUNTS, counts, strict=True)))
        for hour, operations in enumerate(hours):
            if operations:
                days.hours[store, day, hour] = operations
    return days


def read_staff(
    db: Session, *, merchant_id: int, period: Period, store_id: int | None = None
) -> dict[PersonAtHour, Counter[str]]:
    """The rolled-up `StaffCounts` of a period by person, store and hour of the day."""
    parameters = _parameters(merchant_id, period, store_id)
    return {
        PersonAtHour(row.store_id, row.actor_kind, row.actor_id, row.hour): Counter(
            {name: int(getattr(row, name)) for name in STAFF_COUNTS}
        )
        for row in db.connection().execute(_staff(store_id is not None), parameters).all()
    }


def read_waits(
    db: Session, *, merchant_id: int, period: Period, store_id: int | None = None
) -> Counter[int]:
    """How many rolled-up redemptions of a period had taken so many days."""
    parameters = _parameters(merchant_id, period, store_id)
    return Counter(
        {
            row.days: int(row.redemptions)
            for row in db.connection().execute(_waits(store_id is not None), parameters).all()
        }
    )


def read_totals(db: Session, *, merchant_id: int) -> Totals:
    """What the cards held when the ledger was last rolled up, by store of enrolment."""
    rows = db.execute(select(CardTotals).where(CardTotals.merchant_id == merchant_id)).scalars()
    return {row.store_id: Counter({name: getattr(row, name) for name in TOTALS}) for row in rows}


def read_active(
    db: Session,
    *,
    merchant_id: int,
    period: Period,
    store_id: int | None = None,
    since: datetime | None = None,
) -> ActiveCards:
    """Distinct cards of a period: from the roll-up, and with `since` those it does not know yet.

    Of a card's k active days in the period, k have a row, k - 1 an earlier day in the period
    and k - 2 two: so differences of sums count each card once.
    """
    scope = _parameters(merchant_id, period, store_id or ALL_STORES)
    days = Counter(
        {row.earlier: int(row.cards) for row in db.connection().execute(_visits(), scope)}
    )
    found = ActiveCards(active=days[0] - days[1], returning=days[1] - days[2])
    if since is None:
        return found
    parameters = _parameters(merchant_id, period, store_id) | {"since": since}
    row = db.connection().execute(_new_visits(store_id is not None), parameters).one()
    return ActiveCards(found.active + row.active, found.returning + row.came_back)


def _parameters(merchant_id: int, period: Period, store_id: int | None) -> dict[str, Any]:
    place = {} if store_id is None else {"store": store_id}
    return {"merchant": merchant_id, "first": period.first, "last": period.last, **place}


def _in_period(table: Any, at_store: bool) -> list[ColumnElement[bool]]:
    conditions = [
        table.merchant_id == bindparam("merchant", type_=BigInt),
        table.business_day >= bindparam("first", type_=LocalDate()),
        table.business_day <= bindparam("last", type_=LocalDate()),
    ]
    return [*conditions, table.store_id == bindparam("store", type_=BigInt)][: 3 + at_store]


@lru_cache(maxsize=2)
def _days(at_store: bool) -> AnySelect:
    table: Any = DailyStats.__table__.c
    counts = (table[name] for name in COUNTS)
    columns = (table.business_day, table.store_id, table.hours, *counts)
    return select(*columns).where(*_in_period(table, at_store))


@lru_cache(maxsize=2)
def _staff(at_store: bool) -> AnySelect:
    table: Any = DailyStaffStats.__table__.c
    by = (table.store_id, table.actor_kind, table.actor_id, table.hour)
    counts = (func.sum(table[name]).label(name) for name in STAFF_COUNTS)
    return select(*by, *counts).where(*_in_period(table, at_store)).group_by(*by)


@lru_cache(maxsize=2)
def _waits(at_store: bool) -> AnySelect:
    table: Any = DailyRewards.__table__.c
    redemptions = func.sum(table.redemptions).label("redemptions")
    wanted = select(table.days, redemptions).where(*_in_period(table, at_store))
    return wanted.group_by(table.days)


@lru_cache(maxsize=1)
def _visits() -> AnySelect:
    table: Any = DailyVisits.__table__.c
    return (
        select(table.earlier, func.sum(table.cards).label("cards"))
        .where(
            *_in_period(table, at_store=True),
            table.since_day >= bindparam("first", type_=LocalDate()),
        )
        .group_by(table.earlier)
    )


@lru_cache(maxsize=2)
def _new_visits(at_store: bool) -> AnySelect:
    """Cards with entries since then: were they active, or returning, without those?"""
    entry, new = LoyaltyTransaction, aliased(LoyaltyTransaction)
    since = instant("since")
    touched = select(new.card_id).where(
        *_in_period(new, at_store),
        new.recorded_at >= since,
        new.type.in_(_VISIT),
    )
    known = case((entry.recorded_at < since, entry.business_day))
    card = (
        select(
            func.count(known.distinct()).label("before"),
            func.count(entry.business_day.distinct()).label("now"),
        )
        .where(*_in_period(entry, at_store), entry.card_id.in_(touched), entry.type.in_(_VISIT))
        .group_by(entry.card_id)
        .subquery()
    )
    is_new = case((card.c.before == 0, 1), else_=0)
    is_back = case(((card.c.now >= 2) & (card.c.before < 2), 1), else_=0)
    return select(total(is_new).label("active"), total(is_back).label("came_back"))
