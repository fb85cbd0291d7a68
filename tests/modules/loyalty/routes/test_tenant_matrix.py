"""Every route of the API against everybody who should not see through it.

The rows are checked against the OpenAPI document, so that a new route without a row fails.
Ids and codes in the requests are always those of the merchant under attack.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest
from fastapi import FastAPI
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.modules.customers.models import Customer
from app.modules.loyalty.models import (
    LoyaltyCard,
    LoyaltyProgram,
    LoyaltyReward,
    LoyaltyTransaction,
    OrderAward,
    OrderRefund,
    PinEntryLock,
    StaffPin,
    WalletPass,
)
from app.modules.loyalty.services import stamp_service
from app.modules.loyalty.types import Caller, Draft, EntryType
from app.modules.tenancy.models import AuditEntry, Terminal
from tests import factories, reads
from tests.modules.loyalty.routes.conftest import make_customer_session, make_session, problem_of

CALLERS = ("anonymous", "other_merchant", "other_store", "customer", "cashier", "admin")
# Whoever stands outside the merchant: after their calls nothing of it may have changed.
OUTSIDERS = ("anonymous", "other_merchant", "customer")
OWNED = (
    Customer, LoyaltyCard, LoyaltyProgram, LoyaltyReward, LoyaltyTransaction, PinEntryLock,
    StaffPin, Terminal, AuditEntry, OrderAward, OrderRefund, WalletPass,
)  # fmt: skip
ROOT = "/api/v1"
ADMIN = f"{ROOT}/admin/loyalty"
STORE = f"{ROOT}/store/loyalty"
EMAIL = "zoe@example.com"
SCAN: dict[str, Any] = {"card_id": "CARD"}


@dataclass(frozen=True)
class Row:
    """What each caller hears, in the order of `CALLERS`; `body` with the victim's ids.

    `customer_changes`: the customer may change their own things there.
    """

    codes: tuple[int, ...]
    body: dict[str, Any] | None = None
    customer_changes: bool = False


def staff(foreign: int, own: int, body: dict[str, Any] | None = None) -> Row:
    """A route for everybody who works for the merchant."""
    return Row((401, foreign, own, 403, own, 403), body)


def managers(foreign: int, body: dict[str, Any] | None = None, *, admin: int = 403) -> Row:
    """A route for owners and managers."""
    return Row((401, foreign, 403, 403, 403, admin), body)


def admins(body: dict[str, Any] | None = None) -> Row:
    """A route for the platform's admins."""
    return Row((401, 403, 403, 403, 403, 200), body)


def customers(own: int = 200) -> Row:
    """A route for the customer whose device it is."""
    return Row((401, 401, 401, own, 401, 401))


