"""POST /points, /preview, /redeem, /void, /adjust: purchases over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.core.db import engine_of
from app.modules.loyalty.models import LoyaltyReward
from app.modules.loyalty.rules.bounds import MAXIMUM_BALANCE
from app.modules.loyalty.schemas.points import PointsPreviewResponse, PointsResponse
from app.modules.loyalty.types import Draft, EntryType
from tests import factories, reads
from tests.fixtures import DIALECTS
from tests.modules.loyalty.routes.conftest import STORE, Api, problem_of

JSON = {"Content-Type": "application/json"}
IMPOSSIBLE = [
    "-1", "1.0", "12.5", '"2500"', "true", "null", "9223372036854775808", "1" + "0" * 30, "1e30",
    "NaN", "Infinity", "-Infinity", "1e400", "[]", "{}",
]  # fmt: skip


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


def post_raw(api: Api, path: str, text: str) -> Any:
    return api.client.post(f"{STORE}{path}", content=text, headers=api.headers(**JSON))


def test_given_a_purchase_when_booked_then_the_ledger_has_it_and_the_answer_is_complete(
    api: Api,
) -> None:
    card = api.card()
    body = {"qr_code": card.qr_code_data, "purchase_amount_cents": 2599, "order_reference": " 7 "}
    answer = api.post("/points", body)
    assert answer.status_code == 200
    told = answer.json()
    assert set(told) == set(PointsResponse.model_fields)
    assert (told["points_earned"], told["points_balance"]) == (259, 259)
    assert told["message"] == "259 points added. The balance is 259 points."
    assert told["duplicate"] is False
    assert told["points_expire_on"] is None
    assert "@" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    [entry] = reads.entries_of(api.db, card)[1:]
    assert (entry.type, entry.points_delta, entry.order_reference) == ("points_earned", 259, "7")
    assert entry.request_id == answer.headers["x-request-id"]


def test_c25_given_a_lost_answer_when_the_till_retries_then_the_same_reply(api: Api) -> None:
    card = api.card()
    body = {"card_id": card.id, "purchase_amount_cents": 2500, "order_reference": "ORD-12345"}
    first = api.post("/points", body, key="k")
    retry = api.post("/points", body, key="k")
    assert retry.json() == first.json()
    assert retry.headers["Idempotency-Replayed"] == "true"
    again = api.post("/points", body)
    assert again.json()["duplicate"] is True
    assert again.json()["message"] == (
        "This receipt has already earned. The balance is 250 points."
    )
    assert "Idempotency-Replayed" not in again.headers
    other = api.post("/points", body | {"purchase_amount_cents": 9900})
    assert problem_of(other) == (409, "order_already_earned")
    reused = api.post("/points", body | {"purchase_amount_cents": 9900}, key="k")
    assert problem_of(reused) == (422, "idempotency_key_reused")
    assert reads.card_now(api.db, card).points_balance == 250


@pytest.mark.parametrize(
    ("language", "message"),
    [
        ("fr", "1 point ajouté. Le solde est de 1 point."),
        ("de", "1 Punkt gutgeschrieben. Der Stand ist 1 Punkt."),
        ("lu", "1 Punkt derbäi. De Stand ass 1 Punkt."),
    ],
)
def test_given_a_language_when_booked_then_the_message_says_so(
    api: Api, language: str, message: str
) -> None:
    body = {"card_id": api.card().id, "purchase_amount_cents": 10}
    answer = api.post("/points", body, **{"Accept-Language": language})
    assert answer.json()["message"] == message


@pytest.mark.parametrize("amount", IMPOSSIBLE)
@pytest.mark.parametrize("path", ["/points", "/points/preview"])
def test_c70_given_an_impossible_amount_when_sent_then_422_and_nothing_changed(
    api: Api, path: str, amount: str
) -> None:
    card = api.card()
    answer = post_raw(api, path, f'{{"card_id": {card.id}, "purchase_amount_cents": {amount}}}')
    assert problem_of(answer) == (422, "validation_error")
    assert reads.card_now(api.db, card).points_balance == 0


@pytest.mark.parametrize("amount", [10_000_001, 2**31 - 1, 2**31, 2**63 - 1])
@pytest.mark.parametrize("path", ["/points", "/points/preview"])
def test_c70_given_an_amount_beyond_the_maximum_when_sent_then_422_with_the_maximum(
    api: Api, path: str, amount: int
) -> None:
    card = api.card()
    answer = api.post(path, {"card_id": card.id, "purchase_amount_cents": amount})
    assert problem_of(answer) == (422, "amount_too_large")
    assert answer.json()["params"] == {"maximum": 10_000_000}


def test_c70_given_the_largest_rate_and_purchase_when_booked_then_the_sum_is_right(
    api: Api,
) -> None:
    with engine_of(api.db).begin() as other:
        other.exec_driver_sql(
            "UPDATE loyalty_programs SET points_per_euro = 1000000"
            f" WHERE id = {api.shop.program.id}"
        )
    card = api.card()
    answer = api.post("/points", {"card_id": card.id, "purchase_amount_cents": 10_000_000})
    assert answer.json()["points_balance"] == 10**11
    factories.post(api.db, card, [Draft(EntryType.IMPORTED, points_delta=MAXIMUM_BALANCE - 10**11)])
    for path in ("/points", "/points/preview"):
        full = api.post(path, {"card_id": card.id, "purchase_amount_cents": 1})
        assert problem_of(full) == (422, "amount_too_large")
        assert full.json()["params"] == {"maximum": MAXIMUM_BALANCE}
    shown = api.get(f"/cards/{card.id}").json()
    assert shown["points_balance"] == MAXIMUM_BALANCE


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "missing"),
        ({"purchase_amount_cents": 1, "amount": 3}, "extra_forbidden"),
        ({"purchase_amount_cents": 1, "order_reference": " "}, "reference_format"),
        ({"purchase_amount_cents": 1, "order_reference": "x" * 65}, "string_too_long"),
        ({"purchase_amount_cents": 1, "order_reference": 7}, "string_type"),
        ({"purchase_amount_cents": 1, "occurred_at": "2026-11-25T09:00:00"}, "timezone_aware"),
        ({"purchase_amount_cents": 1, "occurred_at": 1_700_000_000}, "datetime_parsing"),
        ({"purchase_amount_cents": 1, "occurred_at": "1700000000"}, "datetime_parsing"),
        ({"purchase_amount_cents": 1, "override": {"pin": "4826"}}, "missing"),
        (
            {"purchase_amount_cents": 1, "override": {"pin": "48", "reason": "why not"}},
            "pin_format",
        ),
        (
            {"purchase_amount_cents": 1, "override": {"pin": "4826", "reason": " a "}},
            "string_too_short",
        ),
        (
            {"purchase_amount_cents": 1, "override": {"pin": "4826", "reason": "x" * 501}},
            "string_too_long",
        ),
    ],
)
def test_given_a_senseless_body_when_booked_then_the_field_is_named_and_nothing_repeated(
    api: Api, body: dict[str, Any], code: str
) -> None:
    answer = api.post("/points", {"card_id": api.card().id} | body)
    assert problem_of(answer) == (422, "validation_error")
    [fault] = answer.json()["errors"]
    assert fault["code"] == code
    assert fault["message"]
    assert "4826" not in answer.text


@pytest.mark.parametrize(
    "occurred_at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1970-01-01T00:00Z"]
)
def test_c70_given_an_instant_at_the_end_of_time_when_sent_then_422(
    api: Api, occurred_at: str
) -> None:
    body = {"card_id": api.card().id, "purchase_amount_cents": 1, "occurred_at": occurred_at}
    assert problem_of(api.post("/points", body)) == (422, "validation_error")


def test_given_a_person_without_a_till_when_they_say_when_then_the_field_is_named(
    api: Api,
) -> None:
    body = {"card_id": api.card().id, "occurred_at": "2026-11-25T09:00:00+01:00"}
    for path, more in (("/stamp", {}), ("/points", {"purchase_amount_cents": 1})):
        answer = api.post(path, body | more)
        assert problem_of(answer) == (422, "validation_error")
        assert [fault["code"] for fault in answer.json()["errors"]] == ["occurred_at_only_tills"]


def test_given_a_purchase_when_previewed_then_what_it_would_earn_and_nothing_written(
    api: Api,
) -> None:
    card = api.card()
    body = {"card_number": card.card_number, "purchase_amount_cents": 2599}
    answer = api.post("/points/preview", body)
    assert set(answer.json()) == set(PointsPreviewResponse.model_fields)
    assert answer.json() == {"points_earned": 259, "points_balance": 259}
    assert reads.entries_of(api.db, card)[1:] == []


def test_given_points_when_a_reward_is_redeemed_and_undone_then_each_is_a_line_and_a_sentence(
    api: Api,
) -> None:
    reward = factories.save(
        api.db,
        LoyaltyReward(
            merchant_id=api.merchant_id, name="A loaf", cost_points=200, created_at=factories.NOW
        ),
    )
    card = api.card()
    api.post("/points", {"card_id": card.id, "purchase_amount_cents": 2500})
    redeemed = api.post("/points/redeem", {"card_id": card.id, "reward_id": reward.id}, key="r")
    told = redeemed.json()
    assert (told["points_redeemed"], told["reward_description"]) == (200, "A loaf")
    assert told["message"] == "Reward given: A loaf. The balance is 50 points."
    taken = api.post("/points/redeem", {"card_id": card.id, "points": 50}).json()
    assert taken["message"] == "50 points redeemed. The balance is 0 points."
    few = api.post("/points/redeem", {"card_id": card.id, "points": 1})
    assert problem_of(few) == (409, "insufficient_points")
    assert few.json()["params"] == {"balance": 0, "needed": 1}
    void = {"transaction_id": told["transaction_id"], "reason": "customer_declined"}
    undone = api.post("/points/void", void, "manager").json()
    assert undone["message"] == "Undone: 200 points given back. The balance is 200 points."
    assert problem_of(api.post("/points/void", void, "manager")) == (409, "already_voided")
    wrong_unit = api.post("/stamp/void", void, "manager")
    assert problem_of(wrong_unit) == (409, "not_voidable")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "reward_or_points"),
        ({"reward_id": 1, "points": 1}, "reward_or_points"),
        ({"points": 0}, "greater_than_equal"),
        ({"points": MAXIMUM_BALANCE + 1}, "less_than_equal"),
        ({"points": 1.0}, "int_type"),
        ({"points": True}, "int_type"),
    ],
)
def test_given_a_senseless_redemption_when_sent_then_refused(
    api: Api, body: dict[str, Any], code: str
) -> None:
    answer = api.post("/points/redeem", {"card_id": api.card().id} | body)
    assert problem_of(answer) == (422, "validation_error")
    assert [fault["code"] for fault in answer.json()["errors"]] == [code]


def test_c70_given_all_points_there_could_be_when_redeemed_then_there_are_too_few(api: Api) -> None:
    answer = api.post("/points/redeem", {"card_id": api.card().id, "points": MAXIMUM_BALANCE})
    assert problem_of(answer) == (409, "insufficient_points")


def test_given_an_unknown_reward_or_entry_when_asked_for_then_not_found(api: Api) -> None:
    card = api.card()
    missing = api.post("/points/redeem", {"card_id": card.id, "reward_id": 2**40})
    assert problem_of(missing) == (404, "reward_not_found")
    void = api.post("/points/void", {"transaction_id": 2**40, "reason": "wrong_card"}, "manager")
    assert problem_of(void) == (404, "transaction_not_found")


def test_given_the_programs_limits_when_below_them_then_refused_with_amounts_people_read(
    api: Api,
) -> None:
    with engine_of(api.db).begin() as other:
        other.exec_driver_sql(
            "UPDATE loyalty_programs SET minimum_purchase_cents = 500,"
            f" minimum_redemption_points = 50 WHERE id = {api.shop.program.id}"
        )
    card = api.card()
    small = api.post("/points", {"card_id": card.id, "purchase_amount_cents": 499})
    assert problem_of(small) == (409, "below_minimum_purchase")
    assert small.json()["params"] == {"minimum": 500, "currency": "EUR"}
    assert "€5.00" in small.json()["detail"]
    few = api.post("/points/redeem", {"card_id": card.id, "points": 49})
    assert problem_of(few) == (409, "below_minimum_redemption")
    assert few.json()["params"] == {"minimum": 50}


def test_given_a_merchant_who_demands_references_when_one_is_missing_then_422(api: Api) -> None:
    factories.make_settings(api.db, merchant_id=api.merchant_id, require_order_reference=True)
    card = api.card()
    for path, more in (("/points", {"purchase_amount_cents": 1}), ("/stamp", {})):
        answer = api.post(path, {"card_id": card.id} | more)
        assert problem_of(answer) == (422, "order_reference_required")
    with_one = {"card_id": card.id, "order_reference": "ORD-1"}
    assert api.post("/stamp", with_one).json()["duplicate"] is False
    again = api.post("/stamp", with_one).json()
    assert again["duplicate"] is True
    assert again["message"] == "This receipt has already earned. 9 more to the next reward."


def test_given_a_program_of_stamps_when_points_are_sent_then_refused(
    client: TestClient, db: Session
) -> None:
    shop = factories.make_shop(db, require_staff_pin=False)
    api = Api(db, shop, factories.make_store(db, merchant_id=shop.merchant_id), client)
    answer = api.post("/points", {"card_id": api.card().id, "purchase_amount_cents": 1})
    assert problem_of(answer) == (409, "program_type_mismatch")


def test_given_a_manager_when_adjusting_then_the_ledger_keeps_the_reason(api: Api) -> None:
    card = api.card()
    body = {"card_id": card.id, "delta": 250, "reason": "The till was down"}
    answer = api.post("/points/adjust", body, "manager", key="a1")
    assert answer.json()["message"] == ("Corrected: 250 points added. The balance is 250 points.")
    assert api.post("/points/adjust", body, "manager", key="a1").json() == answer.json()
    assert problem_of(api.post("/points/adjust", body)) == (403, "forbidden")
    taken = api.post("/points/adjust", body | {"delta": -251}, "owner")
    assert problem_of(taken) == (409, "insufficient_points")
    for delta in (0, 10_000_001, -10_000_001, 1.5, True):
        odd = api.post("/points/adjust", body | {"delta": delta}, "owner")
        assert problem_of(odd) == (422, "validation_error")
    assert reads.card_now(api.db, card).points_balance == 250


def test_given_pins_when_a_manager_lifts_a_limit_then_over_http_too(
    client: TestClient, db: Session
) -> None:
    shop = factories.make_shop(db)
    api = Api(db, shop, factories.make_store(db, merchant_id=shop.merchant_id), client)
    factories.make_pin(db, merchant_id=shop.merchant_id)
    factories.make_pin(db, merchant_id=shop.merchant_id, pin="715093", role="manager")
    scan = {"card_id": api.card().id, "staff_pin": factories.PIN}
    api.post("/stamp", scan)
    assert problem_of(api.post("/stamp", scan)) == (409, "stamp_cooldown")
    wrong = scan | {"override": {"pin": "9174", "reason": "second visit"}}
    assert problem_of(api.post("/stamp", wrong)) == (403, "invalid_staff_pin")
    lifted = scan | {"override": {"pin": "715093", "reason": "second visit"}}
    answer = api.post("/stamp", lifted)
    assert answer.json()["stamp_count"] == 2
    assert "715093" not in answer.text


@pytest.mark.parametrize(
    ("stamps", "status"), [(0, 201), (9, 201), (10, 422), (50, 422), (-1, 422)]
)
def test_given_a_paper_card_when_enrolled_then_its_stamps_are_carried_over(
    api: Api, stamps: int, status: int
) -> None:
    body = {"email": "zoe@example.com", "paper_stamps": stamps}
    answer = api.post("/cards/enroll", body, key="e")
    assert answer.status_code == status
    if status == 422:
        expected = "amount_too_large" if stamps == 10 else "validation_error"
        assert problem_of(answer) == (422, expected)
        return
    shown = api.get(f"/cards/{answer.json()['card_id']}").json()
    assert shown["stamp_count"] == stamps
    assert api.post("/cards/enroll", body, key="e").json() == answer.json()
    again = api.post("/cards/enroll", body | {"paper_stamps": 3})
    assert again.json()["created"] is False
    assert api.get(f"/cards/{answer.json()['card_id']}").json()["stamp_count"] == stamps
