"""Wherever the line to the database breaks: all of an operation or nothing, and never twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker
from starlette.testclient import TestClient

from app.core.config import load_settings
from app.core.db import Base, build_sessionmaker
from app.core.errors import Unavailable
from app.main import create_app
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.services import ledger_verify, points_service, stamp_service
from tests import factories, reads
from tests.concurrency.faults import Fault, Line
from tests.concurrency.operations import OPERATIONS, Bench, Prepared, expire_points
from tests.factories import make_shop, make_store, make_user
from tests.modules.loyalty.routes.conftest import Api, problem_of

# A try of a PIN is counted for itself, before it is looked at; the retry forgets it.
_TRIES = "pin_entry_locks"
_TABLES = sorted(
    table.name
    for table in Base.metadata.sorted_tables
    if "merchant_id" in table.columns and table.name != _TRIES
)
_ROWS = "SELECT " + ", ".join(
    f'(SELECT count(*) FROM "{name}" WHERE merchant_id = :merchant) AS "{name}"' for name in _TABLES
)
_CARD = (
    "SELECT status, stamp_count, points_balance, welcome_bonus_due, total_stamps_earned,"
    " last_sequence, reward_description ="
    " (SELECT stamps_reward_description FROM loyalty_programs p WHERE p.id = c.program_id),"
    " (SELECT max(target_revision) FROM wallet_passes p WHERE p.card_id = c.id) - revision"
    " FROM loyalty_cards c WHERE id = :card"
)
_ORDERS = (
    "SELECT coalesce(sum(taken_back), 0), count(CASE WHEN is_voided THEN 1 END)"
    " FROM order_awards WHERE merchant_id = :merchant"
)


@dataclass(frozen=True)
class Picture:
    """Rows of each of the merchant's tables, what its orders gave back, what the cards hold."""

    counts: tuple[int, ...]
    cards: list[tuple[object, ...]]

    def since(self, before: Picture) -> Picture:
        """What came in between; the cards as they are now."""
        pairs = zip(self.counts, before.counts, strict=True)
        return Picture(tuple(now - then for now, then in pairs), self.cards)


@pytest.fixture
def line(engine: Engine) -> Iterator[Line]:
    with Line.of(engine) as line:
        yield line


def picture(engine: Engine, bench: Bench, prepared: Prepared) -> Picture:
    merchant = {"merchant": bench.merchant_id}
    with engine.connect() as connection:
        rows = [connection.execute(text(sql), merchant).one() for sql in (_ROWS, _ORDERS)]
        cards = [
            tuple(connection.execute(text(_CARD), {"card": card.id}).one())
            for card in prepared.cards
        ]
    return Picture(tuple(int(number) for row in rows for number in row), cards)


def tries_of(engine: Engine, bench: Bench) -> int:
    with engine.connect() as connection:
        query = text(f"SELECT count(*) FROM {_TRIES} WHERE merchant_id = :merchant")
        tries: int = connection.execute(query, {"merchant": bench.merchant_id}).scalar_one()
    return tries


Prepare = Callable[[Session, Bench], Prepared]


def check_at_every_call(
    session_factory: sessionmaker[Session], line: Line, prepare: Prepare, fault: Fault
) -> None:
    """Do it with the fault at each of its calls in turn, and look at what is there each time."""
    with session_factory() as db:
        bench = Bench(db, points_expiration_days=30 if prepare is expire_points else None)
    whole = nothing = None
    booked = 0
    for number in count(0):  # without a fault first: what the whole is
        with session_factory() as db:
            prepared = prepare(db, bench)
        before = picture(line.engine, bench, prepared)
        nothing = before.since(before)
        key = f"key-{number}"
        with line.breaks(fault, at=number), session_factory() as db:
            try:
                assert prepared.act(db, key) is False
            except (OperationalError, Unavailable):
                assert line.broke
        came = picture(line.engine, bench, prepared).since(before)
        whole = whole or came
        assert came in (nothing, whole), number
        with session_factory() as db:
            assert list(ledger_verify.verify(db, merchant_id=bench.merchant_id)) == []
            # Nobody holds anything: the same request goes through, and finds what there is.
            assert prepared.act(db, key) is (came == whole), number
        assert picture(line.engine, bench, prepared).since(before) == whole, number
        assert tries_of(line.engine, bench) == 0, number
        booked += came == whole
        if number and not line.broke:
            break
    assert whole != nothing
    # The run without a fault and the last one; and the commit of which only the reply was lost.
    assert booked >= (2 if fault is Fault.CALL_LOST else 3)
    assert booked < number + 1  # elsewhere nothing was left behind


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("prepare", OPERATIONS, ids=lambda prepare: prepare.__name__)
def test_given_any_call_when_it_or_its_reply_is_lost_then_all_or_nothing_and_once_after_a_retry(
    session_factory: sessionmaker[Session], line: Line, prepare: Prepare, fault: Fault
) -> None:
    check_at_every_call(session_factory, line, prepare, fault)


