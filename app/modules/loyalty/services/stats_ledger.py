"""What statistics ask of the ledger: entries added up, visits, how long rewards took.

Every statement takes the entries recorded in [`recorded_from`, `recorded_until`) on business
days from `first_day` on, and finds them by the index on (merchant, recorded time).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Integer,
    Select,
    SQLColumnExpression,
    bindparam,
    case,
    cast,
    extract,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from app.core.db import BigInt, LocalDate, UtcDateTime
from app.modules.loyalty.models import LoyaltyTransaction
from app.modules.loyalty.rules.statistics import OPERATIONS, REDEEMING, EntryGroup
from app.modules.loyalty.types import EntryType

AnySelect: TypeAlias = Select[*tuple[Any, ...]]

FOREVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
QUARTER_S: Final = 900  # every zone's clocks differ from UTC by whole quarters of an hour
_LONGEST_LEAD: Final = timedelta(days=1)  # a day may begin 14 hours before UTC's
_VISIT: Final = [entry_type.value for entry_type in OPERATIONS]
_REDEEM: Final = [entry_type.value for entry_type in REDEEMING]


@dataclass(frozen=True, slots=True)
class Span:
    """Which of a merchant's entries are meant."""

    merchant_id: int
    recorded_from: datetime
    recorded_until: datetime = FOREVER
    first_day: date = date(1, 1, 1)

    @classmethod
    def of_days(cls, merchant_id: int, first_day: date, until: datetime) -> Span:
        """Entries of business days from `first_day` on: none of them was recorded earlier."""
        start = datetime.combine(first_day, time(0), tzinfo=UTC) - _LONGEST_LEAD
        return cls(merchant_id, start, until, first_day)

    @property
    def parameters(self) -> dict[str, Any]:
        """For the statements of this file."""
        return {
            "merchant": self.merchant_id,
            "recorded_from": self.recorded_from,
            "recorded_until": self.recorded_until,
            "first_day": self.first_day,
        }


@dataclass(frozen=True, slots=True)
class LedgerGroup:
    """Entries of one type by one actor within one quarter of an hour (`quarter` since 1970)."""

    business_day: date
    store_id: int
    actor_kind: str
    actor_id: int
    quarter: int
    entries: EntryGroup


@dataclass(frozen=True, slots=True)
class Visit:
    """As a row of `loyalty_daily_visits`."""

    store_id: int
    business_day: date
    earlier: int
    since_day: date
    cards: int


@dataclass(frozen=True, slots=True)
class Wait:
    """So many redemptions of a day followed on one of `since`, or on the card's enrolment."""

    business_day: date
    store_id: int
    since: date
    redemptions: int


def read_groups(db: Session, span: Span) -> Iterator[LedgerGroup]:
    """All entries of the span, added up."""
    is_sqlite = db.get_bind().dialect.name == "sqlite"
    for row in db.connection().execute(_groups(is_sqlite), span.parameters):
        entry_type = EntryType(row.type)
        group = EntryGroup(
            entry_type,
            bool(row.gains),
            row.entries,
            int(row.stamps),
            int(row.points),
            int(row.amount_cents),
            int(row.rewards),
            int(row.overrides),
        )
        yield LedgerGroup(
            row.business_day, row.store_id, row.actor_kind, row.actor_id, row.quarter, group
        )


def read_visits(db: Session, span: Span) -> Iterator[Visit]:
    """Cards that were active on each day of the span, and since when; all stores are store 0."""
    for by_store in (False, True):
        for row in db.connection().execute(_visits(by_store), span.parameters):
            yield Visit(row.store_id, row.business_day, row.earlier, row.since_day, row.cards)


def read_waits(db: Session, span: Span) -> Iterator[Wait]:
    """How long the redemptions of the span took."""
    for row in db.connection().execute(_waits(), span.parameters):
        yield Wait(row.business_day, row.store_id, row.since, row.redemptions)


def in_span(entry: Any) -> tuple[ColumnElement[bool], ...]:
    """The conditions that `Span.parameters` fill in, on the ledger or an alias of it."""
    return (
        entry.merchant_id == bindparam("merchant", type_=BigInt),
        entry.recorded_at >= instant("recorded_from"),
        entry.recorded_at < instant("recorded_until"),
        entry.business_day >= bindparam("first_day", type_=LocalDate()),
    )


def instant(name: str) -> BindParameter[datetime]:
    """A moment that stands in the statement's text.

    PostgreSQL keeps one plan for a text: it must not be the one for any span of time at all,
    which would read the whole ledger for the last half hour.
    """
    return bindparam(name, type_=UtcDateTime(), literal_execute=True)


