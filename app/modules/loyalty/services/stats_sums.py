"""Ledger entries added up by business day, store, person and local hour."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session

from app.core.db import BigInt, end_read
from app.modules.loyalty.rules.business_day import business_day
from app.modules.loyalty.rules.staff_counts import tally_staff
from app.modules.loyalty.rules.statistics import tally
from app.modules.loyalty.services import stats_ledger
from app.modules.loyalty.services.stats_ledger import QUARTER_S, Span
from app.modules.loyalty.types import StoreFacts
from app.modules.tenancy.models import Store


@dataclass(frozen=True, slots=True)
class Places:
    """A merchant's stores by id."""

    stores: dict[int, StoreFacts]

    @classmethod
    def of(cls, db: Session, *, merchant_id: int) -> Places:
        """All stores of a merchant, by name."""
        rows = db.connection().execute(_stores(), {"merchant": merchant_id})
        return cls({row.id: StoreFacts(*row) for row in rows})

    def today(self, now: datetime) -> date:
        """The business day it is by now (aware) at the store that is furthest ahead."""
        days = (business_day(now, store=store) for store in self.stores.values())
        return max(days, default=now.astimezone(UTC).date())

    def hour(self, store_id: int, quarter: int) -> int:
        """The hour (0 to 23) on a store's clocks, `quarter` quarters of an hour after 1970."""
        return _hour(self.stores[store_id].timezone, quarter)


@dataclass(frozen=True, slots=True)
class PersonHour:
    """Whose work, where, on which business day, in which hour by the clocks of the store."""

    business_day: date
    store_id: int
    actor_kind: str
    actor_id: int
    hour: int


@dataclass(slots=True)
class Sums:
    """Counts by day and store (`DayCounts`), and by person and hour (`StaffCounts`)."""

    days: defaultdict[tuple[date, int], Counter[str]] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    staff: defaultdict[PersonHour, Counter[str]] = field(
        default_factory=lambda: defaultdict(Counter)
    )


def sum_up(db: Session, span: Span, places: Places) -> Sums:
    """The entries of a span, added up."""
    sums = Sums()
    for group in stats_ledger.read_groups(db, span):
        sums.days[group.business_day, group.store_id].update(tally(group.entries))
        counts = tally_staff(group.entries)
        if counts:
            hour = places.hour(group.store_id, group.quarter)
            person = PersonHour(
                group.business_day, group.store_id, group.actor_kind, group.actor_id, hour
            )
            sums.staff[person].update(counts)
    return sums


def one_snapshot(db: Session) -> None:
    """Let all that follows see the database at one moment, until the session's read ends.

    PostgreSQL would show each statement another one; on SQLite a read is a snapshot anyway.
    """
    end_read(db)
    if db.get_bind().dialect.name != "sqlite":
        db.connection(execution_options={"isolation_level": "REPEATABLE READ"})


@lru_cache(maxsize=1)
def _stores() -> Select[int, str, str, str, time]:
    store = Store
    return (
        select(store.id, store.code, store.name, store.timezone, store.day_starts_at)
        .where(store.merchant_id == bindparam("merchant", type_=BigInt))
        .order_by(store.name, store.id)
    )


@lru_cache(maxsize=4096)
def _hour(timezone: str, quarter: int) -> int:
    return datetime.fromtimestamp(quarter * QUARTER_S, tz=UTC).astimezone(ZoneInfo(timezone)).hour
