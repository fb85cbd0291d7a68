"""Looks through the whole ledger for what a bug, a hand or a broken disk may have done to it.

Each card and its entries are read in one statement, so that the counters may go on working.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Text,
    bindparam,
    exists,
    select,
    type_coerce,
)
from sqlalchemy.orm import Session

from app.core.db import Flag, LocalDate, UtcDateTime, read_connection
from app.core.security import UnknownKey
from app.modules.loyalty.config import ledger_keys
from app.modules.loyalty.models import LoyaltyCard, LoyaltyTransaction
from app.modules.loyalty.rules import chain

_EXEMPT = "the verifier looks at every merchant's ledger"


class FaultKind(StrEnum):
    """What is wrong."""

    HASH = "the entry is not what was written"
    GAP = "the entry is missing"
    RUNNING_BALANCE = "the balance after the entry is not the one before it plus its change"
    CARD_BALANCE = "the card's balance is not the sum of its entries"
    CARD_HEAD = "the card's last entry is not the one the card knows"
    UNKNOWN_KEY = "the entry's key is not configured (ORION_OLD_LEDGER_KEYS)"
    NO_CARD = "the entry belongs to no card of its merchant"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one card. `sequence` and `entry_id` name the entry, where there is one."""

    kind: FaultKind
    merchant_id: int
    card_id: int
    sequence: int | None = None
    entry_id: int | None = None

    def __str__(self) -> str:
        place = f"merchant {self.merchant_id}, card {self.card_id}"
        if self.sequence is not None:
            place += f", entry {self.sequence}"
        if self.entry_id is not None:
            place += f" (id {self.entry_id})"
        return f"{place}: {self.kind.value}"


def verify(
    db: Session, *, merchant_id: int | None = None, batch_size: int = 500
) -> Iterator[Fault]:
    """Recompute every balance, every running balance and every hash, and yield what differs.

    `merchant_id` None: all merchants. Reads `batch_size` cards at a time with their entries,
    and holds nothing while the caller looks at a fault.
    """
    last_card = 0
    while True:
        parameters = {"merchant": merchant_id, "after": last_card, "cards": batch_size}
        rows = _read(db, _cards(merchant_id), parameters)
        for _, card_rows in groupby(rows, key=lambda row: row.card_id):
            yield from _faults_of(list(card_rows))
        if not rows:
            break
        last_card = rows[-1].card_id
    for row in _read(db, _orphans(merchant_id), {"merchant": merchant_id}):
        yield Fault(FaultKind.NO_CARD, row.merchant_id, row.card_id, row.sequence, row.id)


def _faults_of(rows: Sequence[Row[Any]]) -> Iterator[Fault]:
    """`rows`: a card's entries in order, each with the card; one row without entry if none."""
    card = rows[0]
    entries = [row for row in rows if row.entry_id is not None]
    yield from _faults_of_entries(card, entries)
    stamps = sum(row.stamps_delta for row in entries)
    points = sum(row.points_delta for row in entries)
    if (stamps, points) != (card.card_stamps, card.card_points):
        yield _fault(FaultKind.CARD_BALANCE, card)
    if not _is_head(card, entries):
        yield Fault(
            FaultKind.CARD_HEAD, card.card_merchant_id, card.card_id, card.card_last_sequence
        )


def _faults_of_entries(card: Row[Any], entries: Iterable[Row[Any]]) -> Iterator[Fault]:
    sequence, stamps, points = 0, 0, 0
    previous: str | None = None
    for row in entries:
        is_next = row.sequence == sequence + 1
        if not is_next:
            yield Fault(FaultKind.GAP, card.card_merchant_id, card.card_id, sequence + 1)
        elif (stamps + row.stamps_delta, points + row.points_delta) != (
            row.stamps_after,
            row.points_after,
        ):
            yield _fault(FaultKind.RUNNING_BALANCE, row)
        # After a gap nobody knows which hash came before; and one fault is told once, so each
        # entry is judged by what is stored of the one before it.
        kind = _judge_hash(row, previous) if is_next else None
        if kind is not None:
            yield _fault(kind, row)
        sequence, previous = row.sequence, row.hash
        stamps, points = row.stamps_after, row.points_after


