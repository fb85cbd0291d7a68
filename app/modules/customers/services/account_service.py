"""A customer's account: what they see of themselves, change, and agree to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core import clock
from app.core.db import atomic, end_read, in_atomic
from app.core.i18n import normalise_language
from app.modules.customers.errors import CustomerNotFound
from app.modules.customers.models import Consent, Customer
from app.modules.customers.rules.names import clean_name, search_text
from app.modules.customers.services import customer_service
from app.modules.customers.types import AccountView, ConsentView

_MARKETING = "marketing"


def account_of(db: Session, *, merchant_id: int, customer_id: int) -> AccountView:
    """The customer's own view of themselves.

    Raises:
        CustomerNotFound: also where the person was erased.
    """
    customer = _customer(db, merchant_id=merchant_id, customer_id=customer_id)
    consents = _consents(db, merchant_id=merchant_id, customer_id=customer_id)
    end_read(db)
    agrees = bool(consents) and consents[0]["granted"]
    return AccountView(
        id=customer.id,
        first_name=customer.first_name,
        last_name=customer.last_name,
        email=customer.email,
        email_pending=customer.email_pending,
        phone=customer.phone,
        phone_pending=customer.phone_pending,
        locale=customer.locale,
        marketing_consent=agrees,
        marketing_active=agrees and _is_proved(customer),
        consents=consents,
        member_since=customer.created_at,
    )


def change_account(  # noqa: PLR0913 - optional facts about a person
    db: Session,
    *,
    merchant_id: int,
    customer_id: int,
    first_name: str | None = None,
    last_name: str | None = None,
    locale: str | None = None,
    marketing_consent: bool | None = None,
    shown_in: str,
    ip_address: str | None = None,
    now: datetime | None = None,
) -> AccountView:
    """Change what the customer names; None leaves a fact as it is.

    A yes or no to marketing that says nothing new leaves no trace; a new one is kept with
    its time and the language it was `shown_in`.

    Raises:
        CustomerNotFound, ValidationFailed (names).
    """
    now = now or clock.utc_now()
    with atomic(db):
        customer = _customer(db, merchant_id=merchant_id, customer_id=customer_id)
        changes = _changes(customer, first_name=first_name, last_name=last_name, locale=locale)
        if changes:
            _write(db, customer, changes)
        said = _consents(db, merchant_id=merchant_id, customer_id=customer_id)
        agrees = bool(said) and said[0]["granted"]
        if marketing_consent is not None and marketing_consent != agrees:
            customer_service.record_consent(
                db,
                merchant_id=merchant_id,
                customer_id=customer_id,
                granted=marketing_consent,
                locale=shown_in,
                channel="account",
                ip_address=ip_address,
                now=now,
            )
    return account_of(db, merchant_id=merchant_id, customer_id=customer_id)


def settle_email(
    db: Session,
    *,
    merchant_id: int,
    customer_id: int,
    email: str,
    ip_address: str | None,
    now: datetime,
) -> bool:
    """The address is proved: it is the customer's from now on, inside the caller's transaction.

    A yes to marketing given before is confirmed with it (double opt-in). False: it is not the
    customer's address any more.

    Raises:
        IntegrityError: somebody else proved the same address at this moment.
    """
    assert in_atomic(db)
    settled = db.execute(
        update(Customer)
        .where(
            Customer.merchant_id == merchant_id,
            Customer.id == customer_id,
            Customer.email == email,
            Customer.erased_at.is_(None),
        )
        .values(email_pending=False)
        .returning(Customer.locale)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if settled is None:
        return False
    said = _consents(db, merchant_id=merchant_id, customer_id=customer_id)
    if said and said[0]["granted"]:
        customer_service.record_consent(
            db,
            merchant_id=merchant_id,
            customer_id=customer_id,
            granted=True,
            locale=said[0]["locale"],
            channel="confirmation",
            ip_address=ip_address,
            now=now,
        )
    return True


def pending_email(db: Session, *, merchant_id: int, customer_id: int) -> str | None:
    """The address that the customer has not proved yet; None where there is none."""
    address: str | None = db.execute(
        select(Customer.email).where(
            Customer.merchant_id == merchant_id,
            Customer.id == customer_id,
            Customer.email_pending,
            Customer.erased_at.is_(None),
        )
    ).scalar_one_or_none()
    return address


def _customer(db: Session, *, merchant_id: int, customer_id: int) -> Customer:
    """As stored now, whatever the session remembers."""
    customer = db.execute(
        select(Customer)
        .where(
            Customer.merchant_id == merchant_id,
            Customer.id == customer_id,
            Customer.erased_at.is_(None),
        )
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if customer is None:
        raise CustomerNotFound
    return customer


def _is_proved(customer: Customer) -> bool:
    """True where at least one contact is known to be the person's."""
    has_email = customer.email is not None and not customer.email_pending
    return has_email or (customer.phone is not None and not customer.phone_pending)


def _changes(
    customer: Customer, *, first_name: str | None, last_name: str | None, locale: str | None
) -> dict[str, Any]:
    asked = {"first_name": first_name, "last_name": last_name}
    changes: dict[str, Any] = {
        field: clean_name(name, field=field) or ""
        for field, name in asked.items()
        if name is not None
    }
    if locale is not None:
        changes["locale"] = normalise_language(locale)
    return {name: value for name, value in changes.items() if value != getattr(customer, name)}


def _write(db: Session, customer: Customer, changes: dict[str, Any]) -> None:
    first = changes.get("first_name", customer.first_name)
    last = changes.get("last_name", customer.last_name)
    db.execute(
        update(Customer)
        .where(Customer.merchant_id == customer.merchant_id, Customer.id == customer.id)
        .values(**changes, search_text=search_text([first, last, customer.email, customer.phone]))
    )


def _consents(db: Session, *, merchant_id: int, customer_id: int) -> list[ConsentView]:
    """What the customer said about marketing, the newest first."""
    rows = db.execute(
        select(Consent.granted, Consent.text_version, Consent.locale, Consent.channel, Consent.at)
        .where(
            Consent.merchant_id == merchant_id,
            Consent.customer_id == customer_id,
            Consent.purpose == _MARKETING,
        )
        .order_by(Consent.id.desc())
    )
    return [ConsentView(**row._mapping) for row in rows]  # type: ignore[typeddict-item]
