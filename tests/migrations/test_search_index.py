"""The search index comes, goes and comes again around ten thousand people, and misses nobody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, inspect, make_url, text, update

from app.core.db import build_engine, build_sessionmaker
from app.modules.customers.models import Customer, search_index
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.services import card_lists, card_pages
from bench import crowd
from bench.crowd import Crowd
from tests import databases, factories
from tests.fixtures import DIALECTS

CARDS, RENAMED = 10_000, 3000
WITH, WITHOUT = "0006", "0005"
OPERATIONS = databases.ROOT / "docs" / "operations.md"


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'search.db'}"


@pytest.fixture
def postgresql(postgresql_cluster: databases.Cluster) -> Iterator[str]:
    yield postgresql_cluster.create_database("search")
    postgresql_cluster.drop_database("search")


@pytest.fixture(params=DIALECTS)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A migrated database that is empty."""
    made = build_engine(request.getfixturevalue(request.param), sqlite_synchronous="NORMAL")
    databases.migrate(made)
    yield made
    made.dispose()


@pytest.fixture(autouse=True)
def _by_the_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card_pages, "LOOKED_THROUGH", 1)


def found(engine: Engine, filled: Crowd, search: str) -> list[int]:
    with build_sessionmaker(engine)() as db:
        page = card_lists.list_cards(
            db, merchant_id=filled.merchant_id, search=search, include_total=True
        )
    assert page["total"] == len(page["items"])
    return sorted(item["customer"]["id"] for item in page["items"])


def has_index(engine: Engine) -> bool:
    inspector = inspect(engine)
    if engine.dialect.name == "sqlite":
        return inspector.has_table(search_index.TABLE)
    return search_index.INDEX in {one["name"] for one in inspector.get_indexes("customers")}


def rename(engine: Engine, filled: Crowd, customer_id: int, words: str) -> None:
    mine = Customer.merchant_id == filled.merchant_id
    changed = update(Customer).where(mine, Customer.id == customer_id).values(search_text=words)
    with engine.begin() as connection:
        connection.execute(changed)


def add_member(engine: Engine, filled: Crowd, number: int, words: str) -> None:
    with engine.begin() as connection:
        template = connection.execute(
            text("SELECT program_id, enrolled_store_id FROM loyalty_cards WHERE id = 1")
        ).one()
        person = {"id": number, "merchant_id": filled.merchant_id, "created_at": crowd.NOW}
        connection.execute(insert(Customer).values(**person, search_text=words))
        card = {
            **person, "customer_id": number, "uid": f"{number:032x}", "card_number": str(number),
            "qr_code_data": f"new{number}", "stamps_target": 10, "head_hash": "0" * 64,
            "last_activity_at": crowd.NOW, **template._mapping,
        }  # fmt: skip
        connection.execute(insert(LoyaltyCard).values(card))


def test_given_ten_thousand_people_when_the_index_goes_and_comes_again_then_all_are_found(
    engine: Engine,
) -> None:
    filled = crowd.fill(engine, cards=CARDS)
    for number in (RENAMED, 4999, CARDS):
        assert found(engine, filled, crowd.last_name(number)) == [number]
    databases.migrate_down(engine, WITHOUT)
    assert not has_index(engine)
    add_member(engine, filled, CARDS + 1, "quirin while away")
    rename(engine, filled, RENAMED, "xaver new")
    databases.migrate(engine, WITH)
    assert has_index(engine)
    for number in (4999, CARDS):
        assert found(engine, filled, crowd.last_name(number)) == [number]
    assert found(engine, filled, "quirin") == [CARDS + 1]
    assert found(engine, filled, "xav") == [RENAMED]
    assert found(engine, filled, crowd.last_name(RENAMED)) == []
    add_member(engine, filled, CARDS + 2, "yannick afterwards")
    rename(engine, filled, CARDS + 1, "quentin")
    assert found(engine, filled, "ya") == [CARDS + 2]
    assert found(engine, filled, "quentin") == [CARDS + 1]
    assert found(engine, filled, "quirin") == []


@pytest.fixture
def shopkeeper(postgresql: str) -> Iterator[Engine]:
    """The database as somebody sees it who owns the tables and may not make extensions."""
    administrator = build_engine(postgresql)
    with administrator.begin() as connection:
        connection.exec_driver_sql("CREATE ROLE shopkeeper LOGIN")
        connection.exec_driver_sql("GRANT CREATE ON SCHEMA public TO shopkeeper")
    owner = build_engine(
        make_url(postgresql).set(username="shopkeeper").render_as_string(hide_password=False)
    )
    yield owner
    owner.dispose()
    with administrator.begin() as connection:
        connection.exec_driver_sql("DROP OWNED BY shopkeeper CASCADE")
        connection.exec_driver_sql("DROP ROLE shopkeeper")
    administrator.dispose()


def test_given_an_owner_who_may_make_no_extensions_when_migrated_then_searches_go_without_index(
    postgresql: str, shopkeeper: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    databases.migrate(shopkeeper)
    assert "docs/operations.md" in caplog.text
    assert not has_index(shopkeeper)
    with build_sessionmaker(shopkeeper)() as db:
        shop = factories.make_shop(db)
        people = [factories.make_card(db, shop=shop).customer_id for _ in range(5)]
    filled = Crowd(shop.merchant_id, len(people))
    assert found(shopkeeper, filled, "muller") == people
    administrator = build_engine(postgresql)
    with administrator.begin() as connection:
        for extension in search_index.EXTENSIONS:
            connection.exec_driver_sql(f"CREATE EXTENSION {extension}")
    administrator.dispose()
    with shopkeeper.begin() as connection:
        connection.exec_driver_sql(search_index.CREATE_INDEX)
    assert has_index(shopkeeper)
    assert found(shopkeeper, filled, "muller") == people
    databases.migrate_down(shopkeeper, WITHOUT)
    assert not has_index(shopkeeper)


def test_given_the_operations_page_when_read_then_it_has_the_statements_that_add_an_index() -> None:
    page = " ".join(OPERATIONS.read_text(encoding="utf-8").split())
    assert " ".join(search_index.CREATE_INDEX.split()) in page
    for extension in search_index.EXTENSIONS:
        assert f"CREATE EXTENSION {extension};" in page