def total(number: SQLColumnExpression[int]) -> ColumnElement[int]:
    """The sum as an integer, 0 of nothing: PostgreSQL's sum of bigint is a decimal or null."""
    return cast(func.coalesce(func.sum(number), 0), BigInteger)


@lru_cache(maxsize=2)
def _groups(is_sqlite: bool) -> AnySelect:
    entry = LoyaltyTransaction
    gains = case((or_(entry.stamps_delta > 0, entry.points_delta > 0), 1), else_=0)
    keys = (
        entry.business_day,
        entry.store_id,
        entry.actor_kind,
        func.coalesce(entry.actor_id, 0).label("actor_id"),
        _quarter(is_sqlite).label("quarter"),
        entry.type,
        gains.label("gains"),
    )
    inner = (
        select(
            *keys,
            entry.stamps_delta,
            entry.points_delta,
            func.coalesce(entry.amount_cents, 0).label("amount_cents"),
            (func.abs(entry.stamps_delta, type_=BigInteger) // entry.stamps_target).label(
                "rewards"
            ),
            case((entry.overrides_limits, 1), else_=0).label("overrides"),
        )
        .where(*in_span(entry))
        .subquery()
    )
    names = [key.key for key in inner.c][: len(keys)]
    by = [inner.c[name] for name in names]
    return select(
        *by,
        func.count().label("entries"),
        func.sum(inner.c.stamps_delta).label("stamps"),
        func.sum(inner.c.points_delta).label("points"),
        func.sum(inner.c.amount_cents).label("amount_cents"),
        func.sum(inner.c.rewards).label("rewards"),
        func.sum(inner.c.overrides).label("overrides"),
    ).group_by(*by)


def _quarter(is_sqlite: bool) -> ColumnElement[int]:
    at = LoyaltyTransaction.occurred_at
    if is_sqlite:
        return cast(func.strftime("%s", at), Integer) // QUARTER_S
    return cast(func.floor(extract("epoch", at) / QUARTER_S), BigInteger)


@lru_cache(maxsize=2)
def _visits(by_store: bool) -> Any:
    entry = LoyaltyTransaction
    store = entry.store_id if by_store else literal(0, BigInt)
    today = (
        select(store.label("store_id"), entry.card_id, entry.business_day)
        .where(*in_span(entry), entry.type.in_(_VISIT))
        .distinct()
        .cte("today")
    )
    once = select(today, _last_visit(today, today.c.business_day, by_store).label("once")).cte(
        "once"
    )
    twice = select(once, _last_visit(once, once.c.once, by_store).label("twice")).cte("twice")

    def counted(earlier: int, since: ColumnElement[date]) -> AnySelect:
        return (
            select(
                twice.c.store_id,
                twice.c.business_day,
                literal(earlier, Integer).label("earlier"),
                since.label("since_day"),
                func.count().label("cards"),
            )
            .where(since.is_not(None))
            .group_by(twice.c.store_id, twice.c.business_day, since)
        )

    return union_all(
        counted(0, twice.c.business_day), counted(1, twice.c.once), counted(2, twice.c.twice)
    )


def _last_visit(card: Any, before: ColumnElement[date], by_store: bool) -> ColumnElement[date]:
    entry = aliased(LoyaltyTransaction)
    wanted = select(func.max(entry.business_day)).where(
        entry.merchant_id == bindparam("merchant", type_=BigInt),
        entry.card_id == card.c.card_id,
        entry.business_day < before,
        entry.recorded_at < instant("recorded_until"),
        entry.type.in_(_VISIT),
    )
    if by_store:
        wanted = wanted.where(entry.store_id == card.c.store_id)
    return wanted.correlate(card).scalar_subquery()


@lru_cache(maxsize=1)
def _waits() -> AnySelect:
    entry = LoyaltyTransaction
    earlier, first = aliased(LoyaltyTransaction), aliased(LoyaltyTransaction)
    redeemed_before = select(func.max(earlier.business_day)).where(
        earlier.merchant_id == entry.merchant_id,
        earlier.card_id == entry.card_id,
        earlier.sequence < entry.sequence,
        earlier.type.in_(_REDEEM),
    )
    began = select(first.business_day).where(
        first.merchant_id == entry.merchant_id,
        first.card_id == entry.card_id,
        first.sequence == 1,
    )
    since = func.coalesce(
        redeemed_before.correlate(entry).scalar_subquery(),
        began.correlate(entry).scalar_subquery(),
        entry.business_day,
    )
    inner = (
        select(entry.business_day, entry.store_id, since.label("since"))
        .where(*in_span(entry), entry.type.in_(_REDEEM))
        .subquery()
    )
    by = (inner.c.business_day, inner.c.store_id, inner.c.since)
    return select(*by, func.count().label("redemptions")).group_by(*by)
