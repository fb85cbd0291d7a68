"""People of one merchant: found by proved contacts, made with sense, consent with proof."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.db import atomic
from app.core.errors import ValidationFailed
from app.modules.customers.errors import CustomerNotFound
from app.modules.customers.models import Consent, Customer
from app.modules.customers.services import customer_service
from tests.factories import NOW, make_customer, make_merchant

PERSON: dict[str, Any] = {
    "email": "Zoe\u0301@Example.com",
    "phone": "621 000 001",
    "first_name": "  Zoe\u0301 ",
    "last_name": "Straßer",
    "locale": "lu",
    "pending": False,
    "country": "LU",
    "now": NOW,
}


def made(db: Session, merchant_id: int, **facts: Any) -> Customer:
    with atomic(db):
        return customer_service.create_customer(db, merchant_id=merchant_id, **PERSON | facts)


def number_of_customers(db: Session, merchant_id: int) -> int:
    wanted = select(Customer.id).where(Customer.merchant_id == merchant_id)
    return len(db.execute(wanted).all())


def test_given_a_person_when_made_then_contacts_and_names_have_one_spelling(db: Session) -> None:
    merchant = make_merchant(db)
    customer = made(db, merchant.id)
    with Session(db.get_bind()) as fresh:
        kept = customer_service.get_customer(
            fresh, merchant_id=merchant.id, customer_id=customer.id
        )
    assert (kept.email, kept.phone) == ("zo\u00e9@example.com", "+352621000001")
    assert (kept.first_name, kept.last_name, kept.full_name) == ("Zoé", "Straßer", "Zoé Straßer")
    assert (kept.locale, kept.created_at) == ("lb", NOW)
    assert (kept.email_pending, kept.phone_pending) == (False, False)
    assert "strasser" in kept.search_text
    assert "+352621000001" in kept.search_text


@pytest.mark.parametrize(
    ("facts", "field", "code"),
    [
        ({"email": None, "phone": None}, "email", "contact_required"),
        ({"email": "  ", "phone": ""}, "email", "contact_required"),
        ({"email": "no address"}, "email", "email_invalid"),
        ({"phone": "abc"}, "phone", "phone_invalid"),
        ({"first_name": "x" * 101}, "first_name", "name_too_long"),
    ],
)
def test_given_a_person_without_sense_when_made_then_it_is_refused_and_nothing_kept(
    db: Session, facts: dict[str, Any], field: str, code: str
) -> None:
    merchant_id = make_merchant(db).id
    with pytest.raises(ValidationFailed) as refusal:
        made(db, merchant_id, **facts)
    assert [(e.loc, e.code) for e in refusal.value.errors] == [((field,), code)]
    assert number_of_customers(db, merchant_id) == 0


@pytest.mark.parametrize("locale", [None, "", "pt", "x" * 50])
def test_given_a_language_we_do_not_speak_when_made_then_none_is_kept(
    db: Session, locale: str | None
) -> None:
    assert made(db, make_merchant(db).id, locale=locale).locale is None


@pytest.mark.parametrize(
    "contact",
    [
        {"email": "ZO\u00c9@example.com"},
        {"phone": "621000001"},
        {"phone": "00352 621-000-001"},
        {"email": "someone.else@example.com", "phone": "+352621000001"},
    ],
)
def test_given_a_proved_contact_when_looked_for_in_any_spelling_then_it_is_found(
    db: Session, contact: dict[str, str]
) -> None:
    merchant = make_merchant(db)
    customer = made(db, merchant.id)
    found = customer_service.find_settled(db, merchant_id=merchant.id, **contact, country="LU")
    assert found is not None
    assert found.id == customer.id


def test_given_two_people_when_email_and_phone_point_apart_then_the_email_counts(
    db: Session,
) -> None:
    merchant = make_merchant(db)
    by_email = made(db, merchant.id, phone=None)
    made(db, merchant.id, email="other@example.com")
    found = customer_service.find_settled(
        db, merchant_id=merchant.id, email=PERSON["email"], phone=PERSON["phone"]
    )
    assert found is not None
    assert found.id == by_email.id


def test_given_a_pending_contact_when_looked_for_then_it_proves_nothing(db: Session) -> None:
    merchant = make_merchant(db)
    first = made(db, merchant.id, pending=True)
    second = made(db, merchant.id, pending=True)  # a pending contact blocks nobody
    assert first.id != second.id
    for contact in ({"email": PERSON["email"]}, {"phone": PERSON["phone"]}):
        assert customer_service.find_settled(db, merchant_id=merchant.id, **contact) is None
    settled = made(db, merchant.id)
    found = customer_service.find_settled(db, merchant_id=merchant.id, email=PERSON["email"])
    assert found is not None
    assert found.id == settled.id


def test_given_only_a_phone_when_pending_then_the_missing_email_is_not_pending(
    db: Session,
) -> None:
    customer = made(db, make_merchant(db).id, email=None, pending=True)
    assert (customer.email, customer.email_pending, customer.phone_pending) == (None, False, True)


def test_given_a_proved_contact_when_somebody_settles_with_it_too_then_the_database_refuses(
    db: Session,
) -> None:
    merchant_id = make_merchant(db).id
    made(db, merchant_id)
    for taken in ({"phone": None}, {"email": "other@example.com"}):
        with pytest.raises(IntegrityError):
            made(db, merchant_id, **taken)
    assert number_of_customers(db, merchant_id) == 1


def test_given_another_merchants_customer_when_looked_for_then_it_does_not_exist(
    db: Session,
) -> None:
    mine, theirs = make_merchant(db), make_merchant(db)
    customer = made(db, theirs.id)
    with pytest.raises(CustomerNotFound):
        customer_service.get_customer(db, merchant_id=mine.id, customer_id=customer.id)
    found = customer_service.find_settled(
        db, merchant_id=mine.id, email=PERSON["email"], phone=PERSON["phone"]
    )
    assert found is None
    assert made(db, mine.id).id != customer.id  # the same person, known to both apart


def test_given_an_erased_customer_when_looked_for_then_it_is_gone(db: Session) -> None:
    merchant = make_merchant(db)
    customer = make_customer(db, merchant_id=merchant.id)
    with atomic(db):
        db.execute(
            update(Customer)
            .where(Customer.merchant_id == merchant.id, Customer.id == customer.id)
            .values(erased_at=NOW)
        )
    with pytest.raises(CustomerNotFound):
        customer_service.get_customer(db, merchant_id=merchant.id, customer_id=customer.id)


def test_given_a_yes_and_a_no_when_recorded_then_both_proofs_stand(db: Session) -> None:
    merchant = make_merchant(db)
    customer = make_customer(db, merchant_id=merchant.id)
    for granted in (True, False):
        with atomic(db):
            customer_service.record_consent(
                db,
                merchant_id=merchant.id,
                customer_id=customer.id,
                granted=granted,
                locale="fr",
                channel="storefront",
                ip_address="203.0.113.9",
                now=NOW,
            )
    proofs = list(
        db.execute(
            select(Consent).where(Consent.merchant_id == merchant.id).order_by(Consent.id)
        ).scalars()
    )
    assert [proof.granted for proof in proofs] == [True, False]
    kept = {
        (p.customer_id, p.purpose, p.locale, p.channel, p.ip_address, p.at, bool(p.text_version))
        for p in proofs
    }
    assert kept == {(customer.id, "marketing", "fr", "storefront", "203.0.113.9", NOW, True)}
