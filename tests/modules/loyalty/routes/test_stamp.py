"""POST /stamp, /redeem, /void, /adjust: the counter over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from app.modules.loyalty.models import LoyaltyTransaction
from app.modules.loyalty.schemas.stamps import StampResponse
from tests import factories, reads
from tests.fixtures import DIALECTS
from tests.modules.loyalty.routes.conftest import STORE, Api, problem_of


@pytest.fixture(params=DIALECTS)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Both databases: this is the path that must not differ."""
    chosen: Engine = request.getfixturevalue(f"{request.param}_engine")
    return chosen


def test_given_a_scan_when_stamped_then_the_ledger_has_it_and_the_answer_is_complete(
    api: Api,
) -> None:
    card = api.card()
    answer = api.post("/stamp", {"qr_code": card.qr_code_data, "quantity": 2})
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == set(StampResponse.model_fields)
    assert (body["stamp_count"], body["stamps_until_reward"]) == (2, 8)
    assert body["reward_earned"] is False
    assert body["next_stamp_available_at"].endswith("Z")
    assert body["stamps_remaining_today"] == 3
    assert body["message"] == "2 stamps added. 8 more to the next reward."
    assert body["customer_name"].startswith("Zoé M")
    assert "@" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "idempotency-replayed" not in answer.headers
    assert reads.ledger_of(api.db, card) == [("stamp_earned", 2, 2)]
    [entry] = reads.entries_of(api.db, card)[1:]
    assert (entry.actor_kind, entry.store_id) == ("user", api.shop.store.id)
    assert entry.request_id == answer.headers["x-request-id"]


def test_given_a_lost_answer_when_the_till_retries_then_one_stamp_and_the_same_reply(
    api: Api,
) -> None:
    card = api.card()
    scan = {"qr_code": card.qr_code_data}
    first = api.post("/stamp", scan, key="till-7-0001")
    retry = api.post("/stamp", scan, key="till-7-0001")
    assert (first.status_code, retry.status_code) == (200, 200)
    assert retry.json() == first.json()
    assert retry.headers["Idempotency-Replayed"] == "true"
    assert reads.ledger_of(api.db, card) == [("stamp_earned", 1, 1)]


def test_given_a_used_key_when_sent_with_another_request_then_refused(api: Api) -> None:
    card = api.card()
    api.post("/stamp", {"card_id": card.id}, key="k")
    other = api.post("/stamp", {"card_id": card.id, "quantity": 2}, key="k")
    assert problem_of(other) == (422, "idempotency_key_reused")
    assert reads.ledger_of(api.db, card) == [("stamp_earned", 1, 1)]


@pytest.mark.parametrize(
    ("language", "message"),
    [
        ("fr-LU", "1 tampon ajouté. Une récompense est prête : A coffee."),
        ("de", "1 Stempel gegeben. Eine Prämie ist bereit: A coffee."),
        ("lu", "1 Stempel derbäi. Eng Belounung ass prett: A coffee."),
        ("en", "1 stamp added. A reward is ready: A coffee."),
    ],
)
def test_given_a_language_when_a_reward_is_earned_then_the_message_says_so(
    api: Api, language: str, message: str
) -> None:
    card = api.card(stamps=9)
    answer = api.post("/stamp", {"card_number": card.card_number}, **{"Accept-Language": language})
    assert answer.json()["reward_earned"] is True
    assert answer.json()["message"] == message


def test_c32_given_nine_of_ten_when_three_are_stamped_then_a_reward_and_two_kept(api: Api) -> None:
    card = api.card(stamps=9)
    body = api.post("/stamp", {"card_id": card.id, "quantity": 3}).json()
    assert (body["stamp_count"], body["rewards_available"]) == (12, 1)
    assert body["stamps_until_reward"] == 8
    assert body["reward_earned"] is True
    assert reads.ledger_of(api.db, card)[-1] == ("stamp_earned", 3, 12)


def test_c32_given_four_of_five_a_day_when_three_are_stamped_then_refused_whole(api: Api) -> None:
    card = api.card()
    program = {"cooldown_minutes": 0}
    api.client.patch(f"{STORE}/program", json=program, headers=api.headers("owner"))
    api.post("/stamp", {"card_id": card.id, "quantity": 4})
    refused = api.post("/stamp", {"card_id": card.id, "quantity": 3})
    assert problem_of(refused) == (409, "daily_stamp_limit")
    assert refused.json()["params"]["remaining"] == 1
    assert refused.json()["params"]["resets_at"].endswith("Z")
    assert "1 more stamp" in refused.json()["detail"]
    assert reads.ledger_of(api.db, card) == [("stamp_earned", 4, 4)]