@pytest.mark.parametrize("fault", Fault)
def test_given_an_operation_of_two_commits_when_a_call_is_lost_then_the_half_of_it_is_seen(
    session_factory: sessionmaker[Session], line: Line, fault: Fault
) -> None:
    """The check can fail."""

    def stamp_and_points(db: Session, bench: Bench) -> Prepared:
        card = bench.card(db)

        def act(db: Session, key: str) -> bool:
            known = {"card_id": card.id, **bench.counter}
            stamp_service.add_stamp(db, idempotency_key=f"{key}-1", **known)
            second = points_service.earn_points(
                db, purchase_amount_cents=100, idempotency_key=f"{key}-2", **known
            )
            return second["replayed"]

        return Prepared([card], act)

    with pytest.raises(AssertionError, match="Picture"):
        check_at_every_call(session_factory, line, stamp_and_points, fault)


class Disk:
    """The disk under an SQLite file, which may be full: the file grows by no page then."""

    def __init__(self, engine: Engine) -> None:
        self.is_full = False
        event.listen(engine, "checkout", self._limit)

    def _limit(self, connection: sqlite3.Connection, *_: object) -> None:
        # SQLite takes less than the file has for as much as it has.
        connection.execute(f"PRAGMA max_page_count = {1 if self.is_full else 2**30}")


@pytest.fixture
def shop_api(sqlite_engine: Engine) -> Iterator[tuple[Api, Disk]]:
    url = sqlite_engine.url.render_as_string()
    application = create_app(load_settings(database_url=url))
    disk = Disk(application.state.engine)
    with TestClient(application) as client, build_sessionmaker(sqlite_engine)() as db:
        shop = make_shop(db, loyalty_type="hybrid", require_staff_pin=False)
        yield Api(db, shop, make_store(db, merchant_id=shop.merchant_id), client), disk
    application.state.engine.dispose()


def refusals(api: Api, cards: list[LoyaltyCard]) -> list[LoyaltyCard]:
    """Stamp all the cards; those that were refused, which must say that it may work later."""
    refused = []
    for card in cards:
        answer = api.post("/stamp", {"card_id": card.id, "notes": "x" * 500}, key=f"full-{card.id}")
        if answer.status_code != 200:
            assert problem_of(answer) == (503, "unavailable")
            assert answer.headers["Retry-After"]
            refused.append(card)
    return refused


def test_given_a_full_disk_when_stamped_then_503_reads_go_on_and_space_is_all_it_takes(
    shop_api: tuple[Api, Disk],
) -> None:
    api, disk = shop_api
    cards = [api.card() for _ in range(30)]
    owner, password = make_user(api.db, merchant_id=api.merchant_id).email, factories.PASSWORD
    api.headers("cashier")
    disk.is_full = True
    # when
    refused = refusals(api, cards)
    # then: what still fitted into the last pages is there, nothing else, and all can be read
    assert refused
    assert refusals(api, refused) == refused
    login = api.client.post("/api/v1/auth/login", json={"email": owner, "password": password})
    assert login.status_code in (200, 503)
    listed = api.get("/cards?limit=100")
    assert len(listed.json()["items"]) == len(cards)
    for card in cards:
        shown = api.get(f"/cards/{card.id}").json()
        assert shown["stamp_count"] == (0 if card in refused else 1)
    assert list(ledger_verify.verify(api.db)) == []
    # when there is space again
    disk.is_full = False
    # then the same requests, under their keys, go through without a restart
    assert refusals(api, cards) == []
    assert {reads.card_now(api.db, card).stamp_count for card in cards} == {1}
    assert list(ledger_verify.verify(api.db)) == []
