"""The database: engine, column types, and the only places where a transaction begins or ends.

Reads run on a plain transaction. Writes go through `atomic` (many statements, one
commit) or `write_connection` (what `ledger.apply` uses). On SQLite a write says
BEGIN IMMEDIATE behind a lock of this process, so that it never meets "database is locked"
half-way; on PostgreSQL the level is READ COMMITTED.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    Date,
    DateTime,
    Dialect,
    Engine,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
    create_engine,
    event,
)
from sqlalchemy.engine import make_url
from sqlalchemy.orm import DeclarativeBase, ORMExecuteState, Session, sessionmaker
from sqlalchemy.types import TypeEngine

from app.core.errors import Unavailable

_WRITE = "orion_write"
_DIRTY = "orion_dirty"
_DEPTH = "orion_atomic"
_SQLITE_WRITERS = threading.Lock()
_BUSY_TIMEOUT_S = 5.0
_MINIMUM_SQLITE = (3, 37, 0)

# Ids are the database's identity integers; SQLite wants plain INTEGER for them.
BigInt = BigInteger().with_variant(Integer(), "sqlite")


def text_of(length: int) -> TypeEngine[str]:
    """A text of at most `length` characters; TEXT on SQLite, so that STRICT tables take it."""
    return String(length).with_variant(Text(), "sqlite")


class TransactionOpen(RuntimeError):
    """The session holds uncommitted writes where a service must own the transaction."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC instant; a naive one is a programmer's error. ISO 8601 text on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """TEXT on SQLite, timestamptz elsewhere."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Text())
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Aware to UTC."""
        if value is None:
            return None
        assert value.tzinfo is not None, "naive datetime"
        utc = value.astimezone(UTC)
        # Fixed width, so that text order is time order.
        return utc.strftime("%Y-%m-%d %H:%M:%S.%f") if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any, _dialect: Dialect) -> datetime | None:
        """Back to aware UTC."""
        if value is None:
            return None
        if isinstance(value, str):
            return datetime.fromisoformat(value).replace(tzinfo=UTC)
        instant: datetime = value
        return instant.astimezone(UTC)


class Flag(TypeDecorator[bool]):
    """True or false; INTEGER on SQLite, whose STRICT tables know no BOOLEAN."""

    impl = Boolean
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """INTEGER on SQLite, boolean elsewhere."""
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else Boolean())

    def process_result_value(self, value: Any, _dialect: Dialect) -> bool | None:
        """Back to a bool."""
        return None if value is None else bool(value)


class LocalDate(TypeDecorator[date]):
    """A local calendar day; ISO 8601 text on SQLite."""

    impl = Date
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """TEXT on SQLite, date elsewhere."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else Date())

    def process_bind_param(self, value: date | None, dialect: Dialect) -> Any:
        """Day to text where the database has no dates."""
        return value.isoformat() if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, _dialect: Dialect) -> date | None:
        """Back to a day."""
        return date.fromisoformat(value) if isinstance(value, str) else value


