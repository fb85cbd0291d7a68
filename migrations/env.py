"""Alembic's environment: the engine of the app, all tables of all modules."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

import app.core.jobs.models
import app.core.mail.models
import app.modules.customers.models
import app.modules.loyalty.models
import app.modules.tenancy.models  # noqa: F401
from app.core.config import get_settings
from app.core.db import Base, build_engine
from app.modules.customers.models import search_index


def _migrate(connection: Connection) -> None:
    """Run what is missing. SQLite rebuilds a table only while nobody checks what points at it."""
    if connection.dialect.name != "sqlite":
        _run(connection)
        return
    raw = connection.connection.driver_connection
    assert raw is not None
    raw.execute("PRAGMA foreign_keys = OFF")
    try:
        _run(connection)
        dangling = raw.execute("PRAGMA foreign_key_check").fetchall()
        assert not dangling, dangling
    finally:
        raw.execute("PRAGMA foreign_keys = ON")


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        transaction_per_migration=True,
        compare_type=True,
        include_name=lambda name, *_: not search_index.is_part_of_it(name),
    )
    with context.begin_transaction():
        context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    _migrate(given)
else:
    engine = build_engine(get_settings().database_url)
    with engine.connect() as opened:
        _migrate(opened)
    engine.dispose()
