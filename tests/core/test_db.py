"""Transactions and column types on both databases."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, insert, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError, StatementError
from sqlalchemy.orm import Session, sessionmaker

from app.core import db as database
from app.core.db import (
    TransactionOpen,
    atomic,
    build_engine,
    close,
    end_read,
    read_connection,
    write_connection,
)
from app.core.errors import Unavailable
from app.modules.customers.models import Customer
from app.modules.tenancy.models import Merchant, Store
from tests.factories import NOW, make_card, make_merchant, make_store
from tests.reads import entries_of


def names(sessions: sessionmaker[Session]) -> list[str]:
    with sessions() as fresh:
        return list(fresh.execute(select(Merchant.name).order_by(Merchant.id)).scalars())


def merchant(name: str) -> Merchant:
    return Merchant(name=name, created_at=NOW)


def test_given_a_block_when_it_ends_then_all_of_it_is_stored(
    db: Session, session_factory: sessionmaker[Session]
) -> None:
    with atomic(db):
        db.add(merchant("End A"))
        db.flush()
        db.add(merchant("End B"))
    assert names(session_factory)[-2:] == ["End A", "End B"]


def test_given_a_block_when_it_fails_then_nothing_of_it_is_stored(
    db: Session, session_factory: sessionmaker[Session]
) -> None:
    def write_and_fail() -> None:
        with atomic(db):
            db.add(merchant("Never"))
            db.flush()
            raise KeyError("reason")

    with pytest.raises(KeyError, match="reason"):
        write_and_fail()
    assert "Never" not in names(session_factory)
    assert not db.in_transaction()


def test_given_a_block_in_a_block_when_the_outer_fails_then_the_inner_goes_with_it(
    db: Session, session_factory: sessionmaker[Session]
) -> None:
    def write_and_fail() -> None:
        with atomic(db):
            with atomic(db):
                db.add(merchant("Inner"))
            raise KeyError("reason")

    with pytest.raises(KeyError, match="reason"):
        write_and_fail()
    assert "Inner" not in names(session_factory)


def test_given_an_object_when_it_was_committed_then_it_stays_readable(db: Session) -> None:
    row = make_merchant(db, name="Kept")
    db.close()
    assert row.name == "Kept"


def test_given_a_commit_that_fails_when_the_block_ends_then_the_session_is_clean_again(
    db: Session,
) -> None:
    existing = make_merchant(db)

    def insert_twice() -> None:
        with atomic(db):
            db.execute(insert(Merchant).values(id=existing.id, name="Twice", created_at=NOW))

    with pytest.raises(IntegrityError):
        insert_twice()
    assert make_merchant(db).id != existing.id


def _add(db: Session) -> None:
    db.add(merchant("Open"))


def _flush(db: Session) -> None:
    db.add(merchant("Open"))
    db.flush()


def _bulk(db: Session) -> None:
    db.execute(update(Merchant).where(Merchant.id == 0).values(name="Open"))


def _dirty(db: Session) -> None:
    db.execute(select(Merchant).limit(1)).scalar_one().name = "Open"


def _atomic(db: Session) -> None:
    with atomic(db):
        pass


def _write_connection(db: Session) -> None:
    with write_connection(db):
        pass


@pytest.mark.parametrize("write", [_add, _flush, _bulk, _dirty])
@pytest.mark.parametrize("use", [_atomic, _write_connection, end_read])
def test_given_uncommitted_writes_of_the_caller_when_a_service_wants_its_own_then_it_refuses(
    db: Session, write: Callable[[Session], None], use: Callable[[Session], None]
) -> None:
    make_merchant(db)
    write(db)
    with pytest.raises(TransactionOpen):
        use(db)
    db.rollback()
    end_read(db)


def test_given_an_open_read_when_a_block_begins_then_the_read_has_ended(
    db: Session, session_factory: sessionmaker[Session]
) -> None:
    """On SQLite a read that turns into a write fails as soon as somebody else has written."""
    row = make_merchant(db, name="Before")
    db.execute(select(Merchant.name)).all()
    with session_factory() as other, atomic(other):
        other.execute(update(Merchant).where(Merchant.id == row.id).values(name="Between"))
    with atomic(db):
        seen = db.execute(select(Merchant.name).where(Merchant.id == row.id)).scalar_one()
        db.execute(update(Merchant).where(Merchant.id == row.id).values(name="After"))
    assert seen == "Between"
    assert "After" in names(session_factory)


def test_given_eight_threads_when_each_reads_and_writes_twenty_times_then_nothing_is_lost(
    db: Session, session_factory: sessionmaker[Session]
) -> None:
    row = make_merchant(db, name="0")
    errors: list[BaseException] = []

    def count_up() -> None:
        try:
            for _ in range(20):
                with session_factory() as own, atomic(own):
                    mine = select(Merchant.name).where(Merchant.id == row.id).with_for_update()
                    seen = int(own.execute(mine).scalar_one())
                    own.execute(
                        update(Merchant).where(Merchant.id == row.id).values(name=str(seen + 1))
                    )
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=count_up) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert names(session_factory)[-1] == "160"


def test_given_a_writer_that_never_ends_when_another_waits_then_it_is_told_so(
    sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_TIMEOUT_S", 0.05)
    sessions = database.build_sessionmaker(sqlite_engine)
    with sessions() as first, atomic(first):
        outcome: list[BaseException] = []

        def write() -> None:
            try:
                with sessions() as second, atomic(second):
                    pass
            except Unavailable as error:
                outcome.append(error)

        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    assert [type(error) for error in outcome] == [Unavailable]
    with sessions() as third:
        make_merchant(third)


def test_given_sqlite_when_only_reading_then_writers_are_not_held_up(
    sqlite_engine: Engine,
) -> None:
    sessions = database.build_sessionmaker(sqlite_engine)
    with sessions() as reader, sessions() as writer:
        reader.execute(select(Merchant.id)).all()
        started = time.monotonic()
        make_merchant(writer)
        assert time.monotonic() - started < 1
        assert reader.in_transaction()


def test_given_a_read_connection_when_it_reads_then_the_session_has_no_transaction(
    db: Session,
) -> None:
    with read_connection(db) as connection:
        connection.execute(select(Merchant.id)).all()
        assert not db.in_transaction()


PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": 2,  # FULL: a power cut loses nothing that was acknowledged
    "foreign_keys": 1,
    "busy_timeout": 5000,
    "recursive_triggers": 1,
}


def test_given_sqlite_when_connections_open_then_each_is_durable_and_strict(tmp_path: Path) -> None:
    engine = build_engine(f"sqlite:///{tmp_path / 'new.db'}")
    with engine.connect() as one, engine.connect() as two:
        for connection in (one, two):
            found = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in PRAGMAS
            }
            assert found == PRAGMAS
    engine.dispose()


def test_given_postgresql_when_a_session_opens_then_it_reads_what_is_committed(
    postgresql_engine: Engine,
) -> None:
    with postgresql_engine.connect() as connection:
        level = connection.execute(text("SHOW transaction_isolation")).scalar()
    assert level == "read committed"


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
        datetime(2026, 3, 29, 3, 30, 0, 1, tzinfo=timezone(timedelta(hours=2))),
        datetime(2026, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ],
)
def test_given_an_instant_when_it_is_stored_then_it_comes_back_aware_and_the_same(
    db: Session, at: datetime
) -> None:
    row = make_merchant(db, created_at=at)
    db.expunge_all()
    found = db.execute(select(Merchant.created_at).where(Merchant.id == row.id)).scalar_one()
    assert found == at
    assert found.tzinfo is UTC


def test_given_a_naive_time_when_it_would_be_stored_then_the_mistake_shows(db: Session) -> None:
    naive = datetime(2026, 3, 10, 9)  # noqa: DTZ001 - the mistake itself
    with pytest.raises((StatementError, AssertionError), match="naive datetime"):
        make_merchant(db, created_at=naive)


def test_given_instants_with_and_without_fractions_when_compared_then_order_is_time(
    db: Session,
) -> None:
    """SQLite compares text: 09:00:00.5 must not come before 09:00:00."""
    whole = make_merchant(db, created_at=NOW)
    half = make_merchant(db, created_at=NOW + timedelta(microseconds=500_000))
    later = select(Merchant.id).where(Merchant.created_at > NOW, Merchant.id >= whole.id)
    assert list(db.execute(later).scalars()) == [half.id]


def test_given_flags_days_and_times_when_stored_then_they_come_back_as_such(db: Session) -> None:
    card = make_card(db)
    entry = entries_of(db, card)[0]
    assert entry.overrides_limits is False
    assert entry.business_day == date(2026, 3, 10)
    store = make_store(db, merchant_id=card.merchant_id)
    of_merchant = Store.merchant_id == card.merchant_id
    start = db.execute(select(Store.day_starts_at).where(of_merchant, Store.id == store.id))
    assert str(start.scalar_one()) == "00:00:00"


def test_given_a_foreign_key_when_it_points_nowhere_then_both_databases_refuse(
    db: Session,
) -> None:
    with pytest.raises(IntegrityError), atomic(db):
        db.add(Customer(merchant_id=999_999, created_at=NOW))


def test_given_an_open_read_when_closed_then_it_ends_by_a_commit(db: Session) -> None:
    ended: list[str] = []
    event.listen(db, "after_commit", lambda _session: ended.append("commit"))
    event.listen(db, "after_rollback", lambda _session: ended.append("rollback"))
    db.execute(select(Merchant.name))
    close(db)
    assert ended == ["commit"]


def test_given_uncommitted_writes_when_closed_then_they_are_gone(
    session_factory: sessionmaker[Session],
) -> None:
    written, pending = session_factory(), session_factory()
    written.execute(insert(Merchant).values(name="Sent", created_at=NOW))
    close(written)
    pending.add(merchant("Pending"))
    close(pending)
    assert {"Sent", "Pending"}.isdisjoint(names(session_factory))


def test_given_sqlite_when_a_trigger_fills_full_text_then_the_schema_is_trusted_only_if_it_must(
    tmp_path: Path,
) -> None:
    engine = build_engine(f"sqlite:///{tmp_path / 'new.db'}")
    add = "INSERT INTO people VALUES ('Zoe')"
    with engine.connect() as connection:
        run = connection.exec_driver_sql
        run("CREATE TABLE people (name TEXT)")
        run("CREATE VIRTUAL TABLE found USING fts5 (name)")
        run(
            "CREATE TRIGGER added AFTER INSERT ON people"
            " BEGIN INSERT INTO found (name) VALUES (new.name); END"
        )
        run(add)
        if run("PRAGMA trusted_schema").scalar():
            run("PRAGMA trusted_schema = OFF")
            with pytest.raises(OperationalError, match="unsafe"):
                run(add)
    engine.dispose()
