"""What a card has beside its ledger, handed over to the one that takes it over."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core.db import in_atomic
from app.modules.loyalty.models import CardCode, LoyaltyCard, OrderAward, StaffPin
from app.modules.loyalty.rules.merging import Merger
from app.modules.loyalty.services import card_codes, card_family, wallet_passes
from app.modules.loyalty.types import CardState, CardStatus, CodeState, PassEnd

_NOTE_LENGTH: Final = 500


def hand_over(db: Session, survivor: CardState, other: CardState, merger: Merger) -> None:
    """Make `other` a card that leads to `survivor`, inside the caller's transaction.

    Codes, earlier mergers, orders, the note, and whose own card it is among the staff.
    """
    assert in_atomic(db)
    merchant_id, survivor_id, other_id = survivor.merchant_id, survivor.card_id, other.card_id
    note, other_note, number, qr_code = _belongings(db, survivor, other)
    _move_orders(db, merchant_id, other_id, survivor_id)
    _move_codes(db, merchant_id, other_id, survivor_id)
    card_codes.keep_old_codes(
        db, merchant_id=merchant_id, card_id=survivor_id, card_number=number, qr_code=qr_code,
        state=CodeState.MERGED,
    )  # fmt: skip
    _move_staff(db, merchant_id, other_id, survivor_id)
    wallet_passes.end(db, merchant_id=merchant_id, card_id=other_id, ended_as=PassEnd.MERGED)
    db.execute(
        update(LoyaltyCard)
        .where(LoyaltyCard.merchant_id == merchant_id, LoyaltyCard.merged_into_id == other_id)
        .values(merged_into_id=survivor_id)
    )
    _change(
        db, other, status=CardStatus.MERGED.value, merged_into_id=survivor_id, has_merged=False,
        total_stamps_earned=0, welcome_bonus_due=0, welcome_points_due=0, note="",
    )  # fmt: skip
    _change(
        db, survivor, status=merger.status.value, has_merged=True,
        total_stamps_earned=merger.total_stamps_earned,
        welcome_bonus_due=merger.welcome_bonus_due,
        welcome_points_due=merger.welcome_points_due,
        last_collected_at=merger.last_collected_at,
        note="\n".join(filter(None, (note, other_note)))[:_NOTE_LENGTH],
    )  # fmt: skip


def _belongings(db: Session, survivor: CardState, other: CardState) -> tuple[str, str, str, str]:
    """Both notes, and the codes that are the other card's until now."""
    card = LoyaltyCard
    rows = db.execute(
        select(card.id, card.note, card.card_number, card.qr_code_data).where(
            card.merchant_id == survivor.merchant_id,
            card.id.in_([survivor.card_id, other.card_id]),
        )
    )
    by_id = {row.id: row for row in rows}
    theirs = by_id[other.card_id]
    return by_id[survivor.card_id].note, theirs.note, theirs.card_number, theirs.qr_code_data


def _change(db: Session, state: CardState, **values: Any) -> None:
    db.execute(
        update(LoyaltyCard)
        .where(LoyaltyCard.merchant_id == state.merchant_id, LoyaltyCard.id == state.card_id)
        .values(**values)
    )


def _move_orders(db: Session, merchant_id: int, other_id: int, survivor_id: int) -> None:
    """What the other card's purchases earned is the survivor's to give back."""
    award = OrderAward
    db.execute(
        update(award)
        .where(
            award.merchant_id == merchant_id,
            award.transaction_id.in_(card_family.entries(merchant_id, [other_id])),
        )
        .values(card_id=survivor_id)
        .execution_options(synchronize_session=False)
    )


def _move_codes(db: Session, merchant_id: int, other_id: int, survivor_id: int) -> None:
    """They keep their state, so that replaced ones stay dead."""
    db.execute(
        update(CardCode)
        .where(CardCode.merchant_id == merchant_id, CardCode.card_id == other_id)
        .values(card_id=survivor_id)
    )


def _move_staff(db: Session, merchant_id: int, other_id: int, survivor_id: int) -> None:
    """Nobody serves their own card, whichever way they got it."""
    pin = StaffPin
    db.execute(
        update(pin)
        .where(pin.merchant_id == merchant_id, pin.own_card_id == other_id)
        .values(own_card_id=survivor_id, version=pin.version + 1)
    )
