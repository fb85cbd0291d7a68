"""/storefront/auth and the code that staff send: signing in on a device, and nobody else's."""

from __future__ import annotations

import logging
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.core.logs import configure_logging
from app.core.web.csrf import csrf_token
from tests import factories
from tests.modules.loyalty.routes.conftest import Api, make_customer_session, problem_of
from tests.modules.loyalty.services.mailbox import mails_of, newest_code

AUTH = "/api/v1/storefront/auth"
KNOWN = "zoe@example.com"


class Device:
    """A browser that has seen one of our pages before."""

    def __init__(self, api: Api, application: FastAPI, browser: str) -> None:
        self.client = TestClient(application)
        self.client.cookies.set("orion_browser", browser)
        token = csrf_token(application.state.web.keyring, browser)
        self.headers = {"X-CSRF-Token": token, "X-Store-Code": api.shop.store.code}

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return self.client.post(path, json=body, headers=self.headers)

    def card(self) -> Any:
        return self.client.get("/api/v1/storefront/loyalty/card", headers=self.headers)


NewDevice = Callable[[str], Device]


@pytest.fixture
def device(api: Api, application: FastAPI) -> NewDevice:
    return lambda browser: Device(api, application, browser)


@pytest.fixture
def member(api: Api) -> Any:
    customer = factories.make_customer(api.db, merchant_id=api.merchant_id, email=KNOWN)
    return api.card(customer_id=customer.id, stamps=7)


def code_of(api: Api) -> str:
    return newest_code(api.db, merchant_id=api.merchant_id)


def test_given_a_member_when_signing_in_then_this_device_shows_the_card_until_it_signs_out(
    api: Api, device: NewDevice, member: Any
) -> None:
    phone = device("phone")
    asked = phone.post(f"{AUTH}/code", {"email": KNOWN})
    assert asked.status_code == 202
    assert asked.json() == {
        "message": "If there is a card with this address, a code is on its way.",
        "valid_minutes": 10,
    }
    done = phone.post(f"{AUTH}/verify", {"email": KNOWN, "code": code_of(api)})
    assert (done.status_code, done.json()["outcome"]) == (200, "signed_in")
    assert done.json()["card"]["card_id"] == member.id
    assert "HttpOnly" in done.headers["set-cookie"]
    assert phone.card().json()["stamp_count"] == 7
    token = phone.client.cookies["orion_customer"]
    assert phone.post(f"{AUTH}/logout").status_code == 204
    assert problem_of(phone.card()) == (401, "unauthenticated")
    bearer = {"Authorization": f"Bearer {token}", "X-Store-Code": api.shop.store.code}
    ended = TestClient(api.client.app).get("/api/v1/storefront/loyalty/card", headers=bearer)
    assert problem_of(ended) == (401, "unauthenticated")
    assert phone.post(f"{AUTH}/logout").status_code == 204


def test_given_a_code_when_typed_elsewhere_wrong_or_twice_then_refused_with_the_tries_left(
    api: Api, device: NewDevice, member: Any
) -> None:
    phone, laptop = device("phone"), device("laptop")
    phone.post(f"{AUTH}/code", {"email": KNOWN})
    code = code_of(api)
    right = {"email": KNOWN, "code": code}
    assert problem_of(laptop.post(f"{AUTH}/verify", right)) == (401, "sign_in_code_invalid")
    wrong = phone.post(f"{AUTH}/verify", {"email": KNOWN, "code": f"{int(code) ^ 1:06d}"})
    assert problem_of(wrong) == (401, "sign_in_code_invalid")
    assert wrong.json()["params"] == {"attempts_left": 4}
    assert "Tries left: 4" in wrong.json()["detail"]
    assert phone.post(f"{AUTH}/verify", right).status_code == 200
    assert problem_of(phone.post(f"{AUTH}/verify", right)) == (401, "sign_in_code_invalid")
    assert problem_of(laptop.card()) == (401, "unauthenticated")


def test_given_another_shop_when_the_code_is_typed_there_then_refused(
    api: Api, device: NewDevice, member: Any
) -> None:
    phone = device("phone")
    phone.post(f"{AUTH}/code", {"email": KNOWN})
    phone.headers["X-Store-Code"] = factories.make_shop(api.db).store.code
    answer = phone.post(f"{AUTH}/verify", {"email": KNOWN, "code": code_of(api)})
    assert problem_of(answer) == (401, "sign_in_code_invalid")


