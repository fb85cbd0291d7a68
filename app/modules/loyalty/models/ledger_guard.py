"""Triggers that make the ledger append-only in the database itself.

Migrations install them after creating the ledger, and again after any batch rebuild of it
on SQLite, which drops the triggers of the table it replaces.
"""

from __future__ import annotations

from sqlalchemy import Connection

# INSERT OR REPLACE deletes without a DELETE trigger, unless recursive triggers are on: a
# connection that is not ours may have them off, hence the third guard.
_SQLITE = (
    """CREATE TRIGGER ledger_no_update BEFORE UPDATE ON loyalty_transactions
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    """CREATE TRIGGER ledger_no_delete BEFORE DELETE ON loyalty_transactions
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    """CREATE TRIGGER ledger_no_replace BEFORE INSERT ON loyalty_transactions
    WHEN EXISTS (
        SELECT 1 FROM loyalty_transactions AS old
        WHERE old.id = NEW.id
        OR (old.merchant_id = NEW.merchant_id AND old.card_id = NEW.card_id
            AND old.sequence = NEW.sequence)
        OR (old.merchant_id = NEW.merchant_id AND old.voids_id = NEW.voids_id)
    )
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
)

_POSTGRESQL = (
    """CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the ledger is append-only' USING ERRCODE = '23001'; END $$""",
    """CREATE TRIGGER ledger_no_change BEFORE UPDATE OR DELETE ON loyalty_transactions
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse()""",
    """CREATE TRIGGER ledger_no_truncate BEFORE TRUNCATE ON loyalty_transactions
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()""",
)


def install(connection: Connection) -> None:
    """Create the triggers on a database whose ledger has none."""
    sqlite = connection.dialect.name == "sqlite"
    for statement in _SQLITE if sqlite else _POSTGRESQL:
        connection.exec_driver_sql(statement)


def remove(connection: Connection) -> None:
    """Drop what `install` left beside the table, before the table itself is dropped."""
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql("DROP FUNCTION ledger_refuse() CASCADE")
