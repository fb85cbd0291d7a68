"""Guessing passwords is slow, whatever headers say, and nobody is locked out by strangers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastapi import FastAPI
from httpx2 import Response
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.core.config import load_settings
from app.main import create_app
from app.modules.tenancy.models import User
from tests.factories import PASSWORD, make_shop, make_user
from tests.modules.tenancy.routes.requests import BASE_URL, LOGIN, code_of, csrf_of

GUESS = "a wrong password"
PROXY, CLIENT, STRANGER = "10.0.0.1", "203.0.113.9", "198.51.100.7"


@pytest.fixture
def user(db: Session) -> User:
    return make_user(db, merchant_id=make_shop(db).merchant_id)


@contextmanager
def browser_at(application: FastAPI, address: str) -> Iterator[TestClient]:
    with TestClient(application, base_url=BASE_URL, client=(address, 4711)) as client:
        yield client


def attempt(client: TestClient, user: User, password: str = GUESS, **headers: str) -> Response:
    body = {"email": user.email, "password": password, "token": True}
    return client.post(LOGIN, json=body, headers=headers)


def test_given_ten_failures_when_tried_again_then_even_the_right_password_waits(
    application: FastAPI, user: User
) -> None:
    with browser_at(application, CLIENT) as client:
        codes = [code_of(attempt(client, user)) for _ in range(10)]
        assert codes == ["unauthenticated"] * 10
        answer = attempt(client, user, PASSWORD)
        assert (answer.status_code, code_of(answer)) == (429, "rate_limited")
        assert 0 < int(answer.headers["retry-after"]) <= 15 * 60


def test_given_nine_failures_when_the_right_password_comes_then_it_opens(
    application: FastAPI, user: User
) -> None:
    with browser_at(application, CLIENT) as client:
        for _ in range(9):
            attempt(client, user)
        assert attempt(client, user, PASSWORD).status_code == 200


def test_given_a_guesser_when_the_owner_signs_in_elsewhere_then_nothing_keeps_them_out(
    application: FastAPI, user: User
) -> None:
    with browser_at(application, STRANGER) as client:
        for _ in range(12):
            attempt(client, user)
    with browser_at(application, CLIENT) as client:
        assert attempt(client, user, PASSWORD).status_code == 200


def test_given_another_spelling_when_guessed_then_it_is_the_same_account(
    application: FastAPI, user: User
) -> None:
    with browser_at(application, CLIENT) as client:
        for n in range(10):
            user.email = user.email.upper() if n % 2 else f" {user.email.lower().strip()}"
            attempt(client, user)
        assert code_of(attempt(client, user, PASSWORD)) == "rate_limited"


def test_given_forged_forwarding_headers_when_guessed_then_the_limit_holds(
    application: FastAPI, user: User
) -> None:
    with browser_at(application, CLIENT) as client:
        codes = [
            code_of(attempt(client, user, **{"X-Forwarded-For": f"1.2.3.{n}"})) for n in range(11)
        ]
    assert codes == ["unauthenticated"] * 10 + ["rate_limited"]


def test_given_a_trusted_proxy_when_guessed_then_the_client_behind_it_is_counted(
    database_url: str, user: User
) -> None:
    settings = load_settings(
        database_url=database_url, base_url=BASE_URL, trusted_proxies=(f"{PROXY}/32",)
    )
    application = create_app(settings)
    with browser_at(application, PROXY) as client:
        for n in range(10):
            forwarded = f"6.6.6.{n}, {CLIENT}"  # what the client itself sends stands first
            attempt(client, user, **{"X-Forwarded-For": forwarded})
        blocked = attempt(client, user, PASSWORD, **{"X-Forwarded-For": CLIENT})
        other = attempt(client, user, PASSWORD, **{"X-Forwarded-For": STRANGER})
    assert (code_of(blocked), other.status_code) == ("rate_limited", 200)


def test_given_forty_accounts_when_guessed_from_one_address_then_it_is_stopped(
    application: FastAPI, database_url: str
) -> None:
    settings = load_settings(
        database_url=database_url, base_url=BASE_URL, rate_limits={"login": "1000/minute"}
    )
    with browser_at(create_app(settings), CLIENT) as client:
        codes = [
            code_of(client.post(LOGIN, json={"email": f"{n}@example.com", "password": GUESS}))
            for n in range(41)
        ]
    assert codes == ["unauthenticated"] * 40 + ["rate_limited"]


def test_given_thirty_tries_in_a_minute_when_one_more_comes_then_nothing_is_hashed_for_it(
    application: FastAPI, user: User
) -> None:
    with browser_at(application, CLIENT) as client:
        answers = [client.post(LOGIN, json={}) for _ in range(31)]
    assert [answer.status_code for answer in answers] == [422] * 30 + [429]
    assert "ratelimit" in answers[0].headers


def test_given_too_many_failures_on_the_page_when_sent_then_it_says_how_long_to_wait(
    application: FastAPI, user: User
) -> None:
    with browser_at(application, CLIENT) as client:
        form = {"email": user.email, "password": GUESS, "csrf_token": csrf_of(client)}
        for _ in range(10):
            client.post("/login", data=form)
        answer = client.post("/login", data=form)
    assert answer.status_code == 429
    assert "Please wait 15 minutes." in answer.text
    assert 'role="alert"' in answer.text
