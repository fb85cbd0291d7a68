"""Alembic's environment: the engine of the app, all tables of all modules."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

import app.modules.customers.models
import app.modules.loyalty.models
import app.modules.tenancy.models  # noqa: F401
from app.core.config import get_settings
from app.core.db import Base, build_engine


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        transaction_per_migration=True,
        compare_type=True,
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
