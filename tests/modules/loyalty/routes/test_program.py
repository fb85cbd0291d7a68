"""/store/loyalty/program and the public program."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.modules.loyalty.models import LoyaltyProgram
from tests import factories, reads
from tests.modules.loyalty.routes.conftest import STORE, Api, make_session, problem_of

URL = f"{STORE}/program"


def program_of(api: Api) -> LoyaltyProgram:
    [program] = reads.rows_of(api.db, LoyaltyProgram, merchant_id=api.merchant_id)
    assert isinstance(program, LoyaltyProgram)
    return program


def test_given_a_new_shop_when_the_owner_makes_the_program_then_201_and_its_version(
    client: TestClient, db: Session
) -> None:
    merchant = factories.make_merchant(db)
    factories.make_store(db, merchant_id=merchant.id)
    owner = {"Authorization": f"Bearer {make_session(db, merchant_id=merchant.id)}"}
    assert problem_of(client.get(URL, headers=owner)) == (404, "program_not_found")
    body = {"loyalty_type": "stamps", "stamps_target": 8, "card_color": "#1af"}
    made = client.post(URL, json=body, headers=owner)
    assert made.status_code == 201
    assert (made.json()["stamps_target"], made.json()["card_color"]) == (8, "#11AAFF")
    assert made.json()["wallet"] == {"google": False, "apple": False}
    read = client.get(URL, headers=owner)
    assert (read.json(), read.headers["etag"]) == (made.json(), made.headers["etag"])
    again = client.post(URL, json=body, headers=owner)
    assert problem_of(again) == (409, "program_exists")


@pytest.mark.parametrize("loyalty_type", ["miles", "", "POINTS", None, 1])
def test_given_a_type_that_is_not_served_when_created_then_refused(
    client: TestClient, db: Session, loyalty_type: Any
) -> None:
    merchant = factories.make_merchant(db)
    factories.make_store(db, merchant_id=merchant.id)
    owner = {"Authorization": f"Bearer {make_session(db, merchant_id=merchant.id)}"}
    answer = client.post(URL, json={"loyalty_type": loyalty_type}, headers=owner)
    assert problem_of(answer) == (422, "validation_error")
    assert [fault["loc"] for fault in answer.json()["errors"]] == [["body", "loyalty_type"]]
    assert reads.rows_of(db, LoyaltyProgram, merchant_id=merchant.id) == []


@pytest.mark.parametrize("loyalty_type", ["points", "hybrid"])
def test_given_a_new_shop_when_it_collects_points_then_the_platforms_defaults_count(
    client: TestClient, db: Session, loyalty_type: str
) -> None:
    merchant = factories.make_merchant(db)
    factories.make_store(db, merchant_id=merchant.id)
    owner = {"Authorization": f"Bearer {make_session(db, merchant_id=merchant.id)}"}
    made = client.post(URL, json={"loyalty_type": loyalty_type}, headers=owner)
    assert made.status_code == 201
    expected = {
        "loyalty_type": loyalty_type, "points_per_euro": 10, "minimum_purchase_cents": 0,
        "minimum_redemption_points": 0, "welcome_bonus_points": 0, "points_expiration_days": None,
        "logo_url": None, "hero_url": None,
    }  # fmt: skip
    assert {name: made.json()[name] for name in expected} == expected


def test_c72_given_a_program_with_cards_when_deleted_or_made_anew_then_refused_and_it_goes_on(
    api: Api,
) -> None:
    card = api.card(stamps=4)
    off = api.client.patch(URL, json={"is_active": False}, headers=api.headers("owner"))
    assert off.json()["is_active"] is False
    gone = api.client.delete(URL, headers=api.headers("owner"))
    assert problem_of(gone) == (405, "method_not_allowed")
    again = api.post("/program", {"loyalty_type": "stamps"}, "owner")
    assert problem_of(again) == (409, "program_exists")
    assert problem_of(api.post("/stamp", {"card_id": card.id})) == (409, "program_inactive")
    on = api.client.patch(URL, json={"is_active": True}, headers=api.headers("owner"))
    assert on.status_code == 200
    assert api.post("/stamp", {"card_id": card.id}).json()["stamp_count"] == 5


def test_given_a_known_version_when_read_again_then_304_without_a_body(api: Api) -> None:
    first = api.get("/program")
    assert first.headers["cache-control"] == "private, no-cache"
    known = api.get("/program", **{"If-None-Match": first.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    assert known.headers["etag"] == first.headers["etag"]
    api.client.patch(URL, json={"stamps_target": 8}, headers=api.headers("owner"))
    assert api.get("/program", **{"If-None-Match": first.headers["etag"]}).status_code == 200


def test_given_two_editors_when_both_save_then_the_second_is_told(api: Api) -> None:
    version = {"If-Match": api.get("/program").headers["etag"]}
    first = api.client.patch(
        URL, json={"stamps_target": 8}, headers=api.headers("owner", **version)
    )
    assert first.json()["revision"] == 2
    second = api.client.patch(
        URL, json={"stamps_target": 9}, headers=api.headers("manager", **version)
    )
    assert problem_of(second) == (412, "edit_conflict")
    assert program_of(api).stamps_target == 8
    fresh = {"If-Match": first.headers["etag"]}
    third = api.client.patch(
        URL, json={"stamps_target": 9}, headers=api.headers("manager", **fresh)
    )
    assert third.status_code == 200


@pytest.mark.parametrize("color", ["#4F46E5", "#4f46e5", "#FFF"])
def test_c04_given_a_colour_when_saved_then_six_capital_digits(api: Api, color: str) -> None:
    answer = api.client.patch(URL, json={"card_color": color}, headers=api.headers("owner"))
    assert answer.json()["card_color"] in ("#4F46E5", "#FFFFFF")


@pytest.mark.parametrize(
    "color", ["black", "rgb(255-255-255)", "#4F46E5; x", "", None, "#4F46E5\n", "#GGG", "#FFFF", 5]
)
def test_c04_given_no_colour_when_saved_then_422_and_the_program_stays(
    api: Api, color: Any
) -> None:
    answer = api.client.patch(URL, json={"card_color": color}, headers=api.headers("owner"))
    assert problem_of(answer) == (422, "validation_error")
    assert program_of(api).card_color == "#4F46E5"


@pytest.mark.parametrize(
    ("field", "lowest", "highest"),
    [
        ("stamps_target", 2, 50), ("welcome_bonus_stamps", 0, 9), ("cooldown_minutes", 0, 1440),
        ("max_daily_stamps", 1, 100), ("pin_session_minutes", 0, 60),
        ("max_stamps_per_operation", 1, 50), ("stamps_reward_value_cents", 0, 10_000_000),
        ("points_per_euro", 1, 1_000_000), ("minimum_purchase_cents", 0, 10_000_000),
        ("minimum_redemption_points", 0, 10_000_000), ("welcome_bonus_points", 0, 1_000_000),
        ("points_expiration_days", 30, 3650),
    ],
)  # fmt: skip
def test_given_a_bound_when_reached_then_saved_and_when_passed_then_refused(
    api: Api, field: str, lowest: int, highest: int
) -> None:
    for value in (lowest, highest):
        answer = api.client.patch(URL, json={field: value}, headers=api.headers("owner"))
        assert answer.json()[field] == value, answer.text
    for value in (lowest - 1, highest + 1, 10**30, -(10**30)):
        answer = api.client.patch(URL, json={field: value}, headers=api.headers("owner"))
        assert problem_of(answer) == (422, "validation_error")
    assert getattr(program_of(api), field) == highest


@pytest.mark.parametrize(
    "target", ["true", '"8"', "8.0", "8.5", "NaN", "Infinity", "1e400", "null"]
)
def test_c70_given_no_whole_number_when_saved_then_422_and_the_program_stays(
    api: Api, target: str
) -> None:
    answer = api.client.patch(
        URL,
        content=f'{{"stamps_target": {target}}}',
        headers=api.headers("owner", **{"Content-Type": "application/json"}),
    )
    assert problem_of(answer) == (422, "validation_error")
    assert program_of(api).revision == 1


@pytest.mark.parametrize(
    "body",
    [
        {"points_per_cent": 10}, {"stamp_icon": "<svg>"}, {"privacy_url": "javascript:alert(1)"},
        {"privacy_url": "http://example.com"}, {"card_name": " \u200b "}, {"card_name": "x" * 51},
        {"terms_text": "x" * 5001}, {"is_active": "yes"}, {"loyalty_type": "miles"},
    ],
)  # fmt: skip
def test_given_a_senseless_change_when_saved_then_refused(api: Api, body: dict[str, Any]) -> None:
    answer = api.client.patch(URL, json=body, headers=api.headers("owner"))
    assert problem_of(answer) == (422, "validation_error")
    assert program_of(api).revision == 1


def test_given_a_cashier_when_changing_the_program_then_forbidden(api: Api) -> None:
    answer = api.client.patch(URL, json={"stamps_target": 2}, headers=api.headers("cashier"))
    assert problem_of(answer) == (403, "forbidden")
    assert problem_of(api.post("/program", {"loyalty_type": "stamps"})) == (403, "forbidden")
    assert program_of(api).stamps_target == 10


def test_given_anybody_when_reading_the_public_program_then_looks_and_rules_without_numbers(
    api: Api,
) -> None:
    api.card()
    answer = api.client.get(f"/api/v1/loyalty/programs/{api.shop.store.code}")
    body = answer.json()
    assert (body["store_code"], body["stamps_target"]) == (api.shop.store.code, 10)
    assert set(body["languages"]) == {"en", "fr", "de", "lb"}
    assert not {"id", "revision", "cooldown_minutes", "merchant_id"} & set(body)
    known = api.client.get(
        f"/api/v1/loyalty/programs/{api.shop.store.code}",
        headers={"If-None-Match": answer.headers["etag"]},
    )
    assert known.status_code == 304


@pytest.mark.parametrize("code", ["nowhere", "%00", "x" * 64, "..%2f", "é"])
def test_given_no_such_store_when_the_public_program_is_read_then_404_or_422(
    api: Api, code: str
) -> None:
    answer = api.client.get(f"/api/v1/loyalty/programs/{code}")
    assert problem_of(answer)[0] in (404, 422)
