"""A person's data: all of it handed out, or all of it removed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.orm import Session

from app.core import clock, jobs
from app.core.db import atomic, end_read, in_atomic
from app.core.mail import outbox
from app.modules.customers.errors import CustomerNotFound
from app.modules.customers.models import Customer
from app.modules.customers.services import customer_changes
from app.modules.loyalty.errors import CardNotFound
from app.modules.loyalty.models import CardCode, LoyaltyCard, TransactionDetail
from app.modules.loyalty.services import (
    card_codes,
    card_family,
    ledger,
    personal_data,
    wallet_passes,
)
from app.modules.loyalty.services.card_queries import Question
from app.modules.loyalty.services.ledger_entries import Actor, Request
from app.modules.loyalty.types import CardStatus, Draft, EntryType, PassEnd
from app.modules.tenancy.services import audit_service, customer_tokens, principal_service


class Erasure(TypedDict):
    """When the person was erased; `already`: by an earlier request."""

    erased_at: datetime
    already: bool


@dataclass(frozen=True, slots=True)
class _Person:
    """A customer with everything that hangs on them, merged cards and customers included."""

    merchant_id: int
    customer_id: int
    card_id: int | None
    card_ids: tuple[int, ...]
    customer_ids: tuple[int, ...]
    since: datetime
    erased_at: datetime | None


def customer_of(db: Session, *, merchant_id: int, card_id: int) -> int:
    """Whose card it is, or was.

    Raises:
        CardNotFound.
    """
    customer_id = db.execute(
        select(LoyaltyCard.customer_id).where(
            LoyaltyCard.merchant_id == merchant_id, LoyaltyCard.id == card_id
        )
    ).scalar_one_or_none()
    end_read(db)
    if customer_id is None:
        raise CardNotFound(mistyped=False)
    return customer_id


def export(
    db: Session,
    *,
    merchant_id: int,
    customer_id: int,
    actor: Actor | None = None,
    ip_address: str | None = None,
    request_id: str | None = None,
    now: datetime | None = None,
) -> dict[str, Any]:
    """Everything that is known of a person, ready for JSON; neither secrets nor hashes.

    With `actor` the audit log says who had it. A customer who was merged into another one is
    that one.

    Raises:
        CustomerNotFound: also where the person was erased.
    """
    now = now or clock.utc_now()
    person = _find(db, merchant_id, customer_id)
    end_read(db)
    if person.erased_at is not None:
        raise CustomerNotFound
    if actor is not None:
        with atomic(db):
            _audit(
                db, person, "customer_exported", actor, ip_address=ip_address,
                request_id=request_id, now=now,
            )  # fmt: skip
    data = personal_data.collect(
        db,
        merchant_id=merchant_id,
        customer_ids=person.customer_ids,
        card_ids=person.card_ids,
        since=person.since,
    )
    end_read(db)
    return {"exported_at": now, "customer_id": person.customer_id, **data}


def erase(
    db: Session,
    *,
    merchant_id: int,
    customer_id: int,
    actor: Actor,
    reason: str = "",
    ip_address: str | None = None,
    request_id: str | None = None,
    now: datetime | None = None,
) -> Erasure:
    """Remove every value of a person, in one transaction; the amounts stay, under no name.

    The card can do nothing any more, its codes lead nowhere, its balance lapses where it
    stands. Safe to repeat: a second time nothing is written. Enrolling again is a new person's.
    Joins the caller's transaction where one is open, which then runs by `ledger.together`.

    Raises:
        CustomerNotFound. Moved: inside the caller's transaction, where a card changed meanwhile.
    """
    now = now or clock.utc_now()

    def work() -> Erasure:
        person = _locked(db, merchant_id, customer_id)
        if person.erased_at is not None:
            return Erasure(erased_at=person.erased_at, already=True)
        _erase_cards(db, person, actor, request_id=request_id, now=now)
        _erase_person(db, person, now=now)
        _audit(
            db, person, "customer_erased", actor, new={"reason": reason}, ip_address=ip_address,
            request_id=request_id, now=now,
        )  # fmt: skip
        return Erasure(erased_at=now, already=False)

    if in_atomic(db):
        return work()
    erasure = ledger.together(db, work)
    principal_service.forget_principals(db)
    jobs.wake()
    return erasure


def _find(db: Session, merchant_id: int, customer_id: int) -> _Person:
    card = LoyaltyCard
    stands_for = func.coalesce(card.merged_into_id, card.id)
    card_id = db.execute(
        select(stands_for).where(card.merchant_id == merchant_id, card.customer_id == customer_id)
    ).scalar_one_or_none()
    cards: list[Row[Any]] = []
    if card_id is not None:
        cards = list(
            db.execute(
                select(card.id, card.customer_id).where(
                    card.merchant_id == merchant_id,
                    card.id.in_(card_family.members(merchant_id, [card_id])),
                )
            )
        )
    owner = next((row.customer_id for row in cards if row.id == card_id), customer_id)
    ids = {customer_id, owner, *(row.customer_id for row in cards)}
    people = {
        row.id: row
        for row in db.execute(
            select(Customer.id, Customer.created_at, Customer.erased_at)
            .where(Customer.merchant_id == merchant_id, Customer.id.in_(ids))
            .order_by(Customer.id)
        )
    }
    if owner not in people:
        raise CustomerNotFound
    return _Person(
        merchant_id,
        owner,
        card_id,
        tuple(sorted(row.id for row in cards)),
        tuple(people),
        min(row.created_at for row in people.values()),
        people[owner].erased_at,
    )


def _locked(db: Session, merchant_id: int, customer_id: int) -> _Person:
    """The person, with nobody else at work on their cards."""
    before = _find(db, merchant_id, customer_id)
    card_family.take_turn(db, merchant_id=merchant_id, card_ids=before.card_ids)
    db.execute(
        select(Customer.id)
        .where(Customer.merchant_id == merchant_id, Customer.id == before.customer_id)
        .with_for_update()
    ).all()
    person = _find(db, merchant_id, customer_id)
    if person.card_ids != before.card_ids:  # merged in this moment
        raise ledger.Moved
    return person


def _erase_cards(
    db: Session, person: _Person, actor: Actor, *, request_id: str | None, now: datetime
) -> None:
    if person.card_id is None:
        return
    merchant_id = person.merchant_id
    ledger.post_within(
        db,
        Question(merchant_id=merchant_id, card_id=person.card_id),
        Request("erase", (person.card_id,), actor, request_id=request_id),
        lambda _state: [Draft(EntryType.CUSTOMER_ERASED)],
        now=now,
    )
    card, detail = LoyaltyCard, TransactionDetail
    for card_id in person.card_ids:
        # Codes that nobody has: what is printed or saved somewhere leads to nothing.
        values: dict[str, Any] = {
            "card_number": card_codes.draw_card_number(),
            "qr_code_data": card_codes.draw_qr_code(),
            "note": "",
            "welcome_bonus_due": 0,
            "welcome_points_due": 0,
        }
        if card_id == person.card_id:
            values["status"] = CardStatus.ERASED.value
        db.execute(
            update(card).where(card.merchant_id == merchant_id, card.id == card_id).values(**values)
        )
        wallet_passes.end(db, merchant_id=merchant_id, card_id=card_id, ended_as=PassEnd.ERASED)
    db.execute(
        delete(CardCode).where(
            CardCode.merchant_id == merchant_id, CardCode.card_id.in_(person.card_ids)
        )
    )
    db.execute(
        update(detail)
        .where(
            detail.merchant_id == merchant_id,
            detail.transaction_id.in_(card_family.entries(merchant_id, [person.card_id])),
        )
        .values(ip_address=None, user_agent=None, notes=None)
        .execution_options(synchronize_session=False)
    )


def _erase_person(db: Session, person: _Person, *, now: datetime) -> None:
    merchant_id = person.merchant_id
    emails = db.execute(
        select(Customer.email).where(
            Customer.merchant_id == merchant_id,
            Customer.id.in_(person.customer_ids),
            Customer.email.is_not(None),
        )
    ).scalars()
    for email in emails.all():
        assert email is not None
        outbox.forget(db, merchant_id=merchant_id, to=email)
    for customer_id in person.customer_ids:
        customer_changes.erase(db, merchant_id=merchant_id, customer_id=customer_id, now=now)
        customer_tokens.forget_all(db, merchant_id=merchant_id, customer_id=customer_id)
    audit_service.forget_person(
        db, merchant_id=merchant_id, subjects=personal_data.subjects_of(
            customer_ids=person.customer_ids, card_ids=person.card_ids
        ), since=person.since,
    )  # fmt: skip


def _audit(
    db: Session,
    person: _Person,
    action: str,
    actor: Actor,
    *,
    new: dict[str, Any] | None = None,
    ip_address: str | None,
    request_id: str | None,
    now: datetime,
) -> None:
    audit_service.record(
        db,
        merchant_id=person.merchant_id,
        action=action,
        subject=f"customer:{person.customer_id}",
        actor_kind=actor.kind.value,
        actor_id=actor.id,
        new=new,
        ip_address=ip_address,
        request_id=request_id,
        now=now,
    )
