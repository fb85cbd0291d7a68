"""The database's schema: bringing it up to date, and asking whether it is."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

import app

# Beside the package in a checkout and in site-packages alike.
_MIGRATIONS = Path(app.__file__).parents[1] / "migrations"


def upgrade(engine: Engine) -> None:
    """Run the migrations that are missing, each in a transaction of its own."""
    config = _config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def is_current(engine: Engine) -> bool:
    """True where the database has all migrations that this version brings."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == head


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config
