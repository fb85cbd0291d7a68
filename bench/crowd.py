"""A merchant with any number of cards, filled in bulk: past the services, in seconds.

Names, moments and states follow from a card's number alone. Each card has one ledger entry that
says its balance; there are no hash chains, since nothing here reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Engine, Table, insert
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from app.core.db import Base, build_sessionmaker
from app.modules.customers.models import search_index
from app.modules.loyalty.rules.card_codes import card_number_from
from bench.shop import qr_code
from tests import factories

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
FIRST_NAMES = ("zoe", "anna", "luc", "mia", "tom", "lea", "marc", "nora")  # each one in eight
_SYLLABLES = (
    "ba",
    "del",
    "fi",
    "gor",
    "ha",
    "jen",
    "ka",
    "lu",
    "mer",
    "no",
    "pi",
    "ru",
    "sa",
    "tol",
)
_NO_HASH = "0" * 64
_BATCH = 20_000
_PRIME = 15_485_863  # spreads numbers over the cards: neighbours in a list lie apart on the disk

Row = dict[str, Any]


@dataclass(frozen=True)
class Crowd:
    """Whose cards, and how many."""

    merchant_id: int
    cards: int


def last_name(number: int) -> str:
    """A name of its own for each card."""
    name, rest = "", number
    while rest or not name:
        rest, at = divmod(rest, len(_SYLLABLES))
        name += _SYLLABLES[at]
    return f"{name}x"


def phone(number: int) -> str:
    return f"+352621{number % 10**6:06d}"


def fill(engine: Engine, *, cards: int) -> Crowd:
    """Fill an empty, migrated database with `cards` cards of one merchant."""
    with build_sessionmaker(engine)() as db:
        shop = factories.make_shop(db)
    with engine.begin() as connection:
        search_index.remove(connection)
        _unchecked(connection)
        tables = Base.metadata.tables
        write = _inserted if engine.dialect.name == "sqlite" else _copied
        for name, row in (
            ("customers", _customer),
            ("loyalty_cards", _card),
            ("loyalty_transactions", _entry),
        ):
            write(connection, tables[name], (row(shop, n, cards) for n in range(1, cards + 1)))
        search_index.install(connection)
    if engine.dialect.name == "postgresql":  # what autovacuum does within a minute
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    return Crowd(shop.merchant_id, cards)


def _unchecked(connection: Connection) -> None:
    """No look-up of foreign keys for millions of rows that are known to have theirs."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")


def _inserted(connection: Connection, table: Table, rows: Iterator[Row]) -> None:
    while batch := list(islice(rows, _BATCH)):
        connection.execute(insert(table), batch)


def _copied(connection: Connection, table: Table, rows: Iterable[Row]) -> None:
    raw: Any = connection.connection.driver_connection
    names = [column.name for column in table.columns]
    defaults = {
        column.name: column.default.arg
        for column in table.columns
        if isinstance(column.default, ScalarElementColumnDefault)
    }
    with raw.cursor().copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN") as copy:
        for row in rows:
            facts = defaults | row
            copy.write_row([facts.get(name) for name in names])


def _customer(shop: factories.Shop, number: int, _cards: int) -> Row:
    first, last = FIRST_NAMES[number % len(FIRST_NAMES)], last_name(number)
    email = f"{last}.{number}@example.com"
    return {
        "id": number, "merchant_id": shop.merchant_id,
        "first_name": first.title(), "last_name": last.title(),
        "email": email, "phone": phone(number), "locale": "en", "created_at": NOW,
        "search_text": f"{first} {last} {email} {phone(number)}",
    }  # fmt: skip


def _card(shop: factories.Shop, number: int, cards: int) -> Row:
    at = NOW - timedelta(seconds=60 * (number * _PRIME % cards))
    return {
        "id": number, "merchant_id": shop.merchant_id, "customer_id": number,
        "program_id": shop.program.id, "enrolled_store_id": shop.store.id,
        "uid": f"{number:032x}", "card_number": card_number_from(f"{number:011d}"),
        "qr_code_data": qr_code(number), "stamp_count": _stamps(number),
        "total_stamps_earned": _stamps(number), "stamps_target": 10,
        "status": "suspended" if number % 31 == 0 else "active",
        "last_sequence": 1, "head_hash": _NO_HASH, "last_activity_at": at, "created_at": at,
    }  # fmt: skip


def _entry(shop: factories.Shop, number: int, cards: int) -> Row:
    at = NOW - timedelta(seconds=60 * (number * _PRIME % cards))
    return {
        "id": number, "merchant_id": shop.merchant_id, "card_id": number, "sequence": 1,
        "type": "stamp_earned", "stamps_delta": _stamps(number), "points_delta": 0,
        "stamps_after": _stamps(number), "points_after": 0, "stamps_target": 10,
        "reward_description": "A coffee", "store_id": shop.store.id, "actor_kind": "service",
        "program_revision": 1, "business_day": at.date(), "occurred_at": at, "recorded_at": at,
        "key_id": "bench", "hash": _NO_HASH,
    }  # fmt: skip


def _stamps(number: int) -> int:
    return 10 if number % 29 == 0 else 1 + number % 9
