"""A customer's own card: the same as staff see, with the program's face, and when it changes."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import clock
from app.modules.customers.models import Customer
from app.modules.loyalty.errors import CardNotFound
from app.modules.loyalty.models import LoyaltyCard, LoyaltyProgram
from app.modules.loyalty.rules import cooldown
from app.modules.loyalty.rules.business_day import business_day
from app.modules.loyalty.services.card_views import (
    PERSON,
    CardView,
    card_id_of,
    get_card,
    person_of,
)
from app.modules.loyalty.types import StoreFacts
from app.modules.tenancy.models import Merchant, Store

_STORE = (
    Store.id.label("store_id"),
    Store.code.label("store_code"),
    Store.name.label("store_name"),
    Store.timezone,
    Store.day_starts_at,
)


class ProgramFace(TypedDict):
    """What a customer sees of the program."""

    merchant_name: str
    loyalty_type: str
    is_active: bool
    card_name: str
    card_color: str
    card_secondary_color: str | None
    logo_image: str | None
    hero_image: str | None
    stamp_icon: str
    terms_text: str
    privacy_url: str | None


class CustomerCard(CardView):
    """A customer's own card, in its program's looks."""

    program: ProgramFace


def customer_card(
    db: Session, *, merchant_id: int, customer_id: int, now: datetime | None = None
) -> CustomerCard:
    """The card of a customer, as its owner sees it.

    Raises:
        CardNotFound.
    """
    now = now or clock.utc_now()
    card_id = card_id_of(db, merchant_id=merchant_id, customer_id=customer_id)
    card = get_card(db, merchant_id=merchant_id, card_id=card_id, now=now)
    return CustomerCard(**card, program=program_face(db, merchant_id=merchant_id))


def program_face(db: Session, *, merchant_id: int) -> ProgramFace:
    """What the merchant's cards look like; for a merchant that has cards, hence a program."""
    program = db.execute(
        select(LoyaltyProgram, Merchant.name)
        .join(Merchant, Merchant.id == LoyaltyProgram.merchant_id)
        .where(LoyaltyProgram.merchant_id == merchant_id)
        .execution_options(populate_existing=True)
    ).one()
    return _face(*program)


def customer_card_version(
    db: Session, *, merchant_id: int, customer_id: int, now: datetime | None = None
) -> tuple[object, ...]:
    """Facts that change whenever `customer_card` would answer something else; one SELECT.

    Raises:
        CardNotFound.
    """
    now = now or clock.utc_now()
    card, program, person = LoyaltyCard, LoyaltyProgram, Customer
    row = db.execute(
        select(
            card.id,
            card.revision,
            card.status,
            card.last_stamp_at,
            program.revision.label("program_revision"),
            program.cooldown_minutes,
            Merchant.name.label("merchant_name"),
            *PERSON,
            *_STORE,
        )
        .join(Merchant, Merchant.id == card.merchant_id)
        .join(program, (program.merchant_id == card.merchant_id) & (program.id == card.program_id))
        .join(person, (person.merchant_id == card.merchant_id) & (person.id == card.customer_id))
        .join(Store, (Store.merchant_id == card.merchant_id) & (Store.id == card.enrolled_store_id))
        .where(card.merchant_id == merchant_id, card.customer_id == customer_id)
    ).one_or_none()
    if row is None:
        raise CardNotFound(mistyped=False)
    store = StoreFacts(
        row.store_id, row.store_code, row.store_name, row.timezone, row.day_starts_at
    )
    waits_until = cooldown.next_stamp_available_at(
        last_stamp_at=row.last_stamp_at, cooldown_minutes=row.cooldown_minutes, now=now
    )
    return (*row[:9], *person_of(row).values(), waits_until, business_day(now, store=store))


def _face(program: LoyaltyProgram, merchant_name: str) -> ProgramFace:
    return ProgramFace(
        merchant_name=merchant_name,
        loyalty_type=program.loyalty_type,
        is_active=program.is_active,
        card_name=program.card_name,
        card_color=program.card_color,
        card_secondary_color=program.card_secondary_color,
        logo_image=program.logo_image,
        hero_image=program.hero_image,
        stamp_icon=program.stamp_icon,
        terms_text=program.terms_text,
        privacy_url=program.privacy_url,
    )
