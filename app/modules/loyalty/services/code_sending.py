"""Codes by e-mail: to sign in with a proved address, or to prove one that is pending.

The answer and the work are the same whoever an address belongs to; only its owner's mailbox
tells them apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import quote

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import clock, jobs
from app.core.config import get_settings
from app.core.db import atomic, end_read
from app.core.errors import FieldError, RateLimited, ValidationFailed
from app.modules.customers.models import Customer
from app.modules.customers.rules import sign_in_codes
from app.modules.customers.rules.contacts import normalise_email
from app.modules.customers.services import account_service, code_service
from app.modules.customers.services.code_service import CodeFor
from app.modules.customers.types import CodePurpose
from app.modules.loyalty.errors import CardNotFound
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.services import letters
from app.modules.loyalty.types import Caller, CardStatus
from app.modules.tenancy.services import audit_service, store_service
from app.modules.tenancy.types import StoreContext

_LIVING = (CardStatus.ACTIVE.value, CardStatus.SUSPENDED.value)
_MINUTES = int(sign_in_codes.CODE_LIFE.total_seconds()) // 60


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody at a storefront.

    `customer_id` is whose device it is (None: nobody's), `browser` its anonymous id (None: it
    keeps none).
    """

    store: StoreContext
    language: str
    customer_id: int | None = None
    browser: str | None = None
    ip_address: str | None = None


@dataclass(frozen=True, slots=True)
class Owner:
    """The customer whom an address is proved to belong to, and their living card, if any."""

    customer_id: int
    card_id: int | None
    locale: str | None

    @property
    def is_member(self) -> bool:
        """True where there is a card to sign in to."""
        return self.card_id is not None


def send_code(
    db: Session, visitor: Visitor, *, email: str | None = None, now: datetime | None = None
) -> None:
    """Send a code to an address, or to the one that waits for its proof on this device.

    A stranger's address gets a word that there is no card; nobody but its owner sees which.
    After five e-mails within an hour an address gets none, and the answer stays the same.

    Raises:
        ValidationFailed: no address, or a malformed one.
    """
    now = now or clock.utc_now()
    asked = claim_of(db, visitor, email)
    owner = find_owner(db, merchant_id=asked.merchant_id, email=asked.email)
    end_read(db)
    with atomic(db):
        if asked.purpose is CodePurpose.CONFIRM:
            _send_confirmation(db, visitor.store, asked, visitor.language, owner, now=now)
        else:
            _send_sign_in(db, visitor, asked, owner, now=now)
    jobs.wake()


def send_first_code(
    db: Session, *, store: StoreContext, customer: Customer, language: str, now: datetime
) -> None:
    """Send the code that proves a fresh card's address, inside the enrolment's transaction.

    Without an e-mail address, and after five e-mails within an hour, nothing is sent.
    """
    if customer.email is None or not customer.email_pending:
        return
    asked = CodeFor(store.merchant_id, customer.email, CodePurpose.CONFIRM, customer.id)
    owner = find_owner(db, merchant_id=store.merchant_id, email=customer.email)
    _send_confirmation(db, store, asked, language, owner, now=now)


def send_code_to_card(
    db: Session, *, card_id: int, caller: Caller, now: datetime | None = None
) -> None:
    """Help a customer back in: a code to the address of their card. For managers.

    The code works in whichever browser the customer opens, and proves an address that is
    pending.

    Raises:
        CardNotFound, RateLimited (five within the hour).
        ValidationFailed: the card has no address.
    """
    now = now or clock.utc_now()
    email, owner, store = _reachable(db, card_id=card_id, caller=caller)
    with atomic(db):
        if not send_staff_code(db, store=store, email=email, owner=owner, now=now):
            raise RateLimited(retry_after_seconds=3600)
        audit_service.record(
            db,
            merchant_id=caller.merchant_id,
            store_id=caller.store_id,
            action="sign_in_code_sent",
            subject=f"card:{card_id}",
            actor_kind=caller.kind.value,
            actor_id=caller.actor_id,
            ip_address=caller.ip_address,
            request_id=caller.request_id,
            now=now,
        )
    jobs.wake()


def send_staff_code(
    db: Session, *, store: StoreContext, email: str, owner: Owner, now: datetime
) -> bool:
    """Send a code that staff caused, inside the caller's transaction; it works in any browser.

    False: the address got five within the hour already.
    """
    asked = CodeFor(store.merchant_id, email, CodePurpose.SIGN_IN, owner.customer_id)
    code = code_service.issue(db, asked, now=now)
    if code is None:
        return False
    _write(
        db, store, email, "sign_in_by_staff", owner.locale or store.locale, now=now,
        code=code, minutes=_MINUTES, link=_page(store, "sign-in/code"),
    )  # fmt: skip
    return True


