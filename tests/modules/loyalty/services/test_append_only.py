"""The database itself refuses to change or lose a ledger entry, whoever asks."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.db import build_sessionmaker
from app.modules.loyalty.models import LoyaltyCard, LoyaltyTransaction
from app.modules.loyalty.types import Draft, EntryType
from tests.factories import make_card, post
from tests.reads import entries_of

TABLE = LoyaltyTransaction.__tablename__
_COLUMNS = [column.name for column in LoyaltyTransaction.__table__.columns]


def copy_of(**changed: str) -> str:
    """SELECT that answers the last entry with some columns changed."""
    values = ", ".join(changed.get(name, name) for name in _COLUMNS)
    return f"SELECT {values} FROM {TABLE} WHERE id = :id"


EVERYWHERE = {
    "update": f"UPDATE {TABLE} SET stamps_delta = 9 WHERE id = :id",
    "update to the same": f"UPDATE {TABLE} SET stamps_delta = stamps_delta WHERE id = :id",
    "delete": f"DELETE FROM {TABLE} WHERE id = :id",
    "delete all": f"DELETE FROM {TABLE} WHERE id > 0 OR :id = 0",
    "upsert by id": f"INSERT INTO {TABLE} {copy_of()} "
    "ON CONFLICT (id) DO UPDATE SET stamps_delta = 9",
    "upsert by place": f"INSERT INTO {TABLE} {copy_of(id='id + 1000')} "
    "ON CONFLICT (merchant_id, card_id, sequence) DO UPDATE SET stamps_delta = 9",
    "a second entry in its place": f"INSERT INTO {TABLE} {copy_of(id='id + 1000')}",
    "a second void of the same": f"INSERT INTO {TABLE} "
    f"{copy_of(id='id + 1000', sequence='sequence + 1000')}",
}
UNIQUE = [statement for name, statement in EVERYWHERE.items() if name.startswith("a second")]
ONLY = {
    "sqlite": {
        "replace by id": f"INSERT OR REPLACE INTO {TABLE} {copy_of(stamps_delta='9')}",
        "replace by place": f"REPLACE INTO {TABLE} {copy_of(id='NULL', stamps_delta='9')}",
        "replace by void": f"INSERT OR REPLACE INTO {TABLE} "
        f"{copy_of(id='NULL', sequence='sequence + 1')}",
        "update or replace": f"UPDATE OR REPLACE {TABLE} SET id = id + 1 WHERE id = :id",
        "delete without condition": f"DELETE FROM {TABLE}",
    },
    "postgresql": {
        "truncate": f"TRUNCATE {TABLE} CASCADE",
        "merge": f"MERGE INTO {TABLE} AS entry USING (SELECT 1) AS one ON entry.id = :id "
        "WHEN MATCHED THEN UPDATE SET stamps_delta = 9",
    },
}


def make_ledger(db: Session) -> LoyaltyCard:
    """A card whose last entry voids the one before."""
    card = make_card(db, stamps=2)
    last = entries_of(db, card)[-1].id
    post(db, card, [Draft(EntryType.STAMP_VOIDED, stamps_delta=-2, voids_id=last)])
    return card


def rows_of(engine: Engine, card: LoyaltyCard) -> list[tuple[object, ...]]:
    query = text(f"SELECT * FROM {TABLE} WHERE card_id = :card ORDER BY id")
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query, {"card": card.id})]


def refuse(db: Session, engine: Engine, statement: str) -> None:
    card = make_ledger(db)
    before = rows_of(engine, card)
    is_postgresql = engine.dialect.name == "postgresql"
    # PostgreSQL's unique constraints come before a trigger would: they refuse as well.
    reason = "duplicate key" if statement in UNIQUE and is_postgresql else "append-only"
    with engine.connect() as connection, pytest.raises(IntegrityError, match=reason):
        connection.execute(text(statement), {"id": before[-1][0]})
    assert rows_of(engine, card) == before


@pytest.mark.parametrize("statement", EVERYWHERE.values(), ids=list(EVERYWHERE))
def test_given_an_entry_when_a_statement_would_change_it_then_it_is_refused(
    db: Session, engine: Engine, statement: str
) -> None:
    refuse(db, engine, statement)


@pytest.mark.parametrize("statement", ONLY["sqlite"].values(), ids=list(ONLY["sqlite"]))
def test_given_sqlite_when_an_entry_would_be_replaced_then_it_is_refused(
    sqlite_engine: Engine, statement: str
) -> None:
    with build_sessionmaker(sqlite_engine)() as db:
        refuse(db, sqlite_engine, statement)


@pytest.mark.parametrize("statement", ONLY["postgresql"].values(), ids=list(ONLY["postgresql"]))
def test_given_postgresql_when_entries_would_be_lost_then_it_is_refused(
    postgresql_engine: Engine, statement: str
) -> None:
    with build_sessionmaker(postgresql_engine)() as db:
        refuse(db, postgresql_engine, statement)


_ON_SQLITE = EVERYWHERE | ONLY["sqlite"]


@pytest.mark.parametrize("statement", _ON_SQLITE.values(), ids=list(_ON_SQLITE))
def test_given_a_connection_that_is_not_ours_when_it_tries_the_same_then_it_is_refused(
    sqlite_engine: Engine, statement: str
) -> None:
    """Another program's connection has SQLite's defaults: recursive triggers are off."""
    with build_sessionmaker(sqlite_engine)() as db:
        card = make_ledger(db)
    before = rows_of(sqlite_engine, card)
    foreign = sqlite3.connect(Path(str(sqlite_engine.url.database)))
    assert foreign.execute("PRAGMA recursive_triggers").fetchone() == (0,)
    parameters = {"id": before[-1][0]} if ":id" in statement else {}
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        foreign.execute(statement, parameters)
    foreign.close()
    assert rows_of(sqlite_engine, card) == before
