"""One card as people see it: its balances, its customer, what it can get right now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeAlias, TypedDict

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.db import read_connection
from app.modules.customers.models import Customer
from app.modules.loyalty.errors import CardNotFound
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.rules import catalogue, cooldown, daily_limit, expiry, rewards
from app.modules.loyalty.rules.catalogue import RewardLine
from app.modules.loyalty.services import card_queries, reward_service
from app.modules.loyalty.services.card_queries import Question
from app.modules.loyalty.types import CardState, CardStatus

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

    `next_stamp_available_at` None: at once. `points_expire_on` is the local date at whose end
    the points run out (None: never, or there are none). `rewards` is the whole catalogue: what the
    points buy now, and what is missing for the rest.
    """

    qr_code_data: str
    next_stamp_available_at: datetime | None
    stamps_remaining_today: int
    points_expire_on: date | None
    rewards: list[RewardLine]


@dataclass(frozen=True, slots=True)
class _Read:
    """A card as it was read, with the catalogue where that means something to it."""

    row: AnyRow
    state: CardState
    offer: list[RewardLine]


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
    read = _read(db, Question(merchant_id=merchant_id, card_id=card_id, store_id=store_id), now=now)
    return _view(read, now=now)


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
            *PERSON,
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
        customer=person_of(row),
    )


PERSON = (
    Customer.id.label("customer_id"),
    Customer.first_name,
    Customer.last_name,
    Customer.email,
    Customer.email_pending,
    Customer.phone,
    Customer.phone_pending,
    Customer.locale,
)


def person_of(row: AnyRow) -> CustomerView:
    """The person in a row of `PERSON` columns."""
    proved = [
        row.email is not None and not row.email_pending,
        row.phone is not None and not row.phone_pending,
    ]
    return CustomerView(
        id=row.customer_id,
        first_name=row.first_name,
        last_name=row.last_name,
        email=row.email,
        phone=row.phone,
        locale=row.locale,
        contact_pending=bool(row.email or row.phone) and not any(proved),
    )


def _read(db: Session, question: Question, *, now: datetime) -> _Read:
    assert question.merchant_id is not None
    with read_connection(db) as connection:
        states = card_queries.read_states(connection, question, now=now)
        row = connection.execute(
            line_select(question.merchant_id).where(LoyaltyCard.id == question.card_id)
        ).one_or_none()
        if not states or row is None:
            raise CardNotFound(mistyped=False)
        on_offer = (
            reward_service.on_offer(connection, merchant_id=question.merchant_id)
            if catalogue.is_offered(states[0])
            else []
        )
    return _Read(row, states[0], catalogue.offer(states[0], on_offer))


def _view(read: _Read, *, now: datetime) -> CardView:
    state = read.state
    can_earn = state.status is CardStatus.ACTIVE and state.program_is_active
    return CardView(
        **line(read.row),
        qr_code_data=read.row.qr_code_data,
        next_stamp_available_at=cooldown.next_stamp_available_at(
            last_stamp_at=state.last_stamp_at, cooldown_minutes=state.cooldown_minutes, now=now
        ),
        stamps_remaining_today=daily_limit.remaining_today(state, now=now) if can_earn else 0,
        points_expire_on=expiry.points_expire_on(state),
        rewards=read.offer,
    )
