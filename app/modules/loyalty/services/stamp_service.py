"""Stamps: giving, redeeming, undoing and correcting them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Unpack

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.db import end_read
from app.core.errors import FieldError, Forbidden, ValidationFailed
from app.modules.loyalty.errors import StaffPinRequired, TransactionNotFound
from app.modules.loyalty.models import LoyaltyTransaction
from app.modules.loyalty.rules import stamps, voids, welcome
from app.modules.loyalty.rules.own_card import check_not_own_card
from app.modules.loyalty.services import counter, results
from app.modules.loyalty.services.counter import CounterOptions, Operation
from app.modules.loyalty.services.staff_auth import Authenticated
from app.modules.loyalty.types import ActorKind, Caller, CardState, Draft, StampResult


def add_stamp(
    db: Session,
    *,
    quantity: int = 1,
    now: datetime | None = None,
    **options: Unpack[CounterOptions],
) -> StampResult:
    """Give `quantity` stamps for one visit. Commits once, or raises and changes no balance.

    For the other keywords see `CounterOptions`. The same `idempotency_key` returns the
    first answer again, even inside the cooldown.

    Raises:
        CardNotFound, CardReplaced, StaffPinRequired, InvalidStaffPin, StaffPinLocked,
        TerminalLocked, OwnCard, IdempotencyKeyReused, MerchantSuspended, ValidationFailed,
        and what `rules.stamps.earn` refuses with.
    """
    now = now or clock.utc_now()
    _check_quantity(quantity)

    def decide(state: CardState, who: Authenticated | None) -> list[Draft]:
        check_not_own_card(state, who.staff if who else None)
        earned = stamps.earn(state, quantity=quantity, now=now)
        return [*welcome.due(state), earned]

    return _serve(db, options, Operation("add_stamp", (quantity,), decide), now=now)


def redeem_stamps(
    db: Session,
    *,
    quantity: int = 1,
    now: datetime | None = None,
    **options: Unpack[CounterOptions],
) -> StampResult:
    """Give out `quantity` rewards of a card: each takes the target of its open cycle.

    Raises:
        As `add_stamp`, with what `rules.stamps.redeem` refuses with.
    """
    now = now or clock.utc_now()
    _check_quantity(quantity)

    def decide(state: CardState, who: Authenticated | None) -> list[Draft]:
        check_not_own_card(state, who.staff if who else None)
        return [stamps.redeem(state, quantity=quantity, store_id=state.store.id)]

    return _serve(db, options, Operation("redeem_stamps", (quantity,), decide), now=now)


def void_stamp(
    db: Session,
    *,
    transaction_id: int,
    reason: str,
    now: datetime | None = None,
    **options: Unpack[CounterOptions],
) -> StampResult:
    """Undo one earlier entry (given or redeemed stamps) with an entry that points at it.

    `caller` must be among the keywords; nothing else says whose entry is meant.
    Undoing what others did, or what is older than today, always asks for the PIN itself: a
    PIN session is not enough.

    Raises:
        Forbidden (no caller), TransactionNotFound, and as `add_stamp`, with what
        `rules.voids.void` refuses with.
    """
    now = now or clock.utc_now()
    caller = _caller(options)

    def decide(state: CardState, who: Authenticated | None) -> list[Draft]:
        if state.target is None:
            raise TransactionNotFound
        return [_void(state, who, caller, now=now)]

    options["card_id"] = _card_of(db, caller.merchant_id, transaction_id)
    options["notes"] = reason
    operation = Operation("void_stamp", (transaction_id,), decide)
    return _serve(db, options, operation, voids_id=transaction_id, now=now)


def adjust_stamps(
    db: Session,
    *,
    delta: int,
    reason: str,
    now: datetime | None = None,
    **options: Unpack[CounterOptions],
) -> StampResult:
    """Correct a card by `delta` stamps (signed, not zero). For owners and managers.

    Raises:
        Forbidden, CardNotFound, CardReplaced, IdempotencyKeyReused, ValidationFailed, and
        what `rules.stamps.adjust` refuses with.
    """
    now = now or clock.utc_now()
    if not _caller(options).is_manager:
        raise Forbidden
    if delta == 0:
        raise ValidationFailed(FieldError(("delta",), "not_zero"))

    def decide(state: CardState, _who: Authenticated | None) -> list[Draft]:
        return [stamps.adjust(state, delta=delta)]

    options["notes"] = reason
    operation = Operation("adjust_stamps", (delta,), decide)
    return _serve(db, options, operation, needs_pin=False, now=now)


def _caller(options: CounterOptions) -> Caller:
    caller = options.get("caller")
    if caller is None:
        raise Forbidden
    return caller


def _void(state: CardState, who: Authenticated | None, caller: Caller, *, now: datetime) -> Draft:
    is_user = caller.kind is ActorKind.USER
    rights: dict[str, Any] = {
        "user_is_manager": caller.is_manager,
        "user_id": caller.actor_id if is_user else None,
        "now": now,
    }
    if who is None or not who.by_session:
        return voids.void(state, staff=who.staff if who else None, **rights)
    try:
        return voids.void(state, staff=who.staff.as_cashier(), **rights)
    except Forbidden:
        if who.staff.is_manager or who.staff.can_void:
            raise StaffPinRequired from None
        raise


def _card_of(db: Session, merchant_id: int, transaction_id: int) -> int:
    card_id = db.execute(
        select(LoyaltyTransaction.card_id).where(
            LoyaltyTransaction.merchant_id == merchant_id, LoyaltyTransaction.id == transaction_id
        )
    ).scalar_one_or_none()
    end_read(db)
    if card_id is None:
        raise TransactionNotFound
    return card_id


def _check_quantity(quantity: int) -> None:
    if quantity < 1:
        raise ValidationFailed(FieldError(("quantity",), "at_least", {"minimum": 1}))


def _serve(
    db: Session,
    options: CounterOptions,
    operation: Operation,
    *,
    voids_id: int | None = None,
    needs_pin: bool = True,
    now: datetime,
) -> StampResult:
    asked, card = counter.read_options(options)
    served = counter.serve(
        db, asked, card, operation, voids_id=voids_id, needs_pin=needs_pin, now=now
    )
    result = results.stamp(served.posted, staff_name=served.staff_name)
    result["staff_session"] = served.staff_session
    result["staff_session_expires_at"] = served.staff_session_expires_at
    return result
