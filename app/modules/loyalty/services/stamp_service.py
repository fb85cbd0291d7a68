"""Stamps: giving, redeeming, undoing and correcting them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Unpack

from sqlalchemy.orm import Session

from app.core import clock
from app.core.errors import FieldError, ValidationFailed
from app.modules.loyalty.rules import orders, stamps, welcome
from app.modules.loyalty.rules.own_card import check_not_own_card
from app.modules.loyalty.services import corrections, counter, results
from app.modules.loyalty.services.counter_request import (
    CounterOptions,
    Operation,
    Serving,
)
from app.modules.loyalty.types import CardState, Draft, Order, Override, StampResult, Unit


def add_stamp(
    db: Session,
    *,
    quantity: int = 1,
    order_reference: str | None = None,
    override: Override | None = None,
    occurred_at: datetime | None = None,
    now: datetime | None = None,
    **options: Unpack[CounterOptions],
) -> StampResult:
    """Give `quantity` stamps for one visit. Commits once, or raises and changes no balance.

    For the other keywords see `CounterOptions`. The same `idempotency_key` returns the
    first answer again, even inside the cooldown; so does the same `order_reference` for the
    same card and quantity. `override` lifts a limit, or a manager's own-card rule.
    `occurred_at` (UTC, at most 24 hours ago) is for tills that were offline.

    Raises:
        CardNotFound, CardReplaced, StaffPinRequired, InvalidStaffPin, StaffPinLocked,
        TerminalLocked, OwnCard, Forbidden, IdempotencyKeyReused, OrderAlreadyEarned,
        OrderReferenceRequired, MerchantSuspended, ValidationFailed, and what
        `rules.stamps.earn` refuses with.
    """
    now = now or clock.utc_now()
    _check_quantity(quantity)
    reference = None if order_reference is None else orders.clean_reference(order_reference)

    def decide(state: CardState, serving: Serving) -> list[Draft]:
        orders.check_reference(state, reference)
        own_card = check_not_own_card(state, serving.staff, override=serving.override)
        earned = stamps.earn(
            state,
            quantity=quantity,
            now=occurred_at or now,
            may_override=serving.override is not None,
            order_reference=reference,
        )
        lifted = earned.overrides_limits or own_card
        return [*welcome.due(state), replace(earned, overrides_limits=lifted)]

    operation = Operation(
        "add_stamp",
        (quantity, *([reference] if reference else [])),
        decide,
        order=Order(Unit.STAMPS, reference, quantity) if reference else None,
        override=override,
        occurred_at=occurred_at,
    )
    return results.stamp(counter.serve(db, options, operation, now=now))


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

    def decide(state: CardState, serving: Serving) -> list[Draft]:
        check_not_own_card(state, serving.staff)
        return [stamps.redeem(state, quantity=quantity, store_id=state.store.id)]

    operation = Operation("redeem_stamps", (quantity,), decide)
    return results.stamp(counter.serve(db, options, operation, now=now))


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
    served = corrections.void(
        db, options, "void_stamp", unit=Unit.STAMPS, transaction_id=transaction_id,
        reason=reason, now=now,
    )  # fmt: skip
    return results.stamp(served)


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
    served = corrections.adjust(
        db, options, "adjust_stamps", rule=stamps.adjust, delta=delta, reason=reason, now=now
    )
    return results.stamp(served)


def _check_quantity(quantity: int) -> None:
    if quantity < 1:
        raise ValidationFailed(FieldError(("quantity",), "at_least", {"minimum": 1}))
