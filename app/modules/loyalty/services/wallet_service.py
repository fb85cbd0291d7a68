"""The cards in phones' wallets, whosever wallet it is.

Nothing here speaks to a vendor but `reconcile`, which a job calls: everything else marks passes
as behind and wakes that job, so that no counter ever waits for a wallet.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol, TypedDict

from sqlalchemy.orm import Session

from app.core import clock, jobs
from app.core.db import atomic
from app.core.jobs import JobReport, KeepAlive
from app.modules.loyalty.services import (
    apple_wallet_service,
    google_wallet_service,
    wallet_passes,
    wallet_queue,
    wallet_setup,
    wallet_sync,
    wallet_vendors,
)
from app.modules.loyalty.services.wallet_setup import Available, available
from app.modules.loyalty.types import Provider

__all__ = [
    "Available",
    "WalletUrls",
    "available",
    "button_urls",
    "create_wallet_objects",
    "get_add_to_wallet_urls",
    "has_work",
    "reconcile",
    "sync_card_to_wallets",
]


class Card(Protocol):
    """What a card must tell: a `LoyaltyCard` does."""

    @property
    def id(self) -> int: ...
    @property
    def merchant_id(self) -> int: ...


class WalletUrls(TypedDict):
    """Where a card can be put into a wallet; None where that wallet is not offered."""

    google_wallet_url: str | None
    apple_wallet_url: str | None


def create_wallet_objects(db: Session, card: Card, *, now: datetime | None = None) -> None:
    """See to it that the card gets a pass in each wallet that is offered. No network.

    Safe to repeat; enrolment does it by itself.
    """
    now = now or clock.utc_now()
    _give_missing(db, merchant_id=card.merchant_id, card_id=card.id, now=now)


def sync_card_to_wallets(db: Session, card: Card) -> None:
    """Have the card's passes sent again, parked ones too. No network."""
    with atomic(db):
        wallet_passes.send_again(db, merchant_id=card.merchant_id, card_id=card.id)
    jobs.wake()


def get_add_to_wallet_urls(db: Session, card: Card, *, now: datetime | None = None) -> WalletUrls:
    """Where the holder puts the card into a wallet, for callers who show the links at once.

    Both are good for an hour. Whoever has them has the card: never into a log. None where a
    wallet is not configured, or wrongly.
    """
    now = now or clock.utc_now()
    place = {"merchant_id": card.merchant_id, "card_id": card.id}
    _give_missing(db, now=now, **place)
    return WalletUrls(
        google_wallet_url=google_wallet_service.add_url(db, **place, now=now),
        apple_wallet_url=_apple_url(db, **place, now=now),
    )


def button_urls(
    db: Session, *, merchant_id: int, card_id: int, now: datetime | None = None
) -> WalletUrls:
    """The same for our own pages and e-mails: our links, which ask the vendor at the click."""
    now = now or clock.utc_now()
    place = {"merchant_id": merchant_id, "card_id": card_id}
    _give_missing(db, now=now, **place)
    return WalletUrls(
        google_wallet_url=google_wallet_service.add_link(db, **place, now=now),
        apple_wallet_url=_apple_url(db, **place, now=now),
    )


def reconcile(
    db: Session, provider: Provider, *, now: datetime, keep_alive: KeepAlive
) -> JobReport:
    """Bring the passes at a vendor up to date, as far as it takes them now.

    Returns how many were sent, put off and parked.
    """
    vendor = wallet_vendors.vendor_of(provider)
    if vendor is None:
        return {}
    return wallet_sync.reconcile(db, vendor, now=now, keep_alive=keep_alive)


def has_work(db: Session, provider: Provider, now: datetime) -> bool:
    """True where `reconcile` would send something."""
    return provider in wallet_setup.providers() and wallet_queue.has_due(db, provider, now=now)


def _apple_url(db: Session, *, merchant_id: int, card_id: int, now: datetime) -> str | None:
    if Provider.APPLE not in wallet_setup.providers():
        return None
    serial = wallet_passes.serial_of(
        db, merchant_id=merchant_id, card_id=card_id, provider=Provider.APPLE
    )
    return serial and apple_wallet_service.download_url(serial, now=now)


def _give_missing(db: Session, *, merchant_id: int, card_id: int, now: datetime) -> None:
    """A pass for a card that is older than the wallet's configuration."""
    if not wallet_passes.are_missing(
        db, merchant_id=merchant_id, card_id=card_id, providers=wallet_setup.providers()
    ):
        return
    with atomic(db):
        wallet_passes.want(
            db,
            merchant_id=merchant_id,
            card_id=card_id,
            providers=wallet_setup.providers(),
            now=now,
        )
    jobs.wake()
