"""/admin/loyalty over HTTP: the platform's programs, statistics and settings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.core.clock import utc_now
from app.modules.loyalty.services import daily_stats
from app.modules.loyalty.types import Draft, EntryType
from app.modules.tenancy.models import AuditEntry
from tests import factories, reads
from tests.modules.loyalty.routes.conftest import Api, make_session, problem_of

ADMIN = "/api/v1/admin/loyalty"
Ask = Callable[..., Any]


@pytest.fixture
def ask(client: TestClient, db: Session) -> Ask:
    """An admin's call below /admin/loyalty."""
    headers = {"Authorization": f"Bearer {make_session(db, merchant_id=None)}"}

    def call(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return client.request(method, f"{ADMIN}{path}", json=body, headers=headers)

    return call


def platform(db: Session) -> list[int]:
    """Three programs with 2, 0 and 1 cards; the last merchant's is switched off."""
    now, ids = utc_now(), []
    for name, status, cards, active in (
        ("Anton", "active", 2, True), ("Berta", "trial", 0, True), ("Cäsar", "suspended", 1, False)
    ):  # fmt: skip
        merchant = factories.make_merchant(db, name=name, status=status)
        shop = factories.make_shop(
            db, merchant, is_active=active, loyalty_type="stamps" if active else "points"
        )
        for _ in range(cards):
            card = factories.make_card(db, shop=shop, now=now - timedelta(hours=1))
            factories.post(db, card, [Draft(EntryType.STAMP_EARNED, 3)], now=now)
        ids.append(shop.program.id)
    daily_stats.roll_up(db, now=now + timedelta(minutes=2))
    return ids


def names_of(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [line["merchant_name"] for line in answer.json()["items"]]


def test_given_programs_when_listed_then_with_their_figures_of_30_days(
    db: Session, ask: Ask
) -> None:
    first, *_ = platform(db)
    body = ask("GET", "/programs?include_total=true").json()
    assert body["total"] == 3
    line = body["items"][0]
    assert line["counted_at"].endswith("Z")
    expected = {
        "id": first, "merchant_name": "Anton", "merchant_status": "active", "members": 2,
        "active_30_days": 2, "stamps_30_days": 6, "points_30_days": 0, "loyalty_type": "stamps",
        "is_active": True,
    }  # fmt: skip
    assert {name: line[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("sort=name", ["Anton", "Berta", "Cäsar"]),
        ("sort=cards", ["Anton", "Cäsar", "Berta"]),
        ("sort=activity", ["Anton", "Cäsar", "Berta"]),
        ("is_active=false", ["Cäsar"]),
        ("is_active=true", ["Anton", "Berta"]),
        ("loyalty_type=points", ["Cäsar"]),
        ("loyalty_type=hybrid", []),
        ("merchant_status=trial", ["Berta"]),
        ("merchant_status=trial&is_active=false", []),
    ],
)
def test_given_programs_when_filtered_and_sorted_then_as_asked_and_page_by_page(
    db: Session, ask: Ask, query: str, names: list[str]
) -> None:
    platform(db)
    assert names_of(ask("GET", f"/programs?{query}")) == names
    found, cursor = [], ""
    for _ in range(4):
        page = ask("GET", f"/programs?{query}&limit=1{cursor}")
        found += names_of(page)
        if page.json()["next_cursor"] is None:
            break
        cursor = f"&cursor={page.json()['next_cursor']}"
    assert found == names


@pytest.mark.parametrize(
    "query", ["sort=size", "merchant_status=gone", "loyalty_type=miles", "cursor=x", "limit=101"]
)
def test_given_an_unknown_word_when_listed_then_422(ask: Ask, query: str) -> None:
    assert problem_of(ask("GET", f"/programs?{query}")) == (422, "validation_error")


def test_given_a_program_when_looked_at_then_its_rules_and_its_owners_statistics(
    db: Session, ask: Ask
) -> None:
    first, *_ = platform(db)
    body = ask("GET", f"/programs/{first}").json()
    assert (body["members"], body["program"]["stamps_target"]) == (2, 10)
    stats = ask("GET", f"/programs/{first}/stats?days=2").json()
    assert (stats["totals"]["stamps_given"], stats["holdings"]["members"]) == (6, 2)


@pytest.mark.parametrize("path", ["/programs/999999", "/programs/999999/stats"])
def test_given_no_such_program_when_looked_at_then_404(ask: Ask, path: str) -> None:
    assert problem_of(ask("GET", path)) == (404, "program_not_found")


def test_given_the_platform_when_looked_at_then_merchants_cards_and_growth(
    db: Session, ask: Ask
) -> None:
    platform(db)
    body = ask("GET", "/stats?days=3").json()
    assert body["merchants"] == {
        "trial": 1, "active": 1, "past_due": 0, "suspended": 1, "closed": 0,
    }  # fmt: skip
    assert (body["programs"], body["active_programs"]) == (3, 2)
    assert (body["cards"], body["active_cards_30_days"]) == (3, 3)
    assert (body["totals"]["stamps_net"], body["totals"]["new_cards"]) == (9, 3)
    assert len(body["series"]) == 3
    assert sum(day["stamps_net"] for day in body["series"]) == 9
    assert body["before"]["new_cards"] == 0
    assert body["rolled_up_until"].endswith("Z")


DEFAULTS = {
    "staff_pin_policy": "optional", "pin_max_failed_attempts": 5, "pin_lockout_minutes": 30,
    "allow_self_enrollment": True, "allow_voids": True, "allow_cross_store_redemption": True,
    "void_window_days": 30, "require_order_reference": False,
    "order_references_restart_daily": False, "max_cards": None,
}  # fmt: skip


def test_given_a_merchant_without_settings_when_read_then_the_defaults(api: Api, ask: Ask) -> None:
    body = ask("GET", f"/merchants/{api.merchant_id}/settings").json()
    assert body == DEFAULTS | {"merchant_id": api.merchant_id}


def test_given_settings_when_changed_then_they_count_at_once_and_stand_in_the_audit_log(
    api: Api, ask: Ask
) -> None:
    url = f"/merchants/{api.merchant_id}/settings"
    stamped = api.post("/stamp", {"card_id": api.card().id}).json()
    void = {"transaction_id": stamped["transaction_id"], "reason": "wrong_card"}
    changed = ask("PATCH", url, {"allow_voids": False, "max_cards": 7})
    assert changed.status_code == 200
    assert changed.json() == ask("GET", url).json()
    assert changed.json() == DEFAULTS | {
        "merchant_id": api.merchant_id, "allow_voids": False, "max_cards": 7,
    }  # fmt: skip
    assert problem_of(api.post("/stamp/void", void)) == (403, "voids_disabled")
    assert ask("PATCH", url, {"allow_voids": True, "max_cards": 7}).status_code == 200
    assert api.post("/stamp/void", void).status_code == 200
    entries = [
        (entry.action, entry.old, entry.new)
        for entry in reads.rows_of(api.db, AuditEntry, merchant_id=api.merchant_id)
    ]
    assert entries == [
        (
            "loyalty_settings_changed",
            {"allow_voids": True, "max_cards": None},
            {"allow_voids": False, "max_cards": 7},
        ),
        ("loyalty_settings_changed", {"allow_voids": False}, {"allow_voids": True}),
    ]


def test_given_nothing_that_differs_when_changed_then_nothing_is_written(
    api: Api, ask: Ask
) -> None:
    url = f"/merchants/{api.merchant_id}/settings"
    assert ask("PATCH", url, {"allow_voids": True}).status_code == 200
    assert ask("PATCH", url, {}).status_code == 200
    assert reads.rows_of(api.db, AuditEntry, merchant_id=api.merchant_id) == []


@pytest.mark.parametrize(
    ("field", "low", "high"),
    [("pin_max_failed_attempts", 1, 20), ("pin_lockout_minutes", 1, 1440),
     ("void_window_days", 0, 365), ("max_cards", 0, 2_000_000_000)],
)  # fmt: skip
def test_given_a_bound_when_reached_then_saved_and_when_passed_then_refused(
    api: Api, ask: Ask, field: str, low: int, high: int
) -> None:
    url = f"/merchants/{api.merchant_id}/settings"
    for value in (low, high):
        assert ask("PATCH", url, {field: value}).json()[field] == value
    wrong: list[Any] = [low - 1, high + 1, str(low), float(low), True]
    for value in wrong:
        refused = ask("PATCH", url, {field: value})
        assert problem_of(refused) == (422, "validation_error"), value
    assert ask("GET", url).json()[field] == high


@pytest.mark.parametrize(
    "body",
    [{"staff_pin_policy": "never"}, {"staff_pin_policy": None}, {"allow_voids": 1},
     {"allow_voids": None}, {"merchant_id": 2}, {"void_window_days": None}],
)  # fmt: skip
def test_given_what_is_no_setting_when_changed_then_422(
    api: Api, ask: Ask, body: dict[str, Any]
) -> None:
    answer = ask("PATCH", f"/merchants/{api.merchant_id}/settings", body)
    assert problem_of(answer) == (422, "validation_error")


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_given_no_such_merchant_when_asked_then_404(ask: Ask, method: str) -> None:
    answer = ask(method, "/merchants/999999/settings", {} if method == "PATCH" else None)
    assert problem_of(answer) == (404, "merchant_not_found")
