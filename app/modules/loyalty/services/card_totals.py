"""What a merchant's cards hold, by store of enrolment, and what changed since an instant."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, bindparam, case, cast, func, select
from sqlalchemy.orm import Session

from app.core.db import BigInt
from app.modules.loyalty.models import LoyaltyCard, LoyaltyTransaction
from app.modules.loyalty.services.stats_ledger import AnySelect, Span, in_span, total
from app.modules.loyalty.types import CardStatus

MEMBERS: Final = (CardStatus.ACTIVE.value, CardStatus.SUSPENDED.value)
TOTALS: Final = ("members", "points_outstanding", "rewards_ready")
# By store of enrolment and name of the total.
Totals = dict[int, Counter[str]]


def read_totals(db: Session, *, merchant_id: int) -> Totals:
    """Members, points and rewards that are ready, as the cards stand now. Reads every card."""
    return _by_store(db, _now(), {"merchant": merchant_id})


def read_changes(db: Session, *, merchant_id: int, since: datetime) -> Totals:
    """What became of the same totals by the entries recorded since then: reads only their cards."""
    return _by_store(db, _changes(), Span(merchant_id, since).parameters)


def _by_store(db: Session, statement: AnySelect, parameters: dict[str, Any]) -> Totals:
    return {
        row.store_id: Counter({name: int(getattr(row, name)) for name in TOTALS})
        for row in db.connection().execute(statement, parameters)
    }


@lru_cache(maxsize=1)
def _now() -> AnySelect:
    card = LoyaltyCard
    return (
        select(
            card.enrolled_store_id.label("store_id"),
            func.count().label("members"),
            total(_held(card.points_balance)).label("points_outstanding"),
            total(_ready(card.stamp_count, card.stamps_target)).label("rewards_ready"),
        )
        .where(
            card.merchant_id == bindparam("merchant", type_=BigInt),
            card.status.in_(MEMBERS),
        )
        .group_by(card.enrolled_store_id)
    )


@lru_cache(maxsize=1)
def _changes() -> AnySelect:
    entry, card = LoyaltyTransaction, LoyaltyCard
    # Not the bare column: to have its groups in order SQLite would walk the index of all cards.
    card_id = (entry.card_id + 0).label("card_id")
    place = func.row_number().over(partition_by=card_id, order_by=entry.sequence)
    held = (entry.points_after, entry.points_delta, entry.stamps_after, entry.stamps_delta)
    first = (
        select(card_id, entry.sequence, *held, entry.stamps_target, place.label("place"))
        .where(*in_span(entry))
        .subquery()
        .c
    )
    is_member = card.status.in_(MEMBERS)
    existed = first.sequence > 1  # merged and erased cards have no entries afterwards
    points, stamps = (
        first.points_after - first.points_delta,
        first.stamps_after - first.stamps_delta,
    )

    def change(now: ColumnElement[int], before: ColumnElement[int]) -> ColumnElement[int]:
        return total(case((is_member, now), else_=0) - case((existed, before), else_=0))

    one: Any = cast(1, BigInteger)
    return (
        select(
            card.enrolled_store_id.label("store_id"),
            change(one, one).label("members"),
            change(_held(card.points_balance), _held(points)).label("points_outstanding"),
            change(
                _ready(card.stamp_count, card.stamps_target), _ready(stamps, first.stamps_target)
            ).label("rewards_ready"),
        )
        .where(
            card.merchant_id == bindparam("merchant", type_=BigInt),
            card.id == first.card_id,
            first.place == 1,
        )
        .group_by(card.enrolled_store_id)
    )


def _held(balance: Any) -> ColumnElement[int]:
    return case((balance > 0, balance), else_=0)


def _ready(stamps: Any, target: Any) -> ColumnElement[int]:
    return case((stamps > 0, stamps // target), else_=0)
