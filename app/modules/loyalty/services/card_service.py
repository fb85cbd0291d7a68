"""Cards: giving them to customers, and finding them again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import clock, jobs
from app.modules.customers.models import Customer
from app.modules.customers.services import customer_service
from app.modules.loyalty.errors import (
    CardNotFound,
)
from app.modules.loyalty.models import (
    LoyaltyCard,
)
from app.modules.loyalty.services import card_finder, code_sending, enrolment, enrolment_limits
from app.modules.loyalty.services.enrolment import Joining, Person, make_customer
from app.modules.loyalty.services.ledger_entries import Actor, Request
from app.modules.loyalty.types import ActorKind, Caller, Enrolment
from app.modules.tenancy.services import store_service

find_card_id = card_finder.find_card_id


def enroll_customer(
    db: Session,
    *,
    customer_id: int,
    store_id: int,
    caller: Caller | None = None,
    idempotency_key: str | None = None,
    now: datetime | None = None,
) -> LoyaltyCard:
    """Give a known customer a card, or return the one they have. Usable after the commit.

    Raises:
        StoreNotFound, CustomerNotFound, ProgramNotFound, ProgramInactive, QuotaExceeded,
        MerchantSuspended, IdempotencyKeyReused.
    """
    made = enroll(
        db,
        caller=caller,
        store_id=store_id,
        customer_id=customer_id,
        idempotency_key=idempotency_key,
        now=now,
    )
    return _card(db, made["card_id"], store_id=store_id)


def enroll(  # noqa: PLR0913 - optional facts about a person
    db: Session,
    *,
    store_id: int,
    caller: Caller | None = None,
    customer_id: int | None = None,
    email: str | None = None,
    phone: str | None = None,
    first_name: str = "",
    last_name: str = "",
    locale: str | None = None,
    marketing_consent: bool = False,
    paper_stamps: int = 0,
    idempotency_key: str | None = None,
    now: datetime | None = None,
) -> Enrolment:
    """Enrol face to face: the customer is found by id or contact, or made; one card each.

    `paper_stamps` of a paper card start the new one; a card that exists stays as it is.

    Raises:
        As `enroll_customer`, and ValidationFailed where contacts or names make no sense.
        ProgramTypeMismatch, AmountTooLarge: so many paper stamps can't be carried over.
    """
    now = now or clock.utc_now()
    store = store_service.find_store(
        db, store_id=store_id, merchant_id=caller.merchant_id if caller else None, now=now
    )

    person = Person(email, phone, first_name, last_name, locale, marketing_consent)

    def find_or_make(db: Session) -> Customer:
        if customer_id is not None:
            return customer_service.get_customer(
                db, merchant_id=store.merchant_id, customer_id=customer_id
            )
        known = customer_service.find_settled(
            db, merchant_id=store.merchant_id, email=email, phone=phone, country=store.country
        )
        if known is not None:
            return known
        ip_address = caller.ip_address if caller else None
        return make_customer(db, store, person, channel="staff", ip_address=ip_address, now=now)

    actor = Actor(caller.kind, caller.actor_id) if caller else Actor(ActorKind.SERVICE)
    request = Request(
        operation="enroll",
        body=(store.store_id, customer_id, email, phone, *([paper_stamps] if paper_stamps else [])),
        actor=actor,
        idempotency_key=idempotency_key,
        terminal_id=caller.terminal_id if caller else None,
        ip_address=caller.ip_address if caller else None,
        user_agent=caller.user_agent if caller else None,
        request_id=caller.request_id if caller else None,
        notes="paper_card" if paper_stamps else None,
    )
    joining = Joining(store, request, find_or_make, served_by_staff=True, paper_stamps=paper_stamps)
    return enrolment.join(db, joining, now=now)


def enroll_self(  # noqa: PLR0913 - optional facts about a person
    db: Session,
    *,
    store_id: int,
    email: str | None = None,
    phone: str | None = None,
    first_name: str = "",
    last_name: str = "",
    locale: str,
    marketing_consent: bool = False,
    ip_address: str | None = None,
    user_agent: str | None = None,
    request_id: str | None = None,
    idempotency_key: str | None = None,
    now: datetime | None = None,
) -> Enrolment:
    """Enrol from a poster: always a fresh card, whoever the address belongs to.

    The contact stays pending until it is proved, so nobody learns who is a member and nobody
    takes a card by knowing an address; an e-mail address gets its first code with the card.
    The welcome bonus waits for the proof, or for the first operation at the counter.

    Raises:
        SelfEnrollmentDisabled, RateLimited (too many unproved ones in this store and hour),
        and as `enroll`.
    """
    now = now or clock.utc_now()
    store = store_service.find_store(db, store_id=store_id)
    enrolment_limits.check_self_enrolment(db, store, now=now)

    person = Person(email, phone, first_name, last_name, locale, marketing_consent)

    def make(db: Session) -> Customer:
        customer = make_customer(
            db, store, person, channel="storefront", ip_address=ip_address, now=now
        )
        code_sending.send_first_code(db, store=store, customer=customer, language=locale, now=now)
        return customer

    request = Request(
        operation="enroll_self",
        body=(store.store_id, email, phone),
        actor=Actor(ActorKind.CUSTOMER),
        idempotency_key=idempotency_key,
        ip_address=ip_address,
        user_agent=user_agent,
        request_id=request_id,
    )
    joined = enrolment.join(db, Joining(store, request, make, served_by_staff=False), now=now)
    jobs.wake()
    return joined


def _card(db: Session, card_id: int, *, store_id: int) -> LoyaltyCard:
    store = store_service.find_store(db, store_id=store_id)
    card = db.execute(
        select(LoyaltyCard).where(
            LoyaltyCard.merchant_id == store.merchant_id, LoyaltyCard.id == card_id
        )
    ).scalar_one_or_none()
    if card is None:
        raise CardNotFound(mistyped=False)
    return card