@pytest.mark.parametrize(
    "quantity",
    ["0", "-1", "1000", "6", "1.0", "1.5", '"1"', "true", "null", "2147483647",
     "9223372036854775808", "1" + "0" * 30, "NaN", "Infinity", "1e400", "[]"],
)  # fmt: skip
def test_c32_c70_given_an_impossible_quantity_when_stamped_then_422_and_nothing_changed(
    api: Api, quantity: str
) -> None:
    card = api.card()
    answer = api.client.post(
        f"{STORE}/stamp",
        content=f'{{"card_id": {card.id}, "quantity": {quantity}}}',
        headers=api.headers(**{"Content-Type": "application/json"}),
    )
    assert problem_of(answer)[0] == 422
    assert reads.ledger_of(api.db, card) == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "card_one_of"),
        ({"card_id": 1, "card_number": "1"}, "card_one_of"),
        ({"card_id": 1, "amount": 3}, "extra_forbidden"),
        ({"card_id": 1, "staff_pin": "48 26"}, "pin_format"),
        ({"card_id": 1, "staff_pin": "٤٨٢٦"}, "pin_format"),
        ({"card_id": 2**63}, "less_than_equal"),
        ({"qr_code": "x" * 401}, "string_too_long"),
        ({"card_id": 1, "notes": "x" * 501}, "string_too_long"),
    ],
)
def test_given_a_senseless_body_when_stamped_then_the_field_is_named_and_nothing_repeated(
    api: Api, body: dict[str, Any], code: str
) -> None:
    answer = api.post("/stamp", body)
    assert problem_of(answer) == (422, "validation_error")
    [fault] = answer.json()["errors"]
    assert fault["code"] == code
    assert fault["message"]
    assert "48 26" not in answer.text


@pytest.mark.parametrize(
    "shape",
    ["{number}", "0{number}", "{number}\r\n", "{number}\t", "]Q1{number}", " {spaced} "],
)
def test_c44_given_what_scanners_make_of_a_number_when_stamped_then_it_is_that_card(
    api: Api, shape: str
) -> None:
    card = api.card()
    number = card.card_number
    text = shape.format(number=number, spaced=f"{number[:4]} {number[4:8]} {number[8:]}")
    assert api.post("/stamp", {"card_number": text}).json()["card_id"] == card.id
    assert reads.ledger_of(api.db, card) == [("stamp_earned", 1, 1)]


def test_given_a_cooldown_when_stamped_too_soon_then_refused_with_the_moment(api: Api) -> None:
    card = api.card()
    allowed_at = api.post("/stamp", {"card_id": card.id}).json()["next_stamp_available_at"]
    refused = api.post("/stamp", {"card_id": card.id})
    assert problem_of(refused) == (409, "stamp_cooldown")
    assert refused.json()["params"] == {"next_stamp_available_at": allowed_at}


def test_given_a_full_card_when_redeemed_and_undone_then_each_is_a_line_and_a_sentence(
    api: Api,
) -> None:
    card = api.card(stamps=12)
    redeemed = api.post("/stamp/redeem", {"card_id": card.id}, key="r1").json()
    assert (redeemed["stamp_count"], redeemed["quantity"]) == (2, -10)
    assert redeemed["message"] == "Reward given: A coffee. 8 more to the next reward."
    void = {"transaction_id": redeemed["transaction_id"], "reason": "customer_declined"}
    undone = api.post("/stamp/void", void, "manager")
    assert undone.json()["message"] == "Undone: 10 stamps given back. A reward is ready: A coffee."
    again = api.post("/stamp/void", void, "manager")
    assert problem_of(again) == (409, "already_voided")
    assert reads.ledger_of(api.db, card)[1:] == [
        ("stamp_redeemed", -10, 2),
        ("stamp_voided", 10, 12),
    ]


def test_given_too_few_stamps_when_redeemed_then_refused_with_the_numbers(api: Api) -> None:
    card = api.card(stamps=9)
    refused = api.post("/stamp/redeem", {"card_id": card.id})
    assert problem_of(refused) == (409, "insufficient_stamps")
    assert refused.json()["params"] == {"balance": 9, "needed": 10}


