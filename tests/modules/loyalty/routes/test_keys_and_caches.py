"""What holds for every route: a key does what its scopes say, and nobody keeps personal data."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI

from app.modules.tenancy.services import api_key_service
from tests import factories
from tests.modules.loyalty.routes.conftest import (
    STORE,
    Api,
    make_customer_session,
    make_session,
    problem_of,
)

# POST, and nothing is written: a key that may only read may ask.
ONLY_LOOKS = {f"POST {STORE}/cards/lookup", f"POST {STORE}/points/preview"}
# Looks and rules of a program, which pages ask for again and again.
# No wallet is set up here; what their answers may be kept by, their own tests ask.
PASSES = "/api/v1/loyalty/passes/"
ASKED_AGAIN = {"/api/v1/store/loyalty/program", "/api/v1/loyalty/programs/{store_code}"}


def operations_of(application: FastAPI, *methods: str) -> list[tuple[str, str]]:
    return [
        (method.upper(), path)
        for path, operations in application.openapi()["paths"].items()
        for method in operations
        if path.startswith("/api/v1/") and method in methods
    ]


def key_of(api: Api, *scopes: str) -> dict[str, str]:
    made = api_key_service.create_api_key(
        api.db, merchant_id=api.merchant_id, name="Till", scopes=scopes, pin_exempt=True
    )
    return {"Authorization": f"Bearer {made['token']}", "X-Store-Code": api.shop.store.code}


def test_given_a_key_that_may_only_read_when_it_writes_anywhere_then_forbidden(
    api: Api, application: FastAPI
) -> None:
    reader = key_of(api, "loyalty:read")
    for method, path in operations_of(application, "post", "patch", "delete"):
        if not path.startswith(STORE) or f"{method} {path}" in ONLY_LOOKS:
            continue
        answer = api.client.request(method, numbered(path), json={}, headers=reader)
        assert problem_of(answer) == (403, "forbidden"), f"{method} {path}"


def numbered(path: str) -> str:
    parts = ["1" if part.startswith("{") else part for part in path.split("/")]
    return "/".join(parts)


@pytest.mark.parametrize("scopes", [("loyalty:read",), ("loyalty:write",)])
def test_given_a_scope_when_a_key_uses_it_then_that_and_no_more(
    api: Api, scopes: tuple[str, ...]
) -> None:
    key, card = key_of(api, *scopes), api.card()
    reads = api.client.get(f"{STORE}/cards/{card.id}", headers=key)
    looks = api.client.post(f"{STORE}/cards/lookup", json={"query": card.card_number}, headers=key)
    writes = api.client.post(f"{STORE}/stamp", json={"card_id": card.id}, headers=key)
    may_read = "loyalty:read" in scopes
    assert [reads.status_code, looks.status_code, writes.status_code] == (
        [200, 200, 403] if may_read else [403, 403, 200]
    )


def test_given_any_answer_with_a_persons_data_when_sent_then_nobody_may_keep_it(
    api: Api, application: FastAPI
) -> None:
    card = api.card(stamps=3)
    program = {"program_id": api.shop.program.id, "merchant_id": api.merchant_id}
    known = {"card_id": card.id, "store_code": api.shop.store.code, **program}
    headers = {
        "store": api.headers("owner"),
        "storefront": {"Authorization": f"Bearer {make_customer_session(api.db, card)}"},
        "admin": {"Authorization": f"Bearer {make_session(api.db, merchant_id=None)}"},
        "auth": api.headers("cashier"),
        "loyalty": {},
    }
    seen = {}
    for _, path in operations_of(application, "get"):
        if path.startswith(PASSES):
            continue
        answer = api.client.get(path.format(**known), headers=headers[path.split("/")[3]])
        assert answer.status_code == 200, path
        seen[path] = answer.headers["cache-control"]
    kept = {path for path, word in seen.items() if word != "no-store"}
    assert kept == ASKED_AGAIN
    assert all("no-cache" in seen[path] for path in kept)


@pytest.mark.parametrize("who", ["owner", "cashier", "key"])
def test_given_an_operation_when_answered_then_its_names_are_short_for_everybody(
    api: Api, who: str
) -> None:
    customer = factories.make_customer(
        api.db, merchant_id=api.merchant_id, first_name="Anna", last_name="Strasser"
    )
    card = api.card(customer_id=customer.id)
    headers: Any = key_of(api, "loyalty:write") if who == "key" else api.headers(who)
    answer = api.client.post(f"{STORE}/stamp", json={"card_id": card.id}, headers=headers)
    assert answer.json()["customer_name"] == "Anna S."
    assert "Strasser" not in answer.text
