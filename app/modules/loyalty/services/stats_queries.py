"""What the rolled-up tables say of a period, and what the ledger adds to it since."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam, case, func, literal, select, union_all
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
_ACTIVE, _BEFORE, _WAITS = "active", "before", "waits"
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


@dataclass(frozen=True, slots=True)
class RolledUp:
    """What the roll-up knows of a period besides its days, all of it few numbers.

    `active` are its cards, `before` those of the period before, `waits` how many redemptions had
    taken so many days; `held` is what the cards held when the ledger was last rolled up.
    """

    active: ActiveCards
    before: ActiveCards
    waits: Counter[int]
    held: Totals


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
        PersonAtHour(store, kind, actor_id, hour): Counter(
            dict(zip(STAFF_COUNTS, counts, strict=True))
        )
        for store, kind, actor_id, hour, *counts in db.connection().execute(
            _staff(store_id is not None), parameters
        )
    }


def read_rolled_up(
    db: Session, *, merchant_id: int, period: Period, store_id: int | None = None
) -> RolledUp:
    """Cards, waits and holdings, in one statement: most of them cost less than a round trip."""
    parameters = _parameters(merchant_id, period, store_id) | {"first_before": period.before.first}
    found: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for name, key, number in db.connection().execute(_rolled_up(store_id is not None), parameters):
        found[name][key] = number
    return RolledUp(
        active=_active(found[_ACTIVE]),
        before=_active(found[_BEFORE]),
        waits=found[_WAITS],
        held={
            store: Counter({name: found[name][store] for name in TOTALS})
            for store in found[TOTALS[0]]
        },
    )


def _active(days: Counter[int]) -> ActiveCards:
    """Distinct cards from the sums of `DailyVisits.earlier`.

    Of a card's k active days in the period, k have a row, k - 1 an earlier day in the period
    and k - 2 two: so differences of sums count each card once.
    """
    return ActiveCards(active=days[0] - days[1], returning=days[1] - days[2])


def read_new_active(
    db: Session,
    *,
    merchant_id: int,
    period: Period,
    store_id: int | None = None,
    since: datetime,
) -> ActiveCards:
    """How many cards of a period are active, or returning, by nothing but entries since then."""
    parameters = _parameters(merchant_id, period, store_id) | {"since": since}
    row = db.connection().execute(_new_visits(store_id is not None), parameters).one()
    return ActiveCards(row.active, row.came_back)


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
    counts = (total(table[name]) for name in STAFF_COUNTS)
    return select(*by, *counts).where(*_in_period(table, at_store)).group_by(*by)


@lru_cache(maxsize=2)
def _rolled_up(at_store: bool) -> Any:
    """Rows of a name, a key and a number."""
    visits: Any = DailyVisits.__table__.c
    rewards: Any = DailyRewards.__table__.c
    held: Any = CardTotals.__table__.c
    merchant = bindparam("merchant", type_=BigInt)
    first, first_before, last = (
        bindparam(name, type_=LocalDate()) for name in ("first", "first_before", "last")
    )
    store = bindparam("store", type_=BigInt) if at_store else literal(ALL_STORES, BigInt)

    def active(name: str, since: Any, *days: ColumnElement[bool]) -> AnySelect:
        return (
            select(literal(name), visits.earlier, total(visits.cards))
            .where(
                visits.merchant_id == merchant,
                visits.store_id == store,
                visits.business_day >= since,
                visits.since_day >= since,
                *days,
            )
            .group_by(visits.earlier)
        )

    return union_all(
        active(_ACTIVE, first, visits.business_day <= last),
        active(_BEFORE, first_before, visits.business_day < first),
        select(literal(_WAITS), rewards.days, total(rewards.redemptions))
        .where(*_in_period(rewards, at_store))
        .group_by(rewards.days),
        *(
            select(literal(name), held.store_id, held[name]).where(held.merchant_id == merchant)
            for name in TOTALS
        ),
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
    day, known = entry.business_day, case((entry.recorded_at < since, entry.business_day))
    card = (
        select(
            func.min(known).label("known_first"),
            func.max(known).label("known_last"),
            func.min(day).label("first_day"),
            func.max(day).label("last_day"),
        )
        .where(*_in_period(entry, at_store), entry.card_id.in_(touched), entry.type.in_(_VISIT))
        .group_by(entry.card_id)
        .subquery()
        .c
    )
    was_back = (card.known_first.is_not(None)) & (card.known_first < card.known_last)
    is_new = case((card.known_first.is_(None), 1), else_=0)
    is_back = case(((card.first_day < card.last_day) & ~was_back, 1), else_=0)
    return select(total(is_new).label("active"), total(is_back).label("came_back"))
