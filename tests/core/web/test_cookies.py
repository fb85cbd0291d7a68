from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from app.core.web.cookies import KINDS, CookieKind, Cookies


def request_with(header: Any) -> Any:
    return Request({"type": "http", "headers": [(b"cookie", header.encode())]})


def header_of(act: Any) -> Any:
    response = Response()
    act(response)
    [value] = response.headers.getlist("set-cookie")
    return value


@pytest.mark.parametrize("kind", KINDS)
def test_given_https_when_set_then_the_cookie_is_bound_to_this_very_host(kind: CookieKind) -> None:
    value = header_of(lambda response: Cookies(secure=True).set(response, kind, "v"))
    assert value.startswith(f"__Host-orion_{kind}=v;")
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=lax"} <= set(value.split("; "))
    assert "Domain" not in value


@pytest.mark.parametrize("kind", KINDS)
def test_given_http_when_set_then_the_name_is_plain_and_scripts_cannot_read_it(
    kind: CookieKind,
) -> None:
    value = header_of(lambda response: Cookies(secure=False).set(response, kind, "v"))
    assert value.startswith(f"orion_{kind}=v;")
    assert {"HttpOnly", "SameSite=lax"} <= set(value.split("; "))
    assert "Secure" not in value


def test_given_no_age_when_set_then_it_ends_with_the_browser() -> None:
    cookies = Cookies(secure=False)
    assert "Max-Age" not in header_of(lambda r: cookies.set(r, "session", "v", max_age_s=None))
    assert "Max-Age=60" in header_of(lambda r: cookies.set(r, "session", "v", max_age_s=60))


def test_given_a_cookie_when_deleted_then_it_is_empty_and_over() -> None:
    value = header_of(lambda r: Cookies(secure=True).delete(r, "session"))
    assert value.startswith('__Host-orion_session="";')
    assert "Max-Age=0" in value
    assert "Secure" in value


def test_given_https_when_a_plain_cookie_is_sent_then_it_is_not_ours() -> None:
    assert Cookies(secure=True).read(request_with("orion_session=v"), "session") is None
    assert Cookies(secure=True).read(request_with("__Host-orion_session=v"), "session") == "v"


def test_given_cookies_when_looked_for_then_the_language_says_nothing_about_who_asks() -> None:
    cookies = Cookies(secure=False)
    assert not cookies.any_in(request_with("orion_lang=fr; other=1"))
    assert cookies.any_in(request_with("orion_lang=fr; orion_terminal=1"))
