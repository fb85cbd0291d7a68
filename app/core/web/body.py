"""Bodies: at most 1 MiB, and strictly JSON where they say JSON.

Python's parser takes NaN, 1e400, repeated keys, NUL and lone surrogates; databases and other
clients do not, so they are refused before any route sees them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, NoReturn

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.errors import AppError, FieldError, PayloadTooLarge, ValidationFailed
from app.core.web.problem import problem_response

MAX_BODY_BYTES = 1024 * 1024


class _Fault(ValueError):
    """Carries the code of what is wrong with the text."""


class BodyGuard:
    """ASGI middleware: reads the body whole, checks it, and puts it into `request.state.body`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body read, or answer 413 or 422."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        try:
            check_address(scope)
            body = b""
            if b"content-length" in headers or b"transfer-encoding" in headers:
                read = await _read(receive, headers.get(b"content-length", b""))
                if read is None:
                    return  # the client is gone
                body = read
                check_body(body, headers.get(b"content-type", b"").lower())
                receive = _again(body, receive)
        except AppError as error:
            await problem_response(Request(scope), error)(scope, receive, send)
            return
        scope["state"]["body"] = body
        await self._app(scope, receive, send)


def check_address(scope: Scope) -> None:
    """Refuse a NUL in the path or the query: no database stores one.

    Raises:
        ValidationFailed: there is one.
    """
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        raise ValidationFailed(FieldError(("query",), "text_unsafe"))


def check_body(body: bytes, content_type: bytes) -> None:
    """Refuse what is not strict JSON (if it says it is JSON) or a form with a NUL.

    Raises:
        ValidationFailed: with one of the codes json_invalid, json_duplicate_key, json_number,
            text_unsafe.
    """
    try:
        if b"json" in content_type and body:
            parse_strictly(body)
        elif b"urlencoded" in content_type and b"%00" in body:
            raise _Fault("text_unsafe")
    except _Fault as fault:
        raise ValidationFailed(FieldError(("body",), str(fault))) from None


def parse_strictly(body: bytes) -> Any:
    """The value of a JSON text (RFC 8259), which must be UTF-8 and say everything once."""
    try:
        text = body.decode("utf-8")
        value = json.loads(
            text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_unique
        )
    except _Fault:
        raise
    except (ValueError, RecursionError):  # too deep, or a number of thousands of digits
        raise _Fault("json_invalid") from None
    if "\\u" in text and not all(map(_is_storable, _texts(value))):
        raise _Fault("text_unsafe")
    return value


def _refuse(_constant: str) -> NoReturn:
    raise _Fault("json_number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise _Fault("json_number")
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise _Fault("json_duplicate_key")
    return value


def _texts(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            waiting += [*item, *item.values()]
        elif isinstance(item, list):
            waiting += item


def _is_storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


async def _read(receive: Receive, declared: bytes) -> bytes | None:
    """The whole body, or None when the client left.

    Raises:
        PayloadTooLarge: it is longer than allowed, or says so.
    """
    if declared.isdigit() and int(declared[:20]) > MAX_BODY_BYTES:
        raise PayloadTooLarge(max_bytes=MAX_BODY_BYTES)
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY_BYTES:
            raise PayloadTooLarge(max_bytes=MAX_BODY_BYTES)
        if not message.get("more_body"):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once more, then whatever comes next."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
