"""Rolling the ledger up into daily statistics. Nothing here is the truth: the ledger is.

A run counts the last days anew, so that entries which were committed late are found, and moves
`MerchantStats.counted_until` on. What was recorded after that is read from the ledger itself
(`stats_service`), so statistics are exact at any moment, whenever the last run was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import case, delete, exists, func, insert, or_, select, update
from sqlalchemy.orm import Session

from app.core.db import Base, atomic, end_read
from app.core.jobs import LeaseLost
from app.modules.loyalty.models import (
    CardTotals,
    DailyRewards,
    DailyStaffStats,
    DailyStats,
    DailyVisits,
    LoyaltyProgram,
    LoyaltyTransaction,
    MerchantStats,
)
from app.modules.loyalty.rules.figures import period_until, wait_days
from app.modules.loyalty.rules.staff_counts import STAFF_COUNTS
from app.modules.loyalty.rules.statistics import COUNTS
from app.modules.loyalty.services import card_totals, staff_cards, stats_ledger, stats_queries
from app.modules.loyalty.services.card_totals import TOTALS
from app.modules.loyalty.services.stats_ledger import Span, in_span, total
from app.modules.loyalty.services.stats_sums import Places, Sums, one_snapshot, sum_up

_DAILY: Final = (DailyStats, DailyStaffStats, DailyVisits, DailyRewards)
# What is being written right now carries a time that is a little older.
_SETTLING: Final = timedelta(minutes=1)
# Days that each run counts anew; offline entries come up to a day late.
_ANEW: Final = timedelta(days=3)
# A long ledger is rolled up for the first time in steps of this many days.
_STEP: Final = timedelta(days=31)
_IDLE: Final = timedelta(hours=23)
_LIST_DAYS: Final = 30

Rows = list[dict[str, Any]]


def roll_up(
    db: Session, *, now: datetime, keep_alive: Callable[[], None] = lambda: None
) -> dict[str, int]:
    """Roll up what every merchant's ledger has got since the last run. Safe to stop and repeat.

    Source: product rule "Statistics", docs/rules.md.
    """
    report: Counter[str] = Counter(merchants=0, steps=0)
    for merchant_id in _waiting(db, now):
        report["merchants"] += 1
        while roll_up_merchant(db, merchant_id=merchant_id, now=now):
            report["steps"] += 1
            keep_alive()
        keep_alive()
    return dict(report)


@dataclass(frozen=True, slots=True)
class _Step:
    """What a merchant's tables shall say once everything recorded before `until` is counted.

    `mark` is where they stood, `first_day` the first day that was counted anew (None: none).
    `reports` is None where the staff figures of `yesterday` are there already.
    """

    merchant_id: int
    mark: datetime | None
    until: datetime
    today: date
    first_day: date | None
    rows: dict[type[Base], Rows]
    totals: Rows
    reports: Rows | None

    @property
    def yesterday(self) -> date:
        return self.today - timedelta(days=1)


def roll_up_merchant(db: Session, *, merchant_id: int, now: datetime) -> bool:
    """One step for one merchant, in one transaction; True while there is more to do at `now`.

    Reads before it writes, so that no counter waits for the counting.
    """
    one_snapshot(db)
    stats = stats_queries.read_mark(db, merchant_id=merchant_id)
    end = now - _SETTLING
    mark = stats.counted_until if stats else None
    start = mark or _first_recorded(db, merchant_id) or end
    until = min(end, start + _STEP)
    step = _count(db, merchant_id, mark=mark, start=start, until=until, now=now)
    if until == end and not (stats and stats.staff_day == step.yesterday):
        step = replace(step, reports=_staff_reports(db, step))
    with atomic(db):
        _write(db, step, now=now)
    return until < end


def _waiting(db: Session, now: datetime) -> Sequence[int]:
    """Merchants with new entries, and those that nobody has looked at for a day."""
    program, stats, entry = LoyaltyProgram, MerchantStats, LoyaltyTransaction
    has_new = exists().where(
        entry.merchant_id == program.merchant_id, entry.recorded_at >= stats.counted_until
    )
    wanted = (
        select(program.merchant_id)
        .outerjoin(stats, stats.merchant_id == program.merchant_id)
        .where(or_(stats.merchant_id.is_(None), stats.counted_at <= now - _IDLE, has_new))
        .order_by(program.merchant_id)
        .execution_options(tenant_exempt="the job looks after every merchant")
    )
    found = db.execute(wanted).scalars().all()
    end_read(db)
    return found


def _first_recorded(db: Session, merchant_id: int) -> datetime | None:
    entry = LoyaltyTransaction
    return db.execute(
        select(entry.recorded_at)
        .where(entry.merchant_id == merchant_id)
        .order_by(entry.recorded_at)
        .limit(1)
    ).scalar_one_or_none()


def _count(
    db: Session,
    merchant_id: int,
    *,
    mark: datetime | None,
    start: datetime,
    until: datetime,
    now: datetime,
) -> _Step:
    places = Places.of(db, merchant_id=merchant_id)
    recent = Span(merchant_id, min(start, until) - _ANEW, until)
    first_day = db.execute(
        select(func.min(LoyaltyTransaction.business_day)).where(*in_span(LoyaltyTransaction)),
        recent.parameters,
    ).scalar_one()
    rows = {}
    if first_day is not None:
        span = Span.of_days(merchant_id, first_day, until)
        rows = _daily_rows(db, span, sum_up(db, span, places))
    return _Step(
        merchant_id=merchant_id,
        mark=mark,
        until=until,
        today=places.today(now),
        first_day=first_day,
        rows=rows,
        totals=_total_rows(db, merchant_id, until),
        reports=None,
    )


def _daily_rows(db: Session, span: Span, sums: Sums) -> dict[type[Base], Rows]:
    merchant = {"merchant_id": span.merchant_id}
    waits: Counter[tuple[date, int, int]] = Counter()
    for wait in stats_ledger.read_waits(db, span):
        days = wait_days(wait.since, wait.business_day)
        waits[wait.business_day, wait.store_id, days] += wait.redemptions
    hours = {key: [0] * 24 for key in sums.days}
    for person, counts in sums.staff.items():
        hours[person.business_day, person.store_id][person.hour] += counts["operations"]
    return {
        DailyStats: [
            {**merchant, "business_day": day, "store_id": store_id}
            | {name: counts[name] for name in COUNTS}
            | {"hours": hours[day, store_id]}
            for (day, store_id), counts in sums.days.items()
        ],
        DailyStaffStats: [
            merchant | asdict(person) | {name: counts[name] for name in STAFF_COUNTS}
            for person, counts in sums.staff.items()
        ],
        DailyVisits: [merchant | asdict(visit) for visit in stats_ledger.read_visits(db, span)],
        DailyRewards: [
            {**merchant, "business_day": day, "store_id": store_id, "days": days}
            | {"redemptions": redemptions}
            for (day, store_id, days), redemptions in waits.items()
        ],
    }


def _total_rows(db: Session, merchant_id: int, until: datetime) -> Rows:
    """The cards' totals as they were at `until`: as they are now, less what changed since."""
    totals = card_totals.read_totals(db, merchant_id=merchant_id)
    for store_id, change in card_totals.read_changes(
        db, merchant_id=merchant_id, since=until
    ).items():
        totals.setdefault(store_id, Counter()).subtract(change)
    return [
        {"merchant_id": merchant_id, "store_id": store_id} | {name: counts[name] for name in TOTALS}
        for store_id, counts in totals.items()
    ]


