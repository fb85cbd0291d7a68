"""POST /auth/login, /auth/logout, GET /auth/me."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.core.clock import utc_now
from app.core.db import atomic
from app.core.security import new_token
from app.modules.tenancy.models import AccessToken, AuditEntry, Merchant
from app.modules.tenancy.services import api_key_service
from app.modules.tenancy.services.principal_service import forget_principals
from tests.factories import PASSWORD, make_shop, make_store, make_terminal, make_user
from tests.modules.tenancy.routes.requests import LOGIN, ME, bearer, code_of, csrf_of, token_for

EXEMPT = {"tenant_exempt": "a test looks where it likes"}


def test_given_a_cashier_when_signed_in_then_the_answer_says_where_and_as_what(
    client: TestClient, db: Session
) -> None:
    shop = make_shop(db)
    make_store(db, merchant_id=shop.merchant_id)
    user = make_user(db, merchant_id=shop.merchant_id, role="cashier", store_id=shop.store.id)
    answer = client.post(LOGIN, json={"email": user.email, "password": PASSWORD})
    place = {
        "id": shop.store.id,
        "code": shop.store.code,
        "name": shop.store.name,
        "timezone": "Europe/Luxembourg",
    }
    assert answer.status_code == 200
    assert answer.json() == {
        "account": {
            "kind": "user",
            "role": "cashier",
            "user": {"id": user.id, "name": user.name, "email": user.email, "locale": None},
            "merchant": {
                "id": shop.merchant_id,
                "name": shop.merchant.name,
                "status": "active",
                "currency": "EUR",
            },
            "store": place,
            "stores": [place],
            "scopes": [],
            "terminal_id": None,
        },
        "token": None,
    }
    cookie = answer.headers["set-cookie"]
    assert "orion_session=" in cookie
    assert all(part in cookie for part in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=604800"))
    assert answer.headers["cache-control"] == "no-store"
    assert client.get(ME).json() == answer.json()["account"]


def test_given_token_true_when_signed_in_then_a_bearer_token_and_no_cookie(
    client: TestClient, db: Session
) -> None:
    user = make_user(db, merchant_id=make_shop(db).merchant_id)
    token = token_for(client, user)
    assert not client.cookies
    assert client.get(ME, headers=bearer(token)).json()["user"]["id"] == user.id
    assert code_of(client.get(ME)) == "unauthenticated"


def test_given_an_owner_of_two_stores_when_asked_then_both_and_no_usual_one(
    client: TestClient, db: Session
) -> None:
    shop = make_shop(db)
    second = make_store(db, merchant_id=shop.merchant_id)
    token = token_for(client, make_user(db, merchant_id=shop.merchant_id))
    account = client.get(ME, headers=bearer(token)).json()
    assert {store["id"] for store in account["stores"]} == {shop.store.id, second.id}
    assert account["store"] is None


def test_given_an_admin_when_asked_then_no_merchant(client: TestClient, db: Session) -> None:
    token = token_for(client, make_user(db, is_admin=True))
    account = client.get(ME, headers=bearer(token)).json()
    assert (account["kind"], account["merchant"], account["stores"]) == ("admin", None, [])


@pytest.mark.parametrize("status", ["suspended", "closed"])
def test_given_a_suspended_merchant_when_signed_in_then_it_still_works(
    client: TestClient, db: Session, status: str
) -> None:
    shop = make_shop(db)
    with atomic(db):
        db.execute(update(Merchant).where(Merchant.id == shop.merchant_id).values(status=status))
    token = token_for(client, make_user(db, merchant_id=shop.merchant_id))
    assert client.get(ME, headers=bearer(token)).json()["merchant"]["status"] == status


def test_given_wrong_credentials_when_signed_in_then_unknown_and_wrong_look_alike(
    client: TestClient, db: Session
) -> None:
    user = make_user(db, merchant_id=make_shop(db).merchant_id)
    bodies = [
        client.post(LOGIN, json={"email": email, "password": "a wrong password"})
        for email in (user.email, "nobody@example.com", "not an address")
    ]
    for answer in bodies:
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
    plain = [{k: v for k, v in a.json().items() if k != "request_id"} for a in bodies]
    assert plain[0] == plain[1] == plain[2]
    assert plain[0]["code"] == "unauthenticated"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "a@example.com"},
        {"email": "a@example.com", "password": ""},
        {"email": "a@example.com", "password": 12345678},
        {"email": "a@example.com", "password": "x" * 201},
        {"email": "a@example.com", "password": "x", "token": "yes"},
        {"email": "a@example.com", "password": "x", "role": "owner"},
        {"email": ["a@example.com"], "password": "x"},
    ],
)
def test_given_a_senseless_body_when_signed_in_then_it_is_refused_without_an_echo(
    client: TestClient, body: dict[str, Any]
) -> None:
    answer = client.post(LOGIN, json=body)
    assert (answer.status_code, code_of(answer)) == (422, "validation_error")
    assert "a@example.com" not in answer.text


def test_given_a_session_when_signed_out_then_its_token_is_dead(
    client: TestClient, db: Session
) -> None:
    token = token_for(client, make_user(db, merchant_id=make_shop(db).merchant_id))
    assert client.get(ME, headers=bearer(token)).status_code == 200
    answer = client.post("/api/v1/auth/logout", headers=bearer(token))
    assert (answer.status_code, answer.content) == (204, b"")
    assert code_of(client.get(ME, headers=bearer(token))) == "unauthenticated"
    assert client.post("/api/v1/auth/logout", headers=bearer(token)).status_code == 204


def test_given_a_cookie_session_when_signed_out_then_the_cookie_is_gone(
    client: TestClient, db: Session
) -> None:
    user = make_user(db, merchant_id=make_shop(db).merchant_id)
    client.post(LOGIN, json={"email": user.email, "password": PASSWORD})
    sent = client.cookies["orion_session"]
    refused = client.post("/api/v1/auth/logout")
    assert code_of(refused) == "csrf_failed"
    assert client.get(ME).status_code == 200
    answer = client.post("/api/v1/auth/logout", headers={"X-CSRF-Token": csrf_of(client)})
    assert answer.status_code == 204
    assert "orion_session" not in client.cookies
    client.cookies.set("orion_session", sent)
    assert code_of(client.get(ME)) == "unauthenticated"


def test_given_a_session_cookie_when_signed_in_again_then_the_old_token_is_dead(
    client: TestClient, db: Session
) -> None:
    user = make_user(db, merchant_id=make_shop(db).merchant_id)
    body = {"email": user.email, "password": PASSWORD}
    client.post(LOGIN, json=body)
    old = client.cookies["orion_session"]
    client.post(LOGIN, json=body, headers={"X-CSRF-Token": csrf_of(client)})
    assert client.cookies["orion_session"] != old
    assert code_of(client.get(ME, headers=bearer(old))) == "unauthenticated"
    assert client.get(ME).status_code == 200


def test_given_a_bearer_token_when_it_is_wrong_then_the_cookie_does_not_help(
    client: TestClient, db: Session
) -> None:
    user = make_user(db, merchant_id=make_shop(db).merchant_id)
    client.post(LOGIN, json={"email": user.email, "password": PASSWORD})
    # Requests with a bearer token need no CSRF token, so nothing else may count in them.
    for value in ("Bearer wrong", "bearer", "Bearer ", "BEARER x y", f"Bearer {new_token()}"):
        answer = client.get(ME, headers={"Authorization": value})
        expected = None if value == "bearer" else "unauthenticated"
        assert code_of(answer) == expected, value
    assert client.get(ME, headers={"Authorization": "Basic eDp5"}).status_code == 200


def test_given_another_site_when_it_signs_somebody_in_then_it_is_refused(
    client: TestClient, db: Session
) -> None:
    user = make_user(db, merchant_id=make_shop(db).merchant_id)
    body = {"email": user.email, "password": PASSWORD}
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = client.post(LOGIN, json=body, headers=headers)
        assert code_of(answer) == "csrf_failed"
    assert not client.cookies


def test_given_an_ended_session_when_used_then_it_is_unauthenticated(
    application: FastAPI, client: TestClient, db: Session
) -> None:
    token = token_for(client, make_user(db, merchant_id=make_shop(db).merchant_id))
    with atomic(db):
        rested = utc_now() - timedelta(hours=8, seconds=1)
        db.execute(update(AccessToken).values(last_seen_at=rested).execution_options(**EXEMPT))
    with application.state.sessionmaker() as session:
        forget_principals(session)
    answer = client.get(ME, headers=bearer(token))
    assert (answer.status_code, code_of(answer)) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_given_a_bearer_token_when_a_terminal_cookie_is_sent_then_the_device_is_not_believed(
    client: TestClient, db: Session
) -> None:
    shop = make_shop(db)
    device = new_token()
    till = make_terminal(db, merchant_id=shop.merchant_id, store_id=shop.store.id, token=device)
    user = make_user(db, merchant_id=shop.merchant_id)
    token = token_for(client, user)
    client.cookies.set("orion_terminal", device)
    assert client.get("/api/v1/probe/principal", headers=bearer(token)).json() == {
        "kind": "user",
        "terminal_id": None,
    }
    client.cookies.set("orion_session", token)
    assert client.get(ME).json()["terminal_id"] == till.id


def test_given_an_api_key_when_asked_then_it_shows_its_scopes_and_survives_a_sign_out(
    client: TestClient, db: Session
) -> None:
    shop = make_shop(db)
    key = api_key_service.create_api_key(
        db, merchant_id=shop.merchant_id, name="Till", scopes=["loyalty:read"]
    )
    headers = bearer(key["token"])
    client.post("/api/v1/auth/logout", headers=headers)
    account = client.get(ME, headers=headers).json()
    assert (account["kind"], account["user"]) == ("api_key", None)
    assert account["scopes"] == ["loyalty:read"]


def test_given_a_forged_address_when_signed_in_then_the_audit_log_has_the_sockets(
    application: FastAPI, db: Session
) -> None:
    user = make_user(db, merchant_id=make_shop(db).merchant_id)
    body = {"email": user.email, "password": PASSWORD, "token": True}
    with TestClient(application, client=("198.51.100.7", 4711)) as client:
        for forged in ("1.2.3.4", "6.6.6.6, 203.0.113.9", "<script>", "9" * 5000):
            answer = client.post(LOGIN, json=body, headers={"X-Forwarded-For": forged})
            assert answer.status_code == 200
    addresses = db.execute(select(AuditEntry.ip_address).execution_options(**EXEMPT)).scalars()
    assert list(addresses) == ["198.51.100.7"] * 4
