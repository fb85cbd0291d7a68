import re
from collections.abc import Callable
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

URL = "/api/v1/things/body"
BODY = {"name": "Anna"}
BROWSER = "a-browser"
ORIGIN = "http://127.0.0.1:8000"


@pytest.fixture
def send(client: TestClient, token_of: Callable[[TestClient, str], str]) -> Any:
    """Post with cookies and headers; `csrf` True adds the right token."""

    def post(
        cookies: Any = None, headers: Any = None, csrf: Any = False, url: str = URL, **content: Any
    ) -> Any:
        own = {"X-CSRF-Token": token_of(client, BROWSER)} if csrf else {}
        client.cookies.clear()
        for name, value in (cookies or {}).items():
            client.cookies.set(name, value)
        return client.post(url, headers=own | (headers or {}), **(content or {"json": BODY}))

    return post


def code(answer: Any) -> Any:
    return answer.json()["code"] if answer.status_code >= 400 else "passed"


SIGNED_IN = {"orion_session": "s", "orion_browser": BROWSER}


def test_given_no_cookies_when_a_program_posts_then_it_passes(
    send: Callable[..., Response],
) -> None:
    assert code(send()) == "passed"


@pytest.mark.parametrize(
    "cookie", ["orion_session", "orion_terminal", "orion_customer", "orion_browser"]
)
def test_given_one_of_our_cookies_when_posted_without_token_then_it_is_refused(
    send: Callable[..., Response], cookie: str
) -> None:
    assert code(send({cookie: BROWSER})) == "csrf_failed"


def test_given_our_cookies_when_posted_with_the_token_then_it_passes(
    send: Callable[..., Response],
) -> None:
    assert code(send(SIGNED_IN, csrf=True)) == "passed"


def test_given_foreign_cookies_and_the_language_when_posted_then_they_do_not_count(
    send: Callable[..., Response],
) -> None:
    assert code(send({"other": "x", "orion_lang": "fr"})) == "passed"


@pytest.mark.parametrize("token", ["", "x", "é", "x" * 43])
def test_given_a_wrong_token_when_posted_then_it_is_refused(
    send: Callable[..., Response], token: Any
) -> None:
    assert code(send(SIGNED_IN, {"X-CSRF-Token": token.encode()})) == "csrf_failed"


def test_given_another_browsers_token_when_posted_then_it_is_refused(
    send: Callable[..., Response], client: TestClient, token_of: Callable[[TestClient, str], str]
) -> None:
    assert code(send(SIGNED_IN, {"X-CSRF-Token": token_of(client, "another")})) == "csrf_failed"


def test_given_no_browser_cookie_when_posted_with_the_token_of_nobody_then_it_is_refused(
    send: Callable[..., Response], client: TestClient, token_of: Callable[[TestClient, str], str]
) -> None:
    headers = {"X-CSRF-Token": token_of(client, "")}
    assert code(send({"orion_session": "s"}, headers)) == "csrf_failed"


@pytest.mark.parametrize(
    ("headers", "result"),
    [
        ({"Origin": ORIGIN}, "passed"),
        ({"Origin": "https://evil.example"}, "csrf_failed"),
        ({"Origin": "http://127.0.0.1:8001"}, "csrf_failed"),
        ({"Origin": "http://127.0.0.1:8000.evil.example"}, "csrf_failed"),
        ({"Origin": "http://shop.example", "Host": "shop.example"}, "passed"),
        ({"Sec-Fetch-Site": "same-origin"}, "passed"),
        ({"Sec-Fetch-Site": "none"}, "passed"),
        ({"Sec-Fetch-Site": "same-site"}, "csrf_failed"),
        ({"Sec-Fetch-Site": "cross-site"}, "csrf_failed"),
        ({"Sec-Fetch-Site": "cross-site", "Origin": ORIGIN}, "csrf_failed"),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, "passed"),
        ({"Origin": "null"}, "passed"),
    ],
)
def test_given_the_right_token_when_the_origin_differs_then_it_decides(
    send: Callable[..., Response], headers: Any, result: str
) -> None:
    assert code(send(SIGNED_IN, headers, csrf=True)) == result


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}],
)
def test_given_no_cookies_when_another_site_posts_then_it_is_refused(
    send: Callable[..., Response], headers: Any
) -> None:
    """Else it could sign a visitor in under its own account."""
    assert code(send(headers=headers)) == "csrf_failed"


def test_given_a_bearer_token_when_posted_then_no_csrf_token_is_needed(
    send: Callable[..., Response],
) -> None:
    headers = {"Authorization": "Bearer abc", "Origin": "https://app.example"}
    assert code(send(SIGNED_IN, headers)) == "passed"


@pytest.mark.parametrize("value", ["Basic YTpi", "Bearer", "Negotiate x", ""])
def test_given_an_authorization_that_browsers_add_when_posted_then_the_token_is_needed(
    send: Callable[..., Response], value: Any
) -> None:
    assert code(send(SIGNED_IN, {"Authorization": value})) == "csrf_failed"


def test_given_a_form_field_when_posted_then_it_counts_as_the_token(
    send: Callable[..., Response], client: TestClient, token_of: Callable[[TestClient, str], str]
) -> None:
    form = {"name": "Anna", "csrf_token": token_of(client, BROWSER)}
    answer = send(SIGNED_IN, url="/form", data=form)
    assert answer.json() == "Anna"
    assert (
        code(send(SIGNED_IN, url="/form", data={"name": "Anna", "csrf_token": "x"}))
        == "csrf_failed"
    )


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST", "MERGE"])
def test_given_an_unsafe_method_when_used_without_token_then_it_is_refused(
    client: TestClient, method: str
) -> None:
    client.cookies.set("orion_session", "s")
    assert client.request(method, URL).json()["code"] == "csrf_failed"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_given_a_safe_method_when_used_without_token_then_it_is_not_refused(
    client: TestClient, method: str
) -> None:
    client.cookies.set("orion_session", "s")
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert client.request(method, "/healthz", headers=headers).status_code != 403


def test_given_a_page_when_its_form_is_sent_back_then_it_passes(client: TestClient) -> None:
    page = client.get("/page")
    token = csrf_of(page.text)
    assert client.post(URL, json=BODY, headers={"X-CSRF-Token": token}).status_code == 201
    assert client.post(URL, json=BODY).status_code == 403


def csrf_of(page: str) -> str:
    found = re.search(r'name="csrf-token" content="([^"]+)"', page)
    assert found
    return found[1]
