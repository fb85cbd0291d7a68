"""Undoing an earlier entry and correcting by hand, whichever unit it is about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.db import end_read
from app.core.errors import FieldError, Forbidden, ValidationFailed
from app.modules.loyalty.errors import StaffPinRequired, TransactionNotFound
from app.modules.loyalty.models import LoyaltyCard, LoyaltyTransaction
from app.modules.loyalty.rules import voids
from app.modules.loyalty.rules.own_card import check_not_own_card
from app.modules.loyalty.services import counter
from app.modules.loyalty.services.counter import Served
from app.modules.loyalty.services.counter_request import CounterOptions, Operation, Serving
from app.modules.loyalty.types import ActorKind, Caller, CardState, Draft, Unit


def void(
    db: Session,
    options: CounterOptions,
    name: str,
    *,
    unit: Unit,
    transaction_id: int,
    reason: str,
    now: datetime,
) -> Served:
    """Undo the entry `transaction_id` (of `unit`) with an entry that points at it.

    Undoing what others did, or what is older than today, always asks for the PIN itself: a
    PIN session is not enough.

    Raises:
        Forbidden (no caller says whose entry is meant), TransactionNotFound, and what
        `counter.serve` and `rules.voids.void` refuse with.
    """
    caller = _caller_of(options)

    def decide(state: CardState, serving: Serving) -> list[Draft]:
        if state.target is None:
            raise TransactionNotFound
        check_not_own_card(state, serving.staff)
        return [_void(state, serving, caller, unit, now=now)]

    options["card_id"] = _card_of(db, caller.merchant_id, transaction_id)
    options["notes"] = reason
    operation = Operation(name, (transaction_id,), decide, voids_id=transaction_id)
    return counter.serve(db, options, operation, now=now)


def adjust(
    db: Session,
    options: CounterOptions,
    name: str,
    *,
    rule: Callable[[CardState, int], Draft],
    delta: int,
    reason: str,
    now: datetime,
) -> Served:
    """Correct a card by `delta` (signed, not zero) as `rule` allows. For owners and managers.

    Raises:
        Forbidden, ValidationFailed, and what `counter.serve` and `rule` refuse with.
    """
    manager_of(options)
    if delta == 0:
        raise ValidationFailed(FieldError(("delta",), "not_zero"))

    def decide(state: CardState, _serving: Serving) -> list[Draft]:
        return [rule(state, delta)]

    options["notes"] = reason
    operation = Operation(name, (delta,), decide, needs_pin=False)
    return counter.serve(db, options, operation, now=now)


def manager_of(options: CounterOptions) -> Caller:
    """The caller among the keywords, who must be an owner or manager.

    Raises:
        Forbidden.
    """
    caller = _caller_of(options)
    if not caller.is_manager:
        raise Forbidden
    return caller


def _caller_of(options: CounterOptions) -> Caller:
    caller = options.get("caller")
    if caller is None:
        raise Forbidden
    return caller


def _card_of(db: Session, merchant_id: int, transaction_id: int) -> int:
    """The card that an entry concerns now: the one it stands on, or the one that took it over."""
    entry, card = LoyaltyTransaction, LoyaltyCard
    card_id = db.execute(
        select(func.coalesce(card.merged_into_id, card.id))
        .join(entry, (entry.merchant_id == card.merchant_id) & (entry.card_id == card.id))
        .where(
            card.merchant_id == merchant_id,
            entry.merchant_id == card.merchant_id,
            entry.id == transaction_id,
        )
    ).scalar_one_or_none()
    end_read(db)
    if card_id is None:
        raise TransactionNotFound
    return int(card_id)


def _void(
    state: CardState, serving: Serving, caller: Caller, unit: Unit, *, now: datetime
) -> Draft:
    is_user = caller.kind is ActorKind.USER
    rights: dict[str, Any] = {
        "unit": unit,
        "user_is_manager": caller.is_manager,
        "user_id": caller.actor_id if is_user else None,
        "now": now,
    }
    who = serving.who
    if who is None or not who.by_session:
        return voids.void(state, staff=serving.staff, **rights)
    try:
        return voids.void(state, staff=who.staff.as_cashier(), **rights)
    except Forbidden:
        if who.staff.is_manager or who.staff.can_void:
            raise StaffPinRequired from None
        raise