Key: TypeAlias = tuple[str, str]
TABLE: dict[Key, Row] = {
    ("POST", f"{ROOT}/auth/login"): Row(
        (401,) * 6, {"email": "nobody@example.com", "password": "wrong-password"}
    ),
    ("POST", f"{ROOT}/auth/logout"): Row((204,) * 6),
    ("GET", f"{ROOT}/auth/me"): Row((401, 200, 200, 200, 200, 200)),
    ("GET", f"{STORE}/program"): staff(200, 200),
    ("POST", f"{STORE}/program"): managers(409, {"loyalty_type": "stamps"}),
    ("PATCH", f"{STORE}/program"): managers(200, {"card_name": "Stolen"}),
    ("POST", f"{STORE}/program/preview"): managers(200, {"stamps_target": 2}),
    ("POST", f"{STORE}/program/images"): managers(422, {"kind": "logo"}),  # without a file
    ("GET", f"{STORE}/rewards"): staff(200, 200),
    ("POST", f"{STORE}/rewards"): managers(201, {"name": "Stolen", "cost_points": 1}),
    ("PATCH", f"{STORE}/rewards/{{reward_id}}"): managers(404, {"cost_points": 1}),
    ("DELETE", f"{STORE}/rewards/{{reward_id}}"): managers(404),
    ("GET", f"{STORE}/cards"): staff(200, 200),
    ("POST", f"{STORE}/cards/lookup"): staff(404, 200, {"card_number": "NUMBER"}),
    ("POST", f"{STORE}/cards/enroll"): staff(404, 200, {"customer_id": "CUSTOMER"}),
    ("GET", f"{STORE}/cards/{{card_id}}"): staff(404, 200),
    ("GET", f"{STORE}/cards/{{card_id}}/transactions"): staff(404, 200),
    ("GET", f"{STORE}/transactions"): managers(200),
    ("PATCH", f"{STORE}/cards/{{card_id}}"): managers(404, {"status": "suspended"}),
    ("PATCH", f"{STORE}/cards/{{card_id}}/customer"): managers(404, {"first_name": "Eve"}),
    ("POST", f"{STORE}/cards/{{card_id}}/replace"): managers(404, {"reason": "I want it"}),
    ("POST", f"{STORE}/cards/{{card_id}}/merge"): managers(
        404, {"other_card_id": "CARD", "reason": "I want it"}
    ),
    ("POST", f"{STORE}/cards/{{card_id}}/erase"): managers(404, {"reason": "I want it"}),
    ("POST", f"{STORE}/cards/{{card_id}}/sync"): managers(404),
    ("GET", f"{STORE}/cards/{{card_id}}/export"): managers(404),
    # One stamp only: the second caller of the merchant meets the cooldown.
    ("POST", f"{STORE}/stamp"): Row((401, 404, 200, 403, 409, 403), SCAN),
    ("POST", f"{STORE}/stamp/redeem"): staff(404, 409, SCAN),
    ("POST", f"{STORE}/stamp/void"): staff(
        404, 403, {"transaction_id": "ENTRY", "reason": "wrong_card"}
    ),
    ("POST", f"{STORE}/stamp/adjust"): managers(
        404, SCAN | {"delta": 1, "reason": "A present for me"}
    ),
    # A program of stamps: whoever finds the card is told that it collects no points.
    ("POST", f"{STORE}/points"): staff(404, 409, SCAN | {"purchase_amount_cents": 100}),
    ("POST", f"{STORE}/points/preview"): staff(404, 409, SCAN | {"purchase_amount_cents": 100}),
    ("POST", f"{STORE}/points/redeem"): staff(404, 409, SCAN | {"points": 1}),
    ("POST", f"{STORE}/points/void"): staff(
        404, 409, {"transaction_id": "ENTRY", "reason": "wrong_card"}
    ),
    ("POST", f"{STORE}/points/adjust"): managers(
        404, SCAN | {"delta": 1, "reason": "A present for me"}
    ),
    ("POST", f"{STORE}/points/reinstate"): managers(404, SCAN | {"reason": "A regular"}),
    # An order is one of the store where it earned.
    ("POST", f"{STORE}/refund"): Row(
        (401, 409, 409, 403, 200, 403), {"order_reference": "ORD-1", "refund_reference": "R-1"}
    ),
    ("GET", f"{STORE}/pins"): managers(200),
    ("POST", f"{STORE}/pins"): managers(404, {"name": "Eve", "pin": "7295", "store_id": "STORE"}),
    ("POST", f"{STORE}/pins/verify"): staff(403, 200, {"staff_pin": factories.PIN}),
    ("PATCH", f"{STORE}/pins/{{pin_id}}"): managers(404, {"name": "Eve"}),
    ("DELETE", f"{STORE}/pins/{{pin_id}}"): managers(404),
    ("POST", f"{STORE}/pins/{{pin_id}}/unlock"): managers(404, admin=200),
    ("GET", f"{STORE}/stats"): managers(200),
    ("GET", f"{ADMIN}/programs"): admins(),
    ("GET", f"{ADMIN}/programs/{{program_id}}"): admins(),
    ("GET", f"{ADMIN}/programs/{{program_id}}/stats"): admins(),
    ("GET", f"{ADMIN}/stats"): admins(),
    ("GET", f"{ADMIN}/merchants/{{merchant_id}}/settings"): admins(),
    ("PATCH", f"{ADMIN}/merchants/{{merchant_id}}/settings"): admins({"allow_voids": False}),
    ("GET", f"{ADMIN}/wallet/status"): admins(),
    ("POST", f"{ADMIN}/wallet/parked/{{pass_id}}/retry"): admins(),
    ("GET", f"{STORE}/terminals"): managers(200),
    ("DELETE", f"{STORE}/terminals/{{terminal_id}}"): managers(404),
    ("POST", f"{STORE}/terminals/{{terminal_id}}/unlock"): managers(404, admin=204),
    ("POST", f"{STORE}/cards/{{card_id}}/send-code"): managers(404),
    ("GET", f"{ROOT}/storefront/loyalty/card"): customers(),
    ("GET", f"{ROOT}/storefront/loyalty/transactions"): customers(),
    # The same answer for everybody, whoever the address belongs to.
    ("POST", f"{ROOT}/storefront/auth/code"): Row((202,) * 6, {"email": "EMAIL"}),
    ("POST", f"{ROOT}/storefront/auth/verify"): Row(
        (401,) * 6, {"email": "EMAIL", "code": "000000"}
    ),
    ("POST", f"{ROOT}/storefront/auth/logout"): Row((204,) * 6),
    ("GET", f"{ROOT}/storefront/account"): customers(),
    ("GET", f"{ROOT}/storefront/account/export"): customers(),
    ("PATCH", f"{ROOT}/storefront/account"): Row(
        (401, 401, 401, 200, 401, 401), {"first_name": "Eve"}, customer_changes=True
    ),
    ("DELETE", f"{ROOT}/storefront/account"): Row(
        (401, 401, 401, 204, 401, 401), customer_changes=True
    ),
    # Joining needs no token, and a token changes nothing about it.
    ("POST", f"{ROOT}/storefront/loyalty/enroll"): Row((422,) * 6, {"first_name": "Eve"}),
    ("GET", f"{ROOT}/loyalty/programs/{{store_code}}"): Row((200,) * 6),
    # No wallet is set up: whose card it is, is told that; everybody else, that there is none.
    ("GET", f"{ROOT}/loyalty/passes/apple/{{serial}}.pkpass"): Row((404, 404, 404, 503, 404, 404)),
    ("GET", f"{ROOT}/loyalty/passes/google/{{link}}"): Row((404,) * 6),
    ("POST", f"{ROOT}/loyalty/google/callback"): Row((404,) * 6, {"signature": "forged"}),
}


