"""One card as staff see it: with notes, and where it stands in phones' wallets."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.db import end_read
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.services import card_views, wallet_views
from app.modules.loyalty.services.card_views import CardView
from app.modules.loyalty.services.wallet_views import PassStanding


class StaffCard(CardView):
    """A card with what its holder does not see."""

    note: str
    merged_into_id: int | None
    wallets: list[PassStanding]


def staff_card(
    db: Session,
    *,
    merchant_id: int,
    card_id: int,
    store_id: int | None = None,
    now: datetime | None = None,
) -> StaffCard:
    """One card as staff see it; what is left today counts the business day of `store_id`.

    Raises:
        CardNotFound.
    """
    card = card_views.get_card(
        db, merchant_id=merchant_id, card_id=card_id, store_id=store_id, now=now
    )
    note, merged_into_id = db.execute(
        select(LoyaltyCard.note, LoyaltyCard.merged_into_id).where(
            LoyaltyCard.merchant_id == merchant_id, LoyaltyCard.id == card_id
        )
    ).one()
    end_read(db)
    wallets = wallet_views.wallet_state(db, merchant_id=merchant_id, card_id=card_id)
    return StaffCard(**card, note=note, merged_into_id=merged_into_id, wallets=wallets)
