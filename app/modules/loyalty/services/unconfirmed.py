"""Cards from posters that nobody confirmed and nobody used: dropped after 90 days."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import Row, Select, or_, select
from sqlalchemy.orm import Session

from app.core.db import end_read
from app.core.jobs import KeepAlive
from app.modules.customers.models import Customer
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.rules.unconfirmed import unused_since
from app.modules.loyalty.services import card_family, ledger, privacy_service
from app.modules.loyalty.services.ledger_entries import Actor
from app.modules.loyalty.types import ActorKind, CardStatus

_AT_ONCE: Final = 100


def drop(db: Session, *, now: datetime, keep_alive: KeepAlive) -> dict[str, int]:
    """Erase the people behind such cards, one transaction each; how many there were.

    A card that is used or confirmed at this moment stays.
    """
    dropped, after_id = 0, 0
    while True:
        keep_alive()
        batch = _batch(db, after_id=after_id, now=now)
        if not batch:
            return {"dropped": dropped}
        for row in batch:
            dropped += ledger.together(db, partial(_drop, db, row, now=now))
        after_id = batch[-1].id


def _batch(db: Session, *, after_id: int, now: datetime) -> list[Row[Any]]:
    rows = db.execute(
        _droppable(now)
        .where(LoyaltyCard.id > after_id)
        .order_by(LoyaltyCard.id)
        .limit(_AT_ONCE)
        .execution_options(tenant_exempt="unconfirmed cards of all merchants")
    ).all()
    end_read(db)
    return list(rows)


def _drop(db: Session, row: Row[Any], *, now: datetime) -> bool:
    """False where the card was used or confirmed since it was found."""
    card_family.take_turn(db, merchant_id=row.merchant_id, card_ids=[row.id])
    still = db.execute(
        _droppable(now)
        .where(LoyaltyCard.merchant_id == row.merchant_id, LoyaltyCard.id == row.id)
        .with_for_update()
    ).one_or_none()
    if still is None:
        return False
    privacy_service.erase(
        db,
        merchant_id=row.merchant_id,
        customer_id=row.customer_id,
        actor=Actor(ActorKind.JOB),
        reason="unconfirmed",
        now=now,
    )
    return True


def _droppable(now: datetime) -> Select[*tuple[Any, ...]]:
    """Cards without a proved contact, without anything on them, unused for so long."""
    return (
        select(LoyaltyCard.id, LoyaltyCard.merchant_id, LoyaltyCard.customer_id)
        .join(
            Customer,
            (Customer.merchant_id == LoyaltyCard.merchant_id)
            & (Customer.id == LoyaltyCard.customer_id),
        )
        .where(
            LoyaltyCard.status == CardStatus.ACTIVE.value,
            LoyaltyCard.last_activity_at <= unused_since(now),
            LoyaltyCard.stamp_count <= 0,
            LoyaltyCard.points_balance <= 0,
            or_(Customer.email.is_(None), Customer.email_pending),
            or_(Customer.phone.is_(None), Customer.phone_pending),
        )
    )
