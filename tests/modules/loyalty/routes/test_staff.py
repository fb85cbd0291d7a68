"""/store/loyalty/pins and /terminals."""

from __future__ import annotations

from typing import Any

import pytest

from app.modules.loyalty.models import StaffPin
from tests import factories, reads
from tests.modules.loyalty.routes.conftest import STORE, Api, make_session, problem_of

SECRET_FIELDS = {"pin", "pin_hash", "pin_lookup", "key_id", "version"}


def patch(api: Api, path: str, body: dict[str, Any], who: str = "owner") -> Any:
    return api.client.patch(f"{STORE}{path}", json=body, headers=api.headers(who))


def delete(api: Api, path: str, who: str = "owner") -> Any:
    return api.client.delete(f"{STORE}{path}", headers=api.headers(who))


def test_given_an_owner_when_pins_are_made_changed_and_deleted_then_never_a_secret(
    api: Api,
) -> None:
    made = api.post("/pins", {"name": " Lea ", "pin": "4826"}, "owner")
    assert made.status_code == 201
    pin = made.json()
    assert (pin["name"], pin["role"], pin["is_locked"]) == ("Lea", "cashier", False)
    assert not SECRET_FIELDS & set(pin)
    changed = patch(api, f"/pins/{pin['id']}", {"role": "manager", "pin": "715093"})
    assert changed.json() == pin | {"role": "manager"}
    assert api.get("/pins", "manager").json() == {"items": [changed.json()]}
    assert delete(api, f"/pins/{pin['id']}").status_code == 204
    assert api.get("/pins", "owner").json() == {"items": []}
    assert problem_of(delete(api, f"/pins/{pin['id']}")) == (404, "pin_not_found")
    [row] = reads.rows_of(api.db, StaffPin, merchant_id=api.merchant_id)
    assert row.deleted_at is not None


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"name": "Lea", "pin": "1234"}, 422, "weak_pin"),
        ({"name": "Lea", "pin": "123"}, 422, "validation_error"),
        ({"name": "Lea", "pin": "482657193"}, 422, "validation_error"),
        ({"name": "Lea", "pin": 4826}, 422, "validation_error"),
        ({"name": "Lea", "pin": "٤٨٢٦"}, 422, "validation_error"),
        ({"name": "Lea", "pin": "4826 "}, 422, "validation_error"),
        ({"name": " ", "pin": "4826"}, 422, "validation_error"),
        ({"name": "Lea"}, 422, "validation_error"),
        ({"name": "Lea", "pin": "4826", "role": "owner"}, 422, "validation_error"),
        ({"name": "Lea", "pin": "4826", "store_id": 2**40}, 404, "store_not_found"),
        ({"name": "Lea", "pin": "4826", "own_card_id": 2**40}, 404, "card_not_found"),
    ],
)
def test_given_a_senseless_pin_when_made_then_refused_without_repeating_it(
    api: Api, body: dict[str, Any], status: int, code: str
) -> None:
    answer = api.post("/pins", body, "owner")
    assert problem_of(answer) == (status, code)
    assert str(body.get("pin", "4826")).strip() not in answer.text
    assert reads.rows_of(api.db, StaffPin, merchant_id=api.merchant_id) == []


def test_given_a_taken_pin_when_made_or_changed_then_refused(api: Api) -> None:
    factories.make_pin(api.db, merchant_id=api.merchant_id, pin="4826")
    other = factories.make_pin(api.db, merchant_id=api.merchant_id, pin="715093")
    body = {"name": "Lea", "pin": "4826"}
    assert problem_of(api.post("/pins", body, "owner")) == (409, "pin_in_use")
    assert problem_of(patch(api, f"/pins/{other.id}", {"pin": "4826"})) == (409, "pin_in_use")


def test_given_wrong_tries_when_verified_then_locked_and_an_unlock_opens(api: Api) -> None:
    pin = factories.make_pin(api.db, merchant_id=api.merchant_id, name="Lea")
    body = {"staff_pin": factories.PIN, "staff_pin_id": pin.id}
    verified = api.post("/pins/verify", body).json()
    assert (verified["staff_pin_id"], verified["name"]) == (pin.id, "Lea")
    assert verified["staff_session"]
    wrong = body | {"staff_pin": "8137"}
    codes = [problem_of(api.post("/pins/verify", wrong)) for _ in range(5)]
    assert codes[0] == (403, "invalid_staff_pin")
    locked = api.post("/pins/verify", body)
    assert problem_of(locked) == (423, "staff_pin_locked")
    assert locked.json()["params"]["retry_at"].endswith("Z")
    [shown] = api.get("/pins", "owner").json()["items"]
    assert (shown["is_locked"], shown["failed_attempts"]) == (True, 5)
    assert api.post(f"/pins/{pin.id}/unlock", {}, "manager").json()["is_locked"] is False
    assert api.post("/pins/verify", body).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/pins"), ("POST", "/pins"), ("PATCH", "/pins/1"), ("DELETE", "/pins/1"),
        ("POST", "/pins/1/unlock"), ("GET", "/terminals"), ("DELETE", "/terminals/1"),
        ("POST", "/terminals/1/unlock"),
    ],
)  # fmt: skip
def test_given_a_cashier_when_managing_staff_then_forbidden(
    api: Api, method: str, path: str
) -> None:
    answer = api.client.request(method, f"{STORE}{path}", headers=api.headers("cashier"))
    assert problem_of(answer) == (403, "forbidden")


