"""/store/loyalty/stats over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from app.core.clock import utc_now
from app.modules.loyalty.schemas.admin import PlatformStatsResponse, ProgramList
from app.modules.loyalty.schemas.stats import StatsResponse
from app.modules.loyalty.services import daily_stats
from tests import factories
from tests.modules.loyalty.routes.conftest import Api, make_session, problem_of


def given_stamps(api: Api) -> None:
    """Two stamps at the first store, one at the second, all of today."""
    for headers in ({}, {"X-Store-Code": api.second_store.code}):
        card = api.card()
        quantity = 1 if headers else 2
        answer = api.post("/stamp", {"card_id": card.id, "quantity": quantity}, "owner", **headers)
        assert answer.status_code == 200


def test_given_stamps_of_today_when_an_owner_asks_then_all_stores_side_by_side(api: Api) -> None:
    given_stamps(api)
    for _ in ("live", "rolled up"):
        answer = api.get("/stats?days=7", "owner")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        body = answer.json()
        assert StatsResponse.model_validate(body).totals["stamps_given"] == 3
        assert [day["stamps_given"] for day in body["series"]] == [0] * 6 + [3]
        assert {store["store_id"]: store["stamps_given"] for store in body["stores"]} == {
            api.shop.store.id: 2, api.second_store.id: 1,
        }  # fmt: skip
        assert body["totals"]["active_cards"] == 2
        assert body["currency"] == "EUR"
        assert sum(map(sum, body["busy_hours"])) == 2
        daily_stats.roll_up(api.db, now=utc_now())


def test_given_one_store_when_named_then_only_its_figures(api: Api) -> None:
    given_stamps(api)
    body = api.get(f"/stats?store={api.second_store.code}", "owner").json()
    assert (body["store_id"], body["totals"]["stamps_given"]) == (api.second_store.id, 1)
    assert [store["store_id"] for store in body["stores"]] == [api.second_store.id]


def test_given_a_manager_of_one_store_when_asking_then_that_store_and_no_other(api: Api) -> None:
    given_stamps(api)
    body = api.get("/stats", "store_manager").json()
    assert (body["store_id"], body["totals"]["stamps_given"]) == (api.shop.store.id, 2)
    assert api.get(f"/stats?store={api.shop.store.code}", "store_manager").status_code == 200
    other = api.get(f"/stats?store={api.second_store.code}", "store_manager")
    assert problem_of(other) == (404, "store_not_found")


def test_given_a_strangers_store_when_named_then_it_does_not_exist(api: Api) -> None:
    other = factories.make_shop(api.db)
    answer = api.get(f"/stats?store={other.store.code}", "owner")
    assert problem_of(answer) == (404, "store_not_found")


def test_given_no_program_when_asked_then_404(api: Api) -> None:
    merchant = factories.make_merchant(api.db)
    factories.make_store(api.db, merchant_id=merchant.id)
    token = make_session(api.db, merchant_id=merchant.id)
    answer = api.client.get(
        "/api/v1/store/loyalty/stats", headers={"Authorization": f"Bearer {token}"}
    )
    assert problem_of(answer) == (404, "program_not_found")


@pytest.mark.parametrize(
    ("query", "status"),
    [("days=1", 200), ("days=365", 200), ("days=0", 422), ("days=366", 422), ("days=x", 422),
     ("days=1.5", 422), ("days=99999999999999999999", 422), ("store=", 422)],
)  # fmt: skip
def test_given_a_number_of_days_when_out_of_bounds_then_422(
    api: Api, query: str, status: int
) -> None:
    answer = api.get(f"/stats?{query}", "owner")
    assert answer.status_code == status
    if status == 422:
        assert problem_of(answer) == (422, "validation_error")


@pytest.mark.parametrize("model", [StatsResponse, PlatformStatsResponse, ProgramList])
def test_given_a_documented_example_when_read_then_it_is_a_valid_answer(
    model: type[BaseModel],
) -> None:
    extra: Any = model.model_config["json_schema_extra"]
    model.model_validate(extra["examples"][0])
