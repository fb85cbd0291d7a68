"""Merchants and stores: made with sense, found within the merchant only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.core.db import atomic
from app.core.errors import ValidationFailed
from app.modules.tenancy.errors import MerchantNotFound, StoreNotFound, StoreRequired
from app.modules.tenancy.models import Merchant
from app.modules.tenancy.services import store_service
from app.modules.tenancy.types import MerchantStatus, StoreContext
from tests.factories import NOW, make_merchant, make_store


def code_of(refused: Callable[[], Any]) -> tuple[Any, str]:
    with pytest.raises(ValidationFailed) as refusal:
        refused()
    return refusal.value.errors[0].loc[0], refusal.value.errors[0].code


def test_given_good_facts_when_made_then_merchant_and_store_are_found(db: Session) -> None:
    merchant = store_service.create_merchant(
        db, name=" Bar Om Plateau ", currency="CHF", locale="lu", now=NOW
    )
    store = store_service.create_store(
        db,
        merchant_id=merchant.id,
        code="om-plateau",
        name="Plateau",
        city="Zürich",
        timezone="Europe/Zurich",
        day_starts_at=time(5),
        country="CH",
        locale="de",
        now=NOW,
    )
    assert (merchant.name, merchant.locale, merchant.status) == ("Bar Om Plateau", "lb", "active")
    found = store_service.find_store(db, merchant_id=merchant.id, code="OM-Plateau", now=NOW)
    assert found == StoreContext(
        merchant_id=merchant.id,
        store_id=store.id,
        code="om-plateau",
        name="Plateau",
        city="Zürich",
        timezone="Europe/Zurich",
        day_starts_at=time(5),
        country="CH",
        locale="de",
        merchant_name="Bar Om Plateau",
        merchant_status=MerchantStatus.ACTIVE,
        currency="CHF",
    )


def test_given_a_code_in_use_when_another_store_wants_it_then_it_is_taken(db: Session) -> None:
    first, second = make_merchant(db), make_merchant(db)
    taken = make_store(db, merchant_id=first.id).code
    for merchant in (first, second):
        assert code_of(
            lambda merchant=merchant: store_service.create_store(  # type: ignore[misc]
                db, merchant_id=merchant.id, code=taken, name="Copy"
            )
        ) == ("code", "store_code_taken")
    assert [store.code for store in store_service.list_stores(db, merchant_id=first.id)] == [taken]
    assert store_service.list_stores(db, merchant_id=second.id) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("code", "No Label"),
        ("name", ""),
        ("city", "x" * 101),
        ("timezone", "Mars/Olympus"),
        ("day_starts_at", time(12, 1)),
        ("country", "XX"),
        ("locale", "pt"),
    ],
)
def test_given_one_senseless_fact_when_a_store_is_made_then_it_is_named_and_nothing_kept(
    db: Session, field: str, value: Any
) -> None:
    merchant = make_merchant(db)
    facts: dict[str, Any] = {"code": "a-shop", "name": "A shop"} | {field: value}
    refused = lambda: store_service.create_store(db, merchant_id=merchant.id, **facts)  # noqa: E731
    assert code_of(refused)[0] == field
    assert store_service.list_stores(db, merchant_id=merchant.id) == []


def test_given_no_such_merchant_when_a_store_is_made_then_it_is_refused(db: Session) -> None:
    with pytest.raises(MerchantNotFound):
        store_service.create_store(db, merchant_id=2**40, code="nowhere", name="Nowhere")
    with pytest.raises(MerchantNotFound):
        store_service.find_merchant(db, merchant_id=2**40)


def test_given_another_merchants_store_when_looked_for_then_it_does_not_exist(
    db: Session,
) -> None:
    mine, theirs = make_merchant(db), make_merchant(db)
    store = make_store(db, merchant_id=theirs.id)
    make_store(db, merchant_id=mine.id)
    with pytest.raises(StoreNotFound):
        store_service.get_store(db, merchant_id=mine.id, store_id=store.id)
    with pytest.raises(StoreNotFound):
        store_service.get_store_by_code(db, merchant_id=mine.id, code=store.code)
    with pytest.raises(StoreNotFound):
        store_service.find_store(db, merchant_id=mine.id, code=store.code)
    with pytest.raises(StoreNotFound):
        store_service.find_store(db, merchant_id=mine.id, store_id=store.id)
    found = store_service.get_store_by_code(db, merchant_id=theirs.id, code=store.code.upper())
    assert found.id == store.id


def test_given_none_one_or_two_stores_when_none_is_named_then_only_one_is_clear(
    db: Session,
) -> None:
    merchant = make_merchant(db)
    with pytest.raises(StoreNotFound):
        store_service.find_store(db, merchant_id=merchant.id)
    store = make_store(db, merchant_id=merchant.id)
    assert store_service.find_store(db, merchant_id=merchant.id, now=NOW).store_id == store.id
    make_store(db, merchant_id=merchant.id)
    with pytest.raises(StoreRequired):
        store_service.find_store(db, merchant_id=merchant.id, now=NOW + timedelta(seconds=5))


def test_given_a_suspension_when_5_s_are_over_then_every_store_knows(db: Session) -> None:
    merchant = make_merchant(db)
    make_store(db, merchant_id=merchant.id)
    store_service.find_store(db, merchant_id=merchant.id, now=NOW)
    store_service.find_merchant(db, merchant_id=merchant.id, now=NOW)
    with atomic(db):
        db.execute(update(Merchant).where(Merchant.id == merchant.id).values(status="suspended"))
    soon, later = NOW + timedelta(seconds=4.9), NOW + timedelta(seconds=5)
    statuses = [
        (
            store_service.find_store(db, merchant_id=merchant.id, now=now).merchant_status,
            store_service.find_merchant(db, merchant_id=merchant.id, now=now).status,
        )
        for now in (soon, later)
    ]
    assert statuses == [("active", "active"), ("suspended", "suspended")]
