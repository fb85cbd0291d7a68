"""Staff correct what is known of a customer: names, contacts, language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypedDict

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core.db import in_atomic
from app.core.errors import FieldError, ValidationFailed
from app.core.mail import outbox
from app.modules.customers.errors import CustomerNotFound
from app.modules.customers.models import Customer
from app.modules.customers.rules.contacts import normalise_email, normalise_phone
from app.modules.customers.rules.names import clean_name, search_text

_SEARCHED: Final = ("first_name", "last_name", "email", "phone")


class Correction(TypedDict):
    """What changed, by field, before and after; both empty where nothing did."""

    old: dict[str, Any]
    new: dict[str, Any]


def normalised(changes: Mapping[str, Any], *, country: str) -> dict[str, Any]:
    """The fields as they are stored; `country` is where phone numbers are dialled.

    None or an empty text takes a contact away.

    Raises:
        ValidationFailed: a contact is malformed, or a name too long.
    """
    values = dict(changes)
    for name in ("first_name", "last_name"):
        if name in values:
            values[name] = clean_name(values[name], field=name) or ""
    if "email" in values:
        email = values["email"]
        values["email"] = normalise_email(email) if email and email.strip() else None
    if "phone" in values:
        phone = values["phone"]
        values["phone"] = normalise_phone(phone, country) if phone and phone.strip() else None
    return values


def holder_of(
    db: Session, *, merchant_id: int, customer_id: int, field: str, contact: str
) -> int | None:
    """Which other customer has proved that a contact is theirs; None: nobody has."""
    column, pending = {
        "email": (Customer.email, Customer.email_pending),
        "phone": (Customer.phone, Customer.phone_pending),
    }[field]
    return db.execute(
        select(Customer.id).where(
            Customer.merchant_id == merchant_id,
            Customer.id != customer_id,
            column == contact,
            ~pending,
        )
    ).scalar_one_or_none()


def correct(
    db: Session, *, merchant_id: int, customer_id: int, values: Mapping[str, Any]
) -> Correction:
    """Write `normalised` values inside the caller's transaction.

    A new e-mail address is pending until it is confirmed, and what waits to be sent to the old
    one is deleted. A new phone number counts at once, as in an enrolment face to face: there is
    no way to confirm it later.

    Raises:
        CustomerNotFound: also where the person was erased.
        ValidationFailed: no contact would be left.
        IntegrityError: somebody else proved the same contact at this moment.
    """
    assert in_atomic(db)
    stored = _read(db, merchant_id, customer_id)
    new = {name: value for name, value in values.items() if value != stored[name]}
    if not new:
        return Correction(old={}, new={})
    after = stored | new
    if after["email"] is None and after["phone"] is None:
        raise ValidationFailed(FieldError(("body", "email"), "contact_required"))
    columns = new | {"search_text": search_text([after[name] for name in _SEARCHED])}
    if "email" in new:
        columns["email_pending"] = new["email"] is not None
        if stored["email"] is not None:
            outbox.forget(db, merchant_id=merchant_id, to=stored["email"])
    if "phone" in new:
        columns["phone_pending"] = False
    db.execute(
        update(Customer)
        .where(Customer.merchant_id == merchant_id, Customer.id == customer_id)
        .values(**columns)
    )
    return Correction(old={name: stored[name] for name in new}, new=new)


def _read(db: Session, merchant_id: int, customer_id: int) -> dict[str, Any]:
    row = db.execute(
        select(
            Customer.first_name,
            Customer.last_name,
            Customer.email,
            Customer.phone,
            Customer.locale,
        )
        .where(
            Customer.merchant_id == merchant_id,
            Customer.id == customer_id,
            Customer.erased_at.is_(None),
        )
        .with_for_update()  # the search text is made of all of them
    ).one_or_none()
    if row is None:
        raise CustomerNotFound
    return dict(row._mapping)
