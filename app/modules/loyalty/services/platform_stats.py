"""All programs of the platform with their figures, and the platform as a whole.

Everything here is as of the last roll-up: nobody waits for the ledgers of all merchants.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, TypeAlias, TypedDict, cast
from zoneinfo import ZoneInfo

from sqlalchemy import Select, SQLColumnExpression, func, select, tuple_
from sqlalchemy.orm import Session

from app.core import clock
from app.core.config import get_settings
from app.core.paging import DEFAULT_LIMIT, PageRequest, encode_cursor
from app.modules.loyalty.errors import ProgramNotFound
from app.modules.loyalty.models import DailyStats, LoyaltyProgram, MerchantStats
from app.modules.loyalty.rules.figures import Period, period_until
from app.modules.loyalty.schemas.admin import (
    PlatformDay,
    PlatformStats,
    PlatformTotals,
    ProgramLine,
)
from app.modules.loyalty.services.stats_ledger import total
from app.modules.tenancy.models import Merchant
from app.modules.tenancy.types import MerchantStatus

_EVERYWHERE = "the platform's admin sees all merchants"
_FIGURES = ("members", "active_30_days", "stamps_30_days", "points_30_days")
_SUMS = ("new_cards", "stamps_net", "points_net", "redemptions")
AnySelect: TypeAlias = Select[*tuple[Any, ...]]


class ProgramSort(StrEnum):
    """The orders the list of programs comes in: A to Z, or the largest first."""

    NAME = "name"
    CARDS = "cards"
    ACTIVITY = "activity"


class ProgramPage(TypedDict):
    """One page of programs; `next_cursor` None: the last one. `total` only where asked for."""

    items: list[ProgramLine]
    next_cursor: str | None
    total: int | None


class ProgramDetail(ProgramLine):
    """One program with its rules."""

    program: LoyaltyProgram


def list_programs(
    db: Session,
    *,
    loyalty_type: str | None = None,
    is_active: bool | None = None,
    merchant_status: str | None = None,
    sort: ProgramSort = ProgramSort.NAME,
    page: PageRequest | None = None,
) -> ProgramPage:
    """All programs with the figures of their last 30 days.

    Raises:
        ValidationFailed: the cursor is another list's.
    """
    page = page or PageRequest(limit=DEFAULT_LIMIT)
    wanted = _lines()
    if loyalty_type is not None:
        wanted = wanted.where(LoyaltyProgram.loyalty_type == loyalty_type)
    if is_active is not None:
        wanted = wanted.where(LoyaltyProgram.is_active if is_active else ~LoyaltyProgram.is_active)
    if merchant_status is not None:
        wanted = wanted.where(Merchant.status == merchant_status)
    found = None
    if page.include_total:
        counted = select(func.count()).select_from(wanted.subquery())
        found = db.execute(counted.execution_options(tenant_exempt=_EVERYWHERE)).scalar_one()
    rows = db.execute(_sorted(wanted, sort, page).limit(page.limit + 1)).all()
    last = rows[page.limit - 1] if len(rows) > page.limit else None
    return ProgramPage(
        items=[cast(ProgramLine, dict(row._mapping)) for row in rows[: page.limit]],
        next_cursor=encode_cursor(getattr(last, _KEYS[sort]), last.id) if last else None,
        total=found,
    )


def get_program(db: Session, *, program_id: int) -> ProgramDetail:
    """One program, whichever merchant's.

    Raises:
        ProgramNotFound.
    """
    row = db.execute(_lines().where(LoyaltyProgram.id == program_id)).one_or_none()
    if row is None:
        raise ProgramNotFound
    program = db.execute(
        select(LoyaltyProgram).where(
            LoyaltyProgram.merchant_id == row.merchant_id, LoyaltyProgram.id == program_id
        )
    ).scalar_one()
    return cast(ProgramDetail, dict(row._mapping) | {"program": program})


def platform_stats(db: Session, *, days: int = 30, now: datetime | None = None) -> PlatformStats:
    """The whole platform in the last `days` days, today in the platform's zone included."""
    zone = ZoneInfo(get_settings().timezone)
    period = period_until((now or clock.utc_now()).astimezone(zone).date(), days=days)
    both = Period(period.before.first, period.last)
    by_day = _by_day(db, both)
    programs = _programs(db)
    by_status = select(Merchant.status, func.count()).group_by(Merchant.status)
    merchants: Counter[str] = Counter()
    for status, count in db.execute(by_status):
        merchants[status] = count
    return PlatformStats(
        days=days,
        first_day=period.first,
        last_day=period.last,
        merchants={status.value: merchants[status.value] for status in MerchantStatus},
        programs=programs.programs,
        active_programs=programs.active_programs,
        cards=programs.cards,
        active_cards_30_days=programs.active_cards,
        totals=_totals(db, by_day, period, zone),
        before=_totals(db, by_day, period.before, zone),
        series=[_day(day, by_day.get(day, Counter())) for day in period.days],
        rolled_up_until=programs.rolled_up_until,
    )


