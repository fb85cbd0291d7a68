"""The outermost layer of every request: its id, its client, its headers, its line in the log.

Pure ASGI and without I/O: a stamp passes through here while a customer waits.
"""

from __future__ import annotations

import re
import secrets
import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.config import Settings
from app.core.errors import RateLimited
from app.core.web.client_ip import client_ip
from app.core.web.problem import fault_response
from app.core.web.rate_limits import RateLimits

# Written once, here. `wasm-unsafe-eval` is for the QR reader, data: for pictures in the styles.
_CSP = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'nonce-{nonce}'; "
    "img-src 'self' data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'"
)
_SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(self), microphone=(), geolocation=(), payment=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
_HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
_log = structlog.get_logger("app.request")


class RequestScope:
    """ASGI middleware around everything else; also the last place where an exception ends."""

    def __init__(self, app: ASGIApp, settings: Settings, limits: RateLimits) -> None:
        self._app = app
        self._limits = limits
        self._trusted = settings.trusted_proxies
        self._headers = [*_SECURITY_HEADERS, *([_HSTS] if settings.is_https else [])]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; never raises because of a route."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        state = self._new_state(scope)
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = self._complete(message["headers"], status, state)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=state["request_id"]):
            try:
                await self._app(scope, receive, send_with_headers)
            except Exception:
                _log.exception("request_failed", **_facts(scope))
                if status:  # half an answer is on its way: only the server can cut it off
                    raise
                answer = fault_response(Request(scope))
                await answer(scope, receive, send_with_headers)
            finally:
                # No status: the client left before an answer, which nginx calls 499.
                ms = round((time.perf_counter() - started) * 1000, 1)
                _log.info("request", **_facts(scope), status=status or 499, ms=ms, **state["log"])

    def _new_state(self, scope: Scope) -> dict[str, Any]:
        given, forwarded = b"", []
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                given = value
            elif name == b"x-forwarded-for":
                forwarded.append(value.decode("latin-1"))
        peer = scope["client"][0] if scope.get("client") else None
        state: dict[str, Any] = scope.setdefault("state", {})
        state["request_id"] = given.decode() if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        state["client_ip"] = client_ip(peer, forwarded, self._trusted)
        state["csp_nonce"] = secrets.token_urlsafe(16)
        state["log"] = {}
        state["body"] = b""
        return state

    def _complete(
        self, headers: Iterable[tuple[bytes, bytes]], status: int, state: dict[str, Any]
    ) -> list[tuple[bytes, bytes]]:
        """The answer's own headers and ours. Nothing is cached unless the route says so."""
        own = list(headers)
        names = {name.lower() for name, _ in own}
        ours = [*self._headers, (b"x-request-id", state["request_id"].encode())]
        if b"content-security-policy" not in names:  # a route may have a stricter one
            csp = _CSP.format(nonce=state["csp_nonce"]).encode()
            ours.append((b"content-security-policy", csp))
        if b"cache-control" not in names:
            ours.append((b"cache-control", b"no-store"))
        for counter, only_status in state.get("limits", ()):
            if status == only_status:
                with suppress(RateLimited):
                    self._limits.hit(counter)
            ours += self._limits.headers(counter)
        return own + ours


def _facts(scope: Scope) -> dict[str, str]:
    """What the log may know of an address: its template, since paths and queries hold secrets."""
    # FastAPI keeps a router's own path in `route`, and the one with its prefixes here.
    route = scope.get("fastapi", {}).get("effective_route_context") or scope.get("route")
    return {"method": scope["method"], "route": getattr(route, "path", "-")}
