"""A code is typed in: this device is signed in, and a pending contact proved.

A proved address that belonged to nobody is the customer's from then on. One that belonged to
somebody is the same person's: the fresh card is merged into the older one.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TypedDict

from sqlalchemy.orm import Session

from app.core import clock, jobs
from app.modules.customers.errors import SignInCodeInvalid
from app.modules.customers.services import (
    account_service,
    code_service,
    customer_changes,
)
from app.modules.customers.services.code_service import Checked, CodeFor
from app.modules.customers.types import CodePurpose
from app.modules.loyalty.rules import welcome
from app.modules.loyalty.services import card_merge, card_queries, card_views, ledger
from app.modules.loyalty.services.card_queries import Question
from app.modules.loyalty.services.code_sending import Owner, Visitor, claim_of, find_owner
from app.modules.loyalty.services.ledger_entries import Actor, Request
from app.modules.loyalty.types import ActorKind, CardState, CardStatus
from app.modules.tenancy.services import auth_service, principal_service


class Outcome(StrEnum):
    """What a right code did."""

    SIGNED_IN = "signed_in"
    CONFIRMED = "confirmed"
    MERGED = "merged"


class Verified(TypedDict):
    """Whose device it is now. `token` belongs into its cookie, in place of the one before."""

    outcome: Outcome
    customer_id: int
    token: str


def verify(
    db: Session,
    visitor: Visitor,
    *,
    code: str,
    email: str | None = None,
    now: datetime | None = None,
) -> Verified:
    """Sign this device in by a code, or prove the address that waits on it. Commits once.

    `email` None: the device's pending address. Each try is counted on its own beforehand.

    Raises:
        SignInCodeInvalid (attempts_left), ValidationFailed (no address, or a malformed one).
    """
    now = now or clock.utc_now()
    asked = claim_of(db, visitor, email)
    checked = code_service.check(db, asked, code, now=now)

    def work() -> Verified:
        code_service.use(db, checked, now=now)
        if asked.purpose is CodePurpose.CONFIRM:
            outcome, customer_id = _confirm(db, visitor, asked, checked, now=now)
        else:
            outcome, customer_id = _sign_in(db, visitor, asked, checked, now=now)
        token = auth_service.issue_customer_token(
            db, merchant_id=asked.merchant_id, customer_id=customer_id, now=now
        )
        return Verified(outcome=outcome, customer_id=customer_id, token=token)

    verified = ledger.together(db, work)
    principal_service.forget_principals(db)  # a merged card's devices are signed out
    jobs.wake()
    return verified


def _sign_in(
    db: Session, visitor: Visitor, asked: CodeFor, checked: Checked, *, now: datetime
) -> tuple[Outcome, int]:
    """To whom the address belongs now, or is proved to belong by a code that staff sent."""
    merchant_id = asked.merchant_id
    owner = find_owner(db, merchant_id=merchant_id, email=asked.email)
    if owner is not None and owner.is_member:
        return Outcome.SIGNED_IN, owner.customer_id
    pending = account_service.pending_email(
        db, merchant_id=merchant_id, customer_id=checked.customer_id
    )
    if pending != asked.email:  # the code was right, but a moment ago
        raise SignInCodeInvalid(attempts_left=0)
    return _confirm(db, visitor, asked, checked, now=now)


def _confirm(
    db: Session, visitor: Visitor, asked: CodeFor, checked: Checked, *, now: datetime
) -> tuple[Outcome, int]:
    merchant_id, customer_id = asked.merchant_id, checked.customer_id
    card_id = card_views.card_id_of(db, merchant_id=merchant_id, customer_id=customer_id)
    owner = find_owner(db, merchant_id=merchant_id, email=asked.email)
    if owner is None or owner.card_id is None:
        _settle(db, visitor, asked, customer_id, owner, now=now)
        _pay_welcome(db, merchant_id, card_id, customer_id, now=now)
        return Outcome.CONFIRMED, customer_id
    card_merge.merge(
        db,
        merchant_id=merchant_id,
        survivor_card_id=owner.card_id,
        other_card_id=card_id,
        reason="confirmed_contact",
        actor=Actor(ActorKind.CUSTOMER, owner.customer_id),
        ip_address=visitor.ip_address,
        now=now,
    )
    _pay_welcome(db, merchant_id, owner.card_id, owner.customer_id, now=now)
    return Outcome.MERGED, owner.customer_id


def _settle(
    db: Session,
    visitor: Visitor,
    asked: CodeFor,
    customer_id: int,
    record: Owner | None,
    *,
    now: datetime,
) -> None:
    """The address is the customer's now, also where a record without a card had it."""
    merchant_id = asked.merchant_id
    if record is not None:
        customer_changes.unite(
            db,
            merchant_id=merchant_id,
            customer_id=customer_id,
            other_id=record.customer_id,
            now=now,
        )
    settled = account_service.settle_email(
        db,
        merchant_id=merchant_id,
        customer_id=customer_id,
        email=asked.email,
        ip_address=visitor.ip_address,
        now=now,
    )
    if not settled:  # corrected at the counter meanwhile
        raise SignInCodeInvalid(attempts_left=0)


def _pay_welcome(
    db: Session, merchant_id: int, card_id: int, customer_id: int, *, now: datetime
) -> None:
    """The promised bonus: there is a person now. A card or program at rest keeps it due."""
    question = Question(merchant_id=merchant_id, card_id=card_id)
    (state,) = card_queries.read_states(db.connection(), question, now=now)
    if not _may_earn(state) or not welcome.due(state):
        return
    request = Request("confirm_contact", (card_id,), Actor(ActorKind.CUSTOMER, customer_id))
    ledger.post_within(db, question, request, welcome.due, now=now)


def _may_earn(state: CardState) -> bool:
    return state.status is CardStatus.ACTIVE and state.program_is_active
