"""POST /refund over HTTP: parts, replays, words, API keys."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.modules.loyalty.schemas.refunds import RefundResponse
from app.modules.tenancy.services import api_key_service
from tests import factories, reads
from tests.fixtures import DIALECTS
from tests.modules.loyalty.routes.conftest import STORE, Api, problem_of


@pytest.fixture(params=DIALECTS)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Both databases: this is the path that must not differ."""
    chosen: Engine = request.getfixturevalue(f"{request.param}_engine")
    return chosen


@pytest.fixture
def api(client: TestClient, db: Session) -> Api:
    """A hybrid program without PINs."""
    shop = factories.make_shop(db, require_staff_pin=False, loyalty_type="hybrid")
    return Api(db, shop, factories.make_store(db, merchant_id=shop.merchant_id), client)


def earn(api: Api, order: str = "ORD-1", cents: int = 2500) -> Any:
    card = api.card()
    body = {"card_id": card.id, "purchase_amount_cents": cents, "order_reference": order}
    assert api.post("/points", body).status_code == 200
    return card


def test_given_an_order_when_a_part_is_refunded_then_books_answer_and_words_agree(
    api: Api,
) -> None:
    card = earn(api)
    body = {"order_reference": "ORD-1", "refund_reference": "R-1", "amount_cents": 1000}
    answer = api.post("/refund", body, key="k")
    assert answer.status_code == 200
    told = answer.json()
    assert set(told) == set(RefundResponse.model_fields)
    assert told["message"] == "Refund of €10.00. 100 points taken back."
    assert told["cards"] == [{"card_id": card.id, "stamp_count": 0, "points_balance": 150}]
    assert (told["refunded_cents"], told["currency"]) == (1000, "EUR")
    [entry] = reads.entries_of(api.db, card)[2:]
    assert told["transaction_ids"] == [entry.id]
    assert entry.request_id == answer.headers["x-request-id"]
    for key in ({"key": "k"}, {}):
        retry = api.post("/refund", body, **key)
        assert retry.json() == told
        assert retry.headers["Idempotency-Replayed"] == "true"
    reused = api.post("/refund", body | {"amount_cents": 999})
    assert problem_of(reused) == (422, "idempotency_key_reused")


def test_given_more_than_is_left_when_refunded_then_refused_with_an_amount_people_read(
    api: Api,
) -> None:
    earn(api)
    body = {"order_reference": "ORD-1", "refund_reference": "R-1", "amount_cents": 2501}
    answer = api.post("/refund", body, **{"Accept-Language": "de"})
    assert problem_of(answer) == (409, "refund_exceeds_order")
    assert answer.json()["params"] == {"left": 2500, "currency": "EUR"}
    assert "25,00\xa0€" in answer.json()["detail"]
    unknown = api.post("/refund", body | {"order_reference": "ORD-2"})
    assert problem_of(unknown) == (409, "order_not_found")


def test_c30_given_spent_points_when_refunded_then_the_words_say_that_the_card_owes(
    api: Api,
) -> None:
    card = earn(api)
    api.post("/stamp", {"card_id": card.id, "order_reference": "ORD-1"})
    api.post("/points/redeem", {"card_id": card.id, "points": 200})
    told = api.post("/refund", {"order_reference": "ORD-1", "refund_reference": "R"}).json()
    assert told["message"] == (
        "Refund of €25.00. 250 points taken back. 1 stamp taken back. "
        "Some of it was spent already: the next visits settle that."
    )
    body = {"card_id": card.id, "purchase_amount_cents": 100}
    earned = api.post("/points", body).json()
    assert earned["message"] == (
        "10 points added. 190 points are owed: they were spent before they were taken back."
    )
    redeem = api.post("/points/redeem", {"card_id": card.id, "points": 1})
    assert redeem.json()["params"] == {"balance": -190, "needed": 1}


