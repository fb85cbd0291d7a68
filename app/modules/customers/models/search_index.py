"""The index that finds people by any part of their names and contacts, over `search_text`.

PostgreSQL: trigrams together with the merchant, so that another merchant's thousand Mullers
cost nothing. It needs the extensions pg_trgm and btree_gin; where the database's owner may not
create them there is no index, and searches look through the merchant's people instead.

SQLite: a full-text table of trigrams, kept in step by triggers. Two spaces before each word let
one and two letters be found where a word begins. The merchant makes the upper bits of the row
number, so that a search reads one range of each list. A migration that rebuilds `customers` on
SQLite drops its triggers and has to call `remove` before and `install` afterwards.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, Integer, column, table
from sqlalchemy.exc import DBAPIError

INDEX: Final = "ix_customers_search"
TABLE: Final = "customers_search"
# SQLite's rows: room for 10^12 customers, and for 8 million merchants above them.
MERCHANT_BITS: Final = 40
ROWS: Final = table(TABLE, column("rowid", Integer), column(TABLE))

EXTENSIONS: Final = ("pg_trgm", "btree_gin")
# fastupdate off: what was added last is found as fast as the rest.
CREATE_INDEX: Final = """CREATE INDEX ix_customers_search ON customers
    USING gin (merchant_id, search_text gin_trgm_ops) WITH (fastupdate = off)"""
_SQLITE: Final = (
    """CREATE VIRTUAL TABLE customers_search USING fts5
    (text, tokenize = 'trigram', content = '', columnsize = 0, detail = none)""",
    """CREATE TRIGGER customers_search_added AFTER INSERT ON customers
    BEGIN
        INSERT INTO customers_search (rowid, text)
        VALUES (new.merchant_id << 40 | new.id, '  ' || replace(new.search_text, ' ', '  '));
    END""",
    """CREATE TRIGGER customers_search_changed
    AFTER UPDATE OF id, merchant_id, search_text ON customers
    BEGIN
        INSERT INTO customers_search (customers_search, rowid, text) VALUES
        ('delete', old.merchant_id << 40 | old.id, '  ' || replace(old.search_text, ' ', '  '));
        INSERT INTO customers_search (rowid, text)
        VALUES (new.merchant_id << 40 | new.id, '  ' || replace(new.search_text, ' ', '  '));
    END""",
    """CREATE TRIGGER customers_search_dropped AFTER DELETE ON customers
    BEGIN
        INSERT INTO customers_search (customers_search, rowid, text) VALUES
        ('delete', old.merchant_id << 40 | old.id, '  ' || replace(old.search_text, ' ', '  '));
    END""",
    """INSERT INTO customers_search (rowid, text)
    SELECT merchant_id << 40 | id, '  ' || replace(search_text, ' ', '  ') FROM customers
    ORDER BY 1""",
    "INSERT INTO customers_search (customers_search) VALUES ('optimize')",
)


def install(connection: Connection) -> bool:
    """Make the index, over whoever is there already. False: this database may not have it."""
    if connection.dialect.name == "sqlite":
        for statement in _SQLITE:
            connection.exec_driver_sql(statement)
        return True
    try:
        with connection.begin_nested():
            for extension in EXTENSIONS:
                connection.exec_driver_sql(f"CREATE EXTENSION IF NOT EXISTS {extension}")
    except DBAPIError:  # no right to, or not part of this server
        return False
    connection.exec_driver_sql(CREATE_INDEX)
    return True


def remove(connection: Connection) -> None:
    """Drop what `install` made; the extensions stay, since others may use them."""
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql(f"DROP INDEX IF EXISTS {INDEX}")
        return
    for name in ("added", "changed", "dropped"):
        connection.exec_driver_sql(f"DROP TRIGGER {TABLE}_{name}")
    connection.exec_driver_sql(f"DROP TABLE {TABLE}")


def is_part_of_it(name: str | None) -> bool:
    """Whether a table or index belongs to this one, and so to no model."""
    return name == INDEX or (name or "").startswith(TABLE)
