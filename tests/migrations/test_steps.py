"""Each step down, up and down again around ten thousand entries: nothing is lost on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, insert, inspect, text
from sqlalchemy.exc import IntegrityError

from app.core.db import build_engine, build_sessionmaker
from app.modules.customers.models import Customer, search_index
from app.modules.loyalty.config import ledger_keys
from app.modules.loyalty.models import LoyaltyCard, LoyaltyTransaction
from app.modules.loyalty.rules import chain
from app.modules.loyalty.services import ledger_verify
from app.modules.loyalty.services.ledger_entries import genesis
from tests import databases
from tests.factories import NOW, Shop, make_shop
from tests.fixtures import DIALECTS
from tests.migrations.test_migrations import TRIGGERS, Rows, check, contents, fill
from tests.tampering import triggers_of

CARDS = 5000  # with two entries each
FIRST = 1_000_000  # past what the databases count up themselves

Row = dict[str, Any]
Columns = dict[str, list[str]]


@pytest.fixture(params=DIALECTS)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A migrated database with a few rows of everything and many cards with their ledgers."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'steps.db'}"
    else:
        cluster: databases.Cluster = request.getfixturevalue("postgresql_cluster")
        url = cluster.create_database("steps")
    engine = build_engine(url, sqlite_synchronous="NORMAL")
    databases.migrate(engine)
    fill(engine)
    fill_ledger(engine)
    yield engine
    engine.dispose()
    if request.param == "postgresql":
        cluster.drop_database("steps")


def fill_ledger(engine: Engine) -> None:
    with build_sessionmaker(engine)() as db:
        shop = make_shop(db)
    numbers = range(FIRST, FIRST + CARDS)
    entries = [entries_of(shop, number) for number in numbers]
    with engine.begin() as connection:
        person = {"merchant_id": shop.merchant_id, "created_at": NOW}
        people = [{"id": n, "search_text": f"anna {n}", **person} for n in numbers]
        connection.execute(insert(Customer), people)
        cards = [card_of(shop, n, two) for n, two in zip(numbers, entries, strict=True)]
        connection.execute(insert(LoyaltyCard), cards)
        rows = [entry for two in entries for entry in two]
        connection.execute(insert(LoyaltyTransaction), rows)


def card_of(shop: Shop, number: int, entries: list[Row]) -> Row:
    last = entries[-1]
    return {
        "id": number, "merchant_id": shop.merchant_id, "program_id": shop.program.id,
        "customer_id": number, "enrolled_store_id": shop.store.id, "uid": f"{number:032x}",
        "card_number": f"{number:012d}", "qr_code_data": f"S{number:029d}", "stamps_target": 10,
        "stamp_count": last["stamps_after"], "last_sequence": 2, "head_hash": last["hash"],
        "last_activity_at": NOW, "created_at": NOW,
    }  # fmt: skip


def entries_of(shop: Shop, number: int) -> list[Row]:
    """Some stamps, and for every tenth card the void that points back at them; chained."""
    stamps, is_void = 1 + number % 7, number % 10 == 0
    deltas = (stamps, -stamps if is_void else 1)
    rows, key, previous = [], ledger_keys().current, genesis(f"{number:032x}")
    for sequence, delta in enumerate(deltas, start=1):
        row: Row = dict.fromkeys(chain.CHAINED_FIELDS) | {
            "merchant_id": shop.merchant_id, "card_id": number, "sequence": sequence,
            "type": "stamp_voided" if delta < 0 else "stamp_earned", "stamps_delta": delta,
            "points_delta": 0, "stamps_after": sum(deltas[:sequence]), "points_after": 0,
            "stamps_target": 10, "reward_description": "Café ☕", "store_id": shop.store.id,
            "actor_kind": "service", "overrides_limits": number % 3 == 0, "program_revision": 1,
            "business_day": NOW.date(), "occurred_at": NOW, "recorded_at": NOW,
            "voids_id": 2 * number if delta < 0 else None, "request_id": f"r-{number}",
        }  # fmt: skip
        previous = chain.entry_hash(key.derive("ledger"), previous=previous, entry=row)
        rows.append(row | {"id": 2 * number + sequence - 1, "key_id": key.id, "hash": previous})
    return rows


def columns_of(engine: Engine) -> Columns:
    """What the tables are made of at this revision."""
    inspector = inspect(engine)
    return {
        table: [column["name"] for column in inspector.get_columns(table)]
        for table in inspector.get_table_names()
        if table != "alembic_version" and not search_index.is_part_of_it(table)
    }


def fingerprints(rows: Rows, columns: Columns) -> dict[str, str]:
    """One hash for each table's rows, of these columns only."""
    return {
        table: hashlib.sha256("".join(sorted(_texts(rows[table], names))).encode()).hexdigest()
        for table, names in columns.items()
    }


def _texts(rows: list[Row], names: list[str]) -> Iterator[str]:
    if len(names) == 1:
        return (repr(row[names[0]]) for row in rows)
    return map(repr, map(itemgetter(*names), rows))


def guards(engine: Engine) -> list[Any]:
    """The ledger's indexes, and that its triggers and foreign keys are whole."""
    with engine.connect() as connection:
        assert triggers_of(connection) == TRIGGERS[engine.dialect.name]
        if engine.dialect.name == "sqlite":
            return _sqlite_guards(connection)
        loose = "SELECT conname FROM pg_constraint WHERE NOT convalidated"
        assert connection.exec_driver_sql(loose).all() == []
        kept = "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid ="
        indexes = "SELECT indexdef FROM pg_indexes WHERE tablename = 'loyalty_transactions'"
        return [
            *connection.exec_driver_sql(f"{kept} 'loyalty_transactions'::regclass ORDER BY 1"),
            *connection.exec_driver_sql(f"{indexes} ORDER BY 1"),
        ]


def _sqlite_guards(connection: Connection) -> list[Any]:
    assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
    assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
    lists = "SELECT strict FROM pragma_table_list WHERE name = 'loyalty_transactions'"
    assert connection.exec_driver_sql(lists).scalar_one() == 1
    made = "SELECT name, sql FROM sqlite_master WHERE tbl_name = 'loyalty_transactions'"
    targets = 'SELECT "table", "from", "to" FROM pragma_foreign_key_list(\'loyalty_transactions\')'
    return [
        *connection.exec_driver_sql(f"{made} AND type <> 'table' ORDER BY name"),
        *connection.exec_driver_sql(f"{targets} ORDER BY 1, 2"),
    ]


def test_given_ten_thousand_entries_when_each_step_goes_down_and_up_then_nothing_is_lost(
    engine: Engine,
) -> None:
    script = ScriptDirectory.from_config(databases.alembic_config())
    *later, _first = script.walk_revisions()
    assert len(later) >= 5
    for step in later:
        above, guarded = contents(engine), guards(engine)
        databases.migrate_down(engine, "-1")
        below, old = guards(engine), columns_of(engine)
        known = fingerprints(above, old)
        assert fingerprints(contents(engine), old) == known
        databases.migrate(engine, step.revision)
        assert guards(engine) == guarded
        assert fingerprints(contents(engine), old) == known
        databases.migrate_down(engine, "-1")
        assert guards(engine) == below
        assert fingerprints(contents(engine), old) == known
    databases.migrate(engine)
    check(engine)
    assert fingerprints(contents(engine), old) == known
    with build_sessionmaker(engine)() as db:
        assert list(ledger_verify.verify(db)) == []
    with engine.connect() as connection, pytest.raises(IntegrityError, match="append-only"):
        connection.execute(text("UPDATE loyalty_transactions SET stamps_delta = 2"))
