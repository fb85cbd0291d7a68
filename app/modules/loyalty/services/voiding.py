"""What undoing an earlier entry needs, whichever unit it is about."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.db import end_read
from app.core.errors import Forbidden
from app.modules.loyalty.errors import StaffPinRequired, TransactionNotFound
from app.modules.loyalty.models import LoyaltyCard, LoyaltyTransaction
from app.modules.loyalty.rules import voids
from app.modules.loyalty.rules.own_card import check_not_own_card
from app.modules.loyalty.services.counter_request import CounterOptions, Operation, Serving
from app.modules.loyalty.types import ActorKind, Caller, CardState, Draft, Unit


def void_operation(
    name: str, transaction_id: int, unit: Unit, options: CounterOptions, *, now: datetime
) -> Operation:
    """Undo the entry `transaction_id` (of `unit`) with an entry that points at it.

    Undoing what others did, or what is older than today, always asks for the PIN itself: a
    PIN session is not enough.

    Raises:
        Forbidden: no caller says whose entry is meant.
    """
    caller = caller_of(options)

    def decide(state: CardState, serving: Serving) -> list[Draft]:
        if state.target is None:
            raise TransactionNotFound
        check_not_own_card(state, serving.staff)
        return [_void(state, serving, caller, unit, now=now)]

    return Operation(name, (transaction_id,), decide, voids_id=transaction_id)


def caller_of(options: CounterOptions) -> Caller:
    """The caller among the keywords.

    Raises:
        Forbidden: there is none.
    """
    caller = options.get("caller")
    if caller is None:
        raise Forbidden
    return caller


def card_of(db: Session, options: CounterOptions, transaction_id: int) -> int:
    """The card that an entry concerns now: the one it stands on, or the one that took it over.

    Raises:
        Forbidden, TransactionNotFound.
    """
    entry, card = LoyaltyTransaction, LoyaltyCard
    card_id = db.execute(
        select(func.coalesce(card.merged_into_id, card.id))
        .join(entry, (entry.merchant_id == card.merchant_id) & (entry.card_id == card.id))
        .where(
            card.merchant_id == caller_of(options).merchant_id,
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
