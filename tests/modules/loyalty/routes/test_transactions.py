"""The merchant's ledger over HTTP: pages, filters, and a file."""

from __future__ import annotations

import csv
import io

import pytest

from app.core.paging import encode_cursor
from tests import factories
from tests.modules.loyalty.routes.conftest import STORE, Api, problem_of

PATH = "/transactions"


def test_given_a_ledger_when_read_then_in_pages_with_all_filters(api: Api) -> None:
    card, other = api.card(stamps=3), api.card(stamps=4)
    first = api.get(f"{PATH}?limit=3", "manager").json()
    rest = api.get(f"{PATH}?limit=3&cursor={first['next_cursor']}", "manager").json()
    seen = [entry["card_id"] for entry in first["items"] + rest["items"]]
    assert seen == [other.id, other.id, card.id, card.id]
    assert rest["next_cursor"] is None
    for query, count in (
        ("type=stamps_adjusted", 2),
        (f"card_id={card.id}", 2),
        (f"store={api.shop.store.code}", 4),
        (f"store={api.second_store.code}", 0),
        ("from=2026-03-10&to=2026-03-10", 4),
        ("from=2026-03-11", 0),
        ("staff_pin_id=1", 0),
        ("order_reference=R-1", 0),
    ):
        assert len(api.get(f"{PATH}?{query}", "manager").json()["items"]) == count, query


@pytest.mark.parametrize(
    "query", ["type=nothing", "from=5", "from=2026-13-01", "card_id=0", "limit=0", "cursor=bm9uZQ",
              "order_reference=", "from=0001-01-01", "to=9999-12-31",
              f"cursor={encode_cursor('0001-01-01T00:00:00+14:00', 5)}"]
)  # fmt: skip
def test_given_a_filter_that_makes_no_sense_when_asked_then_refused(api: Api, query: str) -> None:
    assert problem_of(api.get(f"{PATH}?{query}", "manager")) == (422, "validation_error")


def test_given_anothers_store_when_asked_for_then_there_is_none(api: Api) -> None:
    answer = api.get(f"{PATH}?store=elsewhere", "manager")
    assert problem_of(answer) == (404, "store_not_found")


def test_given_a_manager_of_one_store_when_they_ask_for_another_then_there_is_none(
    api: Api,
) -> None:
    api.card()
    assert len(api.get(PATH, "store_manager").json()["items"]) == 1
    answer = api.get(f"{PATH}?store={api.second_store.code}", "store_manager")
    assert problem_of(answer) == (404, "store_not_found")


def test_given_a_spreadsheet_when_it_asks_for_csv_then_a_file_with_everything(api: Api) -> None:
    card = api.card(stamps=3)
    answer = api.get(PATH, "manager", Accept="text/csv")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="transactions.csv"'
    assert answer.headers["cache-control"] == "no-store"
    text = answer.content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["type"] for row in rows] == ["stamps_adjusted", "card_created"]
    assert {row["card_number"] for row in rows} == {card.card_number}


def test_given_a_cashier_when_they_ask_for_the_ledger_then_forbidden(api: Api) -> None:
    assert problem_of(api.get(PATH, "cashier")) == (403, "forbidden")


def test_c72_given_a_pin_that_served_when_deleted_then_its_name_stays_in_every_history(
    api: Api,
) -> None:
    pin = factories.make_pin(api.db, merchant_id=api.merchant_id, name="Lea")
    pin_id, card = pin.id, api.card()
    assert api.post("/stamp", {"card_id": card.id, "staff_pin": factories.PIN}).status_code == 200
    gone = api.client.delete(f"{STORE}/pins/{pin_id}", headers=api.headers("manager"))
    assert gone.status_code == 204
    for path in (f"{PATH}?staff_pin_id={pin_id}", f"/cards/{card.id}/transactions?limit=1"):
        (entry,) = api.get(path, "manager").json()["items"]
        assert (entry["type"], entry["actor_name"]) == ("stamp_earned", "Lea")
