"""One enrolment: customer, card, first ledger entries and key in one transaction."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.db import atomic
from app.modules.customers.models import Customer
from app.modules.customers.services import customer_service
from app.modules.loyalty.errors import (
    CardInactive,
    CardReplaced,
    IdempotencyKeyReused,
    ProgramInactive,
    ProgramNotFound,
)
from app.modules.loyalty.models import (
    IdempotencyRecord,
    LoyaltyCard,
    LoyaltyProgram,
)
from app.modules.loyalty.rules import welcome
from app.modules.loyalty.services import (
    card_codes,
    enrolment_limits,
    ledger,
    ledger_entries,
    wallet_passes,
    wallet_setup,
)
from app.modules.loyalty.services.card_queries import Question
from app.modules.loyalty.services.card_totals import MEMBERS
from app.modules.loyalty.services.ledger_entries import Request
from app.modules.loyalty.types import ActorKind, Draft, Enrolment, EntryType
from app.modules.tenancy.rules.merchant_status import check_merchant_allows
from app.modules.tenancy.types import MerchantAct, StoreContext

# A twin may take the customer's contact, the key or a drawn number in between.
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Person:
    """What somebody who joins says of themselves."""

    email: str | None
    phone: str | None
    first_name: str
    last_name: str
    locale: str | None
    marketing_consent: bool


@dataclass(frozen=True, slots=True)
class Joining:
    """One enrolment: who asks, under which key, and how the customer comes about.

    `paper_stamps` were on the paper card that the customer hands in.
    """

    store: StoreContext
    request: Request
    find_or_make: Callable[[Session], Customer]
    served_by_staff: bool
    paper_stamps: int = 0


def make_customer(
    db: Session,
    store: StoreContext,
    person: Person,
    *,
    channel: Literal["staff", "storefront"],
    ip_address: str | None,
    now: datetime,
) -> Customer:
    """Make a customer inside the caller's transaction, with the proof of a yes to marketing.

    Only staff, face to face, settle a contact at once; from the storefront it is pending.

    Raises:
        ValidationFailed: no contact at all, or a malformed contact or name.
    """
    customer = customer_service.create_customer(
        db,
        merchant_id=store.merchant_id,
        email=person.email,
        phone=person.phone,
        first_name=person.first_name,
        last_name=person.last_name,
        locale=person.locale,
        pending=channel == "storefront",
        country=store.country,
        now=now,
    )
    if person.marketing_consent:
        customer_service.record_consent(
            db,
            merchant_id=store.merchant_id,
            customer_id=customer.id,
            granted=True,
            locale=person.locale or store.locale,
            channel=channel,
            ip_address=ip_address,
            now=now,
        )
    return customer


def join(db: Session, joining: Joining, *, now: datetime) -> Enrolment:
    """Enrol once, whoever else tries the same at this moment.

    Raises:
        MerchantSuspended, ProgramNotFound, ProgramInactive, QuotaExceeded,
        IdempotencyKeyReused, and what finding or making the customer refuses with.
    """
    check_merchant_allows(joining.store.merchant_status, MerchantAct.ENROLMENT)
    for attempt in range(_TRIES):
        try:
            with atomic(db):
                return _join_once(db, joining, now=now)
        except IntegrityError:
            if attempt == _TRIES - 1:
                raise
    raise AssertionError("unreachable")


def _join_once(db: Session, joining: Joining, *, now: datetime) -> Enrolment:
    merchant_id, request = joining.store.merchant_id, joining.request
    replayed = _replayed(db, merchant_id, request)
    if replayed is not None:
        return replayed
    program = _joinable_program(db, merchant_id)
    customer = joining.find_or_make(db)
    existing = db.execute(
        select(LoyaltyCard).where(
            LoyaltyCard.merchant_id == merchant_id, LoyaltyCard.customer_id == customer.id
        )
    ).scalar_one_or_none()
    if existing is not None:
        return _enrolment(existing, created=False, replayed=False)
    enrolment_limits.check_quota(db, merchant_id)
    card = _new_card(program, customer, joining, now=now)
    db.add(card)
    db.flush()
    question = Question(
        merchant_id=merchant_id,
        card_id=card.id,
        store_id=joining.store.store_id,
        idempotency_key=request.idempotency_key,
    )
    drafts = _first_entries(program, joining)
    ledger.post_within(db, question, request, lambda _state: drafts, now=now)
    wallet_passes.want(
        db, merchant_id=merchant_id, card_id=card.id, providers=wallet_setup.providers(), now=now
    )
    return _enrolment(card, created=True, replayed=False)


def _first_entries(program: LoyaltyProgram, joining: Joining) -> list[Draft]:
    """What a new card starts with. Whoever joins without staff gets the bonus later."""
    drafts = [Draft(EntryType.CARD_CREATED)]
    stamps, points = welcome.bonus_of(program)
    if joining.served_by_staff and (stamps or points):
        drafts.append(Draft(EntryType.WELCOME_BONUS, stamps_delta=stamps, points_delta=points))
    if joining.paper_stamps:
        drafts.append(welcome.paper_card(program, joining.paper_stamps))
    return drafts


def _new_card(
    program: LoyaltyProgram, customer: Customer, joining: Joining, *, now: datetime
) -> LoyaltyCard:
    uid = secrets.token_hex(16)
    stamps_due, points_due = (0, 0) if joining.served_by_staff else welcome.bonus_of(program)
    return LoyaltyCard(
        merchant_id=program.merchant_id,
        program_id=program.id,
        customer_id=customer.id,
        enrolled_store_id=joining.store.store_id,
        uid=uid,
        card_number=card_codes.draw_card_number(),
        qr_code_data=card_codes.draw_qr_code(),
        status="active",
        stamp_count=0,
        points_balance=0,
        total_stamps_earned=0,
        welcome_bonus_due=stamps_due,
        welcome_points_due=points_due,
        stamps_target=program.stamps_target,
        reward_description=program.stamps_reward_description,
        last_activity_at=now,
        last_collected_at=now,
        revision=0,
        last_sequence=0,
        head_hash=ledger_entries.genesis(uid),
        created_at=now,
    )


def _joinable_program(db: Session, merchant_id: int) -> LoyaltyProgram:
    program = db.execute(
        select(LoyaltyProgram).where(LoyaltyProgram.merchant_id == merchant_id)
    ).scalar_one_or_none()
    if program is None:
        raise ProgramNotFound
    if not program.is_active:
        raise ProgramInactive
    return program


def _replayed(db: Session, merchant_id: int, request: Request) -> Enrolment | None:
    if request.idempotency_key is None:
        return None
    record = db.execute(
        select(IdempotencyRecord).where(
            IdempotencyRecord.merchant_id == merchant_id,
            IdempotencyRecord.key == request.idempotency_key,
        )
    ).scalar_one_or_none()
    if record is None:
        return None
    if record.request_hash != request.hash:
        raise IdempotencyKeyReused
    return _enrolment(_still_theirs(db, merchant_id, record, request), created=True, replayed=True)


def _still_theirs(
    db: Session, merchant_id: int, record: IdempotencyRecord, request: Request
) -> LoyaltyCard:
    """The card that was made under a key, or to staff the one that took it over since.

    A poster's visitor gets neither that one nor the new codes of a card that was lost:
    whoever holds that device has proved nothing about them.
    """
    is_visitor = request.actor.kind is ActorKind.CUSTOMER
    card = LoyaltyCard
    made = db.execute(
        select(card).where(card.merchant_id == merchant_id, card.id == record.card_id)
    ).scalar_one()
    if made.status in MEMBERS:
        if is_visitor and card_codes.was_replaced(db, merchant_id=merchant_id, card_id=made.id):
            raise CardReplaced
        return made
    if made.merged_into_id is None or is_visitor:
        raise CardInactive
    return db.execute(
        select(card).where(card.merchant_id == merchant_id, card.id == made.merged_into_id)
    ).scalar_one()


def _enrolment(card: LoyaltyCard, *, created: bool, replayed: bool) -> Enrolment:
    return Enrolment(
        card_id=card.id,
        card_number=card.card_number,
        qr_code_data=card.qr_code_data,
        customer_id=card.customer_id,
        created=created,
        replayed=replayed,
    )
