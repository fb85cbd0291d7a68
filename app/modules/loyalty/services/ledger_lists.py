"""What the ledger says, line by line: of one card, or of all the merchant's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, Final, TypedDict, cast

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.core.db import end_read, read_connection
from app.core.paging import DEFAULT_LIMIT, PageRequest, encode_cursor
from app.modules.loyalty.errors import CardNotFound
from app.modules.loyalty.models import LoyaltyCard, LoyaltyTransaction
from app.modules.loyalty.services.card_views import AnyRow, AnySelect
from app.modules.loyalty.services.ledger_selects import (
    LedgerFilter,
    conditions,
    known,
    page_of,
)

_AT_ONCE: Final = 1000


class EntryView(TypedDict):
    """One line of a ledger with who posted it and where.

    `voided`: a later one, `voided_by_id`, undoes it. `related_id` is the entry it is about
    otherwise. `override_name` lifted a limit for it. Amounts are minor units of `currency`.
    """

    id: int
    card_id: int
    card_number: str
    type: str
    stamps_delta: int
    points_delta: int
    stamps_after: int
    points_after: int
    reward_description: str
    reward_name: str | None
    amount_cents: int | None
    currency: str | None
    order_reference: str | None
    occurred_at: datetime
    recorded_at: datetime
    business_day: date
    store_id: int
    store_name: str
    terminal_id: int | None
    actor_kind: str
    actor_name: str | None
    overrides_limits: bool
    override_name: str | None
    notes: str | None
    voided: bool
    voided_by_id: int | None
    voids_id: int | None
    related_id: int | None


class EntryPage(TypedDict):
    """One page of a ledger, newest first. `total` only where it was asked for."""

    items: list[EntryView]
    next_cursor: str | None
    total: int | None


def list_transactions(
    db: Session,
    *,
    merchant_id: int,
    card_id: int,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
    include_total: bool = False,
) -> EntryPage:
    """A card's ledger, newest first.

    Raises:
        CardNotFound.
        ValidationFailed: the cursor is another list's.
    """
    card = db.execute(
        select(LoyaltyCard.last_sequence).where(
            LoyaltyCard.merchant_id == merchant_id, LoyaltyCard.id == card_id
        )
    ).one_or_none()
    if card is None:
        raise CardNotFound(mistyped=False)
    entry = LoyaltyTransaction
    chosen = select(entry.id).where(entry.merchant_id == merchant_id, entry.card_id == card_id)
    after = PageRequest(cursor=cursor).after(int)
    if after is not None:
        chosen = chosen.where(entry.sequence < after[0])
    rows = db.execute(page_of(chosen, merchant_id, (entry.sequence.desc(),), limit + 1)).all()
    end_read(db)
    return EntryPage(
        items=[_entry(row) for row in rows[:limit]],
        next_cursor=encode_cursor(rows[limit - 1].sequence) if len(rows) > limit else None,
        total=card.last_sequence if include_total else None,  # its entries are numbered from 1
    )


def list_ledger(
    db: Session,
    *,
    merchant_id: int,
    wanted: LedgerFilter,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
    include_total: bool = False,
) -> EntryPage:
    """The merchant's ledger, the entry recorded last first; names of dead PINs included.

    Raises:
        ValidationFailed: the cursor is another list's.
    """
    after = PageRequest(cursor=cursor).after(datetime, int)
    with read_connection(db) as connection:
        rows = connection.execute(_ledger(merchant_id, wanted, after, limit + 1)).all()
        total = connection.execute(_count(merchant_id, wanted)).scalar() if include_total else None
    last = rows[limit - 1] if len(rows) > limit else None
    return EntryPage(
        items=[_entry(row) for row in rows[:limit]],
        next_cursor=encode_cursor(last.recorded_at, last.id) if last else None,
        total=total,
    )


def all_entries(
    db: Session, *, merchant_id: int, wanted: LedgerFilter
) -> Iterator[list[EntryView]]:
    """As `list_ledger`, in batches of 1,000 to the end; nothing is held between two of them."""
    after: Any = None
    while True:
        with read_connection(db) as connection:
            rows = connection.execute(_ledger(merchant_id, wanted, after, _AT_ONCE)).all()
        if rows:
            yield [_entry(row) for row in rows]
        if len(rows) < _AT_ONCE:
            return
        after = (rows[-1].recorded_at, rows[-1].id)


def _count(merchant_id: int, wanted: LedgerFilter) -> Select[int]:
    entry = LoyaltyTransaction
    entries = select(func.count()).select_from(entry)
    return entries.where(entry.merchant_id == merchant_id, *conditions(wanted))


def _ledger(merchant_id: int, wanted: LedgerFilter, after: Any, limit: int) -> AnySelect:
    entry = LoyaltyTransaction
    chosen = select(entry.id).where(entry.merchant_id == merchant_id, *conditions(wanted))
    if after is not None:
        recorded_at, entry_id = known(after[0], entry.recorded_at), after[1]
        # The first condition alone is what the index understands on either database.
        chosen = chosen.where(
            entry.recorded_at <= recorded_at,
            (entry.recorded_at < recorded_at) | (entry.id < entry_id),
        )
    newest_first = (entry.recorded_at.desc(), entry.id.desc())
    return page_of(chosen, merchant_id, newest_first, limit)


def _entry(row: AnyRow) -> EntryView:
    facts = dict(row._mapping)
    del facts["sequence"]
    return cast(EntryView, facts | {"voided": row.voided_by_id is not None})
