"""A card and those that were merged into it: one person's, and changed one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, exists, select
from sqlalchemy.orm import Session

from app.core.db import end_read, in_atomic
from app.modules.loyalty.models import (
    IdempotencyRecord,
    LoyaltyCard,
    LoyaltyProgram,
    LoyaltyTransaction,
)
from app.modules.loyalty.types import EntryType


def members(merchant_id: int, card_ids: Sequence[int]) -> Select[int]:
    """The ids of the cards and of those merged into them."""
    card = LoyaltyCard
    return select(card.id).where(
        card.merchant_id == merchant_id,
        card.id.in_(card_ids) | card.merged_into_id.in_(card_ids),
    )


def entries(merchant_id: int, card_ids: Sequence[int]) -> Select[int]:
    """The ids of all entries of the cards and of those merged into them."""
    entry = LoyaltyTransaction
    return select(entry.id).where(
        entry.merchant_id == merchant_id, entry.card_id.in_(members(merchant_id, card_ids))
    )


def was_welcomed(db: Session, *, merchant_id: int, card_ids: Sequence[int]) -> bool:
    """Did one of the cards, or one merged into it before, get a welcome bonus?"""
    entry = LoyaltyTransaction
    welcomed = exists().where(
        entry.merchant_id == merchant_id,
        entry.card_id.in_(members(merchant_id, card_ids)),
        entry.type == EntryType.WELCOME_BONUS.value,
    )
    return bool(db.execute(select(welcomed)).scalar_one())


def card_of_key(db: Session, *, merchant_id: int, key: str, card_id: int) -> int:
    """The card that an idempotency key was used for: `card_id`, or one merged into it since."""
    record, card = IdempotencyRecord, LoyaltyCard
    former_id = db.execute(
        select(record.card_id)
        .join(card, (card.merchant_id == record.merchant_id) & (card.id == record.card_id))
        .where(
            record.merchant_id == merchant_id,
            record.key == key,
            card.merchant_id == merchant_id,
            card.merged_into_id == card_id,
        )
    ).scalar_one_or_none()
    end_read(db)
    return former_id or card_id


def take_turn(db: Session, *, merchant_id: int, card_ids: Sequence[int]) -> None:
    """Make changes of cards beside the counter follow each other, inside the caller's transaction.

    Merging touches cards that were merged before: locks on the cards alone could wait for each
    other in a circle. The program's row is what all of a merchant's changes queue at; neither
    counters nor enrolments wait for it. On SQLite the transaction alone does it.
    """
    assert in_atomic(db)
    program, card = LoyaltyProgram, LoyaltyCard
    db.execute(
        select(program.id).where(program.merchant_id == merchant_id).with_for_update(key_share=True)
    ).all()
    db.execute(
        select(card.id)
        .where(card.merchant_id == merchant_id, card.id.in_(card_ids))
        .order_by(card.id)
        .with_for_update()
    ).all()
