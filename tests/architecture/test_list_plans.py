"""Lists and searches find their rows by indexes, whatever their size: plans, not times."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, insert, select
from sqlalchemy.orm import Session

from app.core.db import build_engine, build_sessionmaker
from app.core.paging import encode_cursor
from app.modules.customers.models import Customer
from app.modules.customers.services import customer_search
from app.modules.loyalty.services import card_lists, card_pages
from app.modules.loyalty.services.card_lists import CardSort
from bench import crowd
from bench.crowd import Crowd
from tests import databases, factories, tenant_guard
from tests.fixtures import DIALECTS

CARDS = 10_000
ZOES = CARDS // len(crowd.FIRST_NAMES)
MIDDLE = encode_cursor(crowd.NOW, CARDS)
BY_NAME = {"sort": CardSort.NAME}
# PostgreSQL names a scan of all rows so; SQLite says SCAN where it goes through a table row by
# row. What was materialised before holds only what an index found.
WHOLE_TABLE = re.compile(r"Seq Scan on \w+|SCAN (?!hits|found|customers_search)\w+")
LISTS: dict[str, dict[str, Any]] = {
    "recent": {},
    "in the middle": {"cursor": MIDDLE},
    "by name": BY_NAME,
    "by name, in the middle": {"cursor": encode_cursor("m", 1), **BY_NAME},
    "ready": {"reward_ready": True},
    "ready, by name": {"reward_ready": True, **BY_NAME},
    "suspended": {"status": "suspended"},
    "suspended, by name": {"status": "suspended", **BY_NAME},
    "erased, by name": {"status": "erased", **BY_NAME},
    "inactive": {"inactive_since": crowd.NOW},
    "rare": {"search": crowd.last_name(5000)},
    "rare, by name": {"search": crowd.last_name(5000), **BY_NAME},
    "rare, suspended": {"search": crowd.last_name(4991), "status": "suspended"},
    "common": {"search": "zoé"},
    "short": {"search": "zo"},
    "short and rare": {"search": "zo qx"},
    "phone": {"search": crowd.phone(5000)},
    "card number": {"search": "0000000"},
    "e-mail": {"search": f"{crowd.last_name(5000)}.5000@example.com"},
}


@pytest.fixture(scope="module", params=DIALECTS)
def crowded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Engine, Crowd]]:
    """Ten thousand cards of one merchant, on a database of this module's own."""
    if request.param == "sqlite":
        files: databases.SqliteFiles = request.getfixturevalue("sqlite_files")
        url = files.copy_to(tmp_path_factory.mktemp("crowd") / "crowd.db")
    else:
        cluster: databases.Cluster = request.getfixturevalue("postgresql_cluster")
        url = cluster.create_database("crowd", template="migrated")
    engine = build_engine(url, sqlite_synchronous="NORMAL")
    filled = crowd.fill(engine, cards=CARDS)
    tenant_guard.install(engine)
    yield engine, filled
    engine.dispose()


@pytest.fixture
def db(crowded: tuple[Engine, Crowd]) -> Iterator[Session]:
    with build_sessionmaker(crowded[0])() as session:
        yield session


@pytest.fixture
def merchant_id(crowded: tuple[Engine, Crowd]) -> int:
    return crowded[1].merchant_id


