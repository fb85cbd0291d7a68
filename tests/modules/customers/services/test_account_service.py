"""The customer's account: what they change, and what they agree to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.db import atomic
from app.core.errors import ValidationFailed
from app.modules.customers.errors import CustomerNotFound
from app.modules.customers.models import Consent, Customer
from app.modules.customers.services import account_service, customer_service
from app.modules.customers.types import AccountView
from tests import factories, reads
from tests.factories import NOW

LATER = NOW + timedelta(days=1)


@pytest.fixture
def customer(db: Session) -> Customer:
    merchant = factories.make_merchant(db)
    return factories.make_customer(db, merchant_id=merchant.id, first_name="Zoé", last_name="")


@pytest.fixture
def pending(db: Session, customer: Customer) -> Customer:
    """Somebody who has just joined and said yes to marketing."""
    joined = factories.make_customer(
        db, merchant_id=customer.merchant_id, email="anna@example.com", email_pending=True
    )
    say(db, joined, granted=True)
    db.expunge(joined)  # a refusal's rollback must not send tests back to the database
    return joined


def say(db: Session, customer: Customer, *, granted: bool) -> None:
    with atomic(db):
        customer_service.record_consent(
            db, merchant_id=customer.merchant_id, customer_id=customer.id, granted=granted,
            locale="fr", channel="storefront", ip_address="192.0.2.1", now=NOW,
        )  # fmt: skip


def account(db: Session, customer: Customer) -> AccountView:
    return account_service.account_of(db, merchant_id=customer.merchant_id, customer_id=customer.id)


def change(db: Session, customer: Customer, **changes: Any) -> AccountView:
    return account_service.change_account(
        db, merchant_id=customer.merchant_id, customer_id=customer.id, shown_in="de", now=LATER,
        **changes,
    )  # fmt: skip


def settle(db: Session, customer: Customer, email: str = "anna@example.com") -> bool:
    with atomic(db):
        return account_service.settle_email(
            db, merchant_id=customer.merchant_id, customer_id=customer.id, email=email,
            ip_address="192.0.2.9", now=LATER,
        )  # fmt: skip


def said(db: Session, customer: Customer) -> list[tuple[bool, str, str]]:
    rows: list[Consent] = reads.rows_of(db, Consent, merchant_id=customer.merchant_id)
    return [(row.granted, row.channel, row.locale) for row in rows]


def test_given_changes_when_made_then_only_what_was_named_is_new_and_search_finds_it(
    db: Session, customer: Customer
) -> None:
    seen = change(db, customer, last_name=" Straßer ", locale="lu")
    assert (seen["first_name"], seen["last_name"], seen["locale"]) == ("Zoé", "Straßer", "lb")
    (row,) = reads.rows_of(db, Customer, merchant_id=customer.merchant_id)
    assert (row.last_name, row.email) == ("Straßer", customer.email)
    assert row.search_text.startswith("zoe strasser")
    assert change(db, customer, first_name="")["first_name"] == ""
    with pytest.raises(ValidationFailed):
        change(db, customer, first_name="x" * 101)


def test_given_a_yes_and_a_no_when_said_then_each_is_kept_with_its_proof(
    db: Session, customer: Customer
) -> None:
    assert account(db, customer)["marketing_consent"] is False
    assert change(db, customer, marketing_consent=False)["consents"] == []
    yes = change(db, customer, marketing_consent=True)
    assert (yes["marketing_consent"], yes["marketing_active"]) == (True, True)
    change(db, customer, marketing_consent=True)
    no = change(db, customer, marketing_consent=False)
    assert (no["marketing_consent"], no["marketing_active"]) == (False, False)
    assert said(db, customer) == [(True, "account", "de"), (False, "account", "de")]
    newest = no["consents"][0]
    assert (newest["granted"], newest["at"]) == (False, LATER)
    assert newest["text_version"]


def test_given_a_pending_address_when_proved_then_the_yes_counts_from_then_on(
    db: Session, pending: Customer
) -> None:
    before = account(db, pending)
    assert (before["email_pending"], before["marketing_active"]) == (True, False)
    assert settle(db, pending)
    after = account(db, pending)
    assert (after["email_pending"], after["marketing_active"]) == (False, True)
    assert said(db, pending) == [(True, "storefront", "fr"), (True, "confirmation", "fr")]
    assert after["consents"][0]["at"] == LATER


def test_given_a_no_before_the_proof_when_proved_then_it_stays_a_no(
    db: Session, pending: Customer
) -> None:
    change(db, pending, marketing_consent=False)
    assert settle(db, pending)
    assert account(db, pending)["marketing_consent"] is False
    assert [granted for granted, _, _ in said(db, pending)] == [True, False]


def test_given_another_address_when_proved_then_nothing_changes(
    db: Session, pending: Customer
) -> None:
    assert not settle(db, pending, "else@example.com")
    assert account(db, pending)["email_pending"] is True
    assert said(db, pending) == [(True, "storefront", "fr")]


def test_given_an_address_that_is_somebodys_when_settled_then_the_database_refuses(
    db: Session, customer: Customer, pending: Customer
) -> None:
    factories.make_customer(db, merchant_id=customer.merchant_id, email="anna@example.com")
    with pytest.raises(IntegrityError):
        settle(db, pending)
    assert account(db, pending)["email_pending"] is True


def test_given_a_pending_address_when_asked_for_then_only_as_long_as_it_waits(
    db: Session, customer: Customer, pending: Customer
) -> None:
    def waiting(who: Customer) -> str | None:
        return account_service.pending_email(db, merchant_id=who.merchant_id, customer_id=who.id)

    assert waiting(pending) == "anna@example.com"
    assert waiting(customer) is None
    settle(db, pending)
    assert waiting(pending) is None


def test_given_another_merchant_or_an_erased_person_when_asked_for_then_there_is_nobody(
    db: Session, customer: Customer
) -> None:
    with pytest.raises(CustomerNotFound):
        account_service.account_of(
            db, merchant_id=factories.make_merchant(db).id, customer_id=customer.id
        )
    gone = factories.make_customer(db, merchant_id=customer.merchant_id, erased_at=NOW)
    for act in (account, change):
        with pytest.raises(CustomerNotFound):
            act(db, gone)