class Scene:
    """The merchant under attack with one of everything, and a token for each caller."""

    def __init__(self, db: Session, client: TestClient) -> None:
        self.db, self.client = db, client
        self.shop = factories.make_shop(db, require_staff_pin=False)
        merchant_id = self.shop.merchant_id
        person = factories.make_customer(db, merchant_id=merchant_id, email=EMAIL)
        self.card = factories.make_card(db, shop=self.shop, customer_id=person.id, stamps=3)
        given = Draft(EntryType.STAMP_EARNED, 1)
        self.entry_id = factories.post(db, self.card, [given]).facts["transaction_id"]
        caller = Caller(merchant_id, store_id=self.shop.store.id)
        buyer = factories.make_card(db, shop=self.shop)
        stamp_service.add_stamp(db, card_id=buyer.id, caller=caller, order_reference="ORD-1")
        self.pin = factories.make_pin(db, merchant_id=merchant_id)
        self.reward = factories.make_reward(db, merchant_id=merchant_id)
        self.terminal = factories.make_terminal(
            db, merchant_id=merchant_id, store_id=self.shop.store.id
        )
        kept = factories.make_pass(db, card=self.card, parked_at=factories.NOW)
        apple = factories.make_pass(db, card=self.card, provider="apple")
        second = factories.make_store(db, merchant_id=merchant_id)
        other = factories.make_shop(db)
        self.codes = {"other_merchant": other.store.code, "admin": self.shop.store.code}
        self.tokens = {
            "other_merchant": make_session(db, merchant_id=other.merchant_id),
            "other_store": make_session(
                db, merchant_id=merchant_id, role="cashier", store_id=second.id
            ),
            "customer": make_customer_session(db, self.card),
            "cashier": make_session(
                db, merchant_id=merchant_id, role="cashier", store_id=self.shop.store.id
            ),
            "admin": make_session(db, merchant_id=None),
        }
        self.names = {
            "CARD": self.card.id, "NUMBER": self.card.card_number, "ENTRY": self.entry_id,
            "CUSTOMER": self.card.customer_id, "STORE": self.shop.store.id,
            "EMAIL": EMAIL,
        }  # fmt: skip
        self.ids = {
            "card_id": self.card.id, "pin_id": self.pin.id, "terminal_id": self.terminal.id,
            "reward_id": self.reward.id,
            "store_code": self.shop.store.code, "program_id": self.shop.program.id,
            "merchant_id": merchant_id, "pass_id": kept.id,
            "serial": apple.serial, "link": "x" * 43,
        }  # fmt: skip

    def call(self, caller: str, key: Key, body: dict[str, Any] | None, **ids: object) -> Any:
        headers = {}
        if caller in self.tokens:
            headers["Authorization"] = f"Bearer {self.tokens[caller]}"
        if caller in self.codes or "storefront" in key[1]:
            headers["X-Store-Code"] = self.codes.get(caller, self.shop.store.code)
        sent = {name: self.names.get(value, value) for name, value in (body or {}).items()}
        path = key[1].format(**self.ids | ids)
        return self.client.request(key[0], path, json=sent if body else None, headers=headers)

    def everything(self) -> list[dict[str, Any]]:
        """All the merchant's rows, to see whether anything moved."""
        return [
            {column.name: getattr(row, column.name) for column in model.__table__.columns}
            for model in OWNED
            for row in reads.rows_of(self.db, model, merchant_id=self.shop.merchant_id)
        ]


