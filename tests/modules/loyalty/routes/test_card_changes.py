"""Managers change cards and people over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.modules.loyalty.types import Draft, EntryType
from tests import factories
from tests.modules.loyalty.routes.conftest import STORE, Api, problem_of
from tests.reads import card_now, ledger_of


def patch(api: Api, path: str, body: dict[str, Any], who: str = "manager") -> Any:
    return api.client.patch(f"{STORE}{path}", json=body, headers=api.headers(who))


def test_given_a_card_when_suspended_and_noted_then_the_answer_shows_both(api: Api) -> None:
    card = api.card(stamps=3)
    answer = patch(api, f"/cards/{card.id}", {"status": "suspended", "note": "Lost it twice"})
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["note"]) == ("suspended", "Lost it twice")
    seen = api.get(f"/cards/{card.id}", "cashier").json()
    assert (seen["status"], seen["note"], seen["merged_into_id"]) == (
        "suspended", "Lost it twice", None,
    )  # fmt: skip
    refused = api.post("/stamp", {"card_id": card.id})
    assert problem_of(refused) == (409, "card_inactive")


@pytest.mark.parametrize("body", [{}, {"reason": "Why"}, {"status": "erased"}, {"status": None}])
def test_given_a_change_that_says_nothing_when_sent_then_refused(
    api: Api, body: dict[str, Any]
) -> None:
    card = api.card()
    assert problem_of(patch(api, f"/cards/{card.id}", body)) == (422, "validation_error")


def test_given_a_person_when_corrected_then_the_card_shows_it_and_a_conflict_names_the_other_card(
    api: Api,
) -> None:
    card, other = api.card(), api.card()
    taken = api.get(f"/cards/{other.id}").json()["customer"]["email"]
    path = f"/cards/{card.id}/customer"
    answer = patch(api, path, {"first_name": "Zoë", "email": "new@example.com"})
    assert answer.status_code == 200
    assert answer.json()["customer"]["first_name"] == "Zoë"
    assert answer.json()["customer"]["contact_pending"] is True
    refused = patch(api, path, {"email": taken})
    assert problem_of(refused) == (422, "validation_error")
    assert refused.json()["errors"][0]["code"] == "contact_in_use"
    assert refused.json()["params"] == {"card_id": other.id}
    assert taken not in refused.text


def test_given_a_lost_card_when_replaced_then_the_old_code_says_so(api: Api) -> None:
    card = api.card(stamps=3)
    body = {"reason": "Lost on the bus"}
    answer = api.post(f"/cards/{card.id}/replace", body, "manager", key="new-1")
    again = api.post(f"/cards/{card.id}/replace", body, "manager", key="new-1")
    assert (answer.status_code, again.status_code) == (200, 200)
    assert answer.json()["card_number"] == again.json()["card_number"] != card.card_number
    refused = api.post("/stamp", {"qr_code": card.qr_code_data})
    assert problem_of(refused) == (409, "card_replaced")
    assert problem_of(api.post(f"/cards/{card.id}/replace", {}, "manager")) == (
        422, "validation_error",
    )  # fmt: skip


def test_given_two_cards_when_merged_then_previewed_first_and_replayed_afterwards(api: Api) -> None:
    card, other = api.card(stamps=9), api.card(stamps=3)
    path, body = f"/cards/{card.id}/merge", {"other_card_id": other.id}
    preview = api.post(path, body | {"dry_run": True}, "manager")
    assert preview.status_code == 200
    assert preview.json()["dry_run"] is True
    assert preview.json()["preview"]["other"]["stamp_count"] == 3
    assert problem_of(api.post(path, body, "manager")) == (422, "validation_error")
    # when
    body["reason"] = "The same person joined twice"  # type: ignore[assignment]
    merged = api.post(path, body, "manager", key="merge-1")
    again = api.post(path, body, "manager", key="merge-1")
    # then
    same = ("stamp_count", "stamps_target", "rewards_available", "points_balance", "card_id")
    assert [merged.json()[name] for name in same] == [preview.json()[name] for name in same]
    assert merged.json() == again.json()
    assert "Idempotency-Replayed" not in merged.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert card_now(api.db, card).stamp_count == 12
    assert ledger_of(api.db, other)[-1] == ("cards_merged", -3, 0)
    gone = api.get(f"/cards/{other.id}").json()
    assert (gone["status"], gone["merged_into_id"]) == ("merged", card.id)
    # and
    assert problem_of(api.post(path, body, "manager", key="merge-2")) == (409, "card_inactive")
    itself = {"other_card_id": card.id, "reason": "By mistake"}
    assert problem_of(api.post(path, itself, "manager")) == (422, "validation_error")
    third = api.card()
    other_way = {"other_card_id": third.id, "reason": "Another one"}
    assert problem_of(api.post(path, other_way, "manager", key="merge-1")) == (
        422, "idempotency_key_reused",
    )  # fmt: skip


def test_given_more_than_a_card_can_hold_when_merged_then_amount_too_large(
    api: Api, db: Session
) -> None:
    card, other = api.card(), api.card()
    for one in (card, other):
        factories.post(db, one, [Draft(EntryType.POINTS_ADJUSTED, points_delta=2**53 - 1)])
    body = {"other_card_id": other.id, "reason": "Same person"}
    refused = api.post(f"/cards/{card.id}/merge", body, "manager")
    assert problem_of(refused) == (422, "amount_too_large")


def test_given_a_person_when_exported_and_erased_then_once_and_never_again(api: Api) -> None:
    card = api.card(stamps=3)
    export = api.get(f"/cards/{card.id}/export", "manager")
    assert export.status_code == 200
    assert export.headers["cache-control"] == "no-store"
    assert export.json()["cards"][0]["card_number"] == card.card_number
    # when
    body = {"reason": "Asked for at the counter"}
    first = api.post(f"/cards/{card.id}/erase", body, "manager").json()
    second = api.post(f"/cards/{card.id}/erase", body, "manager").json()
    # then
    assert (first["already"], second["already"]) == (False, True)
    assert first["erased_at"] == second["erased_at"]
    gone = api.get(f"/cards/{card.id}/export", "manager")
    assert problem_of(gone) == (404, "customer_not_found")
    assert problem_of(api.post("/stamp", {"card_id": card.id})) == (409, "card_inactive")
    assert problem_of(api.post("/stamp", {"qr_code": card.qr_code_data})) == (404, "card_not_found")
    for path, sent in (("", {"note": "x"}), ("/customer", {"first_name": "Eve"})):
        assert problem_of(patch(api, f"/cards/{card.id}{path}", sent)) == (409, "card_inactive")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "", {"status": "suspended"}),
        ("PATCH", "/customer", {"first_name": "Eve"}),
        ("POST", "/replace", {"reason": "Lost it"}),
        ("POST", "/merge", {"other_card_id": 1, "dry_run": True}),
        ("POST", "/erase", {"reason": "No reason"}),
        ("GET", "/export", None),
    ],
)
def test_given_a_cashier_when_they_change_a_card_then_forbidden(
    api: Api, method: str, path: str, body: dict[str, Any] | None
) -> None:
    card = api.card()
    answer = api.client.request(
        method, f"{STORE}/cards/{card.id}{path}", json=body, headers=api.headers("cashier")
    )
    assert problem_of(answer) == (403, "forbidden")
