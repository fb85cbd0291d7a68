"""How every refusal of the API is provoked: a new code without a way here fails the tests.

Each function sends one request (after whatever it takes) and returns the refusal.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import update

from app.core.clock import utc_now
from app.core.config import get_settings
from app.core.web.body import MAX_BODY_BYTES
from app.modules.loyalty.models import LoyaltyProgram
from app.modules.loyalty.services import apple_wallet_service
from app.modules.loyalty.types import Draft, EntryType
from app.modules.tenancy.models import Merchant
from tests import factories
from tests.modules.loyalty.routes.conftest import STORE, STOREFRONT, Api, make_session

Provoke = Callable[[Api], Any]
ORDER = {"order_reference": "ORD-1"}
REASON = {"reason": "wrong_card"}
WRONG_PIN = {"staff_pin": "8137"}
BOOK = {"purchase_amount_cents": 1000}


def stamp(api: Api, body: dict[str, Any] | None = None, **headers: str) -> Any:
    """A stamp for a new card, if `body` names none."""
    body = body or {}
    card = {} if "card_id" in body or "qr_code" in body else {"card_id": api.card().id}
    return api.post("/stamp", card | body, **headers)


def points(api: Api, body: dict[str, Any] | None = None) -> Any:
    return api.post("/points", {"card_id": api.card().id} | BOOK | (body or {}))


def settings(api: Api, **columns: Any) -> None:
    factories.make_settings(api.db, merchant_id=api.merchant_id, **columns)


def program(api: Api, **columns: Any) -> None:
    api.db.execute(
        update(LoyaltyProgram)
        .where(LoyaltyProgram.merchant_id == api.merchant_id)
        .values(**columns, revision=LoyaltyProgram.revision + 1)
    )
    api.db.commit()


def twice(send: Callable[[], Any], times: int = 2) -> Any:
    """The answer to the last of the same requests."""
    return [send() for _ in range(times)][-1]


def request(api: Api, method: str, path: str, who: str = "owner", **more: Any) -> Any:
    return api.client.request(method, f"{STORE}{path}", headers=api.headers(who), **more)


def store_required(api: Api) -> Any:
    headers = {"Authorization": f"Bearer {api.token('owner')}"}
    return api.client.post(f"{STORE}/stamp", json={"card_id": 1}, headers=headers)


def sign_in_code_invalid(api: Api) -> Any:
    body = {"email": "zoe@example.com", "code": "123456"}
    headers = {"X-Store-Code": api.shop.store.code, "Authorization": "Bearer nobody"}
    return api.client.post("/api/v1/storefront/auth/verify", json=body, headers=headers)


def csrf_failed(api: Api) -> Any:
    body = {"email": "zoe@example.com"}
    headers = {"X-Store-Code": api.shop.store.code, "Cookie": "orion_browser=somebodys"}
    return api.client.post(f"{STOREFRONT}/enroll", json=body, headers=headers)


def staff_pin_required(api: Api) -> Any:
    settings(api, staff_pin_policy="required")
    return stamp(api)


def invalid_staff_pin(api: Api) -> Any:
    settings(api, staff_pin_policy="required")
    return points(api, WRONG_PIN)


def own_card(api: Api) -> Any:
    card = api.card()
    factories.make_pin(api.db, merchant_id=api.merchant_id, own_card_id=card.id)
    return stamp(api, {"card_id": card.id, "staff_pin": factories.PIN})


def self_enrollment_disabled(api: Api) -> Any:
    settings(api, allow_self_enrollment=False)
    body = {"email": "zoe@example.com"}
    headers = {"X-Store-Code": api.shop.store.code, "Authorization": "Bearer nobody"}
    return api.client.post(f"{STOREFRONT}/enroll", json=body, headers=headers)


def voids_disabled(api: Api) -> Any:
    settings(api, allow_voids=False)
    entry = stamp(api).json()["transaction_id"]
    return api.post("/stamp/void", {"transaction_id": entry} | REASON)


def cross_store_redemption_disabled(api: Api) -> Any:
    settings(api, allow_cross_store_redemption=False)
    elsewhere = {"X-Store-Code": api.second_store.code}
    return api.post("/stamp/redeem", {"card_id": api.card(stamps=10).id}, "owner", **elsewhere)


def merchant_suspended(api: Api) -> Any:
    api.db.execute(
        update(Merchant).where(Merchant.id == api.merchant_id).values(status="suspended")
    )
    api.db.commit()
    return points(api)


def program_not_found(api: Api) -> Any:
    merchant = factories.make_merchant(api.db)
    factories.make_store(api.db, merchant_id=merchant.id)
    token = make_session(api.db, merchant_id=merchant.id)
    return api.client.get(f"{STORE}/program", headers={"Authorization": f"Bearer {token}"})


def merchant_not_found(api: Api) -> Any:
    admin = {"Authorization": f"Bearer {make_session(api.db, merchant_id=None)}"}
    return api.client.get("/api/v1/admin/loyalty/merchants/999999/settings", headers=admin)


def wallet_not_configured(api: Api) -> Any:
    apple_pass = factories.make_pass(api.db, card=api.card(), provider="apple")
    url = apple_wallet_service.download_url(apple_pass.serial)
    return api.client.get(url.removeprefix(get_settings().base_url))


def pass_not_found(api: Api) -> Any:
    admin = {"Authorization": f"Bearer {make_session(api.db, merchant_id=None)}"}
    return api.client.post("/api/v1/admin/loyalty/wallet/parked/999999/retry", headers=admin)


def program_inactive(api: Api) -> Any:
    program(api, is_active=False)
    return points(api)


def program_type_mismatch(api: Api) -> Any:
    program(api, loyalty_type="points")
    return stamp(api)


def card_replaced(api: Api) -> Any:
    card = api.card()
    api.post(f"/cards/{card.id}/replace", {"reason": "Lost on the bus"}, "manager")
    return stamp(api, {"qr_code": card.qr_code_data})


def code_expired(api: Api) -> Any:
    return stamp(api, {"qr_code": api.card().qr_code_data + "000000"})


def stamp_cooldown(api: Api) -> Any:
    body = {"card_id": api.card().id}
    return twice(lambda: stamp(api, body))


def daily_stamp_limit(api: Api) -> Any:
    program(api, max_daily_stamps=2)
    return stamp(api, {"quantity": 3})


def below_minimum_purchase(api: Api) -> Any:
    program(api, minimum_purchase_cents=1001)
    return points(api)


def below_minimum_redemption(api: Api) -> Any:
    program(api, minimum_redemption_points=50)
    return api.post("/points/redeem", {"card_id": api.card().id, "points": 49})


def order_already_earned(api: Api) -> Any:
    return twice(lambda: points(api, ORDER))  # another card each time


def refund_exceeds_order(api: Api) -> Any:
    points(api, ORDER)
    body = ORDER | {"refund_reference": "R-1", "amount_cents": 1001}
    return api.post("/refund", body)


def already_voided(api: Api) -> Any:
    entry = stamp(api).json()["transaction_id"]
    return twice(lambda: api.post("/stamp/void", {"transaction_id": entry} | REASON))


def not_voidable(api: Api) -> Any:
    entry = points(api).json()["transaction_id"]
    return api.post("/stamp/void", {"transaction_id": entry} | REASON)


def void_window_passed(api: Api) -> Any:
    long_ago = utc_now() - timedelta(days=32)
    card = api.card(now=long_ago)
    earned = factories.post(
        api.db, card, [Draft(EntryType.STAMP_EARNED, stamps_delta=1)], now=long_ago
    )
    body = {"transaction_id": earned.facts["transaction_id"]} | REASON
    return api.post("/stamp/void", body, "manager")


def pin_in_use(api: Api) -> Any:
    return twice(lambda: api.post("/pins", {"name": "Lea", "pin": factories.PIN}, "owner"))


def quota_exceeded(api: Api) -> Any:
    settings(api, max_cards=1)
    api.card()
    return api.post("/cards/enroll", {"email": "zoe@example.com"})


def edit_conflict(api: Api) -> Any:
    headers = {"If-Match": '"program-1-0"'}
    return api.client.patch(
        f"{STORE}/program", json={"card_name": "Bread"}, headers=api.headers("owner", **headers)
    )


def idempotency_key_reused(api: Api) -> Any:
    return twice(lambda: stamp(api, key="till-1"))  # another card each time


def order_reference_required(api: Api) -> Any:
    settings(api, require_order_reference=True)
    return points(api)


def image_rejected(api: Api) -> Any:
    files = {"file": ("logo.png", b"<svg/>", "image/png")}
    return request(api, "POST", "/program/images", data={"kind": "logo"}, files=files)


def staff_pin_locked(api: Api) -> Any:
    pin = factories.make_pin(api.db, merchant_id=api.merchant_id)
    return twice(lambda: stamp(api, WRONG_PIN | {"staff_pin_id": pin.id}), times=6)


def terminal_locked(api: Api) -> Any:
    return twice(lambda: points(api, WRONG_PIN), times=6)


def rate_limited(api: Api) -> Any:
    body = {"email": "zoe@example.com"}
    headers = {"X-Store-Code": api.shop.store.code, "Authorization": "Bearer nobody"}
    url = "/api/v1/storefront/auth/code"
    return twice(lambda: api.client.post(url, json=body, headers=headers), times=31)


PROVOKED: dict[str, Provoke] = {
    "store_required": store_required,
    "unauthenticated": lambda api: api.client.get(f"{STORE}/program"),
    "sign_in_code_invalid": sign_in_code_invalid,
    "forbidden": lambda api: api.get("/stats", "cashier"),
    "csrf_failed": csrf_failed,
    "staff_pin_required": staff_pin_required,
    "invalid_staff_pin": invalid_staff_pin,
    "own_card": own_card,
    "self_enrollment_disabled": self_enrollment_disabled,
    "voids_disabled": voids_disabled,
    "cross_store_redemption_disabled": cross_store_redemption_disabled,
    "merchant_suspended": merchant_suspended,
    "program_not_found": program_not_found,
    "card_not_found": lambda api: api.post("/cards/lookup", {"query": "123456789012"}),
    "customer_not_found": lambda api: api.post("/cards/enroll", {"customer_id": 999999}),
    "pin_not_found": lambda api: request(api, "DELETE", "/pins/999999"),
    "transaction_not_found": lambda api: api.post(
        "/points/void", {"transaction_id": 999999} | REASON
    ),
    "pass_not_found": pass_not_found,
    "wallet_not_configured": wallet_not_configured,
    "reward_not_found": lambda api: request(api, "DELETE", "/rewards/999999"),
    "store_not_found": lambda api: stamp(api, None, **{"X-Store-Code": "nowhere"}),
    "terminal_not_found": lambda api: request(api, "DELETE", "/terminals/999999"),
    "merchant_not_found": merchant_not_found,
    "program_exists": lambda api: api.post("/program", {"loyalty_type": "stamps"}, "owner"),
    "program_inactive": program_inactive,
    "program_type_mismatch": program_type_mismatch,
    "card_inactive": lambda api: stamp(api, {"card_id": api.card(status="suspended").id}),
    "card_replaced": card_replaced,
    "code_expired": code_expired,
    "stamp_cooldown": stamp_cooldown,
    "daily_stamp_limit": daily_stamp_limit,
    "insufficient_stamps": lambda api: api.post("/stamp/redeem", {"card_id": api.card().id}),
    "insufficient_points": lambda api: api.post(
        "/points/redeem", {"card_id": api.card().id, "points": 1}
    ),
    "below_minimum_purchase": below_minimum_purchase,
    "below_minimum_redemption": below_minimum_redemption,
    "order_already_earned": order_already_earned,
    "order_not_found": lambda api: api.post("/refund", ORDER | {"refund_reference": "R-1"}),
    "refund_exceeds_order": refund_exceeds_order,
    "nothing_to_reinstate": lambda api: api.post(
        "/points/reinstate", {"card_id": api.card().id, "reason": "was in hospital"}, "manager"
    ),
    "already_voided": already_voided,
    "not_voidable": not_voidable,
    "void_window_passed": void_window_passed,
    "pin_in_use": pin_in_use,
    "quota_exceeded": quota_exceeded,
    "edit_conflict": edit_conflict,
    "payload_too_large": lambda api: stamp(api, {"notes": "x" * MAX_BODY_BYTES}),
    "validation_error": lambda api: stamp(api, {"quantity": 0}),
    "idempotency_key_reused": idempotency_key_reused,
    "weak_pin": lambda api: api.post("/pins", {"name": "Lea", "pin": "1234"}, "owner"),
    "amount_too_large": lambda api: stamp(api, {"quantity": 6}),
    "order_reference_required": order_reference_required,
    "image_rejected": image_rejected,
    "staff_pin_locked": staff_pin_locked,
    "terminal_locked": terminal_locked,
    "rate_limited": rate_limited,
}
# Addresses that lead nowhere belong to no operation of the document.
NO_OPERATION: dict[str, Provoke] = {
    "not_found": lambda api: api.client.get("/api/v1/nowhere"),
    "method_not_allowed": lambda api: request(api, "DELETE", "/program"),
}
# Faults, which have to be made first, and what commands answer, since no route does.
_PROBLEMS = "tests/core/web/test_problem.py"
_PEOPLE = "tests/modules/tenancy/services/test_people_and_keys.py"
ELSEWHERE: dict[str, tuple[str, str]] = {
    "internal_error": (
        _PROBLEMS,
        "test_given_an_http_exception_when_raised_then_it_becomes_one_of_our_codes",
    ),
    "unavailable": (
        _PROBLEMS,
        "test_given_no_database_when_asked_then_it_is_unavailable_and_says_when_to_retry",
    ),
    "user_not_found": (
        _PEOPLE,
        "test_given_no_sense_when_a_membership_is_added_then_it_is_refused",
    ),
    "api_key_not_found": (
        _PEOPLE,
        "test_given_a_key_when_signed_out_with_it_then_it_goes_on_until_revoked",
    ),
}
