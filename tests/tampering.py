"""A way around the ledger's triggers, for proving that others would be found out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine

from app.modules.loyalty.models import ledger_guard


@contextmanager
def unguarded(engine: Engine) -> Iterator[Connection]:
    """A connection on which no trigger fires and no key binds, as a database's owner may have.

    It commits at the end of the block.
    """
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            yield from _unguarded_sqlite(connection)
        else:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            yield connection
            connection.commit()


def _unguarded_sqlite(connection: Connection) -> Iterator[Connection]:
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys = OFF")  # means nothing inside a transaction
    for name in triggers_of(connection):
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    yield connection
    ledger_guard.install(connection)
    connection.commit()
    driver.execute("PRAGMA foreign_keys = ON")


def triggers_of(connection: Connection) -> list[str]:
    """The names of the ledger's own triggers."""
    if connection.dialect.name == "sqlite":
        query = (
            "SELECT name FROM sqlite_master WHERE type = 'trigger' "
            "AND tbl_name = 'loyalty_transactions' ORDER BY name"
        )
    else:
        query = (
            "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'O' "
            "AND tgrelid = 'loyalty_transactions'::regclass ORDER BY tgname"
        )
    return list(connection.exec_driver_sql(query).scalars())