def join(phone: Device, email: str = KNOWN) -> dict[str, Any]:
    answer = phone.post("/api/v1/storefront/loyalty/enroll", {"email": email})
    assert answer.status_code == 201
    card: dict[str, Any] = answer.json()["card"]
    return card


def test_given_a_fresh_card_when_its_code_is_typed_then_confirmed_and_a_new_token(
    api: Api, device: NewDevice
) -> None:
    phone = device("phone")
    fresh = join(phone)
    before = phone.client.cookies["orion_customer"]
    assert phone.post(f"{AUTH}/code", {}).status_code == 202
    done = phone.post(f"{AUTH}/verify", {"code": code_of(api)})
    assert (done.status_code, done.json()["outcome"]) == (200, "confirmed")
    assert done.json()["card"]["card_number"] == fresh["card_number"]
    assert done.json()["card"]["customer"]["contact_pending"] is False
    after = phone.client.cookies["orion_customer"]
    assert before not in after
    assert "." not in after


def test_given_a_known_address_when_confirmed_then_the_device_shows_the_older_card(
    api: Api, device: NewDevice, member: Any
) -> None:
    phone = device("phone")
    fresh = join(phone)
    done = phone.post(f"{AUTH}/verify", {"code": code_of(api)})
    assert (done.status_code, done.json()["outcome"]) == (200, "merged")
    shown = phone.card().json()
    assert shown["card_number"] == member.card_number != fresh["card_number"]
    assert shown["stamp_count"] == 7
    assert "." not in phone.client.cookies["orion_customer"]


def test_given_a_fresh_card_when_signing_in_to_another_one_then_the_device_keeps_both(
    api: Api, device: NewDevice, member: Any
) -> None:
    phone = device("phone")
    join(phone, "other@example.com")
    phone.post(f"{AUTH}/code", {"email": KNOWN})
    code = newest_code(api.db, merchant_id=api.merchant_id, to=KNOWN)
    done = phone.post(f"{AUTH}/verify", {"email": KNOWN, "code": code})
    assert done.json()["outcome"] == "signed_in"
    assert phone.card().json()["card_id"] == member.id
    assert phone.client.cookies["orion_customer"].count(".") == 1


