"""The merchant's ledger as a file for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from app.core import clock
from app.core.db import atomic
from app.modules.loyalty.rules.spreadsheet import cell
from app.modules.loyalty.services import ledger_lists
from app.modules.loyalty.services.ledger_lists import EntryView
from app.modules.loyalty.services.ledger_selects import LedgerFilter
from app.modules.loyalty.types import Caller
from app.modules.tenancy.services import audit_service

COLUMNS: Final = (
    "id",
    "recorded_at",
    "occurred_at",
    "business_day",
    "type",
    "card_number",
    "stamps_delta",
    "points_delta",
    "stamps_after",
    "points_after",
    "amount_cents",
    "currency",
    "order_reference",
    "reward_description",
    "reward_name",
    "store_name",
    "terminal_id",
    "actor_kind",
    "actor_name",
    "override_name",
    "voids_id",
    "voided_by_id",
    "related_id",
    "notes",
)
# Without it, spreadsheets take UTF-8 for something else and spell Zoé wrong.
_MARK: Final = "\ufeff"


def export_ledger(
    db: Session, *, caller: Caller, wanted: LedgerFilter, now: datetime | None = None
) -> Iterator[bytes]:
    """The merchant's entries as CSV (RFC 4180, UTF-8 with a byte order mark), newest first.

    Comes in batches: neither the whole is in memory, nor a transaction open while a slow
    reader takes it. That it was taken stands in the audit log, before the first line leaves.
    """
    with atomic(db):
        audit_service.record(
            db,
            merchant_id=caller.merchant_id,
            store_id=caller.store_id,
            action="transactions_exported",
            subject=f"merchant:{caller.merchant_id}",
            actor_kind=caller.kind.value,
            actor_id=caller.actor_id,
            new=wanted.facts(),
            ip_address=caller.ip_address,
            request_id=caller.request_id,
            now=now or clock.utc_now(),
        )
    return _lines(db, caller.merchant_id, wanted)


def _lines(db: Session, merchant_id: int, wanted: LedgerFilter) -> Iterator[bytes]:
    yield (_MARK + _csv([COLUMNS])).encode()
    for entries in ledger_lists.all_entries(db, merchant_id=merchant_id, wanted=wanted):
        yield _csv(map(_row, entries)).encode()


def _row(entry: EntryView) -> list[Any]:
    facts: dict[str, Any] = {**entry}
    return [cell(_plain(facts[name])) for name in COLUMNS]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value


def _csv(rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()
