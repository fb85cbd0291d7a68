"""Who holds a pass in Google Wallet: as its callbacks tell at once, and as it says itself daily."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

import structlog
from sqlalchemy import and_, case, insert, null, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core import clock, jobs
from app.core.db import atomic, end_read
from app.core.errors import FieldError, Forbidden, NotFound, Unavailable, ValidationFailed
from app.core.jobs import JobReport, KeepAlive
from app.modules.loyalty.models import LoyaltyProgram, WalletCallback, WalletPass, WalletVendor
from app.modules.loyalty.models import WalletClass as Klass
from app.modules.loyalty.services import google_wallet_service
from app.modules.loyalty.types import FaultKind, Provider
from app.modules.loyalty.wallets.faults import WalletFault
from app.modules.loyalty.wallets.google import callback
from app.modules.loyalty.wallets.google.callback import CallbackRefused, PassEvent

_BATCH: Final = 200
# A link that was opened a moment ago may be about to be saved.
_CLICK_COUNTS_FOR: Final = timedelta(hours=12)
_log = structlog.get_logger(__name__)


def hear_callback(db: Session, *, body: bytes, now: datetime | None = None) -> None:
    """Google says that a pass was saved or removed. It counts once, and only if it is Google's.

    Even then it only tells who holds a pass, and wakes the worker: what a pass shows is always
    read from the card.

    Raises:
        NotFound: Google Wallet is not configured here.
        ValidationFailed: it is no callback at all.
        Forbidden: it is not signed by Google for us, or over.
        Unavailable: Google's keys can't be had at the moment.
    """
    now = now or clock.utc_now()
    google = google_wallet_service.sender()
    if google is None:
        raise NotFound
    setup = google.setup
    try:
        event = callback.verify(
            body, google.root_keys, sender=setup.callback_sender, issuer_id=setup.issuer_id, now=now
        )
    except CallbackRefused as refused:
        _log.warning("google_callback_refused", reason=refused.reason)
        if refused.reason in callback.NO_CALLBACK:
            raise ValidationFailed(FieldError(("body",), "invalid")) from None
        raise Forbidden from None
    except WalletFault as fault:
        raise Unavailable(retry_after_seconds=60) from fault
    serial = event.object_id.removeprefix(f"{setup.issuer_id}.")
    if _note(db, event, serial, now=now):
        jobs.wake()


def reconcile_holders(
    db: Session, *, now: datetime | None = None, keep_alive: KeepAlive
) -> JobReport:
    """Ask Google who has saved what, for all merchants: callbacks may fail for months.

    Counts: `passes` looked at, `held` and `released` where we knew otherwise, `failed` classes.
    Stops at the first class where Google refuses us altogether.
    """
    now = now or clock.utc_now()
    counts = {"passes": 0, "held": 0, "released": 0, "failed": 0}
    google = google_wallet_service.sender()
    for merchant_id, program_id in _classes(db) if google else ():
        assert google is not None
        end_read(db)
        try:
            for batch in _batches(google.holders(merchant_id, program_id)):
                keep_alive()
                counts["passes"] += len(batch)
                _compare(db, merchant_id, batch, counts, now=now)
        except WalletFault as fault:
            counts["failed"] += 1
            _log.warning("google_holders_failed", merchant_id=merchant_id, reason=fault.reason)
            if fault.kind is FaultKind.PAUSE:
                break
    return counts


def _note(db: Session, event: PassEvent, serial: str, *, now: datetime) -> bool:
    """True where it was not heard before."""
    known = select(WalletCallback.nonce).where(WalletCallback.nonce == event.nonce)
    try:
        with atomic(db):
            if db.execute(known).one_or_none() is not None:
                return False
            db.execute(insert(WalletCallback).values(nonce=event.nonce, heard_at=now))
            db.execute(
                update(WalletVendor)
                .where(WalletVendor.provider == Provider.GOOGLE.value)
                .values(last_callback_at=now)
            )
            db.execute(
                update(WalletPass)
                .where(WalletPass.serial == serial, WalletPass.provider == Provider.GOOGLE.value)
                .values(held_since=_since(event.is_saved, now))
                .execution_options(
                    tenant_exempt="a serial names one pass", synchronize_session=False
                )
            )
    except IntegrityError:  # the same message, heard by another process at this moment
        return False
    return True


def _since(is_held: bool, now: datetime) -> object:
    if not is_held:
        return null()
    return case((WalletPass.held_since.is_(None), now), else_=WalletPass.held_since)


def _classes(db: Session) -> list[tuple[int, int]]:
    rows = db.execute(
        select(Klass.merchant_id, LoyaltyProgram.id)
        .join(LoyaltyProgram, LoyaltyProgram.merchant_id == Klass.merchant_id)
        .where(Klass.provider == Provider.GOOGLE.value, Klass.is_inserted)
        .order_by(Klass.merchant_id)
        .execution_options(tenant_exempt="the worker serves all merchants")
    ).all()
    return [(row[0], row[1]) for row in rows]


def _batches(found: Iterable[tuple[str, bool]]) -> Iterator[dict[str, bool]]:
    iterator = iter(found)
    while batch := dict(islice(iterator, _BATCH)):
        yield batch


def _compare(
    db: Session, merchant_id: int, batch: dict[str, bool], counts: dict[str, int], *, now: datetime
) -> None:
    saved = [serial for serial, is_held in batch.items() if is_held]
    not_saved = [serial for serial, is_held in batch.items() if not is_held]
    differs = or_(
        and_(WalletPass.serial.in_(saved), WalletPass.held_since.is_(None)),
        and_(WalletPass.serial.in_(not_saved), WalletPass.held_since < now - _CLICK_COUNTS_FOR),
    )
    rows = db.execute(
        select(WalletPass.id, WalletPass.serial).where(
            WalletPass.merchant_id == merchant_id,
            WalletPass.provider == Provider.GOOGLE.value,
            differs,
        )
    ).all()
    end_read(db)
    held = [row.id for row in rows if batch[row.serial]]
    released = [row.id for row in rows if not batch[row.serial]]
    counts["held"] += len(held)
    counts["released"] += len(released)
    if rows:
        with atomic(db):
            for ids, since in ((held, now), (released, None)):
                db.execute(
                    update(WalletPass)
                    .where(WalletPass.merchant_id == merchant_id, WalletPass.id.in_(ids))
                    .values(held_since=since)
                    .execution_options(synchronize_session=False)
                )
