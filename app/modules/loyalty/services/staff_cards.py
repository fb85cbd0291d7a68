"""Which cards each member of staff served: own ones, the same one again and again.

Who served which card cannot be added up over days, so it is counted once a night, for a few
lengths of period (`WINDOWS`, business days), from the ledger itself.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final, TypedDict

from sqlalchemy import bindparam, delete, func, insert, select
from sqlalchemy.orm import Session

from app.core.db import BigInt, LocalDate
from app.modules.customers.models import Customer
from app.modules.loyalty.models import LoyaltyCard, LoyaltyTransaction, StaffPin, StaffReport
from app.modules.loyalty.rules.figures import Period, period_until
from app.modules.loyalty.rules.staff_outliers import repeat_pair_from
from app.modules.loyalty.rules.statistics import OPERATIONS
from app.modules.loyalty.services.stats_ledger import Span, in_span
from app.modules.loyalty.types import ActorKind
from app.modules.tenancy.models import Membership, User

WINDOWS: Final = (7, 30, 90)
_MOST_PAIRS: Final = 50
_PEOPLE: Final = (ActorKind.PIN.value, ActorKind.USER.value)
_OPERATIONS: Final = [entry_type.value for entry_type in OPERATIONS]


class PersonCards(TypedDict):
    """The cards one person served: how many, the most on one, and how much on the own card."""

    actor_kind: str
    actor_id: int
    operations: int
    cards: int
    top_card_operations: int
    own_card_operations: int


class RepeatPair(TypedDict):
    """One person and one card that met far more often than others did."""

    actor_kind: str
    actor_id: int
    card_id: int
    operations: int


class CardFigures(TypedDict):
    """Who served which cards in a period; a pair stands out from `repeat_from` operations on."""

    repeat_from: int
    people: list[PersonCards]
    pairs: list[RepeatPair]


def window_for(days: int) -> int:
    """The shortest window that covers so many days, or the longest there is."""
    return next((window for window in WINDOWS if window >= days), WINDOWS[-1])


def rows_until(
    db: Session, *, merchant_id: int, store_ids: list[int], last_day: date, until: datetime
) -> list[dict[str, Any]]:
    """The rows of `loyalty_staff_reports` for the windows that end with `last_day`."""
    return [
        {
            "merchant_id": merchant_id,
            "store_id": store_id,
            "days": days,
            "until_day": last_day,
            "figures": figures(
                db,
                merchant_id=merchant_id,
                period=period_until(last_day, days=days),
                store_id=store_id or None,
                until=until,
            ),
        }
        for days in WINDOWS
        for store_id in (0, *store_ids)
    ]


def replace_reports(db: Session, *, merchant_id: int, rows: list[dict[str, Any]]) -> None:
    """Let `rows` be the merchant's reports; inside the caller's `atomic`."""
    db.execute(delete(StaffReport).where(StaffReport.merchant_id == merchant_id))
    db.execute(insert(StaffReport), rows)


def figures(
    db: Session,
    *,
    merchant_id: int,
    period: Period,
    store_id: int | None = None,
    until: datetime,
) -> CardFigures:
    """Who served which cards in a period, from entries recorded before `until`."""
    span = Span.of_days(merchant_id, period.first, until)
    scope = span.parameters | {"last": period.last}
    scope |= {} if store_id is None else {"store": store_id}
    own = _own_cards(db, merchant_id)
    people: dict[tuple[str, int], PersonCards] = {}
    pairs: Counter[int] = Counter()
    for row in db.execute(_frequencies(store_id is not None), scope):
        pairs[row.operations] += row.pairs
        person = people.setdefault((row.actor_kind, row.actor_id), _nobody_yet(row))
        person["operations"] += row.operations * row.pairs
        person["cards"] += row.pairs
        person["top_card_operations"] = max(person["top_card_operations"], row.operations)
    threshold = repeat_pair_from(pairs)
    for pair in _pairs(db, scope, store_id is not None, cards=[card for *_, card in own]):
        if (pair["actor_kind"], pair["actor_id"], pair["card_id"]) in own:
            person = people[pair["actor_kind"], pair["actor_id"]]
            person["own_card_operations"] += pair["operations"]
    repeated = _pairs(db, scope, store_id is not None, at_least=threshold)
    return CardFigures(repeat_from=threshold, people=list(people.values()), pairs=repeated)


def _nobody_yet(row: Any) -> PersonCards:
    return PersonCards(
        actor_kind=row.actor_kind,
        actor_id=row.actor_id,
        operations=0,
        cards=0,
        top_card_operations=0,
        own_card_operations=0,
    )


def _own_cards(db: Session, merchant_id: int) -> set[tuple[str, int, Any]]:
    """Who (kind, id) has which card: recorded with the PIN, or by the address they sign in with."""
    by_pin = select(StaffPin.id, StaffPin.own_card_id).where(
        StaffPin.merchant_id == merchant_id, StaffPin.own_card_id.is_not(None)
    )
    by_address = (
        select(User.id, LoyaltyCard.id)
        .join(Membership, Membership.user_id == User.id)
        .join(Customer, Customer.email == User.email)
        .join(
            LoyaltyCard,
            (LoyaltyCard.merchant_id == Customer.merchant_id)
            & (LoyaltyCard.customer_id == Customer.id),
        )
        .where(
            Membership.merchant_id == merchant_id,
            Customer.merchant_id == merchant_id,
            ~Customer.email_pending,
        )
    )
    kinds = ((ActorKind.PIN, by_pin), (ActorKind.USER, by_address))
    return {
        (kind.value, actor_id, card_id)
        for kind, wanted in kinds
        for actor_id, card_id in db.execute(wanted)
    }


def _pairs(
    db: Session,
    scope: dict[str, Any],
    at_store: bool,
    *,
    cards: list[int] | None = None,
    at_least: int = 1,
) -> list[RepeatPair]:
    pair = _pair_select(at_store).subquery()
    wanted = select(pair).where(pair.c.operations >= at_least)
    if cards is not None:
        wanted = wanted.where(pair.c.card_id.in_(cards))
    else:
        wanted = wanted.limit(_MOST_PAIRS)
    rows = db.execute(wanted.order_by(pair.c.operations.desc(), pair.c.card_id), scope)
    return [RepeatPair(**row._mapping) for row in rows]  # type: ignore[typeddict-item]


@lru_cache(maxsize=2)
def _frequencies(at_store: bool) -> Any:
    pair = _pair_select(at_store).subquery()
    by = (pair.c.actor_kind, pair.c.actor_id, pair.c.operations)
    return select(*by, func.count().label("pairs")).group_by(*by)


@lru_cache(maxsize=2)
def _pair_select(at_store: bool) -> Any:
    entry = LoyaltyTransaction
    by = (entry.actor_kind, entry.actor_id, entry.card_id)
    wanted = select(*by, func.count().label("operations")).where(
        *in_span(entry),
        entry.business_day <= bindparam("last", type_=LocalDate()),
        entry.type.in_(_OPERATIONS),
        entry.actor_kind.in_(_PEOPLE),
        entry.actor_id.is_not(None),
    )
    if at_store:
        wanted = wanted.where(entry.store_id == bindparam("store", type_=BigInt))
    return wanted.group_by(*by)
