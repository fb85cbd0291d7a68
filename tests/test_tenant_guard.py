"""The guard finds what it is for, and lets through what is right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, delete, exists, func, insert, or_, select, text, union_all, update
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql.elements import ClauseElement

from app.core.db import atomic
from app.modules.customers.models import Customer
from app.modules.loyalty.models import LoyaltyCard as Card
from app.modules.loyalty.models import LoyaltyTransaction as Entry
from app.modules.tenancy.models import Merchant, Store
from tests import factories, tenant_guard
from tests.tenant_guard import TenantLeak

OTHER = aliased(Card)
_SUMS = select(Entry.card_id, func.sum(Entry.stamps_delta).label("stamps"))
_NEWEST = select(func.max(Entry.id)).where(Entry.card_id == 7)
_BY_MERCHANT = _SUMS.where(Entry.merchant_id == 1).group_by(Entry.card_id)
_OF_CARD_7 = _SUMS.where(Entry.card_id == 7).group_by(Entry.card_id)

LEAKS: dict[str, ClauseElement] = {
    "no condition": select(Card),
    "primary key alone": select(Card).where(Card.id == 7),
    "core table": select(Card.__table__).where(Card.__table__.c.id == 7),
    "the merchant is only read": select(Card.merchant_id).where(Card.id == 7),
    "an alias": select(OTHER).where(OTHER.id == 7, Card.merchant_id == 1),
    "one of two joined": select(Card)
    .join(Customer, Customer.id == Card.customer_id)
    .where(Card.merchant_id == 1),
    "two that only know each other": select(Card)
    .join(Customer, Customer.merchant_id == Card.merchant_id)
    .where(Card.id == 7),
    "every merchant's": select(Card).join(Merchant, Merchant.id == Card.merchant_id),
    "itself": select(Card).where(Card.merchant_id == Card.merchant_id, Card.id == 7),
    "an arm of an OR": select(Card).where(or_(Card.merchant_id == 1, Card.id == 7)),
    "a denial": select(Card).where(Card.merchant_id != 1),
    "update": update(Card).where(Card.id == 7).values(status="active"),
    "delete": delete(Card).where(Card.id == 7),
    "update beside another table": update(Card)
    .where(Card.merchant_id == 1, Card.customer_id == Customer.id)
    .values(status="active"),
    "scalar subquery": select(
        Card.id, _SUMS.with_only_columns(func.max(Entry.id)).scalar_subquery()
    ).where(Card.merchant_id == 1),
    "exists": select(Card).where(Card.merchant_id == 1, exists().where(Entry.card_id == Card.id)),
    "from a subquery": select(_OF_CARD_7.subquery()),
    "from a CTE": select(_OF_CARD_7.cte()),
    "beside a CTE": select(Card).where(Card.merchant_id == 1).add_cte(_OF_CARD_7.cte()),
    "the same table in a subquery": select(Card).join(
        select(Card.id).where(Card.id == 7).subquery(), Card.merchant_id == 1
    ),
    "half of a union": union_all(_BY_MERCHANT, _OF_CARD_7),
    "what an insert reads": insert(Entry).from_select(["card_id"], select(Card.id)),
}

SAFE: dict[str, ClauseElement] = {
    "a value": select(Card).where(Card.merchant_id == 1, Card.id == 7),
    "a list": select(Card).where(Card.merchant_id.in_([1, 2])),
    "nobody's": select(Card).where(Card.merchant_id.is_(None)),
    "grouped": select(Card).where((Card.merchant_id == 1) & ((Card.id == 7) | (Card.id == 8))),
    "joined": select(Card)
    .join(Customer, (Customer.merchant_id == Card.merchant_id) & (Customer.id == Card.customer_id))
    .where(Card.merchant_id == 1),
    "tied through the merchant": select(Card)
    .join(Merchant, Merchant.id == Card.merchant_id)
    .where(Merchant.id == 1),
    "outer join": select(Card)
    .outerjoin(Store, (Store.merchant_id == Card.merchant_id) & (Store.id == 1))
    .where(Card.merchant_id == 1),
    "alias": select(OTHER).where(OTHER.merchant_id == 1),
    "exists tied to the row around": select(Card).where(
        Card.merchant_id == 1,
        exists().where(Entry.merchant_id == Card.merchant_id, Entry.card_id == Card.id),
    ),
    "CTE": select(_BY_MERCHANT.cte()),
    "update": update(Card).where(Card.merchant_id == 1, Card.id == 7).values(status="active"),
    "delete": delete(Card).where(Card.merchant_id == 1),
    "no merchant's table": select(Merchant).where(Merchant.id == 1),
    "insert": insert(Card).values(merchant_id=1),
    "text": text("SELECT * FROM loyalty_cards"),
}


@pytest.mark.parametrize("statement", LEAKS.values(), ids=list(LEAKS))
def test_given_no_merchant_when_a_statement_is_checked_then_it_fails(
    statement: ClauseElement,
) -> None:
    with pytest.raises(TenantLeak, match="is touched without its merchant"):
        tenant_guard.check(statement)


@pytest.mark.parametrize("statement", SAFE.values(), ids=list(SAFE))
def test_given_its_merchant_when_a_statement_is_checked_then_it_passes(
    statement: ClauseElement,
) -> None:
    tenant_guard.check(statement)


def _get(db: Session, card: Card) -> Any:
    return db.get(Card, card.id)


def _refresh(db: Session, card: Card) -> Any:
    return db.refresh(card)


def _flush(db: Session, card: Card) -> Any:
    with atomic(db):
        card.status = "suspended"


@pytest.mark.parametrize("use", [_get, _refresh, _flush])
def test_given_a_session_when_its_orm_reaches_a_row_by_key_then_the_engine_refuses(
    db: Session, use: Callable[[Session, Card], Any]
) -> None:
    card = factories.make_card(db)
    if use is _get:
        db.expunge_all()
    with pytest.raises(TenantLeak):
        use(db, card)


def test_given_an_engine_without_the_guard_when_a_row_is_read_by_key_then_nothing_stops_it(
    db: Session, engine: Engine
) -> None:
    card_id = factories.make_card(db).id
    unguarded = engine.execution_options(tenant_exempt="control")
    with Session(unguarded) as session:
        assert session.get(Card, card_id) is not None


def test_given_an_exemption_when_the_same_statement_comes_without_it_then_it_still_fails(
    db: Session,
) -> None:
    of_card = select(Card.id).where(Card.qr_code_data == "B")
    reason = {"tenant_exempt": "codes are unique on the platform"}
    assert db.execute(of_card.execution_options(**reason)).all() == []
    assert db.execute(of_card, execution_options=reason).all() == []
    for _ in range(2):
        with pytest.raises(TenantLeak):
            db.execute(of_card)


def test_given_other_values_when_a_statement_comes_again_then_it_passes_again(db: Session) -> None:
    card = factories.make_card(db)
    for merchant_id in (card.merchant_id, card.merchant_id + 1):
        found = db.execute(select(Card.id).where(Card.merchant_id == merchant_id)).all()
        assert len(found) == (1 if merchant_id == card.merchant_id else 0)
