"""/store/loyalty/rewards: who reads and writes the catalogue, and what the card's pages get."""

from __future__ import annotations

from typing import Any

import pytest

from app.modules.loyalty.models import LoyaltyReward
from app.modules.loyalty.schemas import ProgramUpdate
from app.modules.loyalty.services import program_service
from tests import factories, reads
from tests.modules.loyalty.routes.conftest import (
    STORE,
    STOREFRONT,
    Api,
    make_customer_session,
    problem_of,
)

URL = f"{STORE}/rewards"
BREAD = {"name": "Loaf of bread", "cost_points": 600, "value_cents": 420}


@pytest.fixture
def points_api(api: Api) -> Api:
    """A shop whose cards collect points."""
    program_service.update_program(
        api.db, merchant_id=api.merchant_id, data=ProgramUpdate(loyalty_type="points")
    )
    return api


def names(answer: Any) -> list[str]:
    return [item["name"] for item in answer.json()["items"]]


def test_given_a_manager_when_a_reward_lives_and_goes_then_each_step_is_answered(api: Api) -> None:
    made = api.post("/rewards", BREAD, "manager")
    assert made.status_code == 201
    assert {name: made.json()[name] for name in BREAD} == BREAD
    address = f"{URL}/{made.json()['id']}"
    off = api.client.patch(address, json={"is_active": False}, headers=api.headers("owner"))
    assert (off.status_code, off.json()["is_active"], off.json()["cost_points"]) == (
        200,
        False,
        600,
    )
    assert names(api.get("/rewards")) == []
    assert names(api.get("/rewards?include_inactive=true", "owner")) == ["Loaf of bread"]
    gone = api.client.delete(address, headers=api.headers("owner"))
    assert (gone.status_code, gone.content) == (204, b"")
    assert names(api.get("/rewards?include_inactive=true", "owner")) == []
    again = api.client.delete(address, headers=api.headers("owner"))
    assert problem_of(again) == (404, "reward_not_found")


def test_given_a_cashier_when_the_catalogue_is_used_then_it_can_be_read_as_it_is_given_out(
    api: Api,
) -> None:
    reward = factories.make_reward(api.db, merchant_id=api.merchant_id)
    assert names(api.get("/rewards")) == [reward.name]
    assert problem_of(api.get("/rewards?include_inactive=true")) == (403, "forbidden")
    assert problem_of(api.post("/rewards", BREAD)) == (403, "forbidden")
    for method in ("PATCH", "DELETE"):
        answer = api.client.request(
            method, f"{URL}/{reward.id}", json={"cost_points": 1}, headers=api.headers()
        )
        assert problem_of(answer) == (403, "forbidden")


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("cost_points", [1, 10_000_000], [0, -1, 10_000_001, 10**30, 1.0, "5", True, None]),
        ("value_cents", [0, 10_000_000, None], [-1, 10_000_001, 4.5, "5"]),
        ("name", ["x", "x" * 100], ["", " \u200b", "x" * 101, None, 5]),
        ("is_active", [True, False], ["yes", 1, None]),
        ("stock", [], [5]),
    ],
)
def test_given_a_field_when_its_bounds_are_passed_then_refused(
    api: Api, field: str, good: list[Any], bad: list[Any]
) -> None:
    for value in good:
        made = api.post("/rewards", BREAD | {field: value}, "owner")
        assert (made.status_code, made.json()[field]) == (201, value)
    for value in bad:
        refused = api.post("/rewards", BREAD | {field: value}, "owner")
        assert problem_of(refused) == (422, "validation_error")
        assert refused.json()["errors"][0]["loc"] == ["body", field]
    assert reads.count_of(api.db, LoyaltyReward, merchant_id=api.merchant_id) == len(good)


def test_given_a_full_catalogue_when_one_more_is_sent_then_409(api: Api) -> None:
    for _ in range(100):
        factories.make_reward(api.db, merchant_id=api.merchant_id)
    assert problem_of(api.post("/rewards", BREAD, "owner")) == (409, "quota_exceeded")


def test_given_the_programs_version_when_the_catalogue_changes_then_it_is_another_one(
    api: Api,
) -> None:
    version = api.get("/program").headers["etag"]
    api.post("/rewards", BREAD, "owner")
    assert api.get("/program").headers["etag"] != version
    headers = api.headers("owner", **{"If-Match": version})
    late = api.client.patch(f"{STORE}/program", json={"stamps_target": 8}, headers=headers)
    assert problem_of(late) == (412, "edit_conflict")


def test_given_a_card_with_points_when_shown_to_staff_and_to_its_holder_then_what_they_buy(
    points_api: Api,
) -> None:
    api = points_api
    bread = api.post("/rewards", BREAD, "owner").json()["id"]
    api.post("/rewards", {"name": "Tart", "cost_points": 1500}, "owner")
    card = api.card(points_balance=640)
    at_till = api.get(f"/cards/{card.id}").json()
    assert [line for line in at_till["rewards"] if line["affordable"]] == [
        {
            "id": bread, "name": "Loaf of bread", "cost_points": 600,
            "affordable": True, "points_missing": 0,
        }
    ]  # fmt: skip
    token = make_customer_session(api.db, card)
    headers = {"Authorization": f"Bearer {token}", "X-Store-Code": api.shop.store.code}
    own = api.client.get(f"{STOREFRONT}/card", headers=headers)
    assert [(line["name"], line["points_missing"]) for line in own.json()["rewards"]] == [
        ("Loaf of bread", 0), ("Tart", 860),
    ]  # fmt: skip
    api.client.patch(f"{URL}/{bread}", json={"cost_points": 700}, headers=api.headers("owner"))
    fresh = api.client.get(
        f"{STOREFRONT}/card", headers=headers | {"If-None-Match": own.headers["etag"]}
    )
    assert fresh.status_code == 200
    assert fresh.json()["rewards"][0]["points_missing"] == 60


def test_given_anybody_when_the_program_is_read_then_rewards_have_names_and_costs_only(
    points_api: Api,
) -> None:
    points_api.post("/rewards", BREAD, "owner")
    program = points_api.client.get(f"/api/v1/loyalty/programs/{points_api.shop.store.code}").json()
    assert program["rewards"] == [{"name": "Loaf of bread", "cost_points": 600}]
    assert (program["points_per_euro"], program["currency"]) == (10, "EUR")