def _staff_reports(db: Session, step: _Step) -> Rows:
    places = Places.of(db, merchant_id=step.merchant_id)
    return staff_cards.rows_until(
        db,
        merchant_id=step.merchant_id,
        store_ids=list(places.stores),
        last_day=step.yesterday,
        until=step.until,
    )


def _write(db: Session, step: _Step, *, now: datetime) -> None:
    merchant_id = step.merchant_id
    if step.first_day is not None:
        for model in _DAILY:
            table = model.__table__
            db.execute(
                delete(model).where(
                    table.c.merchant_id == merchant_id, table.c.business_day >= step.first_day
                )
            )
            if step.rows[model]:
                db.execute(insert(model), step.rows[model])
    db.execute(delete(CardTotals).where(CardTotals.merchant_id == merchant_id))
    if step.totals:
        db.execute(insert(CardTotals), step.totals)
    values = {"counted_until": step.until, "counted_at": now, **_list_figures(db, step)}
    if step.reports is not None:
        staff_cards.replace_reports(db, merchant_id=merchant_id, rows=step.reports)
        values["staff_day"] = step.yesterday
    if step.mark is None:
        db.execute(insert(MerchantStats).values(merchant_id=merchant_id, **values))
        return
    moved = db.execute(
        update(MerchantStats)
        .where(MerchantStats.merchant_id == merchant_id, MerchantStats.counted_until == step.mark)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        raise LeaseLost("loyalty.roll_up_statistics")


def _list_figures(db: Session, step: _Step) -> dict[str, int]:
    """What the platform's list of programs shows, from the rows just written."""
    merchant_id, stats = step.merchant_id, DailyStats
    period = period_until(step.today, days=_LIST_DAYS)
    stamps = stats.stamps_given - stats.stamps_voided - stats.stamps_refunded
    points = stats.points_earned - stats.points_voided - stats.points_refunded
    recent = stats.business_day >= period.first
    row = db.execute(
        select(
            total(case((recent, stamps), else_=0)).label("stamps_30_days"),
            total(case((recent, points), else_=0)).label("points_30_days"),
            total(points + stats.points_welcome).label("points_issued"),
            total(stats.points_expired - stats.points_reinstated).label("points_expired"),
        ).where(stats.merchant_id == merchant_id)
    ).one()
    rolled_up = stats_queries.read_rolled_up(db, merchant_id=merchant_id, period=period)
    members = sum(row["members"] for row in step.totals)
    return {**row._mapping, "active_30_days": rolled_up.active.active, "members": members}
