"""The rows of passes: made with a card, marked as behind, ended with it.

Everything here runs inside the caller's `atomic`; after its commit belongs `jobs.wake()`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import case, insert, select, update
from sqlalchemy.orm import Session

from app.core.db import in_atomic
from app.modules.loyalty.models import LoyaltyCard, WalletClass, WalletPass
from app.modules.loyalty.types import PassEnd, Provider

_SERIAL_BYTES = 16


def new_serial() -> str:
    """A serial number nobody can guess: 128 random bits as 32 hex digits."""
    return secrets.token_hex(_SERIAL_BYTES)


def want(
    db: Session,
    *,
    merchant_id: int,
    card_id: int,
    providers: Iterable[Provider],
    now: datetime,
) -> None:
    """Give the card a pass at each vendor where it has none, to be made by the worker."""
    assert in_atomic(db)
    missing = are_missing(db, merchant_id=merchant_id, card_id=card_id, providers=providers)
    if not missing:
        return
    revision = db.execute(
        select(LoyaltyCard.revision).where(
            LoyaltyCard.merchant_id == merchant_id, LoyaltyCard.id == card_id
        )
    ).scalar_one()
    db.execute(
        insert(WalletPass),
        [
            {
                "merchant_id": merchant_id,
                "card_id": card_id,
                "provider": provider.value,
                "serial": new_serial(),
                "target_revision": max(revision, 1),
                "created_at": now,
            }
            for provider in missing
        ],
    )


def are_missing(
    db: Session, *, merchant_id: int, card_id: int, providers: Iterable[Provider]
) -> list[Provider]:
    """Where the card has no pass that stands for it."""
    has = set(
        db.execute(
            select(WalletPass.provider).where(
                WalletPass.merchant_id == merchant_id,
                WalletPass.card_id == card_id,
                WalletPass.ended_as.is_(None),
            )
        ).scalars()
    )
    return [provider for provider in providers if provider.value not in has]


def serial_of(db: Session, *, merchant_id: int, card_id: int, provider: Provider) -> str | None:
    """The serial of the pass that stands for the card; None where it has none."""
    return db.execute(
        select(WalletPass.serial).where(
            WalletPass.merchant_id == merchant_id,
            WalletPass.card_id == card_id,
            WalletPass.provider == provider.value,
            WalletPass.ended_as.is_(None),
        )
    ).scalar_one_or_none()


def mark(db: Session, *, merchant_id: int, card_id: int, revision: int) -> None:
    """The card's passes must show its `revision`."""
    assert in_atomic(db)
    db.execute(
        update(WalletPass)
        .where(
            WalletPass.merchant_id == merchant_id,
            WalletPass.card_id == card_id,
            WalletPass.ended_as.is_(None),
        )
        .values(target_revision=revision)
        .execution_options(synchronize_session=False)
    )


def tell(db: Session, *, merchant_id: int, card_id: int) -> None:
    """Something on the card's passes changed that is in no ledger, such as its holder's name."""
    assert in_atomic(db)
    revision = db.execute(
        update(LoyaltyCard)
        .where(LoyaltyCard.merchant_id == merchant_id, LoyaltyCard.id == card_id)
        .values(revision=LoyaltyCard.revision + 1)
        .returning(LoyaltyCard.revision)
        .execution_options(synchronize_session=False)
    ).scalar_one()
    mark(db, merchant_id=merchant_id, card_id=card_id, revision=revision)


def end(db: Session, *, merchant_id: int, card_id: int, ended_as: PassEnd) -> list[Provider]:
    """The card's passes stand for it no longer; vendors and phones are told so once.

    Returns where there were any.
    """
    assert in_atomic(db)
    ended = db.execute(
        update(WalletPass)
        .where(
            WalletPass.merchant_id == merchant_id,
            WalletPass.card_id == card_id,
            WalletPass.ended_as.is_(None),
        )
        .values(
            ended_as=ended_as.value,
            target_revision=WalletPass.target_revision + 1,
            attempts=0,
            next_attempt_at=None,
            parked_at=None,
            shown=None,
        )
        .returning(WalletPass.provider)
        .execution_options(synchronize_session=False)
    ).scalars()
    return [Provider(provider) for provider in ended]


def send_again(db: Session, *, merchant_id: int, card_id: int) -> None:
    """Send the card's passes now, whatever was sent before or stood in the way."""
    assert in_atomic(db)
    behind = WalletPass.target_revision - 1
    db.execute(
        update(WalletPass)
        .where(WalletPass.merchant_id == merchant_id, WalletPass.card_id == card_id)
        .values(
            # Never up: what is behind stays as far behind as it is.
            synced_revision=case(
                (WalletPass.synced_revision > behind, behind), else_=WalletPass.synced_revision
            ),
            attempts=0,
            next_attempt_at=None,
            parked_at=None,
        )
        .execution_options(synchronize_session=False)
    )


def redesign(db: Session, *, merchant_id: int, revision: int, now: datetime) -> None:
    """All of a merchant's passes must show the program as of `revision`: one row per vendor.

    The worker walks the passes; a walk that was under way begins anew.
    """
    assert in_atomic(db)
    db.execute(
        update(WalletClass)
        .where(WalletClass.merchant_id == merchant_id)
        .values(
            target_revision=revision,
            reissued_to_id=0,
            reissue_total=0,
            reissue_done=0,
            reissue_started_at=now,
            attempts=0,
            next_attempt_at=None,
            parked_at=None,
        )
        .execution_options(synchronize_session=False)
    )