@pytest.fixture
def scene(db: Session, client: TestClient) -> Scene:
    return Scene(db, client)


@pytest.mark.parametrize(("key", "row"), TABLE.items(), ids=[" ".join(key) for key in TABLE])
def test_c69_given_a_route_when_each_caller_asks_for_the_victims_things_then_as_documented(
    scene: Scene, key: Key, row: Row
) -> None:
    heard = {}
    for caller in CALLERS:
        before = scene.everything()
        answer = scene.call(caller, key, row.body)
        heard[caller] = answer.status_code
        if answer.status_code >= 400:
            problem_of(answer)
        if caller in OUTSIDERS and not (caller == "customer" and row.customer_changes):
            assert scene.everything() == before, caller
        if caller in ("anonymous", "other_merchant"):
            for secret in (scene.card.card_number, scene.card.qr_code_data, scene.pin.name):
                assert secret not in answer.text, caller
    assert heard == dict(zip(CALLERS, row.codes, strict=True))


@pytest.mark.parametrize(
    ("key", "row"),
    [(key, row) for key, row in TABLE.items() if row.codes[1] == 404],
    ids=[" ".join(key) for key, row in TABLE.items() if row.codes[1] == 404],
)
def test_c69_given_anothers_id_when_asked_for_then_no_difference_from_one_that_does_not_exist(
    scene: Scene, key: Key, row: Row
) -> None:
    foreign = scene.call("other_merchant", key, row.body).json()
    scene.names = dict.fromkeys(scene.names, 2**40) | {"NUMBER": "480900000009"}
    missing = scene.call("other_merchant", key, row.body, card_id=2**40, pin_id=2**40,
                         terminal_id=2**40, reward_id=2**40).json()  # fmt: skip
    assert foreign | {"request_id": ""} == missing | {"request_id": "", "params": foreign["params"]}


@pytest.mark.parametrize(
    "key", [("POST", f"{STORE}{path}") for path in ("/stamp", "/cards/lookup", "/program")]
)
def test_c69_given_the_victims_store_when_a_stranger_names_it_then_it_does_not_exist(
    scene: Scene, key: Key
) -> None:
    scene.codes["other_merchant"] = scene.shop.store.code
    answer = scene.call("other_merchant", key, TABLE[key].body)
    assert problem_of(answer) == (404, "store_not_found")


def test_c69_given_the_routes_of_the_application_when_compared_then_each_has_a_row(
    application: FastAPI,
) -> None:
    routes = {
        (method.upper(), path)
        for path, operations in application.openapi()["paths"].items()
        for method in operations
        if path.startswith(ROOT)
    }
    assert routes == set(TABLE)
