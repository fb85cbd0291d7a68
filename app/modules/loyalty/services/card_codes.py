"""A card's codes: new ones without meaning, and old ones that are still known."""

from __future__ import annotations

import secrets

from sqlalchemy import exists, insert, select
from sqlalchemy.orm import Session

from app.core.db import in_atomic
from app.modules.loyalty.models import CardCode
from app.modules.loyalty.rules.card_codes import QR_ALPHABET, QR_LENGTH, card_number_from
from app.modules.loyalty.types import CodeState


def draw_card_number() -> str:
    """A card number without meaning; the database refuses one that is taken."""
    return card_number_from(f"{secrets.randbelow(10**11):011d}")


def draw_qr_code() -> str:
    """30 random letters: nobody guesses them, and nobody draws them twice."""
    return "".join(secrets.choice(QR_ALPHABET) for _ in range(QR_LENGTH))


def keep_old_codes(
    db: Session,
    *,
    merchant_id: int,
    card_id: int,
    card_number: str,
    qr_code: str,
    state: CodeState,
) -> None:
    """Remember codes that are nobody's current ones, inside the caller's transaction.

    They belong to `card_id` from now on; `state` says whether they still lead there.
    """
    assert in_atomic(db)
    place = {"merchant_id": merchant_id, "card_id": card_id, "state": state.value}
    codes = [
        place | {"kind": "number", "code": card_number},
        place | {"kind": "qr", "code": qr_code},
    ]
    db.execute(insert(CardCode), codes)


def was_replaced(db: Session, *, merchant_id: int, card_id: int) -> bool:
    """True where the card got new codes because the old ones were lost."""
    mine = exists().where(
        CardCode.merchant_id == merchant_id,
        CardCode.card_id == card_id,
        CardCode.state == CodeState.REPLACED.value,
    )
    return bool(db.execute(select(mine)).scalar_one())
