"""The databases that tests run on: migrated once, then copied.

SQLite is a file copied for each test. PostgreSQL is a cluster of this test run's own, with
a copy of the migrated database for each test module, because a ledger that refuses DELETE
and TRUNCATE cannot be emptied between tests. Nothing of the machine's own PostgreSQL is used
but its programs.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.pool import NullPool

from app.core.db import build_engine

ROOT = Path(__file__).parents[1]
_PLACES = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # Fedora, Red Hat
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)
_MISSING = (
    "PostgreSQL was not found, and these tests run on it as well as on SQLite. Install it "
    "(Debian: apt-get install postgresql, macOS: brew install postgresql) or put its programs "
    "(initdb, pg_ctl) on the PATH. It needs no running server and no account."
)


def alembic_config() -> Config:
    """Alembic's configuration for a command that brings its own connection."""
    return Config(ROOT / "alembic.ini")


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring a database up to a revision."""
    _alembic(command.upgrade, engine, revision)


def migrate_down(engine: Engine, revision: str) -> None:
    """Take a database down: `-1` is one step, `base` all the way."""
    _alembic(command.downgrade, engine, revision)


def _alembic(run: Callable[[Config, str], None], engine: Engine, revision: str) -> None:
    config = alembic_config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        run(config, revision)


@dataclass(frozen=True)
class SqliteFiles:
    """A migrated file, and how to copy it."""

    template: Path

    @classmethod
    def prepare(cls, folder: Path) -> SqliteFiles:
        template = folder / "template.db"
        engine = build_engine(f"sqlite:///{template}", sqlite_synchronous="NORMAL")
        migrate(engine)
        engine.dispose()  # the last connection folds the write-ahead log into the file
        return cls(template)

    def copy_to(self, path: Path) -> str:
        """Copy the template; returns the URL."""
        shutil.copyfile(self.template, path)
        return f"sqlite:///{path}"


@dataclass(frozen=True)
class Cluster:
    """A PostgreSQL of our own behind a socket in its folder."""

    home: Path
    folder: Path
    runs_as: dict[str, Any]
    durable: bool = False

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def create_database(self, name: str, *, template: str = "template0") -> str:
        """Make a database as a copy of `template`; returns its URL."""
        self._administer(f'CREATE DATABASE "{name}" TEMPLATE "{template}"{{strategy}}')
        return self.url(name)

    def drop_database(self, name: str) -> None:
        self._administer(f'DROP DATABASE "{name}" WITH (FORCE)')

    def restart(self, *, mode: str = "immediate") -> None:
        """Stop (`immediate` is a crash) and start again."""
        self._control("-m", mode, "stop")
        self.start()

    def start(self) -> None:
        # A crash of the machine is not among the faults these tests provoke, so nothing waits
        # for the disk; a crash of the server or of a client loses nothing either way.
        quick = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
        if self.durable:
            quick = ""
        options = f"-k {self.folder} -c listen_addresses= -c max_connections=100 {quick}"
        self._control("-w", "-l", self.folder / "log", "-o", options, "start")

    def stop(self) -> None:
        self._control("-m", "immediate", "stop")

    def _control(self, *arguments: object) -> None:
        self.run("pg_ctl", "-D", self.folder / "data", *arguments)

    def run(self, program: str, *arguments: object) -> None:
        subprocess.run(
            [str(self.home / program), *map(str, arguments)],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd="/",
            **self.runs_as,
        )

    def _administer(self, sql: str) -> None:
        engine = create_engine(
            make_url(self.url("postgres")), poolclass=NullPool, isolation_level="AUTOCOMMIT"
        )
        with engine.connect() as connection:
            version = connection.dialect.server_version_info or (0,)
            # Copying files is faster than logging each page; before 15 it is the only way.
            strategy = " STRATEGY FILE_COPY" if version >= (15,) else ""
            connection.exec_driver_sql(sql.format(strategy=strategy))


@contextmanager
def postgresql(*, durable: bool = False) -> Iterator[Cluster]:
    """A cluster that lives as long as the block; `durable` waits for the disk, as in earnest.

    Raises:
        LookupError: no PostgreSQL on this machine; the text says what to do.
    """
    home = _find_programs()
    # Names of sockets must be short.
    folder = Path(tempfile.mkdtemp(prefix="orion-pg-", dir="/tmp"))
    cluster = Cluster(home, folder, _another_user(folder), durable)
    try:
        cluster.run(
            "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust",
            "-E", "UTF8", "--locale=C", "--no-sync",
        )  # fmt: skip
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _find_programs() -> Path:
    on_path = shutil.which("pg_ctl")
    if on_path and shutil.which("initdb"):
        return Path(on_path).resolve().parent
    found = [folder for place in _PLACES for folder in Path("/").glob(place[1:])]
    usable = [folder for folder in found if (folder / "initdb").exists()]
    if not usable:
        raise LookupError(_MISSING)
    return max(usable, key=lambda folder: [int(n) for n in _numbers(folder)])


def _numbers(folder: Path) -> list[str]:
    digits = "".join(char if char.isdigit() else " " for char in str(folder))
    return digits.split()


def _another_user(folder: Path) -> dict[str, Any]:
    """PostgreSQL refuses to run as root: who runs it then."""
    if os.geteuid() != 0:
        return {}
    names = {user.pw_name: user for user in pwd.getpwall()}
    user = names.get("postgres") or names["nobody"]
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