def _lines() -> AnySelect:
    program, stats = LoyaltyProgram, MerchantStats
    figures = (func.coalesce(getattr(stats, name), 0).label(name) for name in _FIGURES)
    return (
        select(
            program.id,
            program.merchant_id,
            Merchant.name.label("merchant_name"),
            Merchant.status.label("merchant_status"),
            program.card_name,
            program.loyalty_type,
            program.is_active,
            program.created_at,
            *figures,
            stats.counted_at,
        )
        .join(Merchant, Merchant.id == program.merchant_id)
        .outerjoin(stats, stats.merchant_id == program.merchant_id)
        .execution_options(tenant_exempt=_EVERYWHERE)
    )


_KEYS = {
    ProgramSort.NAME: "merchant_name",
    ProgramSort.CARDS: "members",
    ProgramSort.ACTIVITY: "active_30_days",
}


def _sorted(wanted: AnySelect, sort: ProgramSort, page: PageRequest) -> AnySelect:
    program_id = LoyaltyProgram.id
    if sort is ProgramSort.NAME:
        after = page.after(str, int)
        if after is not None:
            wanted = wanted.where(tuple_(Merchant.name, program_id) > after)
        return wanted.order_by(Merchant.name, program_id)
    key = func.coalesce(getattr(MerchantStats, _KEYS[sort]), 0)
    after = page.after(int, int)
    if after is not None:
        wanted = wanted.where(tuple_(key, program_id) < after)
    return wanted.order_by(key.desc(), program_id.desc())


def _programs(db: Session) -> Any:
    program, stats = LoyaltyProgram, MerchantStats
    return db.execute(
        select(
            func.count().label("programs"),
            func.count().filter(program.is_active).label("active_programs"),
            total(stats.members).label("cards"),
            total(stats.active_30_days).label("active_cards"),
            func.min(stats.counted_until).label("rolled_up_until"),
        )
        .select_from(program)
        .outerjoin(stats, stats.merchant_id == program.merchant_id)
        .execution_options(tenant_exempt=_EVERYWHERE)
    ).one()


def _by_day(db: Session, period: Period) -> dict[date, Counter[str]]:
    stats = DailyStats
    sums: dict[str, SQLColumnExpression[int]] = {
        "new_cards": stats.new_cards,
        "stamps_net": stats.stamps_given - stats.stamps_voided - stats.stamps_refunded,
        "points_net": stats.points_earned - stats.points_voided - stats.points_refunded,
        "redemptions": stats.stamp_redemptions
        + stats.point_redemptions
        - stats.redemptions_returned,
    }
    rows = db.execute(
        select(stats.business_day, *(total(value).label(name) for name, value in sums.items()))
        .where(stats.business_day >= period.first, stats.business_day <= period.last)
        .group_by(stats.business_day)
        .execution_options(tenant_exempt=_EVERYWHERE)
    )
    return {row.business_day: Counter({name: getattr(row, name) for name in sums}) for row in rows}


def _day(day: date, counts: Counter[str]) -> PlatformDay:
    return cast(PlatformDay, {"business_day": day} | {name: counts[name] for name in _SUMS})


def _totals(
    db: Session, by_day: dict[date, Counter[str]], period: Period, zone: ZoneInfo
) -> PlatformTotals:
    def starts(day: date) -> datetime:
        return datetime.combine(day, time(0), tzinfo=zone).astimezone(UTC)

    made = LoyaltyProgram.created_at
    new_programs = db.execute(
        select(func.count())
        .select_from(LoyaltyProgram)
        .where(made >= starts(period.first), made < starts(period.last + timedelta(days=1)))
        .execution_options(tenant_exempt=_EVERYWHERE)
    ).scalar_one()
    counts = Counter[str]()
    for day in period.days:
        counts.update(by_day.get(day, Counter()))
    sums = {name: counts[name] for name in _SUMS}
    return cast(PlatformTotals, {"new_programs": new_programs, **sums})
