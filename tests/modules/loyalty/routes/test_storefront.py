"""/storefront/loyalty: joining, and the customer's own card."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine
from starlette.testclient import TestClient

from app.core.web.csrf import csrf_token
from app.modules.customers.models import Customer
from app.modules.loyalty.models import LoyaltyCard
from tests import factories, reads
from tests.fixtures import DIALECTS
from tests.modules.loyalty.routes.conftest import (
    STOREFRONT,
    Api,
    make_customer_session,
    problem_of,
)

PERSON = {"email": "zoe@example.com", "first_name": "Zoé", "last_name": "Straßer"}
KEY = {"Idempotency-Key": "join-1"}


@pytest.fixture(params=DIALECTS)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Both databases: this is the path that must not differ."""
    chosen: Engine = request.getfixturevalue(f"{request.param}_engine")
    return chosen


def join(
    api: Api, body: dict[str, Any] | None = None, headers: dict[str, str] | None = None
) -> Any:
    sent = {"X-Store-Code": api.shop.store.code} | (headers or {})
    return api.client.post(
        f"{STOREFRONT}/enroll", json=PERSON if body is None else body, headers=sent
    )


def another_device(api: Api) -> Api:
    """The same shop, called from another device."""
    return Api(api.db, api.shop, api.second_store, TestClient(api.client.app))


def as_browser(api: Api, application: FastAPI, browser: str) -> dict[str, str]:
    """The headers of one of our pages in a browser that was here before."""
    api.client.cookies.set("orion_browser", browser)
    return {"X-CSRF-Token": csrf_token(application.state.web.keyring, browser)}


def member_headers(api: Api, card: LoyaltyCard) -> dict[str, str]:
    return {"Authorization": f"Bearer {make_customer_session(api.db, card)}"}


def test_given_somebody_new_when_joining_then_a_card_and_this_device_is_signed_in(
    api: Api,
) -> None:
    answer = join(api)
    assert answer.status_code == 201
    card = answer.json()["card"]
    assert (card["stamp_count"], card["stamps_target"]) == (0, 10)
    assert card["customer"]["contact_pending"] is True
    assert answer.json()["wallet_urls"] == {"google_wallet_url": None, "apple_wallet_url": None}
    cookie = answer.headers["set-cookie"]
    assert "orion_customer=" in cookie
    assert "HttpOnly" in cookie
    shown = api.client.get(f"{STOREFRONT}/card")
    assert shown.json() == card
    assert shown.headers["cache-control"] == "no-store"


def test_c63_given_a_known_address_when_joining_then_the_answer_is_a_strangers(api: Api) -> None:
    known = factories.make_customer(api.db, merchant_id=api.merchant_id, email="zoe@example.com")
    theirs = api.card(customer_id=known.id, stamps=7)
    stranger = join(api, PERSON | {"email": "new@example.com"})
    answer = join(another_device(api), PERSON)
    assert answer.status_code == stranger.status_code == 201
    assert answer.json().keys() == stranger.json().keys()
    assert answer.json()["card"].keys() == stranger.json()["card"].keys()
    assert theirs.card_number not in answer.text
    assert answer.json()["card"]["stamp_count"] == 0


def test_given_a_lost_answer_when_the_same_browser_asks_again_then_the_same_card(
    api: Api, application: FastAPI
) -> None:
    headers = as_browser(api, application, "browser-1") | KEY
    first = join(api, headers=headers)
    retry = join(api, headers=headers)
    assert (retry.status_code, retry.json()) == (201, first.json())
    assert retry.headers["Idempotency-Replayed"] == "true"
    assert reads.count_of(api.db, LoyaltyCard, merchant_id=api.merchant_id) == 1


def test_given_somebody_elses_key_when_joining_then_never_their_card(
    api: Api, application: FastAPI
) -> None:
    first = join(api, headers=as_browser(api, application, "browser-1") | KEY)
    elsewhere = another_device(api)
    other = join(elsewhere, headers=as_browser(elsewhere, application, "browser-2") | KEY)
    nowhere = join(another_device(api), headers=KEY)
    numbers = {answer.json()["card"]["card_number"] for answer in (first, other, nowhere)}
    assert len(numbers) == 3


