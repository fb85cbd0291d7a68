"""Whose storefront it is, and which customer's device."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.core.clock import utc_now
from app.modules.tenancy.services.auth_service import issue_customer_token, sign_out
from tests.factories import Shop, make_customer, make_shop, make_store, make_user
from tests.modules.tenancy.routes.requests import bearer, code_of, csrf_of, token_for

FRONT = "/api/v1/probe/front"
STORE, CUSTOMER = f"{FRONT}/store", f"{FRONT}/customer"


@pytest.fixture
def shop(db: Session) -> Shop:
    return make_shop(db)


@pytest.fixture
def other(db: Session) -> Shop:
    return make_shop(db)


def member_token(db: Session, shop: Shop, days_ago: int = 0) -> str:
    customer = make_customer(db, merchant_id=shop.merchant_id)
    joined = utc_now() - timedelta(days=days_ago)
    return issue_customer_token(
        db, merchant_id=shop.merchant_id, customer_id=customer.id, now=joined
    )


def test_given_one_store_on_the_platform_when_asked_then_it_is_that_one(
    client: TestClient, shop: Shop
) -> None:
    assert client.get(STORE).json()["store_id"] == shop.store.id


def test_given_no_store_when_asked_then_there_is_none(client: TestClient) -> None:
    assert code_of(client.get(STORE)) == "store_not_found"


def test_given_several_stores_when_none_is_named_then_one_is_required(
    client: TestClient, shop: Shop, other: Shop
) -> None:
    answer = client.get(STORE)
    assert (answer.status_code, code_of(answer)) == (400, "store_required")


@pytest.mark.parametrize("way", ["header", "query", "host"])
def test_given_several_stores_when_one_is_named_then_it_is_that_one(
    client: TestClient, shop: Shop, other: Shop, way: str
) -> None:
    code = other.store.code
    asked = {
        "header": {"headers": {"X-Store-Code": code}},
        "query": {"params": {"store": code}},
        "host": {"headers": {"Host": f"{code.upper()}.Orion.example:8000"}},
    }[way]
    assert client.get(STORE, **asked).json()["store_id"] == other.store.id  # type: ignore[arg-type]


def test_given_a_named_store_when_asked_again_then_the_device_remembers_it(
    client: TestClient, shop: Shop, other: Shop
) -> None:
    client.get(STORE, params={"store": other.store.code})
    assert client.get(STORE).json()["store_id"] == other.store.id
    client.get(STORE, params={"store": shop.store.code})
    answer = client.get(STORE)
    assert answer.json()["store_id"] == shop.store.id
    assert "set-cookie" not in answer.headers


def test_given_a_host_of_a_store_when_asked_then_it_outweighs_header_and_memory(
    client: TestClient, shop: Shop, other: Shop
) -> None:
    client.get(STORE, params={"store": other.store.code})
    host = {"Host": f"{shop.store.code}.orion.example", "X-Store-Code": other.store.code}
    assert client.get(STORE, headers=host).json()["store_id"] == shop.store.id


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("no-such-shop.orion.example", "store_not_found"),
        ("a.b.orion.example", "store_required"),
        ("orion.example.evil.example", "store_required"),
        ("xorion.example", "store_required"),
        ("", "store_required"),
    ],
)
def test_given_another_host_when_asked_then_it_names_no_store(
    client: TestClient, shop: Shop, other: Shop, host: str, code: str
) -> None:
    assert code_of(client.get(STORE, headers={"Host": host})) == code


def test_given_a_remembered_store_that_is_gone_when_asked_then_memory_is_ignored(
    client: TestClient, shop: Shop
) -> None:
    client.cookies.set("orion_store", "no-such-store")
    assert client.get(STORE).json()["store_id"] == shop.store.id


def test_given_a_store_that_does_not_exist_when_named_then_it_is_not_remembered(
    client: TestClient, shop: Shop, other: Shop
) -> None:
    assert code_of(client.get(STORE, params={"store": "no-such-store"})) == "store_not_found"
    assert "orion_store" not in client.cookies


def test_given_a_device_with_a_card_when_asked_then_the_customer_is_known(
    client: TestClient, db: Session, shop: Shop
) -> None:
    assert code_of(client.get(CUSTOMER)) == "unauthenticated"
    token = member_token(db, shop)
    assert client.get(CUSTOMER, headers=bearer(token)).json()["merchant_id"] == shop.merchant_id
    client.post(f"{FRONT}/keep/{token}")
    assert client.get(CUSTOMER).json()["merchant_id"] == shop.merchant_id


def test_given_cards_of_two_merchants_when_one_is_named_then_its_own_card_shows(
    client: TestClient, db: Session, shop: Shop, other: Shop
) -> None:
    client.cookies.set("orion_customer", member_token(db, shop))
    cookie = client.cookies["orion_customer"]
    # A second card of the phone, on the same host: the first must not get lost.
    client.cookies.set("orion_customer", f"{member_token(db, other)}.{cookie}")
    seen = {
        client.get(CUSTOMER, headers={"X-Store-Code": asked.store.code}).json()["merchant_id"]
        for asked in (shop, other)
    }
    assert seen == {shop.merchant_id, other.merchant_id}


def test_given_a_device_with_a_card_when_it_joins_elsewhere_then_both_tokens_are_kept(
    client: TestClient, db: Session, shop: Shop, other: Shop
) -> None:
    first, second = member_token(db, shop), member_token(db, other)
    assert client.post(f"{FRONT}/keep/{first}").status_code == 200
    client.get("/login")  # gives the browser its anonymous id
    answer = client.post(f"{FRONT}/keep/{second}", headers=csrf_headers(client))
    assert answer.status_code == 200
    assert client.cookies["orion_customer"] == f"{second}.{first}"


def test_given_many_tokens_in_the_cookie_when_one_more_comes_then_the_oldest_goes(
    client: TestClient,
) -> None:
    full = ".".join(f"token-{n}" for n in range(8))
    client.cookies.set("orion_customer", full, domain="orion.example")
    client.post(f"{FRONT}/keep/new", headers=csrf_headers(client))
    assert client.cookies["orion_customer"] == ".".join(["new", *(f"token-{n}" for n in range(7))])


def test_given_another_merchants_customer_when_asked_then_nobody_is_signed_in(
    client: TestClient, db: Session, shop: Shop, other: Shop
) -> None:
    client.cookies.set("orion_customer", member_token(db, other))
    answer = client.get(CUSTOMER, headers={"X-Store-Code": shop.store.code})
    assert (answer.status_code, code_of(answer)) == (401, "unauthenticated")


def test_given_an_ended_or_revoked_device_when_asked_then_nobody_is_signed_in(
    client: TestClient, db: Session, shop: Shop
) -> None:
    ended, revoked = member_token(db, shop, days_ago=365), member_token(db, shop)
    sign_out(db, token=revoked)
    for token in (ended, revoked):
        client.cookies.set("orion_customer", token)
        assert code_of(client.get(CUSTOMER)) == "unauthenticated"


def test_given_staff_when_they_ask_for_a_customers_page_then_they_are_none(
    client: TestClient, db: Session, shop: Shop
) -> None:
    make_store(db, merchant_id=shop.merchant_id)
    token = token_for(client, make_user(db, merchant_id=shop.merchant_id))
    assert code_of(client.get(CUSTOMER, headers=bearer(token))) == "unauthenticated"
    client.cookies.set("orion_customer", token)
    assert code_of(client.get(CUSTOMER)) == "unauthenticated"


def csrf_headers(client: TestClient) -> dict[str, str]:
    return {"X-CSRF-Token": csrf_of(client)}