def _judge_hash(row: Row[Any], previous: str | None) -> FaultKind | None:
    try:
        key = ledger_keys()[row.key_id].derive("ledger")
    except UnknownKey:
        return FaultKind.UNKNOWN_KEY
    if previous is None:
        previous = chain.genesis_hash(key, card_uid=row.card_uid)
    entry = {name: _as_hashed(name, row._mapping[name]) for name in chain.CHAINED_FIELDS}
    is_same = chain.entry_hash(key, previous=previous, entry=entry) == row.hash
    return None if is_same else FaultKind.HASH


def _is_head(card: Row[Any], entries: Sequence[Row[Any]]) -> bool:
    if entries:
        return bool(
            (card.card_last_sequence, card.card_head_hash)
            == (entries[-1].sequence, entries[-1].hash)
        )
    starts = [
        chain.genesis_hash(key.derive("ledger"), card_uid=card.card_uid) for key in ledger_keys()
    ]
    return card.card_last_sequence == 0 and card.card_head_hash in starts


def _as_hashed(name: str, stored: Any) -> Any:
    """SQLite's text of an instant, read letter by letter: a parser would forgive too much."""
    if name in ("occurred_at", "recorded_at") and isinstance(stored, str):
        day, _, time = stored.partition(" ")
        return f"{day}T{time}Z"
    return stored


def _fault(kind: FaultKind, row: Row[Any]) -> Fault:
    if kind is FaultKind.CARD_BALANCE:
        return Fault(kind, row.card_merchant_id, row.card_id)
    return Fault(kind, row.card_merchant_id, row.card_id, row.sequence, row.entry_id)


def _cards(merchant_id: int | None) -> Select[*tuple[Any, ...]]:
    """The next cards after the last one, each with its entries in order."""
    card, entry = LoyaltyCard, LoyaltyTransaction
    batch = select(card.id).where(card.id > bindparam("after")).order_by(card.id)
    if merchant_id is not None:
        batch = batch.where(card.merchant_id == bindparam("merchant"))
    chosen = batch.limit(bindparam("cards")).subquery()
    return (
        select(
            card.id.label("card_id"),
            card.merchant_id.label("card_merchant_id"),
            card.uid.label("card_uid"),
            card.stamp_count.label("card_stamps"),
            card.points_balance.label("card_points"),
            card.last_sequence.label("card_last_sequence"),
            card.head_hash.label("card_head_hash"),
            entry.id.label("entry_id"),
            entry.key_id,
            entry.hash,
            *(_as_stored(name) for name in chain.CHAINED_FIELDS if name != "card_id"),
        )
        .join(chosen, chosen.c.id == card.id)
        .outerjoin(entry, (entry.merchant_id == card.merchant_id) & (entry.card_id == card.id))
        .order_by(card.id, entry.sequence)
        .execution_options(tenant_exempt=_EXEMPT)
    )


def _orphans(merchant_id: int | None) -> Select[*tuple[Any, ...]]:
    card, entry = LoyaltyCard, LoyaltyTransaction
    statement = select(entry.merchant_id, entry.card_id, entry.sequence, entry.id).where(
        ~exists().where(card.merchant_id == entry.merchant_id, card.id == entry.card_id)
    )
    if merchant_id is not None:
        statement = statement.where(entry.merchant_id == bindparam("merchant"))
    return statement.order_by(entry.id).execution_options(tenant_exempt=_EXEMPT)


def _as_stored(name: str) -> ColumnElement[Any]:
    """The column without our types, which turn several stored values into one."""
    column = LoyaltyTransaction.__table__.c[name]
    if isinstance(column.type, Flag | LocalDate | UtcDateTime):
        return type_coerce(column, Text()).label(name)
    return column


def _read(
    db: Session, statement: Select[*tuple[Any, ...]], parameters: dict[str, Any]
) -> Sequence[Row[Any]]:
    with read_connection(db) as connection, _broken_text_readable(connection):
        return connection.execute(statement, parameters).all()


@contextmanager
def _broken_text_readable(connection: Connection) -> Iterator[None]:
    """SQLite stores any bytes as text: what is no UTF-8 has to be reported, not stop the search."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name != "sqlite":
        yield
        return
    driver.text_factory = lambda raw: raw.decode("utf-8", "replace")
    try:
        yield
    finally:
        driver.text_factory = str
