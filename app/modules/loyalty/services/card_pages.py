"""One page of a list of cards, as fast with a million of them as with a thousand.

A page in the order of an index is read from that index. Where a search or a filter has no index
in the order asked for, the next `LOOKED_THROUGH` cards of the order are looked through: whatever
is common fills the page from them. If it does not, what fits is rare or far behind; then all of
it is taken from its own index and sorted. Both ways give the same page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, func, literal_column, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.core.db import engine_of
from app.core.paging import CursorValue, PageRequest, encode_cursor
from app.modules.customers.models import Customer
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.services import card_search, card_views
from app.modules.loyalty.services.card_lookup import GONE
from app.modules.loyalty.services.card_search import Search
from app.modules.loyalty.services.card_views import AnyRow, AnySelect
from app.modules.loyalty.types import CardStatus

LOOKED_THROUGH: Final = 2000  # cards; 26 fitting ones among them are one in eighty
_NOT_ACTIVE: Final = LoyaltyCard.status != literal_column(f"'{CardStatus.ACTIVE.value}'")
_PLANNER: Final = {
    "plan_cache_mode": "force_custom_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_sort": "off",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
}

Condition = ColumnElement[bool]
Column = ColumnElement[Any] | InstrumentedAttribute[Any]


@dataclass(frozen=True, slots=True)
class Order:
    """An order with an index; `names` are the labels of `columns` in a row of a list."""

    columns: tuple[InstrumentedAttribute[Any], ...]
    names: tuple[str, ...]
    kinds: tuple[type[CursorValue], ...]
    descending: bool

    def after(self, key: Sequence[CursorValue]) -> Condition:
        """Behind `key`."""
        here = tuple_(*self.columns)
        return here < tuple(key) if self.descending else here > tuple(key)

    def up_to(self, key: Sequence[CursorValue]) -> Condition:
        """Not behind `key`."""
        here = tuple_(*self.columns)
        return here >= tuple(key) if self.descending else here <= tuple(key)

    def sort(self, wanted: AnySelect, columns: Iterable[Column]) -> AnySelect:
        """`wanted` in this order."""
        return wanted.order_by(*(c.desc() if self.descending else c for c in columns))


RECENT: Final = Order(
    (LoyaltyCard.last_activity_at, LoyaltyCard.id),
    ("last_activity_at", "card_id"),
    (datetime, int),
    descending=True,
)
BY_NAME: Final = Order(
    (Customer.search_text, Customer.id),
    ("search_text", "customer_id"),
    (str, int),
    descending=False,
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which cards of a merchant; None: any. `inactive_since` is an aware UTC instant."""

    merchant_id: int
    search: Search | None = None
    status: str | None = None
    reward_ready: bool | None = None
    inactive_since: datetime | None = None

    def of_cards(self) -> list[Condition]:
        """The conditions on cards, spelled as their indexes are."""
        found: list[Condition] = [LoyaltyCard.merchant_id == self.merchant_id]
        if self.status is None:
            found.append(LoyaltyCard.status.not_in(GONE))
        else:
            found.append(LoyaltyCard.status == self.status)
            if self.status != CardStatus.ACTIVE.value:
                found.append(_NOT_ACTIVE)
        if self.reward_ready is not None:
            is_ready = LoyaltyCard.stamp_count >= LoyaltyCard.stamps_target
            found.append(is_ready if self.reward_ready else ~is_ready)
        if self.inactive_since is not None:
            found.append(LoyaltyCard.last_activity_at < self.inactive_since)
        return found

    def of_index(self) -> list[Condition]:
        """Those of them that an index in the order of time answers without looking at cards."""
        found: list[Condition] = [LoyaltyCard.merchant_id == self.merchant_id]
        if self.status is not None and self.status != CardStatus.ACTIVE.value:
            found += [LoyaltyCard.status == self.status, _NOT_ACTIVE]
        elif self.reward_ready:
            found.append(LoyaltyCard.stamp_count >= LoyaltyCard.stamps_target)
        if self.inactive_since is not None:
            found.append(LoyaltyCard.last_activity_at < self.inactive_since)
        return found

    def has_index(self, order: Order) -> bool:
        """Whether an index has these cards, or nearly only these, in this order."""
        filters = (self.status, self.reward_ready, self.inactive_since)
        return self.search is None and (order is RECENT or filters == (None, None, None))

    def has_people_gone(self) -> bool:
        """Whether cards are asked for whose people stand in no list any more."""
        return self.status in GONE


