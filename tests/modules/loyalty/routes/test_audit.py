"""Whatever owners, managers and admins write stands in the audit log, with old and new values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.modules.tenancy.models import AuditEntry
from tests import factories, reads
from tests.modules.loyalty.routes.conftest import STORE, Api, make_session
from tests.pictures import picture

ADMIN = "/api/v1/admin/loyalty"
REASON = {"reason": "asked for it"}


@dataclass(frozen=True)
class Act:
    """What is written down of one request: `old` and `new` name the values that stand there."""

    subject: str
    action: str
    body: dict[str, Any] | None = None
    old: frozenset[str] = frozenset()
    new: frozenset[str] = frozenset()
    files: bool = False


def act(what: str, body: Any = None, old: str = "", new: str = "", *, files: bool = False) -> Act:
    subject, action = what.split(" ")
    return Act(subject, action, body, frozenset(old.split()), frozenset(new.split()), files)


ACTS = {
    f"PATCH {STORE}/program": act(
        "program program_changed", {"card_name": "Bread"}, "card_name", "card_name"
    ),
    f"POST {STORE}/program/images": act(
        "program program_image_sent", {"kind": "logo"}, "", "image", files=True
    ),
    f"POST {STORE}/rewards": act(
        "reward reward_created", {"name": "Bread", "cost_points": 50}, "", "name cost_points"
    ),
    f"PATCH {STORE}/rewards/{{reward_id}}": act(
        "reward reward_changed", {"cost_points": 50}, "cost_points", "cost_points"
    ),
    f"DELETE {STORE}/rewards/{{reward_id}}": act("reward reward_deleted", None, "name cost_points"),
    f"PATCH {STORE}/cards/{{card_id}}": act(
        "card card_suspended", {"status": "suspended"}, "status", "status"
    ),
    f"PATCH {STORE}/cards/{{card_id}}/customer": act(
        "customer customer_corrected", {"first_name": "Mia"}, "first_name", "first_name"
    ),
    f"POST {STORE}/cards/{{card_id}}/replace": act(
        "card card_replaced", REASON, "card_number", "card_number reason"
    ),
    f"POST {STORE}/cards/{{card_id}}/merge": act(
        "card cards_merged", REASON | {"other_card_id": "OTHER"}, "points_balance", "reason"
    ),
    f"POST {STORE}/cards/{{card_id}}/erase": act("customer customer_erased", REASON, "", "reason"),
    f"GET {STORE}/cards/{{card_id}}/export": act("customer customer_exported"),
    f"POST {STORE}/cards/{{card_id}}/send-code": act("card sign_in_code_sent"),
    f"POST {STORE}/pins": act(
        "staff_pin pin_created", {"name": "Lea", "pin": "4826"}, "", "name role"
    ),
    f"PATCH {STORE}/pins/{{pin_id}}": act(
        "staff_pin pin_changed", {"can_void": True}, "can_void", "can_void"
    ),
    f"DELETE {STORE}/pins/{{pin_id}}": act("staff_pin pin_deleted", None, "name"),
    f"POST {STORE}/pins/{{pin_id}}/unlock": act("staff_pin pin_unlocked"),
    f"DELETE {STORE}/terminals/{{terminal_id}}": act("terminal terminal_revoked", None, "name"),
    f"POST {STORE}/terminals/{{terminal_id}}/unlock": act("terminal terminal_unlocked"),
    f"PATCH {ADMIN}/merchants/{{merchant_id}}/settings": act(
        "merchant loyalty_settings_changed", {"allow_voids": False}, "allow_voids", "allow_voids"
    ),
    f"POST {ADMIN}/wallet/parked/{{pass_id}}/retry": act(
        "wallet_pass wallet_pass_retried", None, "parked_for"
    ),
}
# What the ledger tells, and what writes nothing.
LEDGER = {
    f"POST {STORE}{path}"
    for path in (
        "/cards/enroll", "/stamp", "/stamp/redeem", "/stamp/void", "/stamp/adjust", "/points",
        "/points/redeem", "/points/void", "/points/adjust", "/points/reinstate", "/refund",
    )
}  # fmt: skip
LOOKS = {
    f"POST {STORE}{path}"
    for path in (
        "/cards/lookup", "/points/preview", "/program/preview", "/pins/verify",
        "/cards/{card_id}/sync",  # sends again what stands there
    )
}  # fmt: skip
CREATES_PROGRAM = f"POST {STORE}/program"


@pytest.fixture
def api(client: TestClient, db: Session) -> Api:
    shop = factories.make_shop(db, require_staff_pin=False, loyalty_type="hybrid")
    return Api(db, shop, factories.make_store(db, merchant_id=shop.merchant_id), client)


def ids(api: Api) -> dict[str, int]:
    """One thing of each kind, in the merchant's shop."""
    place: dict[str, Any] = {"merchant_id": api.merchant_id}
    terminal = factories.make_terminal(api.db, store_id=api.shop.store.id, **place)
    card = api.card()
    parked = factories.make_pass(
        api.db, card=card, parked_at=factories.NOW, last_error="invalid_resource"
    )
    return {
        "card_id": card.id,
        "pass_id": parked.id,
        "OTHER": api.card().id,
        "reward_id": factories.make_reward(api.db, **place).id,
        "pin_id": factories.make_pin(api.db, pin="715093", **place).id,
        "terminal_id": terminal.id,
        "merchant_id": api.merchant_id,
    }


