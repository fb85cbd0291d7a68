"""Which passes a vendor is told about next.

Passes that a phone is known to hold come first, then the others; within each, merchants take
turns, so that a large one does not keep a small one waiting. Each merchant is found by one
step in an index, however many passes it has.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, true
from sqlalchemy.orm import Session

from app.modules.loyalty.models import WalletClass, WalletPass, WalletVendor
from app.modules.loyalty.services.pass_reading import PASS_COLUMNS, pass_row
from app.modules.loyalty.types import PassRow, Provider

_PASS = WalletPass
_WORKER = "the worker serves all merchants"
_MOST_TURNS = 32


class Turns:
    """Where the round of the merchants stands, between batches of one run."""

    def __init__(self) -> None:
        self.last_class = 0
        self._after = 0

    def next_batch(
        self, db: Session, provider: Provider, *, size: int, now: datetime
    ) -> list[PassRow]:
        """Up to `size` passes that are behind and may be sent now, those in hands first."""
        held = self._from_all(db, provider, True, size, now)
        return held or self._from_all(db, provider, False, size, now)

    def _from_all(
        self, db: Session, provider: Provider, held: bool, size: int, now: datetime
    ) -> list[PassRow]:
        for start in (self._after, 0) if self._after else (0,):
            merchants = list(_merchants(db, provider, held, after=start, now=now))
            found: list[PassRow] = []
            for number, merchant_id in enumerate(merchants):
                share = -(-(size - len(found)) // (len(merchants) - number))
                found += _of_merchant(db, provider, held, merchant_id, share, now)
                self._after = merchant_id
                if len(found) >= size:
                    break
            if found:
                return found
        return []


def has_due(db: Session, provider: Provider, *, now: datetime) -> bool:
    """True where a pass is behind and may be sent now, or a re-issue goes on.

    While the vendor is left alone nothing may be sent.
    """
    walks = exists().where(
        WalletClass.provider == provider.value,
        WalletClass.reissued_revision < WalletClass.target_revision,
        WalletClass.parked_at.is_(None),
    )
    is_paused = exists().where(
        WalletVendor.provider == provider.value, WalletVendor.paused_until > now
    )
    # In the order of the partial index: it is the only one that answers without a sort.
    behind = (
        select(_PASS.id)
        .where(*stale(provider), _is_due(now))
        .order_by(_PASS.merchant_id, _PASS.id)
        .limit(1)
        .scalar_subquery()
    )
    due = and_(~is_paused, or_(behind.is_not(None), walks))
    return bool(db.execute(select(due).execution_options(tenant_exempt=_WORKER)).scalar_one())


def stale(provider: Provider) -> list[ColumnElement[bool]]:
    """Passes that are behind and not parked, as the partial indexes say it."""
    return [
        _PASS.provider == provider.value,
        _PASS.synced_revision < _PASS.target_revision,
        _PASS.parked_at.is_(None),
    ]


def next_reissue(db: Session, provider: Provider, *, after: int) -> WalletClass | None:
    """The next merchant whose passes must be sent again because of its new design."""
    klass = WalletClass
    for start in (after, 0) if after else (0,):
        found = db.execute(
            select(klass)
            .where(
                klass.provider == provider.value,
                klass.reissued_revision < klass.target_revision,
                klass.parked_at.is_(None),
                klass.id > start,
            )
            .order_by(klass.id)
            .limit(1)
            .execution_options(tenant_exempt=_WORKER, populate_existing=True)
        ).scalar_one_or_none()
        if found is not None:
            return found
    return None


def reissue_batch(db: Session, klass: WalletClass, *, size: int) -> list[PassRow]:
    """The next passes of a re-issue, by id; those that have seen the design already are left out.

    Parked passes are left to whoever un-parks them.
    """
    rows = db.execute(
        select(*PASS_COLUMNS)
        .where(*_to_reissue(klass), _PASS.id > klass.reissued_to_id)
        .order_by(_PASS.id)
        .limit(size)
    ).all()
    return [pass_row(row) for row in rows]


def count_reissue(db: Session, klass: WalletClass) -> int:
    """How many passes a re-issue that begins has before it."""
    return int(db.execute(select(func.count()).where(*_to_reissue(klass))).scalar_one())


def _to_reissue(klass: WalletClass) -> list[ColumnElement[bool]]:
    return [
        _PASS.merchant_id == klass.merchant_id,
        _PASS.provider == klass.provider,
        _PASS.ended_as.is_(None),
        _PASS.parked_at.is_(None),
        _PASS.synced_revision > 0,  # what was never sent will show the design when it is
        _PASS.design_revision < klass.target_revision,
    ]


def _merchants(
    db: Session, provider: Provider, held: bool, *, after: int, now: datetime
) -> Iterator[int]:
    for _turn in range(_MOST_TURNS):
        found = db.execute(
            select(_PASS.merchant_id)
            .where(*stale(provider), _is_held(held), _is_due(now), _PASS.merchant_id > after)
            .order_by(_PASS.merchant_id)
            .limit(1)
            .execution_options(tenant_exempt=_WORKER)
        ).scalar_one_or_none()
        if found is None:
            return
        yield found
        after = found


def _of_merchant(
    db: Session, provider: Provider, held: bool, merchant_id: int, most: int, now: datetime
) -> list[PassRow]:
    rows = db.execute(
        select(*PASS_COLUMNS)
        .where(*stale(provider), _is_held(held), _PASS.merchant_id == merchant_id, _is_due(now))
        .order_by(_PASS.id)
        .limit(most)
    ).all()
    return [pass_row(row) for row in rows]


def _is_held(held: bool) -> ColumnElement[bool]:
    return _PASS.held_since.is_not(None) if held else true()


def _is_due(now: datetime) -> ColumnElement[bool]:
    return or_(_PASS.next_attempt_at.is_(None), _PASS.next_attempt_at <= now)