def test_given_an_order_of_stamps_when_a_part_is_refunded_then_nothing_is_taken(api: Api) -> None:
    card = api.card()
    api.post("/stamp", {"card_id": card.id, "order_reference": "ORD-1"})
    body = {"order_reference": "ORD-1", "refund_reference": "R-1", "amount_cents": 100}
    told = api.post("/refund", body).json()
    assert told["message"] == "Refund of €1.00. Nothing had to be taken back."
    whole = api.post("/refund", {"order_reference": "ORD-1", "refund_reference": "R-2"}).json()
    assert whole["message"] == "1 stamp taken back."
    assert whole["refunded_cents"] is None


def test_given_an_api_key_when_it_refunds_then_at_its_own_store_only(api: Api) -> None:
    earn(api)
    tokens = [
        api_key_service.create_api_key(
            api.db, merchant_id=api.merchant_id, name="Till", store_id=store.id, pin_exempt=True
        )["token"]
        for store in (api.second_store, api.shop.store)
    ]
    body = {"order_reference": "ORD-1", "refund_reference": "R-1"}
    elsewhere, here = (
        api.client.post(f"{STORE}/refund", json=body, headers={"Authorization": f"Bearer {token}"})
        for token in tokens
    )
    assert problem_of(elsewhere) == (409, "order_not_found")
    assert here.json()["points_taken_back"] == 250


def test_given_pins_when_refunding_without_or_with_a_wrong_one_then_refused(
    client: TestClient, db: Session
) -> None:
    shop = factories.make_shop(db, loyalty_type="points")
    api = Api(db, shop, factories.make_store(db, merchant_id=shop.merchant_id), client)
    factories.make_pin(db, merchant_id=shop.merchant_id, name="Lea")
    card = api.card()
    pin = {"staff_pin": factories.PIN}
    order = {"card_id": card.id, "purchase_amount_cents": 2500, "order_reference": "1"}
    api.post("/points", order | pin)
    body = {"order_reference": "1", "refund_reference": "R"}
    assert problem_of(api.post("/refund", body)) == (403, "staff_pin_required")
    wrong = api.post("/refund", body | {"staff_pin": "9174"})
    assert problem_of(wrong) == (403, "invalid_staff_pin")
    done = api.post("/refund", body | pin)
    assert done.json()["staff_name"] == "Lea"
    assert done.headers["X-Staff-Session"]
    replay = api.post("/refund", body)
    assert replay.json() == done.json()
    assert "X-Staff-Session" not in replay.headers


@pytest.mark.parametrize(
    "amount",
    ["0", "-1", "1.0", "12.5", '"1"', "true", "1e30", "NaN", "Infinity", "9223372036854775808"],
)
def test_c70_given_an_impossible_amount_when_refunded_then_422(api: Api, amount: str) -> None:
    card = earn(api)
    answer = api.client.post(
        f"{STORE}/refund",
        content=f'{{"order_reference": "ORD-1", "refund_reference": "R",'
        f' "amount_cents": {amount}}}',
        headers=api.headers(**{"Content-Type": "application/json"}),
    )
    assert problem_of(answer) == (422, "validation_error")
    assert reads.card_now(api.db, card).points_balance == 250


@pytest.mark.parametrize("amount", [2**31 - 1, 2**63 - 1])
def test_c70_given_an_immense_amount_when_refunded_then_it_exceeds_the_order(
    api: Api, amount: int
) -> None:
    earn(api)
    body = {"order_reference": "ORD-1", "refund_reference": "R", "amount_cents": amount}
    assert problem_of(api.post("/refund", body)) == (409, "refund_exceeds_order")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"order_reference": "1"}, "missing"),
        ({"refund_reference": "1"}, "missing"),
        ({"order_reference": "1", "refund_reference": ""}, "reference_format"),
        ({"order_reference": "a\nb", "refund_reference": "1"}, "reference_format"),
        ({"order_reference": "x" * 65, "refund_reference": "1"}, "string_too_long"),
        ({"order_reference": "1", "refund_reference": "1", "card_id": 1}, "extra_forbidden"),
    ],
)
def test_given_a_senseless_refund_when_sent_then_the_field_is_named(
    api: Api, body: dict[str, Any], code: str
) -> None:
    answer = api.post("/refund", body)
    assert problem_of(answer) == (422, "validation_error")
    assert [fault["code"] for fault in answer.json()["errors"]] == [code]