def send(api: Api, asked: str, wanted: Act, known: dict[str, int]) -> Any:
    method, path = asked.split(" ")
    body = {name: known.get(str(value), value) for name, value in (wanted.body or {}).items()}
    sent: dict[str, Any] = {"json": body} if body else {}
    if wanted.files:
        sent = {"data": body, "files": {"file": ("logo.png", picture(), "image/png")}}
    headers = api.headers("owner")
    if path.startswith(ADMIN):
        headers = {"Authorization": f"Bearer {make_session(api.db, merchant_id=None)}"}
    return api.client.request(method, path.format(**known), headers=headers, **sent)


def acts_of(api: Api, request_id: str) -> list[AuditEntry]:
    rows = reads.rows_of(api.db, AuditEntry, merchant_id=api.merchant_id)
    return [row for row in rows if row.request_id == request_id]


@pytest.mark.parametrize("asked", ACTS)
def test_given_a_write_when_done_then_one_line_tells_who_what_and_the_values_of_before(
    api: Api, asked: str
) -> None:
    wanted = ACTS[asked]
    answer = send(api, asked, wanted, ids(api))
    assert answer.status_code < 300, answer.text
    [entry] = acts_of(api, answer.headers["x-request-id"])
    assert (entry.action, entry.subject.partition(":")[0]) == (wanted.action, wanted.subject)
    assert (entry.actor_kind, entry.actor_id is not None) == ("user", True)
    assert (set(entry.old or {}) >= wanted.old, bool(entry.old)) == (True, bool(wanted.old))
    assert (set(entry.new or {}) >= wanted.new, bool(entry.new)) == (True, bool(wanted.new))


def test_given_a_merchant_without_a_program_when_it_is_made_then_the_log_has_all_of_it(
    api: Api,
) -> None:
    merchant = factories.make_merchant(api.db)
    factories.make_store(api.db, merchant_id=merchant.id)
    owner = {"Authorization": f"Bearer {make_session(api.db, merchant_id=merchant.id)}"}
    made = api.client.post(f"{STORE}/program", json={"loyalty_type": "points"}, headers=owner)
    assert made.status_code == 201
    [entry] = reads.rows_of(api.db, AuditEntry, merchant_id=merchant.id)
    assert (entry.action, entry.old) == ("program_created", None)
    assert entry.new["loyalty_type"] == "points"


def test_given_a_refused_write_when_asked_then_the_log_says_nothing(api: Api) -> None:
    refused = api.post("/rewards", {"name": "Bread", "cost_points": 50}, "cashier")
    assert refused.status_code == 403
    assert acts_of(api, refused.headers["x-request-id"]) == []


def test_given_the_document_when_writes_are_counted_then_each_stands_here(
    application: FastAPI,
) -> None:
    writes = {
        f"{method.upper()} {path}"
        for path, operations in application.openapi()["paths"].items()
        for method in operations
        if path.startswith((STORE, ADMIN)) and method != "get"
    }
    told = {asked for asked in ACTS if not asked.startswith("GET ")}
    assert writes == told | LEDGER | LOOKS | {CREATES_PROGRAM}
