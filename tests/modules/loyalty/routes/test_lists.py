"""What all lists have in common: a total where it is asked for, and no filter they do not know."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from tests import factories
from tests.modules.loyalty.routes.conftest import (
    STORE,
    STOREFRONT,
    Api,
    make_customer_session,
    make_session,
    problem_of,
)

ADMIN = "/api/v1/admin/loyalty"
LISTS = {
    f"{STORE}/cards": 2,
    f"{STORE}/cards/{{card_id}}/transactions": 3,
    f"{STORE}/transactions": 4,  # both cards began with an entry
    f"{STOREFRONT}/transactions": 3,
    f"{ADMIN}/programs": 1,
}


# Has a list in it, of which its own tests tell.
NO_LISTS = {f"{ADMIN}/wallet/status"}


def headers_for(api: Api, path: str, card_token: str) -> dict[str, str]:
    if path.startswith(STOREFRONT):
        return {"Authorization": f"Bearer {card_token}"}
    if path.startswith(ADMIN):
        return {"Authorization": f"Bearer {make_session(api.db, merchant_id=None)}"}
    return api.headers("owner")


@pytest.mark.parametrize(("path", "total"), LISTS.items())
def test_given_a_list_when_its_total_is_asked_for_then_only_then_and_beside_any_page(
    api: Api, path: str, total: int
) -> None:
    card, _other = api.card(stamps=3), api.card()
    api.post("/stamp", {"card_id": card.id})
    headers = headers_for(api, path, make_customer_session(api.db, card))
    url = path.format(card_id=card.id)
    page = api.client.get(f"{url}?limit=1&include_total=true", headers=headers).json()
    assert (page["total"], len(page["items"])) == (total, 1)
    plain = api.client.get(f"{url}?limit=1", headers=headers).json()
    assert plain["total"] is None
    if page["next_cursor"]:
        more = {"limit": 1, "include_total": "true", "cursor": page["next_cursor"]}
        following = api.client.get(url, headers=headers, params=more).json()
        assert following["total"] == total
    assert problem_of(api.client.get(f"{url}?include_total=2", headers=headers))[0] == 422


def test_given_a_filter_when_the_total_is_asked_for_then_it_counts_what_fits(api: Api) -> None:
    card = api.card(stamps=3)
    api.post("/stamp", {"card_id": card.id})
    page = api.get("/transactions?type=stamp_earned&include_total=true", "owner").json()
    assert page["total"] == 1


def test_given_the_document_when_lists_are_counted_then_each_stands_here(
    application: FastAPI,
) -> None:
    paged = {
        path
        for path, operations in application.openapi()["paths"].items()
        for parameter in operations.get("get", {}).get("parameters", [])
        if parameter["name"] == "include_total"
    }
    assert paged == set(LISTS) | NO_LISTS


def test_given_a_full_plan_when_cards_are_merged_or_erased_then_there_is_room_again(
    api: Api,
) -> None:
    factories.make_settings(api.db, merchant_id=api.merchant_id, max_cards=2)
    first, second = api.card(), api.card()
    body = {"email": "zoe@example.com"}
    assert problem_of(api.post("/cards/enroll", body)) == (409, "quota_exceeded")
    merge = {"other_card_id": second.id, "reason": "joined twice"}
    assert api.post(f"/cards/{first.id}/merge", merge, "owner").status_code == 200
    assert api.post("/cards/enroll", body).status_code == 201


@pytest.mark.parametrize("path", LISTS)
def test_given_a_filter_no_list_knows_when_sent_then_refused_and_not_ignored(
    api: Api, path: str
) -> None:
    card = api.card()
    headers = headers_for(api, path, make_customer_session(api.db, card))
    url = path.format(card_id=card.id)
    misspelt = api.client.get(f"{url}?limit=1&rewrad_ready=true", headers=headers)
    assert problem_of(misspelt) == (422, "validation_error")
    assert misspelt.json()["errors"] == [
        {
            "loc": ["query", "rewrad_ready"], "code": "extra_forbidden",
            "message": "This field does not exist.",
        }
    ]  # fmt: skip
    here = api.client.get(f"{url}?store={api.shop.store.code}", headers=headers)
    assert here.status_code == 200
