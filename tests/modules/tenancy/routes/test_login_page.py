"""The sign-in page: a form that works without scripts and leads to nowhere else."""

from __future__ import annotations

import re

import pytest
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.modules.tenancy.services.auth_service import issue_customer_token
from tests.factories import make_customer, make_shop, make_user
from tests.modules.tenancy.routes.requests import ME, csrf_of, sign_in_page

TERMINAL = "/store/loyalty/terminal"


def test_given_nobody_when_the_page_is_opened_then_the_form_has_all_a_browser_needs(
    client: TestClient,
) -> None:
    answer = client.get("/login")
    assert answer.status_code == 200
    assert '<form method="post" action="/login"' in answer.text
    assert 'autocomplete="username"' in answer.text
    assert 'autocomplete="current-password"' in answer.text
    assert "Every visit counts." in answer.text
    assert "<script" not in answer.text


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("en", "Sign in"),
        ("fr-LU", "Se connecter"),
        ("de-AT", "Anmelden"),
        ("lb", "Sech umellen"),
        ("lu", "Sech umellen"),
    ],
)
def test_given_a_browsers_language_when_opened_then_the_page_speaks_it(
    client: TestClient, language: str, title: str
) -> None:
    html = client.get("/login", headers={"Accept-Language": language}).text
    assert re.search(rf"<h1[^>]*>{title}</h1>", html)


@pytest.mark.parametrize(
    ("role", "place"),
    [("owner", "/store/loyalty"), ("manager", "/store/loyalty"), ("cashier", TERMINAL)],
)
def test_given_good_credentials_when_sent_then_one_arrives_at_work(
    client: TestClient, db: Session, role: str, place: str
) -> None:
    user = make_user(db, merchant_id=make_shop(db).merchant_id, role=role)
    answer = sign_in_page(client, user)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert client.get("/").headers["location"] == place
    assert client.get(ME).json()["user"]["email"] == user.email


def test_given_an_admin_when_signed_in_then_the_page_greets_and_offers_the_way_out(
    client: TestClient, db: Session
) -> None:
    admin = make_user(db, is_admin=True, name="Root <b>")
    sign_in_page(client, admin)
    assert client.get("/").headers["location"] == "/login"
    html = client.get("/login").text
    assert "Signed in as Root &lt;b&gt;." in html
    assert 'action="/logout"' in html
    assert TERMINAL not in html


def test_given_a_customers_phone_when_the_front_door_is_opened_then_its_card_shows(
    client: TestClient, db: Session
) -> None:
    shop = make_shop(db)
    assert client.get("/").headers["location"] == "/login"
    customer = make_customer(db, merchant_id=shop.merchant_id)
    token = issue_customer_token(db, merchant_id=shop.merchant_id, customer_id=customer.id)
    client.cookies.set("orion_customer", token)
    assert client.get("/").headers["location"] == "/loyalty/dashboard"


def test_given_wrong_credentials_when_sent_then_the_form_comes_back_with_the_address(
    client: TestClient, db: Session
) -> None:
    user = make_user(db, merchant_id=make_shop(db).merchant_id)
    answer = sign_in_page(client, user, password="canary-password", next=TERMINAL)
    assert answer.status_code == 401
    assert "do not match" in answer.text
    assert f'value="{user.email}"' in answer.text
    assert f'name="next" value="{TERMINAL}"' in answer.text
    assert "canary-password" not in answer.text
    assert "orion_session" not in client.cookies
    assert sign_in_page(client, user, next=TERMINAL).headers["location"] == TERMINAL


@pytest.mark.parametrize("email", ["", "x", "<script>alert(1)</script>", "a" * 5000])
def test_given_rubbish_for_an_address_when_sent_then_it_is_answered_like_a_wrong_one(
    client: TestClient, db: Session, email: str
) -> None:
    user = make_user(db, merchant_id=make_shop(db).merchant_id)
    answer = sign_in_page(client, user, email=email)
    assert answer.status_code == 401
    assert "<script>alert" not in answer.text


def test_given_no_csrf_token_when_sent_then_nobody_is_signed_in(
    client: TestClient, db: Session
) -> None:
    user = make_user(db, merchant_id=make_shop(db).merchant_id)
    for forged in ("", "wrong"):
        assert sign_in_page(client, user, csrf_token=forged).status_code == 403
    assert "orion_session" not in client.cookies


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "evil.example",
        " /store",
        "/a\r\nSet-Cookie: x=y",
        "",
    ],
)
def test_given_a_foreign_target_when_signed_in_then_one_stays_here(
    client: TestClient, db: Session, target: str
) -> None:
    user = make_user(db, merchant_id=make_shop(db).merchant_id)
    answer = sign_in_page(client, user, next=target)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    again = client.get("/login", params={"next": target})
    assert again.status_code == 200  # signed in already, and led nowhere
    assert "location" not in again.headers


def test_given_a_local_target_when_signed_in_already_then_the_page_leads_there(
    client: TestClient, db: Session
) -> None:
    sign_in_page(client, make_user(db, merchant_id=make_shop(db).merchant_id))
    answer = client.get("/login", params={"next": "/probe/page?a=1&b=%2F"})
    assert answer.headers["location"] == "/probe/page?a=1&b=%2F"


def test_given_a_session_when_signed_out_on_the_page_then_the_form_is_back(
    client: TestClient, db: Session
) -> None:
    sign_in_page(client, make_user(db, merchant_id=make_shop(db).merchant_id))
    token = client.cookies["orion_session"]
    answer = client.post("/logout", data={"csrf_token": csrf_of(client)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    client.cookies.set("orion_session", token)
    assert client.get(ME).status_code == 401


def test_given_nobody_when_a_page_of_staff_is_opened_then_signing_in_leads_back(
    client: TestClient, db: Session
) -> None:
    user = make_user(db, merchant_id=make_shop(db).merchant_id)
    led = client.get("/probe/page?tab=a&x=1%262")
    assert led.status_code == 303
    form = client.get(led.headers["location"]).text
    back = re.search(r'name="next" value="([^"]*)"', form)
    assert back
    assert back[1] == "/probe/page?tab=a&amp;x=1%262"
    arrived = sign_in_page(client, user, next="/probe/page?tab=a&x=1%262")
    assert arrived.headers["location"] == "/probe/page?tab=a&x=1%262"
    assert client.get("/probe/page").text == f"Hello {user.name}"


def test_given_nobody_when_a_form_of_staff_is_sent_then_one_is_led_to_the_form_alone(
    client: TestClient,
) -> None:
    assert client.post("/probe/page").headers["location"] == "/login"


def test_given_nobody_when_htmx_asks_then_the_whole_page_goes_to_sign_in(
    client: TestClient,
) -> None:
    here = "http://orion.example/probe/page?tab=a"
    answer = client.get("/probe/page", headers={"HX-Request": "true", "HX-Current-URL": here})
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["hx-redirect"] == "/login?next=/probe/page%3Ftab%3Da"


def test_given_an_admin_when_a_page_of_staff_is_opened_then_it_is_forbidden_not_a_loop(
    client: TestClient, db: Session
) -> None:
    sign_in_page(client, make_user(db, is_admin=True))
    answer = client.get("/probe/page", headers={"Accept": "text/html"})
    assert answer.status_code == 403