def test_given_a_void_without_a_real_reason_when_sent_then_refused(api: Api) -> None:
    answer = api.post("/stamp/void", {"transaction_id": 1, "reason": " x "}, "manager")
    assert [fault["code"] for fault in answer.json()["errors"]] == ["string_too_short"]


def test_given_a_manager_when_adjusting_then_the_ledger_keeps_the_reason(api: Api) -> None:
    card = api.card()
    body = {"card_id": card.id, "delta": 3, "reason": "From the paper card"}
    answer = api.post("/stamp/adjust", body, "manager", key="a1")
    assert answer.json()["message"] == "Corrected: 3 stamps added. 7 more to the next reward."
    assert api.post("/stamp/adjust", body, "manager", key="a1").json() == answer.json()
    assert reads.ledger_of(api.db, card) == [("stamps_adjusted", 3, 3)]
    taken = api.post("/stamp/adjust", body | {"delta": -1}, "owner").json()
    assert taken["message"] == "Corrected: 1 stamp taken. 8 more to the next reward."
    listed = api.get(f"/cards/{card.id}/transactions").json()["items"]
    assert [entry["notes"] for entry in listed[:2]] == ["From the paper card"] * 2


@pytest.mark.parametrize("delta", [0, 10_001, -10_001, 1.5, True])
def test_given_a_senseless_correction_when_sent_then_refused(api: Api, delta: Any) -> None:
    card = api.card()
    body = {"card_id": card.id, "delta": delta, "reason": "From the paper card"}
    assert problem_of(api.post("/stamp/adjust", body, "owner")) == (422, "validation_error")
    assert reads.ledger_of(api.db, card) == []


def test_given_a_cashier_when_adjusting_then_forbidden_and_nothing_changed(api: Api) -> None:
    card = api.card()
    body = {"card_id": card.id, "delta": 3, "reason": "For my friend"}
    assert problem_of(api.post("/stamp/adjust", body)) == (403, "forbidden")
    assert reads.ledger_of(api.db, card) == []


def test_given_a_program_with_pins_when_stamped_then_the_pin_opens_a_session(api: Api) -> None:
    pin = factories.make_pin(api.db, merchant_id=api.merchant_id, name="Lea")
    api.client.patch(
        f"{STORE}/program",
        json={"require_staff_pin": True, "cooldown_minutes": 0},
        headers=api.headers("owner"),
    )
    card = api.card()
    scan = {"card_id": card.id}
    assert problem_of(api.post("/stamp", scan)) == (403, "staff_pin_required")
    wrong = api.post("/stamp", scan | {"staff_pin": "8137"})
    assert problem_of(wrong) == (403, "invalid_staff_pin")
    assert wrong.json()["params"] == {"attempts_left": 4}
    answer = api.post("/stamp", scan | {"staff_pin": factories.PIN}, key="k1")
    assert answer.json()["staff_name"] == "Lea"
    session = answer.headers["X-Staff-Session"]
    assert answer.headers["X-Staff-Session-Expires-At"].endswith("Z")
    assert session not in answer.text
    second = api.post("/stamp", scan | {"staff_session": session})
    assert second.status_code == 200
    replay = api.post("/stamp", scan, key="k1")
    assert replay.json() == answer.json()
    assert "X-Staff-Session" not in replay.headers
    assert {entry.actor_id for entry in reads.entries_of(api.db, card)[1:]} == {pin.id}


def test_given_several_stores_and_none_named_when_stamped_then_store_required(api: Api) -> None:
    card = api.card()
    answer = api.client.post(
        f"{STORE}/stamp",
        json={"card_id": card.id},
        headers={"Authorization": f"Bearer {api.token('owner')}"},
    )
    assert problem_of(answer) == (400, "store_required")
    assert reads.count_of(api.db, LoyaltyTransaction, merchant_id=api.merchant_id) == 1


def test_given_a_card_of_the_first_store_when_stamped_in_the_second_then_it_counts_there(
    api: Api,
) -> None:
    card = api.card()
    answer = api.client.post(
        f"{STORE}/stamp",
        json={"card_id": card.id},
        headers=api.headers("owner", **{"X-Store-Code": api.second_store.code}),
    )
    assert answer.status_code == 200
    [entry] = reads.entries_of(api.db, card)[1:]
    assert entry.store_id == api.second_store.id
