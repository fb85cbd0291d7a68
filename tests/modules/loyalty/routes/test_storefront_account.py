"""/storefront/account: what a customer sees, changes, takes along and deletes."""

from __future__ import annotations

from typing import Any

import pytest

from app.modules.customers.models import Consent
from app.modules.loyalty.models import LoyaltyCard
from tests import factories, reads
from tests.modules.loyalty.routes.conftest import Api, make_customer_session, problem_of

ACCOUNT = "/api/v1/storefront/account"


@pytest.fixture
def card(api: Api) -> LoyaltyCard:
    customer = factories.make_customer(
        api.db, merchant_id=api.merchant_id, first_name="Zoé", last_name="Muller",
        email="zoe@example.com",
    )  # fmt: skip
    return api.card(customer_id=customer.id, stamps=2)


@pytest.fixture
def headers(api: Api, card: LoyaltyCard) -> dict[str, str]:
    token = make_customer_session(api.db, card)
    return {"Authorization": f"Bearer {token}", "X-Store-Code": api.shop.store.code}


def patch(api: Api, headers: dict[str, str], body: dict[str, Any]) -> Any:
    return api.client.patch(ACCOUNT, json=body, headers=headers)


def test_given_a_customer_when_reading_then_everything_known_and_kept_nowhere(
    api: Api, headers: dict[str, str]
) -> None:
    answer = api.client.get(ACCOUNT, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    seen = answer.json()
    assert (seen["first_name"], seen["email"], seen["email_pending"]) == (
        "Zoé", "zoe@example.com", False,
    )  # fmt: skip
    assert (seen["marketing_consent"], seen["consents"]) == (False, [])


def test_given_changes_when_sent_then_only_they_change_and_consent_is_kept_as_history(
    api: Api, headers: dict[str, str]
) -> None:
    seen = patch(api, headers, {"last_name": "Straßer", "locale": "lu"}).json()
    assert (seen["first_name"], seen["last_name"], seen["locale"]) == ("Zoé", "Straßer", "lb")
    german = headers | {"Accept-Language": "de"}
    assert patch(api, german, {"marketing_consent": True}).json()["marketing_active"] is True
    after = patch(api, german, {"marketing_consent": False}).json()
    assert (after["marketing_consent"], after["marketing_active"]) == (False, False)
    assert [one["granted"] for one in after["consents"]] == [False, True]
    rows = reads.rows_of(api.db, Consent, merchant_id=api.merchant_id)
    assert [(row.granted, row.channel, row.locale) for row in rows] == [
        (True, "account", "de"), (False, "account", "de"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        {"first_name": None}, {"locale": "xx"}, {"marketing_consent": "yes"},
        {"email": "eve@example.com"}, {"first_name": "x" * 101}, {"marketing_consent": 1},
    ],
)  # fmt: skip
def test_given_a_senseless_change_when_sent_then_refused(
    api: Api, headers: dict[str, str], body: dict[str, Any]
) -> None:
    assert problem_of(patch(api, headers, body)) == (422, "validation_error")


def test_given_a_customer_when_exporting_then_person_card_and_ledger_without_secrets(
    api: Api, headers: dict[str, str], card: LoyaltyCard
) -> None:
    answer = api.client.get(f"{ACCOUNT}/export", headers=headers)
    assert answer.status_code == 200
    for known in ("zoe@example.com", "Muller", card.card_number, "stamps_adjusted"):
        assert known in answer.text
    assert "token_hash" not in answer.text
    assert card.head_hash not in answer.text


def test_given_a_customer_when_leaving_then_erased_and_signed_out(
    api: Api, headers: dict[str, str], card: LoyaltyCard
) -> None:
    answer = api.client.delete(ACCOUNT, headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")
    assert problem_of(api.client.get(ACCOUNT, headers=headers)) == (401, "unauthenticated")
    assert reads.card_now(api.db, card).status == "erased"
    assert reads.entries_of(api.db, card)[-1].type == "customer_erased"
    assert reads.entries_of(api.db, card)[-1].actor_kind == "customer"