class Base(DeclarativeBase):
    """Parent of all tables; one naming convention, so that migrations can name constraints."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def build_engine(url: str, *, sqlite_synchronous: str = "FULL", pool_size: int = 8) -> Engine:
    """Make the engine. `sqlite_synchronous` is FULL or NORMAL (NORMAL can lose the last commits).

    Raises:
        RuntimeError: SQLite is older than 3.37 or lacks FTS5.
    """
    if make_url(url).get_backend_name() != "sqlite":
        return _with_kept_plans(
            create_engine(
                url, pool_size=pool_size, max_overflow=5, pool_timeout=3, pool_use_lifo=True
            )
        )
    _check_sqlite()
    trusted = "OFF" if _triggers_reach_full_text() else "ON"
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=5,
        pool_timeout=3,
        pool_use_lifo=True,  # the connection used last has its pages still in memory
        connect_args={"timeout": _BUSY_TIMEOUT_S, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        for pragma in (
            "journal_mode = WAL",
            f"synchronous = {sqlite_synchronous}",
            "foreign_keys = ON",
            "recursive_triggers = ON",
            f"trusted_schema = {trusted}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return _with_own_transactions(engine)


def _with_own_transactions(engine: Engine) -> Engine:
    """SQLite's transactions begin and end where SQLAlchemy's do; its driver would guess."""

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    @event.listens_for(engine, "reset")
    def _end(connection: sqlite3.Connection, _record: object, _state: object) -> None:
        # SQLite may keep a transaction whose COMMIT failed; SQLAlchemy takes it for ended.
        if connection.in_transaction:
            connection.rollback()

    return engine


def _with_kept_plans(engine: Engine) -> Engine:
    """PostgreSQL plans a prepared statement once, not at each use.

    The connection used last is used next (LIFO), since it has its statements prepared.

    Every hot statement finds its rows by unique indexes, whatever the values; planning the
    nine joins of a stamp's read anew took several times as long as running them.
    """

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        autocommit, connection.autocommit = connection.autocommit, True
        connection.execute("SET plan_cache_mode = force_generic_plan")
        connection.autocommit = autocommit

    return engine


def build_sessionmaker(engine: Engine) -> sessionmaker[Session]:
    """Sessions as the services expect them: objects stay readable after the commit."""
    return sessionmaker(engine, expire_on_commit=False)


@contextmanager
def atomic(db: Session) -> Iterator[Session]:
    """One transaction: commits at the end of the outermost block, rolls back on any error.

    Raises:
        TransactionOpen: the session already holds writes of the caller.
        Unavailable: another writer of this process holds SQLite for more than 5 s.
    """
    if in_atomic(db):
        yield db
        return
    end_read(db)
    with _sqlite_turn(engine_of(db)):
        db.info[_DEPTH] = True
        try:
            db.connection(execution_options={_WRITE: True})
            yield db
            db.commit()
        except BaseException:
            db.rollback()
            raise
        finally:
            db.info.pop(_DEPTH, None)


def in_atomic(db: Session) -> bool:
    """True inside `atomic(db)`."""
    return bool(db.info.get(_DEPTH))


def end_read(db: Session) -> None:
    """End the session's open read, so that nothing is held while somebody hashes or waits.

    Raises:
        TransactionOpen: the session holds uncommitted writes.
    """
    if _has_writes(db):
        raise TransactionOpen("commit or roll back before calling a service that writes")
    if db.in_transaction():
        db.commit()


def close(db: Session) -> None:
    """Give the session's connection back; what was not committed is gone.

    An open read ends by a commit: psycopg forgets its prepared statements at each rollback,
    and the next stamp on that connection would be planned anew.
    """
    try:
        if db.is_active and not _has_writes(db):
            end_read(db)
    finally:
        db.close()


@contextmanager
def read_connection(db: Session) -> Iterator[Connection]:
    """A connection for one read apart from the session: one round trip on PostgreSQL."""
    with _autocommit(engine_of(db)) as connection:
        yield connection


@contextmanager
def write_connection(db: Session) -> Iterator[Connection]:
    """A connection for one atomic write apart from the session.

    PostgreSQL: AUTOCOMMIT, so the caller must write with one statement. SQLite: BEGIN
    IMMEDIATE, committed at the end of the block.

    Raises:
        TransactionOpen, Unavailable: as `atomic`.
    """
    assert not in_atomic(db), "the caller's transaction is open: write on its connection"
    end_read(db)
    engine = engine_of(db)
    if engine.dialect.name != "sqlite":
        with _autocommit(engine) as connection:
            yield connection
        return
    with _sqlite_turn(engine), engine.connect() as connection:
        writer = connection.execution_options(**{_WRITE: True})
        with writer.begin():
            yield writer


def engine_of(db: Session) -> Engine:
    """The engine behind the session."""
    return db.get_bind().engine


def _has_writes(db: Session) -> bool:
    return bool(db.info.get(_DIRTY) or db.new or db.dirty or db.deleted)


@contextmanager
def _autocommit(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            yield connection
        else:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")


@contextmanager
def _sqlite_turn(engine: Engine) -> Iterator[None]:
    """Writers of one process queue here: SQLite's own waiting had a p99 ten times as long."""
    if engine.dialect.name != "sqlite":
        yield
        return
    if not _SQLITE_WRITERS.acquire(timeout=_BUSY_TIMEOUT_S):
        raise Unavailable
    try:
        yield
    finally:
        _SQLITE_WRITERS.release()


def _check_sqlite() -> None:
    if sqlite3.sqlite_version_info < _MINIMUM_SQLITE:
        raise RuntimeError(f"SQLite 3.37 or newer is needed, this is {sqlite3.sqlite_version}")
    with sqlite3.connect(":memory:") as probe:
        options = {row[0] for row in probe.execute("PRAGMA compile_options")}
    probe.close()
    if "ENABLE_FTS5" not in options:
        raise RuntimeError("SQLite was built without FTS5")


@cache
def _triggers_reach_full_text() -> bool:
    """Whether this SQLite lets triggers write FTS5 tables without trusting the schema for it.

    Older ones do not, and the triggers that keep the search index would stop every enrolment.
    """
    with closing(sqlite3.connect(":memory:")) as probe:
        probe.executescript(
            "PRAGMA trusted_schema = OFF; CREATE TABLE person (name TEXT);"
            "CREATE VIRTUAL TABLE found USING fts5 (name);"
            "CREATE TRIGGER added AFTER INSERT ON person"
            " BEGIN INSERT INTO found (name) VALUES (new.name); END;"
        )
        try:
            probe.execute("INSERT INTO person VALUES ('Zoe')")
        except sqlite3.OperationalError:
            return False
    return True


@event.listens_for(Session, "after_flush")
def _mark_flushed(session: Session, _context: object) -> None:
    session.info[_DIRTY] = True


@event.listens_for(Session, "do_orm_execute")
def _mark_written(state: ORMExecuteState) -> None:
    if state.is_insert or state.is_update or state.is_delete:
        state.session.info[_DIRTY] = True


@event.listens_for(Session, "after_commit")
@event.listens_for(Session, "after_rollback")
def _mark_clean(session: Session) -> None:
    session.info.pop(_DIRTY, None)
