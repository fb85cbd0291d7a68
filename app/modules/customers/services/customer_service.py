"""Customers: people known to one merchant, found and made by their contacts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.db import in_atomic
from app.core.errors import FieldError, ValidationFailed
from app.core.i18n import normalise_language
from app.modules.customers.errors import CustomerNotFound
from app.modules.customers.models import Consent, Customer
from app.modules.customers.rules.contacts import normalise_email, normalise_phone
from app.modules.customers.rules.names import clean_name, search_text
from app.modules.tenancy.types import LANGUAGES

_MARKETING = "marketing"
# Which wording people agreed to; rises when the sentence on the form changes.
_TEXT_VERSION = "2026-11"


def get_customer(db: Session, *, merchant_id: int, customer_id: int) -> Customer:
    """The merchant's customer with this id.

    Raises:
        CustomerNotFound: also where another merchant has it, or the person was erased.
    """
    customer = db.execute(
        select(Customer).where(
            Customer.merchant_id == merchant_id,
            Customer.id == customer_id,
            Customer.erased_at.is_(None),
        )
    ).scalar_one_or_none()
    if customer is None:
        raise CustomerNotFound
    return customer


def find_settled(
    db: Session,
    *,
    merchant_id: int,
    email: str | None = None,
    phone: str | None = None,
    country: str = "LU",
) -> Customer | None:
    """The customer a proved contact belongs to; the e-mail counts before the phone.

    Raises:
        ValidationFailed: a contact is malformed.
    """
    address, number = _contacts(email, phone, country)
    for column, pending, value in (
        (Customer.email, Customer.email_pending, address),
        (Customer.phone, Customer.phone_pending, number),
    ):
        if value is None:
            continue
        customer = db.execute(
            select(Customer).where(Customer.merchant_id == merchant_id, column == value, ~pending)
        ).scalar_one_or_none()
        if customer is not None:
            return customer
    return None


def create_customer(  # noqa: PLR0913 - facts about a person, all but one optional
    db: Session,
    *,
    merchant_id: int,
    email: str | None,
    phone: str | None,
    first_name: str = "",
    last_name: str = "",
    locale: str | None = None,
    pending: bool,
    country: str,
    now: datetime,
) -> Customer:
    """Make a customer inside the caller's transaction. `pending`: contacts not proved yet.

    Raises:
        ValidationFailed: no contact at all, or a malformed contact or name.
    """
    assert in_atomic(db)
    address, number = _contacts(email, phone, country)
    if address is None and number is None:
        raise ValidationFailed(FieldError(("email",), "contact_required"))
    first = clean_name(first_name, field="first_name") or ""
    last = clean_name(last_name, field="last_name") or ""
    customer = Customer(
        merchant_id=merchant_id,
        first_name=first,
        last_name=last,
        email=address,
        email_pending=pending and address is not None,
        phone=number,
        phone_pending=pending and number is not None,
        locale=_language(locale),
        search_text=search_text([first, last, address, number]),
        created_at=now,
    )
    db.add(customer)
    db.flush()
    return customer


def record_consent(
    db: Session,
    *,
    merchant_id: int,
    customer_id: int,
    granted: bool,
    locale: str,
    channel: str,
    ip_address: str | None,
    now: datetime,
) -> None:
    """Keep the proof of a yes or no to marketing, inside the caller's transaction."""
    assert in_atomic(db)
    db.add(
        Consent(
            merchant_id=merchant_id,
            customer_id=customer_id,
            purpose=_MARKETING,
            granted=granted,
            text_version=_TEXT_VERSION,
            locale=locale,
            channel=channel,
            ip_address=ip_address,
            at=now,
        )
    )


def _language(tag: str | None) -> str | None:
    """`fr-LU` → `fr`, `lu` → `lb`; None for what the platform does not speak."""
    language = normalise_language(tag or "")
    return language if language in LANGUAGES else None


def _contacts(email: str | None, phone: str | None, country: str) -> tuple[str | None, str | None]:
    address = normalise_email(email) if email and email.strip() else None
    number = normalise_phone(phone, country) if phone and phone.strip() else None
    return address, number
