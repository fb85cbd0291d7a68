"""Where a card stands in phones' wallets, as staff and its holder see it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.db import atomic, read_connection
from app.modules.loyalty.errors import CardNotFound
from app.modules.loyalty.models import LoyaltyCard, WalletPass, WalletVendor
from app.modules.loyalty.services import wallet_service
from app.modules.loyalty.services.card_views import AnyRow
from app.modules.loyalty.types import PassState, Provider


class PassStanding(TypedDict):
    """A card in one vendor's wallet. `held`: some phone is known to have it.

    `synced_at`: when the vendor last took it (UTC). `last_error`: the stable word of the last
    try that failed, None after one that did not.
    """

    provider: Provider
    state: PassState
    held: bool
    synced_at: datetime | None
    last_error: str | None


def wallet_state(db: Session, *, merchant_id: int, card_id: int) -> list[PassStanding]:
    """The card in each vendor's wallet, Google's first. One SELECT by an index."""
    kept = WalletPass
    passes = (
        select(
            kept.provider, kept.ended_as, kept.target_revision, kept.synced_revision,
            kept.parked_at, kept.held_since, kept.synced_at, kept.last_error,
        )
        .where(kept.merchant_id == merchant_id, kept.card_id == card_id)
        .order_by(kept.id)
    )  # fmt: skip
    with read_connection(db) as connection:
        rows = connection.execute(passes).all()
    return [_standing(provider, rows) for provider in Provider]


def addable(
    db: Session, *, merchant_id: int, card_id: int, now: datetime | None = None
) -> list[PassStanding]:
    """The wallets that would take the card now, so that no button is pressed in vain.

    Apple's passes are made here. Google has to have the card already, unless nothing is known
    to be in the way: it neither refused this pass nor are we waiting before we ask it again.
    """
    standings = wallet_state(db, merchant_id=merchant_id, card_id=card_id)
    vendor = WalletVendor
    paused = select(vendor.provider).where(
        vendor.provider == Provider.GOOGLE.value, vendor.paused_until > (now or clock.utc_now())
    )
    with read_connection(db) as connection:
        is_paused = connection.execute(paused).first() is not None
    return [
        one
        for one in standings
        if one["provider"] is Provider.APPLE
        or (one["synced_at"] is not None and one["state"] is not PassState.ENDED)
        or not (is_paused or one["state"] is PassState.PARKED)
    ]


def sync_now(db: Session, *, merchant_id: int, card_id: int) -> list[PassStanding]:
    """Send the card's passes again, without waiting out a backoff; how they stand now.

    Nothing is sent here: they are marked, and the job is woken.

    Raises:
        CardNotFound.
    """
    with atomic(db):
        card = db.execute(
            select(LoyaltyCard).where(
                LoyaltyCard.merchant_id == merchant_id, LoyaltyCard.id == card_id
            )
        ).scalar_one_or_none()
        if card is None:
            raise CardNotFound(mistyped=False)
    wallet_service.sync_card_to_wallets(db, card)
    return wallet_state(db, merchant_id=merchant_id, card_id=card_id)


def _standing(provider: Provider, rows: Sequence[AnyRow]) -> PassStanding:
    """The pass that stands for the card, else the last one that did."""
    of_vendor = [row for row in rows if row.provider == provider]
    if not of_vendor:
        return PassStanding(
            provider=provider, state=PassState.NONE, held=False, synced_at=None, last_error=None
        )
    row = next((row for row in of_vendor if row.ended_as is None), of_vendor[-1])
    state = _state(row)
    return PassStanding(
        provider=provider,
        state=state,
        held=row.held_since is not None and state is not PassState.ENDED,
        synced_at=row.synced_at,
        last_error=row.last_error,
    )


def _state(row: AnyRow) -> PassState:
    if row.ended_as is not None:
        return PassState.ENDED
    if row.parked_at is not None:
        return PassState.PARKED
    is_stale = row.synced_revision < row.target_revision
    return PassState.WAITING if is_stale else PassState.CURRENT
