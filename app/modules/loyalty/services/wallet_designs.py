"""What a merchant's passes have in common, at a vendor: kept up to date, and walked through.

A new design is one change of the class, and then every pass is sent again, a batch at a time
whenever no card has changed. The walk stands in the database: it goes on where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.db import atomic
from app.modules.loyalty.models import WalletClass
from app.modules.loyalty.services import wallet_queue
from app.modules.loyalty.services.wallet_settling import Sent
from app.modules.loyalty.types import FaultKind, PassDesign, PassRow, Provider
from app.modules.loyalty.wallets.faults import WalletFault


@dataclass(frozen=True, slots=True)
class Walk:
    """The next passes of a re-issue. `target` is the design it goes to."""

    class_id: int
    merchant_id: int
    target: int
    passes: list[PassRow]


def class_of(db: Session, provider: Provider, design: PassDesign, *, now: datetime) -> WalletClass:
    """The merchant's row at a vendor, made where it is missing."""
    klass = WalletClass
    wanted = (
        select(klass)
        .where(klass.merchant_id == design.merchant_id, klass.provider == provider.value)
        .execution_options(populate_existing=True)
    )
    row = db.execute(wanted).scalar_one_or_none()
    if row is not None:
        return row
    try:
        with atomic(db):
            db.execute(
                insert(klass).values(
                    merchant_id=design.merchant_id,
                    provider=provider.value,
                    target_revision=design.revision,
                    # No pass has been sent before there is a class.
                    reissued_revision=design.revision,
                    created_at=now,
                )
            )
    except IntegrityError:  # another process was faster
        pass
    return db.execute(wanted).scalar_one()


def settle_class(
    db: Session, row: WalletClass, design: PassDesign, fault: WalletFault | None, *, now: datetime
) -> None:
    """Write that the vendor has the class as of `design`, or why not."""
    values: dict[str, Any] = {"last_error": None, "last_error_detail": None, "attempts": 0}
    if fault is None:
        values |= {"is_inserted": True, "synced_revision": design.revision}
    else:
        values = {"last_error": fault.reason[:60], "last_error_detail": fault.detail or None}
        if fault.kind is FaultKind.PARK:
            values["parked_at"] = now
    with atomic(db):
        db.execute(
            update(WalletClass)
            .where(WalletClass.merchant_id == row.merchant_id, WalletClass.id == row.id)
            .values(**values)
            .execution_options(synchronize_session=False)
        )


def next_walk(db: Session, provider: Provider, *, size: int, after: int = 0) -> Walk | None:
    """The next passes to be sent again because of a new design; walks that are through end.

    `after` is the class whose turn was last: merchants take turns.
    """
    while (row := wallet_queue.next_reissue(db, provider, after=after)) is not None:
        passes = wallet_queue.reissue_batch(db, row, size=size)
        walk = Walk(row.id, row.merchant_id, row.target_revision, passes)
        if not passes:
            _write(db, walk, reissued_revision=walk.target)
            continue
        if row.reissued_to_id == 0:
            _write(db, walk, reissue_total=wallet_queue.count_reissue(db, row))
        return walk
    return None


def walked(db: Session, walk: Walk, sent: Sequence[Sent]) -> None:
    """The walk has come as far as passes were sent; the others come next."""
    if sent:
        _write(
            db,
            walk,
            reissued_to_id=max(one.row.id for one in sent),
            reissue_done=WalletClass.reissue_done + len(sent),
        )


def _write(db: Session, walk: Walk, **values: Any) -> None:
    with atomic(db):
        db.execute(
            update(WalletClass)
            .where(
                WalletClass.merchant_id == walk.merchant_id,
                WalletClass.id == walk.class_id,
                # A design that is newer still has begun a walk of its own.
                WalletClass.target_revision == walk.target,
            )
            .values(**values)
            .execution_options(synchronize_session=False)
        )
