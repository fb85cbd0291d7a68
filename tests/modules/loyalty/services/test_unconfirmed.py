"""Cards that nobody confirmed and nobody used are dropped after 90 days."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.modules.customers.models import Customer
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.rules.unconfirmed import unused_since
from app.modules.loyalty.services import unconfirmed
from app.modules.loyalty.tasks import drop_unconfirmed
from app.modules.loyalty.types import Draft, EntryType
from tests import factories, reads
from tests.factories import NOW, Shop

DUE = NOW + timedelta(days=90)
PENDING = {"email": "anna@example.com", "email_pending": True}


@pytest.fixture
def shop(db: Session) -> Shop:
    return factories.make_shop(db)


def card_of(db: Session, shop: Shop, customer: dict[str, Any], **card: Any) -> LoyaltyCard:
    made = factories.make_customer(db, merchant_id=shop.merchant_id, **customer)
    return factories.make_card(db, shop=shop, customer_id=made.id, **card)


def drop(db: Session, now: datetime = DUE) -> int:
    return unconfirmed.drop(db, now=now, keep_alive=lambda: None)["dropped"]


def test_given_ninety_days_when_counted_back_then_that_instant() -> None:
    assert unused_since(DUE) == NOW


def test_given_an_unused_unconfirmed_card_when_ninety_days_are_over_then_nothing_is_left_of_it(
    db: Session, shop: Shop
) -> None:
    card = card_of(db, shop, PENDING)
    assert drop(db, DUE - timedelta(microseconds=1)) == 0
    assert reads.card_now(db, card).status == "active"
    assert drop(db) == 1
    assert reads.card_now(db, card).status == "erased"
    entries = reads.entries_of(db, card)
    assert [(entry.type, entry.actor_kind) for entry in entries[1:]] == [("customer_erased", "job")]
    (person,) = reads.rows_of(db, Customer, merchant_id=shop.merchant_id)
    assert (person.email, person.first_name, person.erased_at) == (None, "", DUE)
    assert drop(db) == 0


@pytest.mark.parametrize(
    ("customer", "card"),
    [
        ({"email": "anna@example.com"}, {}),
        ({"email": "anna@example.com", "email_pending": True, "phone": "+352621000001"}, {}),
        (PENDING, {"stamps": 1}),
        (PENDING, {"now": NOW + timedelta(days=1)}),
        (PENDING, {"status": "suspended"}),
    ],
    ids=["confirmed", "by phone", "holds a stamp", "used since", "suspended"],
)
def test_given_a_card_that_is_somebodys_when_the_job_runs_then_it_stays(
    db: Session, shop: Shop, customer: dict[str, Any], card: dict[str, Any]
) -> None:
    kept = card_of(db, shop, customer, **card)
    assert drop(db) == 0
    assert reads.card_now(db, kept).status == card.get("status", "active")


def test_given_more_than_a_batch_when_the_job_runs_then_all_and_alive_in_between(
    db: Session, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unconfirmed, "_AT_ONCE", 2)
    for number in range(5):
        card_of(db, shop, {"email": f"anna.{number}@example.com", "email_pending": True})
    alive: list[str] = []
    report = drop_unconfirmed(db, now=DUE, keep_alive=lambda: alive.append("yes"))
    assert report == {"dropped": 5, "codes": 0}
    assert len(alive) == 4


def test_given_a_stamp_between_finding_and_dropping_when_dropped_then_the_card_stays(
    db: Session, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = card_of(db, shop, PENDING)
    find = unconfirmed._batch

    def find_and_stamp(*args: Any, **kwargs: Any) -> Any:
        found = find(*args, **kwargs)
        given = Draft(EntryType.STAMP_EARNED, 1)
        if found:
            factories.post(db, card, [given], now=DUE)
        return found

    monkeypatch.setattr(unconfirmed, "_batch", find_and_stamp)
    assert drop(db) == 0
    assert reads.card_now(db, card).status == "active"