def read_page(
    db: Session, wanted: Wanted, order: Order, *, limit: int, cursor: str | None
) -> tuple[Sequence[AnyRow], str | None]:
    """Rows of `card_views.line_select`, and the cursor of the next page if there is one.

    Raises:
        ValidationFailed: the cursor is another list's.
    """
    after = PageRequest(cursor=cursor).after(*order.kinds)
    _plan_by_values(db)
    rows = _read(db, wanted, order, after, limit + 1)
    if len(rows) <= limit:
        return rows, None
    key = [getattr(rows[limit - 1], name) for name in order.names]
    return rows[:limit], encode_cursor(*key)


def count(db: Session, wanted: Wanted) -> int:
    """How many there are, on all pages."""
    _plan_by_values(db)
    if wanted.search is not None:
        found = _found(db, wanted, None).subquery()
        return db.execute(select(func.count()).select_from(found)).scalar_one()
    if wanted.status is not None or wanted.reward_ready is False:
        return _count(db, wanted.of_cards())
    # By indexes alone: all of them less those that stand in no list.
    everyone = wanted.of_index()
    return _count(db, everyone) - sum(
        _count(db, [*everyone, LoyaltyCard.status == status, _NOT_ACTIVE]) for status in GONE
    )


def _count(db: Session, conditions: Sequence[Condition]) -> int:
    counted = select(func.count()).select_from(LoyaltyCard).where(*conditions)
    return db.execute(counted).scalar_one()


def _read(
    db: Session, wanted: Wanted, order: Order, after: Sequence[CursorValue] | None, most: int
) -> Sequence[AnyRow]:
    if order is BY_NAME and wanted.has_people_gone():
        return db.execute(_from_hits(db, wanted, order, after, most)).all()
    if wanted.has_index(order):
        return db.execute(_in_order(wanted, order, after).limit(most)).all()
    in_order = _in_order(wanted, order, after)
    edge = db.execute(_edge(wanted, order, after)).one_or_none()
    if edge is not None:
        in_order = in_order.where(order.up_to(tuple(edge)))
    rows = db.execute(in_order.limit(most)).all()
    if edge is None or len(rows) == most:
        return rows
    return db.execute(_from_hits(db, wanted, order, after, most)).all()


def _in_order(wanted: Wanted, order: Order, after: Sequence[CursorValue] | None) -> AnySelect:
    found = card_views.line_select(wanted.merchant_id).where(*wanted.of_cards())
    if order is BY_NAME:
        found = found.where(Customer.erased_at.is_(None))
    if wanted.search is not None:
        found = found.where(card_search.fits(wanted.search))
    if after is not None:
        found = found.where(order.after(after))
    return order.sort(found, order.columns)


def _edge(wanted: Wanted, order: Order, after: Sequence[CursorValue] | None) -> AnySelect:
    """The key of the last card to be looked through, from the index; none: fewer are left."""
    people = [Customer.merchant_id == wanted.merchant_id, Customer.erased_at.is_(None)]
    which = people if order is BY_NAME else wanted.of_index()
    edge: AnySelect = select(*order.columns).where(*which)
    if after is not None:
        edge = edge.where(order.after(after))
    return order.sort(edge, order.columns).offset(LOOKED_THROUGH).limit(1)


def _from_hits(
    db: Session, wanted: Wanted, order: Order, after: Sequence[CursorValue] | None, most: int
) -> AnySelect:
    found = _found(db, wanted, order.after(after) if after is not None else None)
    # Materialised, so that no planner sorts first and looks for what fits afterwards.
    rows = found.cte("found").prefix_with("MATERIALIZED")
    return order.sort(select(rows), [rows.c[name] for name in order.names]).limit(most)


def _found(db: Session, wanted: Wanted, after: Condition | None) -> AnySelect:
    found = card_views.line_select(wanted.merchant_id).where(*wanted.of_cards())
    if after is not None:
        found = found.where(after)
    if wanted.search is None:
        return found
    hits = card_search.hits(db, wanted.search, merchant_id=wanted.merchant_id)
    ids = hits.cte("hits").prefix_with("MATERIALIZED")
    return found.join(ids, ids.c.id == LoyaltyCard.customer_id).where(
        card_search.fits(wanted.search)
    )


def _plan_by_values(db: Session) -> None:
    """PostgreSQL: plan this transaction's reads for their values, by indexes and row by row.

    How rare a word is decides the plan, so a kept one will not do; and the planner, who reckons
    with a disk's costs, would now and then read and hash a whole table rather than look up 2,000
    rows.
    """
    if engine_of(db).dialect.name == "postgresql":
        db.execute(select(*(func.set_config(name, to, True) for name, to in _PLANNER.items())))