def plans(db: Session, merchant_id: int, **how: Any) -> str:
    """The plans of all statements that a list sends."""
    engine = db.get_bind().engine
    sent: list[tuple[str, Any]] = []

    def remember(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        sent.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", remember)
    try:
        card_lists.list_cards(db, merchant_id=merchant_id, **how)
    finally:
        event.remove(engine, "before_cursor_execute", remember)
    reads = [(text, values) for text, values in sent if "loyalty_cards" in text]
    assert reads
    # The same transaction, so PostgreSQL plans them as it did.
    word = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    rows = [
        row
        for text, values in reads
        for row in db.connection().exec_driver_sql(f"{word} {text}", values)
    ]
    return "\n".join(str(row[-1]) for row in rows)


@pytest.mark.parametrize("looked_through", [5, 2000])
@pytest.mark.parametrize("how", list(LISTS.values()), ids=list(LISTS))
def test_given_ten_thousand_cards_when_listed_then_no_table_is_read_as_a_whole(
    db: Session,
    merchant_id: int,
    monkeypatch: pytest.MonkeyPatch,
    how: dict[str, Any],
    looked_through: int,
) -> None:
    monkeypatch.setattr(card_pages, "LOOKED_THROUGH", looked_through)
    plan = plans(db, merchant_id, **how)
    assert not WHOLE_TABLE.findall(plan), plan
    if "search" in how and looked_through == 5 and how["search"] not in ("zoé", "zo"):
        # PostgreSQL: with the merchant. SQLite: MATCH, and the range of the merchant's rows.
        name = "ix_customers_search" if "Scan" in plan else "customers_search VIRTUAL TABLE"
        assert name in plan, plan


def test_given_a_column_without_an_index_when_read_then_the_whole_table_is_seen(
    db: Session,
) -> None:
    """The check can fail."""
    word = "EXPLAIN QUERY PLAN" if db.get_bind().engine.dialect.name == "sqlite" else "EXPLAIN"
    text = f"{word} SELECT id FROM loyalty_cards WHERE head_hash = 'x'"
    plan = "\n".join(str(row[-1]) for row in db.connection().exec_driver_sql(text))
    assert WHOLE_TABLE.findall(plan), plan


def test_given_a_thousand_who_fit_when_all_pages_are_read_then_each_comes_once_newest_first(
    db: Session, merchant_id: int
) -> None:
    seen: list[int] = []
    moments = []
    cursor = None
    while cursor is not None or not seen:
        page = card_lists.list_cards(
            db, merchant_id=merchant_id, search="zoé", limit=100, cursor=cursor,
            include_total=True,
        )  # fmt: skip
        assert page["total"] == ZOES
        seen += [item["card_id"] for item in page["items"]]
        moments += [(item["last_activity_at"], item["card_id"]) for item in page["items"]]
        cursor = page["next_cursor"]
    assert sorted(seen) == [n for n in range(1, CARDS + 1) if n % len(crowd.FIRST_NAMES) == 0]
    assert moments == sorted(moments, reverse=True)


@pytest.mark.parametrize("sort", list(CardSort))
def test_given_filters_when_counted_then_the_total_is_what_the_pages_hold(
    db: Session, merchant_id: int, sort: CardSort
) -> None:
    numbers = range(1, CARDS + 1)
    ready = {n for n in numbers if n % 29 == 0}
    suspended = {n for n in numbers if n % 31 == 0}
    expected: list[tuple[dict[str, Any], set[int]]] = [
        ({"reward_ready": True}, ready),
        ({"status": "suspended"}, suspended),
        ({"status": "suspended", "reward_ready": True}, suspended & ready),
        ({"status": "merged"}, set()),
        ({"inactive_since": crowd.NOW, "reward_ready": True}, ready),
    ]
    for how, cards in expected:
        page = card_lists.list_cards(
            db, merchant_id=merchant_id, limit=CARDS, sort=sort, include_total=True, **how
        )
        assert {item["card_id"] for item in page["items"]} == cards, how
        assert page["total"] == len(page["items"]) == len(cards), how
    page = card_lists.list_cards(
        db, merchant_id=merchant_id, reward_ready=False, sort=sort, include_total=True
    )
    assert page["total"] == CARDS - len(ready)


def test_given_another_merchants_thousand_zoes_when_searched_then_only_ones_own_are_looked_at(
    db: Session, merchant_id: int
) -> None:
    shop = factories.make_shop(db)
    engine = db.get_bind().engine
    with engine.begin() as connection:  # bulk left the next number at one
        person = {
            "id": CARDS + shop.merchant_id * 10, "merchant_id": shop.merchant_id,
            "first_name": "Zoé", "last_name": "Other", "email": "zoe@other.example",
            "search_text": "zoe other zoe@other.example", "created_at": crowd.NOW,
        }  # fmt: skip
        connection.execute(insert(Customer).values(person))
    plan = plans(db, shop.merchant_id, search="zoé")
    assert not WHOLE_TABLE.findall(plan), plan
    assert hits_of(db, shop.merchant_id, "zoe") == 1
    assert hits_of(db, merchant_id, "zoe") == ZOES
    assert hits_of(db, shop.merchant_id, "zo") == 1
    assert hits_of(db, merchant_id + 1000, "zoe") == 0


def hits_of(db: Session, merchant_id: int, word: str) -> int:
    """How many people the index itself names."""
    found = customer_search.hits(db, merchant_id=merchant_id, spellings=[(word,)])
    return db.execute(select(func.count()).select_from(found.subquery())).scalar_one()
