import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.core.web.language import local_path
from app.core.web.templates import qr_svg

MakeClient = Callable[..., TestClient]

PAGE = {"Accept": "text/html"}


def test_given_a_page_when_rendered_then_what_people_typed_is_text(client: TestClient) -> None:
    answer = client.get("/page", headers=PAGE)
    assert answer.status_code == 200
    assert '<p id="name">&lt;b&gt;{{7*7}}&lt;/b&gt;</p>' in answer.text


def test_given_a_page_when_rendered_then_its_style_has_the_nonce_and_nothing_is_inline(
    client: TestClient,
) -> None:
    answer = client.get("/page", headers=PAGE)
    found = re.search(r"'nonce-([\w-]+)'", answer.headers["content-security-policy"])
    assert found
    nonce = found[1]
    assert (
        f'<style nonce="{nonce}">:root{{--brand:#4F46E5;--brand-ink:#ffffff}}</style>'
        in answer.text
    )
    assert not re.search(r"""\s(style|on\w+)=["']""", answer.text)
    assert not re.search(r"(src|href|action)=[\"'](https?:)?//", answer.text)


@pytest.mark.parametrize(
    ("header", "lang"), [("lu", "lb"), ("lb-LU", "lb"), ("fr-LU", "fr"), ("zz", "en")]
)
def test_given_a_language_when_rendered_then_the_page_says_so(
    client: TestClient, header: Any, lang: str
) -> None:
    """C49."""
    answer = client.get("/page", headers=PAGE | {"Accept-Language": header})
    assert f'<html lang="{lang}">' in answer.text
    assert f"<h1>Title {lang}</h1>" in answer.text


def test_given_a_new_browser_when_it_sees_a_page_then_it_gets_its_id_once(
    client: TestClient,
) -> None:
    first = client.get("/page", headers=PAGE)
    assert "orion_browser=" in first.headers["set-cookie"]
    assert "set-cookie" not in client.get("/page", headers=PAGE).headers


def test_given_the_same_browser_when_it_sees_two_pages_then_the_token_is_the_same(
    client: TestClient,
) -> None:
    tokens = {csrf_of(client.get("/page", headers=PAGE).text) for _ in range(3)}
    assert len(tokens) == 1


def test_given_a_choice_of_language_when_made_then_it_beats_the_browsers(
    client: TestClient,
) -> None:
    page = client.get("/page", headers=PAGE)
    token = csrf_of(page.text)
    form = {"language": "lu", "back_to": "/page", "csrf_token": token}
    answer = client.post("/language", data=form, headers=PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/page")
    page = client.get("/page", headers=PAGE | {"Accept-Language": "fr"})
    assert '<html lang="lb">' in page.text


def test_given_a_language_nobody_speaks_when_chosen_then_it_is_refused(client: TestClient) -> None:
    answer = client.post("/language", data={"language": "zz"})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")


@pytest.mark.parametrize("stored", ["lu", "zz", "", "<script>"])
def test_given_an_old_cookie_when_read_then_the_alias_counts_and_rubbish_does_not(
    client: TestClient, stored: str
) -> None:
    """C49."""
    client.cookies.set("orion_lang", stored)
    page = client.get("/page", headers=PAGE | {"Accept-Language": "fr"})
    assert f'<html lang="{"lb" if stored == "lu" else "fr"}">' in page.text


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("/store/loyalty?x=1", "/store/loyalty?x=1"),
        ("/", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/a\\b", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: x=1", "/"),
        ("/\t/evil.example", "/"),
        ("", "/"),
    ],
)
def test_given_an_address_to_go_back_to_when_it_is_not_ours_then_home_it_is(
    address: str, path: str
) -> None:
    assert local_path(address) == path


def test_given_a_text_when_drawn_as_qr_then_it_is_clean_svg_with_a_title() -> None:
    svg = qr_svg("https://a.example/?x=1&y=2", title="A & <b>")
    assert svg.startswith("<svg")
    assert 'class="qr"' in svg
    assert "style=" not in svg
    assert "<b>" not in svg
    assert "viewBox" in svg


def test_given_the_brand_of_the_operator_when_rendered_then_it_stands_on_the_page(
    make_client: MakeClient,
) -> None:
    client = make_client(
        brand_name="Points & Co", brand_support_email="help@a.example", brand_legal_url="/legal"
    )
    text = client.get("/page", headers=PAGE).text
    assert "<title>Points &amp; Co</title>" in text
    assert 'href="mailto:help@a.example"' in text
    assert 'href="/legal"' in text


def test_given_a_translator_when_the_account_has_a_language_then_it_counts_before_the_browsers(
    client: TestClient,
) -> None:
    from starlette.requests import Request

    from app.core.web.context import language_of

    def ask(**state: Any) -> Any:
        headers = [(b"accept-language", b"fr"), (b"host", b"a")]
        scope = {"type": "http", "app": client.app, "headers": headers, "state": state}
        return language_of(Request(scope))

    assert ask() == "fr"
    assert ask(language="lu") == "lb"
    assert ask(language="zz") == "fr"
    assert ask(languages=("de", "lb"), default_language="lb") == "lb"
    assert ask(languages=("de", "fr"), default_language="de") == "fr"


def csrf_of(page: str) -> str:
    found = re.search(r'name="csrf-token" content="([^"]+)"', page)
    assert found
    return found[1]
