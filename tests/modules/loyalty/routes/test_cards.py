"""/store/loyalty/cards: lists, look-ups, enrolment at the counter."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from fastapi import FastAPI

from app.modules.customers.models import Consent, Customer
from app.modules.loyalty.models import LoyaltyCard
from tests import factories, reads
from tests.modules.loyalty.routes.conftest import STORE, Api, problem_of

# What people are called, what they type, and what only looks like mischief.
NAMES = [
    "O'Brien", "D\u2019Arcy", "Anne-Sophie M\u00fcller-L\u00ebtzebuerg", "Suharto", "U",
    "Nguy\u1ec5n Th\u1ecb \u00c1nh", "A" * 100, "Zoe\u0301", "Zo\u00e9",
    "\u05d3\u05e0\u05d4 Cohen", "\u0645\u062d\u0645\u062f \u0627\u0644\u0639\u0644\u064a",
    "Ben \u05db\u05d4\u05df 7/10", "Lucy \U0001f469\u200d\U0001f469\u200d\U0001f467",
    "\U0001f1f1\U0001f1fa", "Null", "undefined", "<b>Bold</b>", "{{7*7}}", "%@ %s %d",
    "Robert'); DROP TABLE cards;--", "=1+1",
]  # fmt: skip
CLEANED = [
    ("tab\tinside", "tab inside"), ("line\nbreak", "line break"),
    ("\u202eright-to-left override", "right-to-left override"), ("\u200b\u200b", ""),
    ("   ", ""), ("", ""),
]  # fmt: skip


def email(n: int) -> str:
    return f"guest.{n}@example.com"


@pytest.mark.parametrize("name", NAMES)
def test_c53_given_a_name_when_enrolled_then_it_is_shown_as_typed(api: Api, name: str) -> None:
    body = {"email": email(1), "first_name": name}
    card_id = api.post("/cards/enroll", body).json()["card_id"]
    shown = api.get(f"/cards/{card_id}").json()["customer"]["first_name"]
    assert shown == unicodedata.normalize("NFC", name)
    listed = api.get("/cards").json()["items"]
    assert [item["customer"]["first_name"] for item in listed] == [shown]


@pytest.mark.parametrize(("name", "kept"), CLEANED)
def test_c53_given_signs_nobody_sees_when_enrolled_then_they_are_dropped(
    api: Api, name: str, kept: str
) -> None:
    body = {"email": email(1), "last_name": name}
    card_id = api.post("/cards/enroll", body).json()["card_id"]
    assert api.get(f"/cards/{card_id}").json()["customer"]["last_name"] == kept


@pytest.mark.parametrize("name", ["A" * 101, "nul\0byte", "\ud800", None, 5])
def test_c53_given_a_name_that_cannot_be_when_enrolled_then_refused(api: Api, name: Any) -> None:
    answer = api.client.post(
        f"{STORE}/cards/enroll",
        content=json.dumps({"email": email(1), "first_name": name}),
        headers=api.headers(**{"Content-Type": "application/json"}),
    )
    assert problem_of(answer) == (422, "validation_error")
    assert reads.rows_of(api.db, Customer, merchant_id=api.merchant_id) == []


def test_given_a_guest_when_enrolled_twice_then_201_and_then_200_with_the_same_card(
    api: Api,
) -> None:
    body = {"email": " Zoe@Example.com", "first_name": "Zoé", "marketing_consent": True}
    first = api.post("/cards/enroll", body)
    assert (first.status_code, first.json()["created"]) == (201, True)
    second = api.post("/cards/enroll", {"email": "zoe@example.com"})
    assert (second.status_code, second.json()["created"]) == (200, False)
    assert second.json()["card_id"] == first.json()["card_id"]
    [card] = reads.rows_of(api.db, LoyaltyCard, merchant_id=api.merchant_id)
    assert [entry.type for entry in reads.entries_of(api.db, card)] == ["card_created"]
    [consent] = reads.rows_of(api.db, Consent, merchant_id=api.merchant_id)
    assert (consent.granted, consent.channel) == (True, "staff")


def test_given_a_lost_answer_when_enrolled_again_with_the_key_then_201_again(api: Api) -> None:
    body = {"phone": "621 000 001"}
    first = api.post("/cards/enroll", body, key="e1")
    retry = api.post("/cards/enroll", body, key="e1")
    assert (retry.status_code, retry.json()) == (201, first.json())
    assert retry.headers["Idempotency-Replayed"] == "true"
    other = api.post("/cards/enroll", {"phone": "621 000 002"}, key="e1")
    assert problem_of(other) == (422, "idempotency_key_reused")
    assert reads.count_of(api.db, LoyaltyCard, merchant_id=api.merchant_id) == 1


@pytest.mark.parametrize(
    "body",
    [
        {}, {"first_name": "Zoé"}, {"email": "nobody"}, {"phone": "abc"}, {"phone": "+49 030 1"},
        {"customer_id": 1, "email": "zoe@example.com"},
        {"email": "zoe@example.com", "locale": "xx"},
        {"email": "zoe@example.com", "marketing_consent": "yes"}, {"customer_id": 0},
    ],
)  # fmt: skip
def test_given_a_senseless_enrolment_when_sent_then_refused_and_nobody_made(
    api: Api, body: dict[str, Any]
) -> None:
    answer = api.post("/cards/enroll", body)
    assert problem_of(answer) == (422, "validation_error")
    assert reads.rows_of(api.db, Customer, merchant_id=api.merchant_id) == []


def test_given_an_inactive_program_when_enrolling_then_refused(api: Api) -> None:
    api.client.patch(f"{STORE}/program", json={"is_active": False}, headers=api.headers("owner"))
    assert problem_of(api.post("/cards/enroll", {"email": email(1)})) == (409, "program_inactive")


def test_given_another_merchants_customer_when_enrolled_then_not_found(api: Api) -> None:
    other = factories.make_merchant(api.db)
    foreign = factories.make_customer(api.db, merchant_id=other.id)
    answer = api.post("/cards/enroll", {"customer_id": foreign.id})
    assert problem_of(answer) == (404, "customer_not_found")


def test_given_cards_when_listed_in_pages_then_cursor_and_total_lead_through(api: Api) -> None:
    cards = [api.card() for _ in range(3)]
    first = api.get("/cards?limit=2&include_total=true").json()
    assert (len(first["items"]), first["total"]) == (2, 3)
    second = api.get(f"/cards?limit=2&cursor={first['next_cursor']}").json()
    assert (second["next_cursor"], second["total"]) == (None, None)
    seen = [item["card_id"] for item in first["items"] + second["items"]]
    assert sorted(seen) == [card.id for card in cards]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=1000000000", "limit=-1", "limit=1e3", "cursor=nonsense", "sort=offset",
     "status=lost", "inactive_since=2026-11-25", "inactive_since=2026-11-25T09:00:00",
     "reward_ready=perhaps", f"search={'x' * 101}", "search=%00"],
)  # fmt: skip
def test_c70_given_a_senseless_filter_when_listed_then_422(api: Api, query: str) -> None:
    assert problem_of(api.get(f"/cards?{query}")) == (422, "validation_error")


def test_given_a_search_when_listed_then_only_who_fits(api: Api) -> None:
    api.post("/cards/enroll", {"email": "zoe@example.com", "last_name": "Straßer"})
    api.post("/cards/enroll", {"email": "luc@example.com", "last_name": "Weber"})
    for search in ("strasser", "ZOE@", "zoe%40example.com"):
        [item] = api.get(f"/cards?search={search}").json()["items"]
        assert item["customer"]["last_name"] == "Straßer"


@pytest.mark.parametrize(
    "card_id", ["0", "-1", "1.5", "abc", "9223372036854775808", "1" + "0" * 30]
)
def test_c70_given_no_id_when_a_card_is_read_then_422(api: Api, card_id: str) -> None:
    assert problem_of(api.get(f"/cards/{card_id}")) == (422, "validation_error")


def test_given_a_look_up_when_it_hits_then_the_whole_card_and_when_it_misses_then_mistyped(
    api: Api,
) -> None:
    card = api.card(stamps=11)
    found = api.post("/cards/lookup", {"query": card.card_number}).json()
    whole = api.get(f"/cards/{card.id}").json()
    assert found | {"note": "", "merged_into_id": None, "wallets": whole["wallets"]} == whole
    assert (found["rewards_available"], found["stamps_until_reward"]) == (1, 9)
    missed = api.post("/cards/lookup", {"query": "123456789012"})
    assert problem_of(missed) == (404, "card_not_found")
    assert missed.json()["params"] == {"mistyped": True}
    assert problem_of(api.post("/cards/lookup", {})) == (422, "validation_error")


def test_given_twenty_misses_when_another_follows_then_429_and_hits_never_counted(
    api: Api, application: FastAPI
) -> None:
    application.state.web.limits._overrides.pop("lookup_misses")
    card = api.card()
    for _ in range(25):
        assert api.post("/cards/lookup", {"card_number": card.card_number}).status_code == 200
    for n in range(20):
        assert api.post("/cards/lookup", {"card_number": f"{n:012d}"}).status_code == 404
    refused = api.post("/cards/lookup", {"card_number": card.card_number})
    assert problem_of(refused) == (429, "rate_limited")
    assert int(refused.headers["Retry-After"]) > 0
    assert refused.headers["RateLimit-Policy"] == '"lookup_misses";q=20;w=60'
    # Stamping guesses cards as well; another person's token is another count.
    assert api.post("/stamp", {"card_id": card.id}).status_code == 429
    assert api.post("/cards/lookup", {"card_number": card.card_number}, "owner").status_code == 200


def test_given_a_ledger_when_listed_then_in_pages_with_names_for_staff(api: Api) -> None:
    card = api.card()
    api.post("/stamp", {"card_id": card.id})
    first = api.get(f"/cards/{card.id}/transactions?limit=1").json()
    [entry] = first["items"]
    assert (entry["type"], entry["actor_kind"]) == ("stamp_earned", "user")
    assert entry["actor_name"].startswith("User ")
    rest = api.get(f"/cards/{card.id}/transactions?cursor={first['next_cursor']}").json()
    assert [line["type"] for line in rest["items"]] == ["card_created"]
