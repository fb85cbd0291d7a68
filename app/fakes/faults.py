"""Faults on purpose: a vendor that is slow, down or wrong, as often as a test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HUGE: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class Fault:
    """What comes instead of the answer.

    `kind`: `status` (a refusal in Google's form), `html` (a proxy's page, 200), `huge` (10 MB),
    `cut` (the answer's first half), `wrong` (another resource), `lost` (it is done, but the
    answer is a 503), `reset` (the line breaks), `slow` (right, after `delay_s`).
    `path` and `method`, where given, say which requests it hits.
    """

    kind: str = "status"
    status: int = 503
    reason: str = "backendError"
    message: str = "Try again"
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    path: str = ""
    method: str = ""

    def hits(self, scope: Scope) -> bool:
        return self.path in scope["path"] and self.method in ("", scope["method"])


def error_body(status: int, reason: str, message: str) -> bytes:
    """A refusal as Google words it."""
    detail = {"message": message, "domain": "walletobjects", "reason": reason}
    error = {"code": status, "message": message, "errors": [detail]}
    return json.dumps({"error": error}).encode()


class Faulty:
    """ASGI middleware: `always` hits every request it fits, each of `next` only one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._next: list[Fault] = []
        self.always: list[Fault] = []

    def add(self, *faults: Fault) -> None:
        """Let these come next, in this order."""
        self._next += faults

    def clear(self) -> None:
        """No more faults."""
        self._next.clear()
        self.always.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self._take(scope) if scope["type"] == "http" else None
        if fault is None:
            await self._app(scope, receive, send)
            return
        await asyncio.sleep(fault.delay_s)
        if fault.kind == "slow":
            await self._app(scope, receive, send)
        elif fault.kind in ("cut", "lost"):
            answer = _Kept()
            await self._app(scope, receive, answer)
            if fault.kind == "cut":
                await _answer(send, 200, answer.body[: len(answer.body) // 2])
            else:
                await _answer(send, 503, error_body(503, "backendError", "Lost"))
        elif fault.kind == "reset":
            await _answer(send, 200, b"{", headers={"content-length": "1000"})
        else:
            await _answer(send, *_wrong(fault))

    def _take(self, scope: Scope) -> Fault | None:
        for fault in self._next:
            if fault.hits(scope):
                self._next.remove(fault)
                return fault
        return next((fault for fault in self.always if fault.hits(scope)), None)


class _Kept:
    """An answer that is not sent."""

    def __init__(self) -> None:
        self.body = b""

    async def __call__(self, message: Message) -> None:
        self.body += message.get("body", b"")


def _wrong(fault: Fault) -> tuple[int, bytes, dict[str, str]]:
    if fault.kind == "html":
        return 200, b"<html><body>Please sign in to the network</body></html>", {}
    if fault.kind == "huge":
        return 200, b"x" * _HUGE, {}
    if fault.kind == "wrong":
        return 200, b'{"id": "1.somebody-elses"}', {}
    return fault.status, error_body(fault.status, fault.reason, fault.message), fault.headers


async def _answer(
    send: Send, status: int, body: bytes, headers: dict[str, str] | None = None
) -> None:
    sent: dict[str, Any] = {"content-length": str(len(body)), **(headers or {})}
    raw: Iterable[tuple[bytes, bytes]] = [
        (name.encode(), str(value).encode()) for name, value in sent.items()
    ]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
