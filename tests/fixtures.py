"""Fixtures of all tests: both databases, sessions, the application."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from app.core.config import Settings
from app.core.db import build_engine, build_sessionmaker
from app.modules.loyalty.config import LoyaltySettings
from app.modules.loyalty.models import staff_pin
from tests import databases, tenant_guard

# A developer's own .env must not change what the tests prove.
Settings.model_config["env_file"] = None
LoyaltySettings.model_config["env_file"] = None
# A PIN costs 70 ms where it counts; a thousand of them in tests need not.
REAL_BCRYPT_ROUNDS = staff_pin.BCRYPT_ROUNDS
staff_pin.BCRYPT_ROUNDS = 4

DIALECTS = ("sqlite", "postgresql")
_TEMPLATE = "migrated"


@pytest.fixture(scope="session")
def sqlite_files(tmp_path_factory: pytest.TempPathFactory) -> databases.SqliteFiles:
    """A migrated SQLite file to copy from."""
    return databases.SqliteFiles.prepare(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgresql_cluster() -> Iterator[databases.Cluster]:
    """A PostgreSQL for this process, with the migrated database `migrated`."""
    try:
        with databases.postgresql() as cluster:
            engine = build_engine(cluster.create_database(_TEMPLATE))
            databases.migrate(engine)
            engine.dispose()
            yield cluster
    except LookupError as missing:
        pytest.fail(str(missing), pytrace=False)


@pytest.fixture(scope="module")
def postgresql_engine(
    request: pytest.FixtureRequest, postgresql_cluster: databases.Cluster
) -> Iterator[Engine]:
    """A migrated PostgreSQL database that the tests of one module share."""
    name = f"m_{request.node.nodeid.encode().hex()[-50:]}"
    engine = build_engine(
        postgresql_cluster.create_database(name, template=_TEMPLATE), pool_size=24
    )
    tenant_guard.install(engine)
    yield engine
    engine.dispose()
    postgresql_cluster.drop_database(name)


@pytest.fixture
def sqlite_engine(sqlite_files: databases.SqliteFiles, tmp_path: Path) -> Iterator[Engine]:
    """A migrated SQLite database of this test's own."""
    engine = build_engine(
        sqlite_files.copy_to(tmp_path / "orion.db"), sqlite_synchronous="NORMAL", pool_size=24
    )
    tenant_guard.install(engine)
    yield engine
    engine.dispose()


@pytest.fixture(params=DIALECTS)
def engine(request: pytest.FixtureRequest) -> Engine:
    """A migrated database, once on SQLite and once on PostgreSQL."""
    chosen: Engine = request.getfixturevalue(f"{request.param}_engine")
    return chosen


@pytest.fixture
def database_url(engine: Engine) -> str:
    """Where another process finds the test's database."""
    return engine.url.render_as_string(hide_password=False)


@pytest.fixture
def session_factory(engine: Engine) -> sessionmaker[Session]:
    """Sessions as the application makes them."""
    return build_sessionmaker(engine)


@pytest.fixture
def db(session_factory: sessionmaker[Session]) -> Iterator[Session]:
    """One session, as a request has it."""
    with session_factory() as session:
        yield session
