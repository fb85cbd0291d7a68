"""What a merchant's cards hold, by store of enrolment, and what changed since an instant."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, bindparam, case, cast, func, select
from sqlalchemy.orm import Session, aliased

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
    entry, first, card = LoyaltyTransaction, aliased(LoyaltyTransaction), LoyaltyCard
    # Not the bare column: to have its groups in order SQLite would walk the index of all cards.
    card_id = (entry.card_id + 0).label("card_id")
    touched = (
        select(card_id, func.min(entry.sequence).label("sequence"))
        .where(*in_span(entry))
        .group_by(card_id)
        .subquery()
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
        .join_from(touched, first, (first.card_id == touched.c.card_id))
        .join(card, (card.merchant_id == first.merchant_id) & (card.id == first.card_id))
        .where(
            first.merchant_id == bindparam("merchant", type_=BigInt),
            first.sequence == touched.c.sequence,
        )
        .group_by(card.enrolled_store_id)
    )


def _held(balance: Any) -> ColumnElement[int]:
    return case((balance > 0, balance), else_=0)


def _ready(stamps: Any, target: Any) -> ColumnElement[int]:
    return case((stamps > 0, stamps // target), else_=0)
