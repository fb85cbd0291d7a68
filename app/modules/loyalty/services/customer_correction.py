"""Staff correct the person behind a card."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core import clock, jobs
from app.core.db import atomic, end_read
from app.core.errors import FieldError, ValidationFailed
from app.modules.customers.models import Customer
from app.modules.customers.services import contact_correction
from app.modules.customers.services.contact_correction import Correction
from app.modules.loyalty.errors import CardInactive, CardNotFound
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.services import code_sending, staff_card, wallet_passes
from app.modules.loyalty.services.card_lookup import GONE, country_of
from app.modules.loyalty.types import Caller
from app.modules.tenancy.services import audit_service, store_service
from app.modules.tenancy.types import StoreContext

_SHOWN: Final = frozenset({"first_name", "last_name"})  # on passes, and in the card's page


def correct_customer(
    db: Session,
    *,
    caller: Caller,
    card_id: int,
    changes: Mapping[str, Any],
    now: datetime | None = None,
) -> staff_card.StaffCard:
    """Change names, e-mail, phone or language of the person behind a card, as `changes` says.

    A new e-mail address gets a code and is pending until it is confirmed; a contact that is
    None is taken away, but the last one stays.

    Raises:
        CardNotFound, CardInactive (merged or erased).
        ValidationFailed: a value is malformed, or another customer has the contact: then
            `params` says on which card, since both may be one person.
    """
    now = now or clock.utc_now()
    customer_id, store = _person(db, caller, card_id)
    country = country_of(db, merchant_id=caller.merchant_id)
    values = contact_correction.normalised(changes, country=country)
    end_read(db)
    try:
        with atomic(db):
            _check_free(db, caller.merchant_id, customer_id, values)
            made = contact_correction.correct(
                db, merchant_id=caller.merchant_id, customer_id=customer_id, values=values
            )
            if made["new"]:
                _follow_up(db, caller, card_id, customer_id, store, made, now=now)
    except IntegrityError:
        end_read(db)
        _check_free(db, caller.merchant_id, customer_id, values)
        raise
    jobs.wake()
    return staff_card.staff_card(
        db, merchant_id=caller.merchant_id, card_id=card_id, store_id=caller.store_id, now=now
    )


def _person(db: Session, caller: Caller, card_id: int) -> tuple[int, StoreContext]:
    """Whose card it is, and the store it was enrolled in."""
    card = LoyaltyCard
    row = db.execute(
        select(card.customer_id, card.enrolled_store_id, card.status).where(
            card.merchant_id == caller.merchant_id, card.id == card_id
        )
    ).one_or_none()
    if row is None:
        raise CardNotFound(mistyped=False)
    if row.status in GONE:
        raise CardInactive
    store = store_service.find_store(
        db, merchant_id=caller.merchant_id, store_id=row.enrolled_store_id
    )
    return row.customer_id, store


def _check_free(db: Session, merchant_id: int, customer_id: int, values: Mapping[str, Any]) -> None:
    """Refuse a contact that another customer has proved to be theirs."""
    for field in ("email", "phone"):
        if values.get(field) is None:
            continue
        holder = contact_correction.holder_of(
            db, merchant_id=merchant_id, customer_id=customer_id, field=field,
            contact=values[field],
        )  # fmt: skip
        if holder is None:
            continue
        refusal = ValidationFailed(FieldError(("body", field), "contact_in_use"))
        refusal.params["card_id"] = db.execute(
            select(LoyaltyCard.id).where(
                LoyaltyCard.merchant_id == merchant_id, LoyaltyCard.customer_id == holder
            )
        ).scalar_one_or_none()
        raise refusal


def _follow_up(
    db: Session,
    caller: Caller,
    card_id: int,
    customer_id: int,
    store: StoreContext,
    made: Correction,
    *,
    now: datetime,
) -> None:
    """Write the act down, tell passes of a new name, and send a new address its code."""
    if not _SHOWN.isdisjoint(made["new"]):
        wallet_passes.tell(db, merchant_id=caller.merchant_id, card_id=card_id)
    audit_service.record(
        db,
        merchant_id=caller.merchant_id,
        store_id=caller.store_id,
        terminal_id=caller.terminal_id,
        action="customer_corrected",
        subject=f"customer:{customer_id}",
        actor_kind=caller.kind.value,
        actor_id=caller.actor_id,
        old=made["old"],
        new=made["new"],
        ip_address=caller.ip_address,
        request_id=caller.request_id,
        now=now,
    )
    if made["new"].get("email") is not None:
        customer = db.execute(
            select(Customer)
            .where(Customer.merchant_id == caller.merchant_id, Customer.id == customer_id)
            .execution_options(populate_existing=True)
        ).scalar_one()
        owner = code_sending.Owner(customer_id, card_id, customer.locale)
        code_sending.send_staff_code(
            db, store=store, email=made["new"]["email"], owner=owner, now=now
        )