def claim_of(db: Session, visitor: Visitor, email: str | None) -> CodeFor:
    """What a code for `email` would be for: the device's own pending address, or signing in.

    Raises:
        ValidationFailed: no address, or a malformed one.
    """
    merchant_id, customer_id = visitor.store.merchant_id, visitor.customer_id
    pending = None
    if customer_id is not None:
        pending = account_service.pending_email(
            db, merchant_id=merchant_id, customer_id=customer_id
        )
    address = normalise_email(email) if email is not None else pending
    if address is None:
        raise ValidationFailed(FieldError(("email",), "missing"))
    if address == pending:  # the device's own token is what binds this code
        return CodeFor(merchant_id, address, CodePurpose.CONFIRM, customer_id)
    return CodeFor(merchant_id, address, CodePurpose.SIGN_IN, browser=visitor.browser)


def find_owner(db: Session, *, merchant_id: int, email: str) -> Owner | None:
    """Whom a normalised address is proved to belong to, with their living card if they have one."""
    row = db.execute(
        select(Customer.id, LoyaltyCard.id.label("card_id"), Customer.locale)
        .outerjoin(
            LoyaltyCard,
            (LoyaltyCard.merchant_id == Customer.merchant_id)
            & (LoyaltyCard.customer_id == Customer.id)
            & LoyaltyCard.status.in_(_LIVING),
        )
        .where(
            Customer.merchant_id == merchant_id, Customer.email == email, ~Customer.email_pending
        )
    ).one_or_none()
    return Owner(row.id, row.card_id, row.locale) if row else None


def _send_confirmation(
    db: Session,
    store: StoreContext,
    asked: CodeFor,
    language: str,
    owner: Owner | None,
    *,
    now: datetime,
) -> None:
    code = code_service.issue(db, asked, now=now)
    if code is not None:
        words = "confirm_known" if owner and owner.is_member else "confirm"
        _write(db, store, asked.email, words, language, now=now, code=code, minutes=_MINUTES)


def _send_sign_in(
    db: Session, visitor: Visitor, asked: CodeFor, owner: Owner | None, *, now: datetime
) -> None:
    is_member = owner is not None and owner.is_member
    customer_id = owner.customer_id if owner and is_member else None
    code = code_service.issue(db, replace(asked, customer_id=customer_id), now=now)
    if code is None:
        return
    if owner is None or not is_member:
        link = _page(visitor.store, "enroll")
        _write(db, visitor.store, asked.email, "no_card", visitor.language, now=now, link=link)
        return
    language = owner.locale or visitor.language
    _write(
        db, visitor.store, asked.email, "sign_in", language, now=now, code=code, minutes=_MINUTES
    )


def _reachable(db: Session, *, card_id: int, caller: Caller) -> tuple[str, Owner, StoreContext]:
    """The address of a living card, whose it is, and the store it was enrolled in."""
    row = db.execute(
        select(
            Customer.id,
            Customer.email,
            Customer.locale,
            LoyaltyCard.enrolled_store_id,
        )
        .join(
            LoyaltyCard,
            (LoyaltyCard.merchant_id == Customer.merchant_id)
            & (LoyaltyCard.customer_id == Customer.id),
        )
        .where(
            LoyaltyCard.merchant_id == caller.merchant_id,
            LoyaltyCard.id == card_id,
            LoyaltyCard.status.in_(_LIVING),
        )
    ).one_or_none()
    if row is None:
        raise CardNotFound(mistyped=False)
    if row.email is None:
        raise ValidationFailed(FieldError(("card_id",), "no_email"))
    store = store_service.find_store(
        db, merchant_id=caller.merchant_id, store_id=row.enrolled_store_id
    )
    return row.email, Owner(row.id, card_id, row.locale), store


def _write(
    db: Session, store: StoreContext, to: str, kind: str, language: str, *, now: datetime,
    **facts: object,
) -> None:  # fmt: skip
    letters.send(
        db,
        to=to,
        words=f"loyalty.mail.{kind}",
        language=language,
        merchant_id=store.merchant_id,
        good_for=sign_in_codes.CODE_LIFE,
        now=now,
        merchant=store.merchant_name,
        **facts,
    )


def _page(store: StoreContext, name: str) -> str:
    return f"{get_settings().base_url}/loyalty/{name}?store={quote(store.code)}"
