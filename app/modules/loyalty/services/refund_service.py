"""Refunds: taking back what an order earned, whole or in parts, on whatever cards it earned."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NotRequired, TypedDict

from sqlalchemy.orm import Session

from app.core import clock
from app.core.db import end_read
from app.core.errors import FieldError, Forbidden, ValidationFailed
from app.modules.loyalty.errors import StaffPinRequired
from app.modules.loyalty.rules import orders
from app.modules.loyalty.services import card_finder, counter, ledger, refund_booking
from app.modules.loyalty.services.card_finder import CardRef
from app.modules.loyalty.services.counter_request import Counter
from app.modules.loyalty.services.ledger import StaffPinChanged
from app.modules.loyalty.services.refund_booking import Asked, RefundedCard
from app.modules.loyalty.services.staff_auth import Credentials
from app.modules.loyalty.services.staff_memory import memory_of
from app.modules.loyalty.types import Caller
from app.modules.tenancy.errors import StoreRequired
from app.modules.tenancy.rules.merchant_status import check_merchant_allows
from app.modules.tenancy.types import MerchantAct


class RefundResult(TypedDict):
    """What a refund tells the till.

    `refunded_cents` is what of the purchase was refunded now (minor units of `currency`);
    None where the order earned stamps alone, so that its amount is not known. The card of a
    person who was erased is left out: nothing is taken from it.
    """

    order_reference: str
    refund_reference: str
    refunded_cents: int | None
    currency: str
    points_taken_back: int
    stamps_taken_back: int
    cards: list[RefundedCard]
    transaction_ids: list[int]
    staff_name: str | None
    replayed: bool
    staff_session: NotRequired[str | None]
    staff_session_expires_at: NotRequired[datetime | None]


def refund_order(  # noqa: PLR0913 - who, where and how, as everywhere at the counter
    db: Session,
    *,
    order_reference: str,
    refund_reference: str,
    amount_cents: int | None = None,
    caller: Caller | None = None,
    store_id: int | None = None,
    staff_pin: str | None = None,
    staff_pin_id: int | None = None,
    staff_session: str | None = None,
    idempotency_key: str | None = None,
    now: datetime | None = None,
) -> RefundResult:
    """Take back what an order of a store earned, for `amount_cents` of it (None: all that is left).

    Points go back in proportion, stamps with the whole order. Balances may go below zero. The
    same `refund_reference` for the same order and amount returns the first answer again.

    Raises:
        Forbidden, StoreRequired, ValidationFailed, MerchantSuspended, StaffPinRequired,
        InvalidStaffPin, StaffPinLocked, TerminalLocked, OrderNotFound, RefundExceedsOrder,
        VoidWindowPassed, IdempotencyKeyReused, AmountTooLarge, Unavailable.
    """
    now = now or clock.utc_now()
    if caller is None:
        raise Forbidden
    place = store_id if store_id is not None else caller.store_id
    if place is None:
        raise StoreRequired
    if amount_cents is not None and amount_cents < 1:
        raise ValidationFailed(FieldError(("amount_cents",), "at_least", {"minimum": 1}))
    refund_reference = orders.clean_reference(refund_reference, field="refund_reference")
    credentials = Credentials(staff_pin, staff_pin_id, staff_session)
    asked = Asked(
        counter=Counter(credentials, caller, place, notes=refund_reference),
        caller=caller,
        store_id=place,
        order_reference=orders.clean_reference(order_reference),
        refund_reference=refund_reference,
        amount_cents=amount_cents,
        idempotency_key=idempotency_key,
    )
    return _answer_again(db, asked) or _refund(db, asked, now=now)


def _answer_again(db: Session, asked: Asked) -> RefundResult | None:
    facts = refund_booking.facts_of_earlier(db, asked)
    end_read(db)
    if facts is None:
        return None
    name = counter.name_of(db, asked.merchant_id, facts["staff_pin_id"])
    return _result(asked, facts, staff_name=name, replayed=True)


def _refund(db: Session, asked: Asked, *, now: datetime) -> RefundResult:
    try:
        return _refund_with_pin(db, asked, now=now)
    except StaffPinChanged:
        pass  # changed or locked since it was remembered: this time the database is asked
    try:
        return _refund_with_pin(db, asked, now=now)
    except StaffPinChanged:
        raise StaffPinRequired from None


def _refund_with_pin(db: Session, asked: Asked, *, now: datetime) -> RefundResult:
    awards = refund_booking.awards_of(db, asked)
    end_read(db)
    # Any of the order's cards shows the merchant's rules and the PIN entry of this place.
    question = asked.counter.question(asked.operation())
    card = CardRef(card_id=awards[0].card_id)
    _, state = card_finder.find_state(db, card, question, now=now)
    check_merchant_allows(state.merchant_status, MerchantAct.COUNTER)
    who = counter.who_serves(db, asked.counter, state, store_id=asked.store_id, now=now)
    try:
        facts = ledger.together(db, lambda: refund_booking.book(db, asked, state, who, now=now))
    except StaffPinChanged:
        assert who is not None
        memory_of(db).forget(merchant_id=asked.merchant_id, pin_id=who.staff.pin_id)
        raise
    if facts is None:  # a twin was faster
        again = _answer_again(db, asked)
        assert again is not None
        return again
    result = _result(asked, facts, staff_name=who.staff.name if who else None, replayed=False)
    if who is not None:
        session = counter.session_of(asked.counter, state, who, now=now)
        result["staff_session"] = session["staff_session"]
        result["staff_session_expires_at"] = session["staff_session_expires_at"]
    return result


def _result(
    asked: Asked, facts: dict[str, Any], *, staff_name: str | None, replayed: bool
) -> RefundResult:
    return RefundResult(
        order_reference=asked.order_reference,
        refund_reference=asked.refund_reference,
        refunded_cents=facts["refunded_cents"],
        currency=facts["currency"],
        points_taken_back=facts["points_taken_back"],
        stamps_taken_back=facts["stamps_taken_back"],
        cards=facts["cards"],
        transaction_ids=facts["transaction_ids"],
        staff_name=staff_name,
        replayed=replayed,
    )
