"""Writes that carry cookies must come from our own pages.

Two independent signs are asked for: where the request comes from (Sec-Fetch-Site or Origin),
and the token, an HMAC over the anonymous browser cookie that only our pages can know.
A request with a Bearer token needs neither: no browser adds that by itself.
"""

from __future__ import annotations

import base64
import hmac
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.errors import CsrfFailed
from app.core.security import Keyring, is_equal
from app.core.web.context import Web, web_of
from app.core.web.problem import problem_response

HEADER, FIELD = "x-csrf-token", "csrf_token"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def csrf_token(keyring: Keyring, browser_id: str) -> str:
    """The token of one browser."""
    mark = hmac.digest(keyring.derive("csrf"), browser_id.encode("utf-8", "replace"), "sha256")
    return base64.urlsafe_b64encode(mark).decode().rstrip("=")


class CsrfGuard:
    """ASGI middleware; refuses with `csrf_failed`. Runs after the body was read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer 403."""
        if scope["type"] != "http" or scope["method"] in _SAFE_METHODS:
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        web = web_of(request)
        if _has_bearer(request) or (_is_ours(request, web) and _has_token(request, web)):
            await self._app(scope, receive, send)
            return
        await problem_response(request, CsrfFailed())(scope, receive, send)


def _has_bearer(request: Request) -> bool:
    return request.headers.get("authorization", "").lower().startswith("bearer ")


def _is_ours(request: Request, web: Web) -> bool:
    """False when the browser says that another site's page sent this."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    # "null" is what forms send under `Referrer-Policy: no-referrer`: the token decides.
    if origin in (None, "null", web.settings.base_url):
        return True
    return urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower()


def _has_token(request: Request, web: Web) -> bool:
    if not web.cookies.any_in(request) and request.headers.get("origin") != "null":
        return True  # carries nothing that a forger could borrow
    browser_id = web.cookies.read(request, "browser")
    sent = request.headers.get(HEADER) or _form_field(request)
    return bool(browser_id and sent) and is_equal(sent, csrf_token(web.keyring, browser_id or ""))


def _form_field(request: Request) -> str:
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return ""
    fields = parse_qs(_body_text(request), max_num_fields=1000)
    return fields.get(FIELD, [""])[0]


def _body_text(request: Request) -> str:
    body: bytes = request.state.body
    return body.decode("utf-8", "replace")