def test_given_a_page_of_another_site_when_it_joins_for_a_visitor_then_refused(
    api: Api, application: FastAPI
) -> None:
    page = as_browser(api, application, "browser-1")
    foreign = join(api, headers=page | {"Sec-Fetch-Site": "cross-site"})
    assert problem_of(foreign) == (403, "csrf_failed")
    assert problem_of(join(api)) == (403, "csrf_failed")
    assert reads.rows_of(api.db, Customer, merchant_id=api.merchant_id) == []


@pytest.mark.parametrize(
    "body",
    [
        {}, {"first_name": "Zoé"}, {"email": "nobody"}, PERSON | {"customer_id": 1},
        PERSON | {"locale": "xx"}, {"phone": "06 12"}, PERSON | {"marketing_consent": 1},
    ],
)  # fmt: skip
def test_given_a_senseless_form_when_joining_then_refused_and_nobody_made(
    api: Api, body: dict[str, Any]
) -> None:
    assert problem_of(join(api, body)) == (422, "validation_error")
    assert reads.rows_of(api.db, Customer, merchant_id=api.merchant_id) == []


def test_given_a_counter_only_merchant_when_joining_then_refused(api: Api) -> None:
    factories.make_settings(api.db, merchant_id=api.merchant_id, allow_self_enrollment=False)
    assert problem_of(join(api)) == (403, "self_enrollment_disabled")


def test_given_many_from_one_address_when_joining_then_limited(
    api: Api, application: FastAPI
) -> None:
    application.state.web.limits._overrides.pop("enrolments_by_address")
    body = {"first_name": "no contact"}
    codes = [problem_of(join(api, body))[0] for _ in range(31)]
    assert codes == [422] * 30 + [429]


def test_given_a_member_when_polling_then_304_until_something_changes(api: Api) -> None:
    card = api.card(stamps=2)
    member = member_headers(api, card)
    first = api.client.get(f"{STOREFRONT}/card", headers=member)
    assert (first.status_code, first.json()["stamp_count"]) == (200, 2)
    polling = member | {"If-None-Match": first.headers["etag"]}
    known = api.client.get(f"{STOREFRONT}/card", headers=polling)
    assert (known.status_code, known.content) == (304, b"")
    assert known.headers["cache-control"] == "no-store"
    api.post("/stamp", {"card_id": card.id})
    changed = api.client.get(f"{STOREFRONT}/card", headers=polling)
    assert (changed.status_code, changed.json()["stamp_count"]) == (200, 3)
    api.client.patch(
        "/api/v1/store/loyalty/program",
        json={"card_color": "#000"},
        headers=api.headers("owner"),
    )
    polling = member | {"If-None-Match": changed.headers["etag"]}
    assert api.client.get(f"{STOREFRONT}/card", headers=polling).status_code == 200


def test_given_a_member_when_reading_the_history_then_own_lines_without_names_of_staff(
    api: Api,
) -> None:
    card, other = api.card(), api.card()
    api.post("/stamp", {"card_id": card.id, "notes": "grumpy today"})
    api.post("/stamp", {"card_id": other.id})
    answer = api.client.get(f"{STOREFRONT}/transactions", headers=member_headers(api, card))
    items = answer.json()["items"]
    assert [entry["type"] for entry in items] == ["stamp_earned", "card_created"]
    assert not {"actor_name", "actor_kind", "notes", "terminal_id"} & set(items[0])
    assert "grumpy" not in answer.text


@pytest.mark.parametrize("path", ["card", "transactions"])
def test_given_nobody_or_staff_when_reading_the_own_card_then_401(api: Api, path: str) -> None:
    assert problem_of(api.client.get(f"{STOREFRONT}/{path}")) == (401, "unauthenticated")
    staff = api.client.get(f"{STOREFRONT}/{path}", headers=api.headers())
    assert problem_of(staff) == (401, "unauthenticated")
