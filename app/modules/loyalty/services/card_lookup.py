"""Finding one card by whatever a customer can tell or show."""

from __future__ import annotations

from datetime import datetime
from typing import Final, cast

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from app.core.errors import FieldError, ValidationFailed
from app.modules.customers.models import Customer
from app.modules.customers.rules.contacts import normalise_email, normalise_phone
from app.modules.loyalty.errors import CardNotFound
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.rules.scan import ScanKind, read_scan
from app.modules.loyalty.services.card_finder import find_card_id
from app.modules.loyalty.services.card_views import CardView, get_card
from app.modules.loyalty.types import CardStatus
from app.modules.tenancy.models import Store

# Cards in these states stand in no list and answer to no contact.
GONE: Final = (CardStatus.MERGED.value, CardStatus.ERASED.value)


def lookup(  # noqa: PLR0913 - one optional keyword for each way to find a card
    db: Session,
    *,
    merchant_id: int,
    qr_code: str | None = None,
    card_number: str | None = None,
    email: str | None = None,
    phone: str | None = None,
    query: str | None = None,
    country: str | None = None,
    store_id: int | None = None,
    now: datetime | None = None,
) -> CardView:
    """The card that one of the texts means; `query` may be any of them.

    A contact finds the card of whoever has confirmed it; one that nobody has confirmed does
    so only where a single card claims it. `country` is where phone numbers are dialled (None:
    the merchant's first store's).

    Raises:
        CardNotFound (mistyped), CardReplaced, CodeExpired.
        ValidationFailed: the e-mail address or phone number makes no sense.
    """
    code = qr_code if qr_code is not None else card_number
    if code is not None:
        card_id = find_card_id(db, merchant_id=merchant_id, text=code, now=now)
    elif email is not None:
        card_id = _by_contact(db, merchant_id, Customer.email == normalise_email(email))
    elif phone is not None:
        number = normalise_phone(phone, country or country_of(db, merchant_id=merchant_id))
        card_id = _by_contact(db, merchant_id, Customer.phone == number)
    elif query is not None:
        place = country or country_of(db, merchant_id=merchant_id)
        card_id = _by_anything(db, merchant_id, query, place, now=now)
    else:
        raise ValidationFailed(FieldError(("body",), "one_lookup"))
    return get_card(db, merchant_id=merchant_id, card_id=card_id, store_id=store_id, now=now)


def country_of(db: Session, *, merchant_id: int) -> str:
    """The country (ISO 3166) of the merchant's first store, where phone numbers are dialled."""
    return db.execute(
        select(Store.country).where(Store.merchant_id == merchant_id).order_by(Store.id).limit(1)
    ).scalar_one()


def phone_of(text: str, country: str) -> str | None:
    """The phone number a text means (E.164), or None where it means none."""
    try:
        return normalise_phone(text, country)
    except ValidationFailed:
        return None


def _by_anything(
    db: Session, merchant_id: int, text: str, country: str, *, now: datetime | None
) -> int:
    scan = read_scan(text)
    try:
        if scan.kind is ScanKind.EMAIL:
            return _by_contact(db, merchant_id, Customer.email == normalise_email(scan.text))
        if scan.kind is ScanKind.PHONE:
            number = normalise_phone(scan.text, country)
            return _by_contact(db, merchant_id, Customer.phone == number)
    except ValidationFailed:
        raise CardNotFound(mistyped=True) from None
    try:
        return find_card_id(db, merchant_id=merchant_id, text=text, now=now)
    except CardNotFound:
        number_typed = phone_of(scan.text, country) if scan.kind is ScanKind.NUMBER else None
        if number_typed is None:
            raise
        return _by_contact(db, merchant_id, Customer.phone == number_typed, mistyped=scan.mistyped)


def _by_contact(
    db: Session, merchant_id: int, has_contact: ColumnElement[bool], *, mistyped: bool = False
) -> int:
    is_pending = or_(
        and_(Customer.email.is_not(None), Customer.email_pending),
        and_(Customer.phone.is_not(None), Customer.phone_pending),
    )
    rows = db.execute(
        select(LoyaltyCard.id, is_pending.label("is_pending"))
        .join(
            Customer,
            (Customer.merchant_id == LoyaltyCard.merchant_id)
            & (Customer.id == LoyaltyCard.customer_id),
        )
        .where(
            LoyaltyCard.merchant_id == merchant_id,
            LoyaltyCard.status.not_in(GONE),
            has_contact,
        )
    ).all()
    settled = [row.id for row in rows if not row.is_pending]
    found = settled or [row.id for row in rows]
    if len(found) != 1:  # several people claim it: never somebody else's card
        raise CardNotFound(mistyped=mistyped)
    return cast(int, found[0])
