"""Which store and merchant a request of staff is about, and who may ask at all."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.core.security import new_token
from app.modules.tenancy.models import Store
from app.modules.tenancy.services import api_key_service
from app.modules.tenancy.services.auth_service import issue_customer_token
from tests.factories import Shop, make_customer, make_shop, make_store, make_terminal, make_user
from tests.modules.tenancy.routes.requests import bearer, code_of, token_for

STORE = "/api/v1/probe/store"


@pytest.fixture
def shop(db: Session) -> Shop:
    return make_shop(db)


@pytest.fixture
def second(db: Session, shop: Shop) -> Store:
    return make_store(db, merchant_id=shop.merchant_id)


@pytest.fixture
def owner(client: TestClient, db: Session, shop: Shop) -> dict[str, str]:
    """Headers of somebody who works in all stores."""
    return bearer(token_for(client, make_user(db, merchant_id=shop.merchant_id)))


@pytest.fixture
def cashier(client: TestClient, db: Session, shop: Shop) -> dict[str, str]:
    """Headers of somebody who works in the first store."""
    user = make_user(db, merchant_id=shop.merchant_id, role="cashier", store_id=shop.store.id)
    return bearer(token_for(client, user))


def key_for(db: Session, shop: Shop, *scopes: str, **options: Any) -> dict[str, str]:
    key = api_key_service.create_api_key(
        db, merchant_id=shop.merchant_id, name="Till", scopes=scopes, **options
    )
    return bearer(key["token"])


def test_given_one_store_when_none_is_named_then_it_is_that_one(
    client: TestClient, shop: Shop, owner: dict[str, str]
) -> None:
    assert client.get(STORE, headers=owner).json() == {
        "merchant_id": shop.merchant_id,
        "store_id": shop.store.id,
        "code": shop.store.code,
    }


def test_given_two_stores_when_none_is_named_then_one_is_required(
    client: TestClient, second: Store, owner: dict[str, str]
) -> None:
    answer = client.get(STORE, headers=owner)
    assert (answer.status_code, code_of(answer)) == (400, "store_required")
    assert client.get(STORE, headers=owner | {"X-Store-Code": ""}).status_code == 400


def test_given_two_stores_when_one_is_named_then_header_or_query_say_which(
    client: TestClient, shop: Shop, second: Store, owner: dict[str, str]
) -> None:
    by_header = client.get(STORE, headers=owner | {"X-Store-Code": second.code.upper()})
    by_query = client.get(STORE, headers=owner, params={"store": shop.store.code})
    assert by_header.json()["store_id"] == second.id
    assert by_query.json()["store_id"] == shop.store.id


def test_given_another_merchants_store_when_named_then_it_does_not_exist(
    client: TestClient, db: Session, owner: dict[str, str]
) -> None:
    foreign = make_shop(db).store
    bodies = []
    for code in (foreign.code, "no-such-store"):
        answer = client.get(STORE, headers=owner | {"X-Store-Code": code})
        assert answer.status_code == 404
        bodies.append({k: v for k, v in answer.json().items() if k != "request_id"})
    assert bodies[0] == bodies[1]


def test_given_a_bound_token_when_no_store_is_named_then_it_is_its_own(
    client: TestClient, shop: Shop, second: Store, cashier: dict[str, str]
) -> None:
    assert client.get(STORE, headers=cashier).json()["store_id"] == shop.store.id
    own = client.get(STORE, headers=cashier | {"X-Store-Code": shop.store.code})
    assert own.json()["store_id"] == shop.store.id


def test_given_a_bound_token_when_another_store_is_named_then_it_does_not_exist(
    client: TestClient, second: Store, cashier: dict[str, str]
) -> None:
    answer = client.get(STORE, headers=cashier | {"X-Store-Code": second.code})
    assert (answer.status_code, code_of(answer)) == (404, "store_not_found")


def test_given_a_terminal_when_no_store_is_named_then_it_is_where_the_device_stands(
    client: TestClient, db: Session, shop: Shop, second: Store
) -> None:
    user = make_user(db, merchant_id=shop.merchant_id)
    device = new_token()
    make_terminal(db, merchant_id=shop.merchant_id, store_id=second.id, token=device)
    client.cookies.set("orion_session", token_for(client, user))
    client.cookies.set("orion_terminal", device)
    assert client.get(STORE).json()["store_id"] == second.id
    named = client.get(STORE, headers={"X-Store-Code": shop.store.code})
    assert named.json()["store_id"] == shop.store.id


@pytest.mark.parametrize("code", ["x" * 64, "a\u00e9".encode("latin-1").decode("latin-1")])
def test_given_a_senseless_store_code_when_named_then_it_is_a_refusal(
    client: TestClient, owner: dict[str, str], code: str
) -> None:
    answer = client.get(STORE, headers=owner, params={"store": code})
    assert code_of(answer) in ("validation_error", "store_not_found")


def test_given_scopes_when_a_key_is_used_then_reading_and_writing_are_apart(
    client: TestClient, db: Session, shop: Shop
) -> None:
    reads, writes = key_for(db, shop, "loyalty:read"), key_for(db, shop, "loyalty:write")
    tries = {
        (name, what): code_of(client.request(method, path, headers=headers))
        for name, headers in (("reader", reads), ("writer", writes))
        for what, method, path in (
            ("get", "GET", STORE),
            ("post", "POST", STORE),
            ("look up", "POST", "/api/v1/probe/lookup"),
        )
    }
    assert tries == {
        ("reader", "get"): None,
        ("reader", "post"): "forbidden",
        ("reader", "look up"): None,
        ("writer", "get"): "forbidden",
        ("writer", "post"): None,
        ("writer", "look up"): "forbidden",
    }


def test_given_a_bound_key_when_used_then_it_stays_in_its_store(
    client: TestClient, db: Session, shop: Shop, second: Store
) -> None:
    key = key_for(db, shop, "loyalty:read", store_id=second.id)
    assert client.get(STORE, headers=key).json()["store_id"] == second.id
    other = client.get(STORE, headers=key | {"X-Store-Code": shop.store.code})
    assert code_of(other) == "store_not_found"


def test_given_each_caller_when_a_role_is_asked_then_only_the_right_ones_pass(
    client: TestClient, db: Session, shop: Shop, owner: dict[str, str], cashier: dict[str, str]
) -> None:
    manager = make_user(db, merchant_id=shop.merchant_id, role="manager")
    customer = make_customer(db, merchant_id=shop.merchant_id)
    token = issue_customer_token(db, merchant_id=shop.merchant_id, customer_id=customer.id)
    callers = {
        "nobody": {},
        "owner": owner,
        "manager": bearer(token_for(client, manager)),
        "cashier": cashier,
        "admin": bearer(token_for(client, make_user(db, is_admin=True))),
        "key": key_for(db, shop, "loyalty:read", "loyalty:write"),
        "customer": bearer(token),
    }
    passed = {
        what: {
            name
            for name, headers in callers.items()
            if client.get(f"/api/v1/probe/{what}", headers=headers).status_code == 200
        }
        for what in ("principal", "store", "merchant", "manager", "owner", "admin")
    }
    assert passed == {
        "principal": set(callers) - {"nobody"},
        "store": {"owner", "manager", "cashier", "key"},
        "merchant": {"owner", "manager", "cashier", "key"},
        "manager": {"owner", "manager"},
        "owner": {"owner"},
        "admin": {"admin"},
    }


def test_given_an_admin_when_something_is_unlocked_then_the_store_must_be_named(
    client: TestClient, db: Session, shop: Shop, cashier: dict[str, str], owner: dict[str, str]
) -> None:
    admin = bearer(token_for(client, make_user(db, is_admin=True)))
    path = "/api/v1/probe/unlock"
    assert code_of(client.post(path, headers=admin)) == "store_required"
    named = client.post(path, headers=admin | {"X-Store-Code": shop.store.code})
    assert named.json()["merchant_id"] == shop.merchant_id
    assert client.post(path, headers=owner).json()["store_id"] == shop.store.id
    assert code_of(client.post(path, headers=cashier)) == "forbidden"


def test_given_a_busy_till_when_it_asks_again_then_no_statement_runs(
    client: TestClient, engine: Engine, cashier: dict[str, str]
) -> None:
    application_engine = client.app.state.engine  # type: ignore[attr-defined]
    client.post(STORE, headers=cashier)
    statements: list[str] = []
    event.listen(
        application_engine, "before_cursor_execute", lambda *seen: statements.append(seen[2])
    )
    for _ in range(3):
        assert client.post(STORE, headers=cashier).status_code == 200
        assert client.get("/api/v1/probe/store", headers=cashier).status_code == 200
    assert statements == []


def test_given_a_busy_till_when_it_asks_again_then_no_thread_is_needed(
    client: TestClient, cashier: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post(STORE, headers=cashier)

    async def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a thread hop on the hot path")

    monkeypatch.setattr("app.modules.tenancy.routes.deps.run_in_threadpool", refuse)
    assert client.post(STORE, headers=cashier).status_code == 200
    # The check itself can fail: what is not remembered is looked up in a thread.
    assert client.post(STORE, headers=bearer("another token")).status_code == 500
