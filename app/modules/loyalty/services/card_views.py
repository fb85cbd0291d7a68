"""One card as people see it: its balances, its customer, what it can get right now."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeAlias, TypedDict

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.db import read_connection
from app.modules.customers.models import Customer
from app.modules.loyalty.errors import CardNotFound
from app.modules.loyalty.models import LoyaltyCard, LoyaltyProgram
from app.modules.loyalty.rules import cooldown, daily_limit, rewards
from app.modules.loyalty.rules.business_day import business_day
from app.modules.loyalty.services import card_queries
from app.modules.loyalty.services.card_queries import Question
from app.modules.loyalty.types import CardState, CardStatus, StoreFacts
from app.modules.tenancy.models import Merchant, Store

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
AnySelect: TypeAlias = Select[*tuple[Any, ...]]


class CustomerView(TypedDict):
    """The person behind a card. `contact_pending`: not confirmed by that person yet."""

    id: int
    first_name: str
    last_name: str
    email: str | None
    phone: str | None
    locale: str | None
    contact_pending: bool


class CardLine(TypedDict):
    """Where a card stands. Counts are stamps and points, times aware UTC."""

    card_id: int
    card_number: str
    status: str
    stamp_count: int
    stamps_target: int
    stamps_until_reward: int
    rewards_available: int
    reward_description: str
    total_stamps_earned: int
    points_balance: int
    last_activity_at: datetime
    enrolled_at: datetime
    revision: int
    customer: CustomerView


class CardView(CardLine):
    """The same with the card's code and what it can get now.

    `next_stamp_available_at` None: at once.
    """

    qr_code_data: str
    next_stamp_available_at: datetime | None
    stamps_remaining_today: int


class ProgramFace(TypedDict):
    """What a customer sees of the program."""

    merchant_name: str
    loyalty_type: str
    is_active: bool
    card_name: str
    card_color: str
    card_secondary_color: str | None
    stamp_icon: str
    terms_text: str
    privacy_url: str | None


class CustomerCard(CardView):
    """A customer's own card."""

    program: ProgramFace


def get_card(
    db: Session,
    *,
    merchant_id: int,
    card_id: int,
    store_id: int | None = None,
    now: datetime | None = None,
) -> CardView:
    """One card of the merchant; what is left today counts the business day of `store_id`.

    Raises:
        CardNotFound.
    """
    now = now or clock.utc_now()
    question = Question(merchant_id=merchant_id, card_id=card_id, store_id=store_id)
    with read_connection(db) as connection:
        states = card_queries.read_states(connection, question, now=now)
        row = connection.execute(
            line_select(merchant_id).where(LoyaltyCard.id == card_id)
        ).one_or_none()
    if not states or row is None:
        raise CardNotFound(mistyped=False)
    return _view(row, states[0], now=now)


def customer_card(
    db: Session, *, merchant_id: int, customer_id: int, now: datetime | None = None
) -> CustomerCard:
    """The card of a customer, as its owner sees it.

    Raises:
        CardNotFound.
    """
    card_id = card_id_of(db, merchant_id=merchant_id, customer_id=customer_id)
    card = get_card(db, merchant_id=merchant_id, card_id=card_id, now=now)
    program = db.execute(
        select(LoyaltyProgram, Merchant.name)
        .join(Merchant, Merchant.id == LoyaltyProgram.merchant_id)
        .where(LoyaltyProgram.merchant_id == merchant_id)
        .execution_options(populate_existing=True)
    ).one()
    return CustomerCard(**card, program=_face(*program))


def card_id_of(db: Session, *, merchant_id: int, customer_id: int) -> int:
    """The id of a customer's card.

    Raises:
        CardNotFound.
    """
    card_id = db.execute(
        select(LoyaltyCard.id).where(
            LoyaltyCard.merchant_id == merchant_id, LoyaltyCard.customer_id == customer_id
        )
    ).scalar_one_or_none()
    if card_id is None:
        raise CardNotFound(mistyped=False)
    return card_id


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
            *_PERSON,
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
    return (*row[:9], *_person(row).values(), waits_until, business_day(now, store=store))


def line_select(merchant_id: int) -> AnySelect:
    """Cards of a merchant with their customers: what `line` reads."""
    card, person = LoyaltyCard, Customer
    return (
        select(
            card.id.label("card_id"),
            card.card_number,
            card.qr_code_data,
            card.status,
            card.stamp_count,
            card.stamps_target,
            card.reward_description,
            card.total_stamps_earned,
            card.points_balance,
            card.last_activity_at,
            card.created_at,
            card.revision,
            *_PERSON,
            person.search_text,
        )
        .join(person, (person.merchant_id == card.merchant_id) & (person.id == card.customer_id))
        .where(card.merchant_id == merchant_id, person.merchant_id == merchant_id)
    )


def line(row: AnyRow) -> CardLine:
    """A row of `line_select` as lists show it."""
    return CardLine(
        card_id=row.card_id,
        card_number=row.card_number,
        status=row.status,
        stamp_count=row.stamp_count,
        stamps_target=row.stamps_target,
        stamps_until_reward=rewards.stamps_until_reward(row.stamp_count, row.stamps_target),
        rewards_available=rewards.rewards_available(row.stamp_count, row.stamps_target),
        reward_description=row.reward_description,
        total_stamps_earned=row.total_stamps_earned,
        points_balance=row.points_balance,
        last_activity_at=row.last_activity_at,
        enrolled_at=row.created_at,
        revision=row.revision,
        customer=_person(row),
    )


_PERSON = (
    Customer.id.label("customer_id"),
    Customer.first_name,
    Customer.last_name,
    Customer.email,
    Customer.email_pending,
    Customer.phone,
    Customer.phone_pending,
    Customer.locale,
)
_STORE = (
    Store.id.label("store_id"),
    Store.code.label("store_code"),
    Store.name.label("store_name"),
    Store.timezone,
    Store.day_starts_at,
)


def _person(row: AnyRow) -> CustomerView:
    is_pending = (row.email is not None and row.email_pending) or (
        row.phone is not None and row.phone_pending
    )
    return CustomerView(
        id=row.customer_id,
        first_name=row.first_name,
        last_name=row.last_name,
        email=row.email,
        phone=row.phone,
        locale=row.locale,
        contact_pending=bool(is_pending),
    )


def _view(row: AnyRow, state: CardState, *, now: datetime) -> CardView:
    can_earn = state.status is CardStatus.ACTIVE and state.program_is_active
    return CardView(
        **line(row),
        qr_code_data=row.qr_code_data,
        next_stamp_available_at=cooldown.next_stamp_available_at(
            last_stamp_at=state.last_stamp_at, cooldown_minutes=state.cooldown_minutes, now=now
        ),
        stamps_remaining_today=daily_limit.remaining_today(state, now=now) if can_earn else 0,
    )


def _face(program: LoyaltyProgram, merchant_name: str) -> ProgramFace:
    return ProgramFace(
        merchant_name=merchant_name,
        loyalty_type=program.loyalty_type,
        is_active=program.is_active,
        card_name=program.card_name,
        card_color=program.card_color,
        card_secondary_color=program.card_secondary_color,
        stamp_icon=program.stamp_icon,
        terms_text=program.terms_text,
        privacy_url=program.privacy_url,
    )
