"""What a stamp may cost, counted and not timed: round trips, hashes, and how rows are found.

One stamp is two statements, and each is one round trip: no BEGIN, no COMMIT, no look-up on the
side. A remembered PIN is not hashed again. Cards and ledger are found by their indexes alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import bcrypt
import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session, sessionmaker

from app.core.db import build_engine, build_sessionmaker, close
from app.modules.loyalty.services import stamp_service
from app.modules.loyalty.services.staff_memory import memory_of
from app.modules.tenancy.models import Merchant
from bench import shop as bench_shop
from bench.round_trips import TripCounter, counting_proxy
from bench.shop import Shop
from tests import factories

CARDS = 2000
# psycopg prepares a statement at its sixth use; from then on nothing changes any more.
WARM_UP = 12
# Longer statements are not in psycopg's cache of parsed ones: it reads them at each use.
MOST_CHARACTERS, MOST_PARAMETERS = 4096, 50
_SEQ_SCAN = re.compile(
    r"Seq Scan on (loyalty_cards|loyalty_transactions|loyalty_transaction_details)"
)

Stamp = Callable[[], None]


@pytest.fixture(scope="module")
def shop(postgresql_engine: Engine) -> Shop:
    return bench_shop.seed(postgresql_engine, cards=CARDS)


@pytest.fixture
def trips(postgresql_engine: Engine) -> Iterator[TripCounter]:
    folder = postgresql_engine.url.query["host"]
    assert isinstance(folder, str)
    with counting_proxy(folder) as counter:
        yield counter


@pytest.fixture
def counted_sessions(
    postgresql_engine: Engine, trips: TripCounter
) -> Iterator[sessionmaker[Session]]:
    url = postgresql_engine.url.update_query_dict({"host": str(trips.folder)})
    engine = build_engine(url.render_as_string(hide_password=False))
    yield build_sessionmaker(engine)
    engine.dispose()


@pytest.fixture
def counted_stamp(counted_sessions: sessionmaker[Session], shop: Shop) -> Stamp:
    """Give a stamp in a session of its own, over connections that are counted and warm."""
    stamp = stamps_of(counted_sessions, shop)
    for _ in range(WARM_UP):
        stamp()
    return stamp


def stamps_of(sessions: sessionmaker[Session], shop: Shop) -> Stamp:
    following = bench_shop.stamps(shop.cards, seed=1)

    def stamp() -> None:
        qr_code, key = following()
        with sessions() as db:
            stamp_service.add_stamp(
                db, qr_code=qr_code, staff_pin=shop.staff_pin, idempotency_key=key
            )

    return stamp


def spent(trips: TripCounter, act: Callable[[], object]) -> int:
    before = trips.count
    act()
    return trips.count - before


def test_given_a_warm_connection_when_stamping_then_it_takes_two_round_trips(
    trips: TripCounter, counted_stamp: Stamp
) -> None:
    assert [spent(trips, counted_stamp) for _ in range(5)] == [2] * 5


def test_given_a_plain_transaction_when_counting_then_begin_and_commit_are_trips_too(
    trips: TripCounter, counted_sessions: sessionmaker[Session], shop: Shop
) -> None:
    def read() -> None:
        with counted_sessions() as db:
            db.execute(select(Merchant.name).where(Merchant.id == shop.merchant_id))
            db.commit()

    read()
    assert spent(trips, read) == 3


def test_given_a_page_was_read_in_between_when_stamping_then_statements_are_still_prepared(
    trips: TripCounter, counted_sessions: sessionmaker[Session], counted_stamp: Stamp, shop: Shop
) -> None:
    db = counted_sessions()
    db.execute(select(Merchant.name).where(Merchant.id == shop.merchant_id))
    close(db)
    assert spent(trips, counted_stamp) == 2


def test_given_a_stamps_statements_when_sent_then_psycopg_need_not_read_them_anew(
    postgresql_engine: Engine, shop: Shop
) -> None:
    for statement, parameters in sent_by_a_stamp(postgresql_engine, shop):
        assert len(statement) <= MOST_CHARACTERS
        assert len(parameters) <= MOST_PARAMETERS


def test_given_a_remembered_pin_when_stamping_then_nothing_is_hashed(
    monkeypatch: pytest.MonkeyPatch, db: Session, session_factory: sessionmaker[Session]
) -> None:
    hashed: list[bytes] = []
    check = bcrypt.checkpw

    def count(password: bytes, hashed_password: bytes) -> bool:
        hashed.append(hashed_password)
        return check(password, hashed_password)

    shop = factories.make_shop(db, cooldown_minutes=0, max_daily_stamps=100)
    pin = factories.make_pin(db, merchant_id=shop.merchant_id)
    card = factories.make_card(db, shop=shop)
    memory_of(db).forget(merchant_id=shop.merchant_id, pin_id=pin.id)
    monkeypatch.setattr(bcrypt, "checkpw", count)

    def stamp() -> None:
        with session_factory() as fresh:
            stamp_service.add_stamp(fresh, qr_code=card.qr_code_data, staff_pin=factories.PIN)

    stamp()
    assert len(hashed) == 1
    for _ in range(20):
        stamp()
    assert len(hashed) == 1


def test_given_thousands_of_cards_when_stamping_then_cards_and_ledger_are_found_by_index(
    postgresql_engine: Engine, shop: Shop
) -> None:
    for statement, parameters in sent_by_a_stamp(postgresql_engine, shop):
        plan = explain(postgresql_engine, statement, parameters)
        assert not _SEQ_SCAN.findall(plan), plan


def test_given_a_search_without_an_index_when_explained_then_the_scan_is_seen(
    postgresql_engine: Engine, shop: Shop
) -> None:
    statement = "SELECT id FROM loyalty_cards WHERE merchant_id = %(m)s AND head_hash = 'x'"
    plan = explain(postgresql_engine, statement, {"m": shop.merchant_id})
    assert _SEQ_SCAN.findall(plan) == ["loyalty_cards"]


def sent_by_a_stamp(engine: Engine, shop: Shop) -> list[tuple[str, Any]]:
    """The two statements of one stamp with their parameters."""
    sent: list[tuple[str, Any]] = []

    def remember(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        sent.append((statement, parameters))

    stamp = stamps_of(build_sessionmaker(engine), shop)
    stamp()  # the PIN is remembered from here on
    event.listen(engine, "before_cursor_execute", remember)
    try:
        stamp()
    finally:
        event.remove(engine, "before_cursor_execute", remember)
    assert len(sent) == 2
    return sent


def explain(engine: Engine, statement: str, parameters: Any) -> str:
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
        return "\n".join(row[0] for row in rows)