def shape(value: Any) -> Any:
    """What a body looks like, whatever its values are."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return type(value).__name__


def asked_and_tried(phone: Device, email: str) -> list[Any]:
    """What a phone hears that asks for a code and types a wrong one."""
    answers = [
        phone.post(f"{AUTH}/code", {"email": email}),
        phone.post(f"{AUTH}/verify", {"email": email, "code": "12345"}),
    ]
    return [
        (one.status_code, one.json() | {"request_id": ""}, sorted(one.headers)) for one in answers
    ]


@pytest.fixture
def no_limits_by_address(application: FastAPI) -> None:
    limits = application.state.web.limits
    for name in ("sign_in_codes", "sign_in_tries"):
        limits._overrides[name] = limits.counter("any", "1000/hour", "any").limit


def test_c63_given_known_and_unknown_addresses_when_asked_thirty_times_each_then_no_difference(
    api: Api, device: NewDevice, member: Any, no_limits_by_address: None
) -> None:
    for number in range(30):
        known = asked_and_tried(device(f"known {number}"), KNOWN)
        unknown = asked_and_tried(device(f"unknown {number}"), "nobody@example.com")
        assert known == unknown
        assert [status for status, _, _ in known] == [202, 401]
    # Five e-mails each and no more, and nothing in the answers said when.
    sent = [mail.to_address for mail in mails_of(api.db, merchant_id=api.merchant_id)]
    assert sorted(sent) == ["nobody@example.com"] * 5 + [KNOWN] * 5


def test_c63_given_known_and_unknown_addresses_when_joining_then_no_difference(
    api: Api, device: NewDevice, member: Any
) -> None:
    heard = []
    for number in range(20):  # a store gives out fifty unconfirmed cards an hour
        for email in (KNOWN, f"nobody.{number}@example.com"):
            answer = device(f"{email} {number}").post(
                "/api/v1/storefront/loyalty/enroll", {"email": email}
            )
            assert member.card_number not in answer.text
            assert member.qr_code_data not in answer.text
            heard.append((answer.status_code, shape(answer.json()), sorted(answer.headers)))
    assert heard == [heard[0]] * 40
    assert heard[0][0] == 201


def test_given_many_requests_from_one_address_when_counted_then_limited(
    api: Api, device: NewDevice
) -> None:
    phone = device("phone")
    sent = [phone.post(f"{AUTH}/code", {"email": f"a{n}@example.com"}) for n in range(31)]
    assert [answer.status_code for answer in sent] == [202] * 30 + [429]
    tried = [phone.post(f"{AUTH}/verify", {"email": KNOWN, "code": "123456"}) for _ in range(61)]
    assert [answer.status_code for answer in tried] == [401] * 60 + [429]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("code", {}), ("code", {"email": "zoe"}), ("code", {"email": 7}), ("code", {"mail": KNOWN}),
        ("verify", {"email": KNOWN}), ("verify", {"email": KNOWN, "code": 123456}),
        ("verify", {"code": "123456"}), ("verify", {"email": KNOWN, "code": "1" * 41}),
    ],
)  # fmt: skip
def test_given_a_senseless_body_when_sent_then_refused(
    device: NewDevice, path: str, body: dict[str, Any]
) -> None:
    answer = device("phone").post(f"{AUTH}/{path}", body)
    assert problem_of(answer) == (422, "validation_error")


def test_given_another_sites_page_when_it_asks_for_a_visitor_then_refused(
    api: Api, device: NewDevice
) -> None:
    phone = device("phone")
    phone.headers["Sec-Fetch-Site"] = "cross-site"
    for path in ("code", "verify", "logout"):
        answer = phone.post(f"{AUTH}/{path}", {"email": KNOWN, "code": "123456"})
        assert problem_of(answer) == (403, "csrf_failed")


def test_given_a_whole_sign_in_when_the_log_is_read_then_neither_code_nor_address(
    api: Api, device: NewDevice, member: Any
) -> None:
    log, root = StringIO(), logging.getLogger()
    before = root.handlers[:]
    configure_logging(level="DEBUG", stream=log, as_json=True)
    try:
        phone = device("phone")
        phone.post(f"{AUTH}/code", {"email": KNOWN})
        code = code_of(api)
        phone.post(f"{AUTH}/verify", {"email": KNOWN, "code": f"{int(code) ^ 1:06d}"})
        phone.post(f"{AUTH}/verify", {"email": KNOWN, "code": code})
    finally:
        root.handlers[:] = before
    written = log.getvalue()
    assert "/storefront/auth/verify" in written
    assert code not in written
    assert KNOWN not in written


def test_given_an_owner_when_sending_a_code_to_a_card_then_any_browser_may_use_it(
    api: Api, device: NewDevice, member: Any
) -> None:
    answer = api.post(f"/cards/{member.id}/send-code", {}, "owner")
    assert (answer.status_code, answer.content) == (204, b"")
    done = device("anywhere").post(f"{AUTH}/verify", {"email": KNOWN, "code": code_of(api)})
    assert done.json()["card"]["card_id"] == member.id
    for _ in range(4):
        api.post(f"/cards/{member.id}/send-code", {}, "manager")
    limited = api.post(f"/cards/{member.id}/send-code", {}, "manager")
    assert problem_of(limited) == (429, "rate_limited")
    unreachable = factories.make_customer(
        api.db, merchant_id=api.merchant_id, email=None, phone="+352621000001"
    )
    card = api.card(customer_id=unreachable.id)
    refused = api.post(f"/cards/{card.id}/send-code", {}, "owner")
    assert problem_of(refused) == (422, "validation_error")
    assert refused.json()["errors"][0]["code"] == "no_email"


def test_given_a_bearer_token_when_logging_out_then_it_ends_and_no_cookie_is_set(
    api: Api, member: Any
) -> None:
    headers = {
        "Authorization": f"Bearer {make_customer_session(api.db, member)}",
        "X-Store-Code": api.shop.store.code,
    }
    answer = api.client.post(f"{AUTH}/logout", headers=headers)
    assert answer.status_code == 204
    assert "orion_customer" not in answer.headers.get("set-cookie", "")
    again = api.client.get("/api/v1/storefront/loyalty/card", headers=headers)
    assert problem_of(again) == (401, "unauthenticated")
