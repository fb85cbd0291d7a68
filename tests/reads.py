"""What the database holds, read in a session of its own: nothing remembered, no snapshot."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.db import Base
from app.modules.loyalty.models import LoyaltyCard, LoyaltyTransaction


def card_now(db: Session, card: LoyaltyCard) -> LoyaltyCard:
    """The card as it is stored."""
    with Session(db.get_bind()) as fresh:
        return fresh.execute(
            select(LoyaltyCard).where(
                LoyaltyCard.merchant_id == card.merchant_id, LoyaltyCard.id == card.id
            )
        ).scalar_one()


def entries_of(db: Session, card: LoyaltyCard) -> list[LoyaltyTransaction]:
    """The card's ledger entries in order."""
    with Session(db.get_bind()) as fresh:
        return list(
            fresh.execute(
                select(LoyaltyTransaction)
                .where(
                    LoyaltyTransaction.merchant_id == card.merchant_id,
                    LoyaltyTransaction.card_id == card.id,
                )
                .order_by(LoyaltyTransaction.sequence)
            ).scalars()
        )


def ledger_of(db: Session, card: LoyaltyCard) -> list[tuple[str, int, int]]:
    """The card's ledger as (type, change in stamps, stamps afterwards), without its first line."""
    return [
        (entry.type, entry.stamps_delta, entry.stamps_after) for entry in entries_of(db, card)[1:]
    ]


def rows_of(db: Session, model: type[Base], *, merchant_id: int) -> list[Any]:
    """A merchant's rows of one table, in order of their keys."""
    with Session(db.get_bind()) as fresh:
        tenant = model.__table__.c.merchant_id
        rows = fresh.execute(
            select(model).where(tenant == merchant_id).order_by(*model.__table__.primary_key)
        )
        return list(rows.scalars())


def count_of(db: Session, model: type[Base], *, merchant_id: int) -> int:
    """How many rows of one table a merchant has."""
    with Session(db.get_bind()) as fresh:
        tenant = model.__table__.c.merchant_id
        count: int = fresh.execute(
            select(func.count()).select_from(model).where(tenant == merchant_id)
        ).scalar_one()
        return count