def test_c69_given_a_manager_of_one_store_when_managing_staff_then_that_store_only(
    api: Api,
) -> None:
    here, there, everywhere = (
        factories.make_pin(api.db, merchant_id=api.merchant_id, pin=pin, store_id=store_id)
        for pin, store_id in (
            ("4826", api.shop.store.id), ("715093", api.second_store.id), ("8137", None),
        )
    )  # fmt: skip
    who = "store_manager"
    seen = [pin["id"] for pin in api.get("/pins", who).json()["items"]]
    assert sorted(seen) == [here.id, everywhere.id]
    assert patch(api, f"/pins/{here.id}", {"can_void": True}, who).status_code == 200
    assert problem_of(patch(api, f"/pins/{there.id}", {"name": "x"}, who)) == (404, "pin_not_found")
    renamed = patch(api, f"/pins/{everywhere.id}", {"name": "x"}, who)
    assert problem_of(renamed) == (403, "forbidden")
    assert problem_of(delete(api, f"/pins/{there.id}", who)) == (404, "pin_not_found")
    moved = patch(api, f"/pins/{here.id}", {"store_id": None}, who)
    assert problem_of(moved) == (403, "forbidden")
    anywhere = {"name": "Mia", "pin": "6049"}
    assert problem_of(api.post("/pins", anywhere, who)) == (403, "forbidden")
    placed = anywhere | {"store_id": api.shop.store.id}
    assert api.post("/pins", placed, who).status_code == 201
    assert {row.name for row in reads.rows_of(api.db, StaffPin, merchant_id=api.merchant_id)} == {
        here.name, there.name, everywhere.name, "Mia",
    }  # fmt: skip


def test_given_terminals_when_listed_unlocked_and_revoked_then_each_by_its_store(
    api: Api,
) -> None:
    here = factories.make_terminal(
        api.db, merchant_id=api.merchant_id, store_id=api.shop.store.id, token="till-here"
    )
    there = factories.make_terminal(
        api.db, merchant_id=api.merchant_id, store_id=api.second_store.id
    )
    listed = api.get("/terminals", "owner").json()["items"]
    assert sorted(item["id"] for item in listed) == [here.id, there.id]
    assert {item["store_name"] for item in listed} == {
        api.shop.store.name, api.second_store.name,
    }  # fmt: skip
    [mine] = api.get("/terminals", "store_manager").json()["items"]
    assert (mine["id"], mine["is_locked"]) == (here.id, False)
    far = f"/terminals/{there.id}"
    for method, path in (("DELETE", far), ("POST", f"{far}/unlock")):
        headers = api.headers("store_manager")
        answer = api.client.request(method, f"{STORE}{path}", headers=headers)
        assert problem_of(answer) == (404, "terminal_not_found")
    assert api.post(f"/terminals/{here.id}/unlock", {}, "store_manager").status_code == 204
    assert delete(api, f"/terminals/{here.id}", "store_manager").status_code == 204
    assert problem_of(delete(api, f"/terminals/{here.id}")) == (404, "terminal_not_found")


def test_given_an_admin_when_unlocking_then_it_works_for_the_store_they_name(api: Api) -> None:
    pin = factories.make_pin(api.db, merchant_id=api.merchant_id)
    admin = {"Authorization": f"Bearer {make_session(api.db, merchant_id=None)}"}
    url = f"{STORE}/pins/{pin.id}/unlock"
    assert problem_of(api.client.post(url, headers=admin)) == (400, "store_required")
    named = admin | {"X-Store-Code": api.second_store.code}
    assert api.client.post(url, headers=named).json()["id"] == pin.id
    foreign = admin | {"X-Store-Code": factories.make_shop(api.db).store.code}
    assert problem_of(api.client.post(url, headers=foreign)) == (404, "pin_not_found")
