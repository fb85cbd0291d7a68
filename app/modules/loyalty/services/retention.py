"""What goes by itself after a while: addresses, names of browsers, used idempotency keys.

In transactions of at most 1,000 rows, each a whole: whoever is stopped goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from sqlalchemy import delete, select, tuple_, update
from sqlalchemy.orm import Session

from app.core.db import atomic
from app.core.jobs import KeepAlive
from app.modules.customers.services import customer_changes
from app.modules.loyalty.models import IdempotencyRecord, LoyaltyTransaction, TransactionDetail
from app.modules.loyalty.rules import retention
from app.modules.tenancy.services import audit_service

_AT_ONCE: Final = 1000
_OF_ALL: Final = "what is too old goes, whosever it is"


def forget_old(db: Session, *, now: datetime, keep_alive: KeepAlive) -> dict[str, int]:
    """Remove what is older than it may be; counts of what went."""
    before = retention.addresses_kept_since(now)

    def consents() -> int:
        return customer_changes.forget_addresses(db, before=before, limit=_AT_ONCE)

    def acts() -> int:
        return audit_service.forget_addresses(db, before=before, limit=_AT_ONCE)

    def keys() -> int:
        return _forget_keys(db, before=retention.keys_kept_since(now))

    return {
        "details": _forget_details(db, before=before, keep_alive=keep_alive),
        "consents": _to_the_end(consents, keep_alive),
        "acts": _to_the_end(acts, keep_alive),
        "keys": _to_the_end(keys, keep_alive),
    }


def _to_the_end(batch: Callable[[], int], keep_alive: KeepAlive) -> int:
    done = 0
    while True:
        keep_alive()
        count = batch()
        done += count
        if count < _AT_ONCE:
            return done


def _forget_details(db: Session, *, before: datetime, keep_alive: KeepAlive) -> int:
    """Where entries were posted from. What was noted about them stays."""
    done, after_id = 0, 0
    while True:
        keep_alive()
        with atomic(db):
            ids = _details(db, before=before, after_id=after_id)
            if ids:
                _empty(db, ids)
        done += len(ids)
        if len(ids) < _AT_ONCE:
            return done
        after_id = ids[-1]


def _details(db: Session, *, before: datetime, after_id: int) -> list[int]:
    detail, entry = TransactionDetail, LoyaltyTransaction
    has_address = detail.ip_address.is_not(None) | detail.user_agent.is_not(None)
    return list(
        db.execute(
            select(detail.transaction_id)
            .join(entry, entry.id == detail.transaction_id)
            .where(detail.transaction_id > after_id, has_address, entry.recorded_at < before)
            .order_by(detail.transaction_id)
            .limit(_AT_ONCE)
            .execution_options(tenant_exempt=_OF_ALL)
        ).scalars()
    )


def _empty(db: Session, ids: list[int]) -> None:
    detail = TransactionDetail
    db.execute(
        update(detail)
        .where(detail.transaction_id.in_(ids))
        .values(ip_address=None, user_agent=None)
        .execution_options(synchronize_session=False, tenant_exempt=_OF_ALL)
    )


def _forget_keys(db: Session, *, before: datetime) -> int:
    record = IdempotencyRecord
    found = select(record.merchant_id, record.key).where(record.created_at < before).limit(_AT_ONCE)
    with atomic(db):
        gone = db.execute(
            delete(record)
            .where(tuple_(record.merchant_id, record.key).in_(found))
            .returning(record.key)
            .execution_options(synchronize_session=False, tenant_exempt=_OF_ALL)
        ).all()
    return len(gone)
