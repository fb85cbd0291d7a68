"""What the hourly and nightly jobs do for passes: whatever was missed, and what is over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from app.core.db import atomic, end_read
from app.core.jobs import JobReport, KeepAlive
from app.modules.loyalty.models import (
    AppleDeviceRegistration,
    LoyaltyCard,
    WalletCallback,
    WalletClass,
    WalletPass,
)
from app.modules.loyalty.services import pass_pictures, wallet_passes, wallet_queue, wallet_setup
from app.modules.loyalty.services.card_totals import MEMBERS
from app.modules.loyalty.types import Provider

_ALL = "the worker serves all merchants"
_BATCH: Final = 500
# Time for a phone to fetch the pass that tells it of its end.
_KEPT_AFTER_END: Final = timedelta(days=30)
_CALLBACKS_KEPT: Final = timedelta(days=30)


def catch_up(db: Session, *, now: datetime, keep_alive: KeepAlive) -> JobReport:
    """Give every card its passes, and another try to all that was put off or parked.

    Returns how many passes were behind (`stale`), un-parked and made. Where all is well the
    first counts what the last second brought.
    """
    stale = _count_stale(db)
    unparked = _unpark(db)
    made = 0
    for provider in wallet_setup.providers():
        after = 0
        while cards := _without_pass(db, provider, after=after):
            keep_alive()
            made += _make(db, provider, cards, now=now)
            after = cards[-1][1]
    end_read(db)
    return {"stale": stale, "unparked": unparked, "made": made}


def tidy(db: Session, *, now: datetime) -> JobReport:
    """Forget phones of passes that ended a month ago, old callbacks, and old pictures."""
    row, phone = WalletPass, AppleDeviceRegistration
    is_over = exists().where(
        row.merchant_id == phone.merchant_id,
        row.id == phone.pass_id,
        row.ended_as.is_not(None),
        row.synced_at < now - _KEPT_AFTER_END,
    )
    with atomic(db):
        phones = db.execute(
            delete(phone)
            .where(is_over)
            .execution_options(tenant_exempt=_ALL, synchronize_session=False)
        )
        callbacks = db.execute(
            delete(WalletCallback).where(WalletCallback.heard_at < now - _CALLBACKS_KEPT)
        )
    return {
        "phones": phones.rowcount,  # type: ignore[attr-defined]
        "callbacks": callbacks.rowcount,  # type: ignore[attr-defined]
        "pictures": pass_pictures.drop_old(db, now=now),
    }


def _count_stale(db: Session) -> int:
    counts = [select(func.count()).where(*wallet_queue.stale(provider)) for provider in Provider]
    options = {"tenant_exempt": _ALL}
    return sum(db.execute(count, execution_options=options).scalar_one() for count in counts)


def _unpark(db: Session) -> int:
    fresh = {"parked_at": None, "attempts": 0, "next_attempt_at": None}
    options = {"tenant_exempt": _ALL, "synchronize_session": False}
    with atomic(db):
        for table in (WalletClass, WalletPass):
            held_up = or_(table.parked_at.is_not(None), table.next_attempt_at.is_not(None))
            found = db.execute(
                update(table).where(held_up).values(**fresh).execution_options(**options)
            )
    return int(found.rowcount)  # type: ignore[attr-defined]


def _without_pass(db: Session, provider: Provider, *, after: int) -> Sequence[tuple[int, int]]:
    """Merchants and ids of the next cards that should have a pass and have none."""
    card, row = LoyaltyCard, WalletPass
    has_one = exists().where(
        row.merchant_id == card.merchant_id,
        row.card_id == card.id,
        row.provider == provider.value,
        row.ended_as.is_(None),
    )
    found = db.execute(
        select(card.merchant_id, card.id)
        .where(and_(card.id > after, card.status.in_(MEMBERS), ~has_one))
        .order_by(card.id)
        .limit(_BATCH)
        .execution_options(tenant_exempt=_ALL)
    ).all()
    end_read(db)
    return [(merchant_id, card_id) for merchant_id, card_id in found]


def _make(
    db: Session, provider: Provider, cards: Sequence[tuple[int, int]], *, now: datetime
) -> int:
    with atomic(db):
        for merchant_id, card_id in cards:
            wallet_passes.want(
                db, merchant_id=merchant_id, card_id=card_id, providers=(provider,), now=now
            )
    return len(cards)
