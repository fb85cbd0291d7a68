"""Calls to a wallet vendor: one kept client, a deadline, no more of an answer than we read."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx2
import orjson

from app.modules.loyalty.types import FaultKind
from app.modules.loyalty.wallets.faults import WalletFault

# Google's own advice for clients of walletobjects; shorter than a lease, so that a holder that
# stalls can never write after a successor began.
TIMEOUT_S: Final = 10.0
_MOST_BYTES: Final = 1_000_000
_MOST_WAIT_S: Final = 3600


@dataclass(frozen=True, slots=True)
class Answer:
    """A vendor's answer, read whole. `content` is at most 1 MB."""

    status: int
    headers: httpx2.Headers
    content: bytes

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            WalletFault: (transient) it is not: cut off, or a proxy's page.
        """
        try:
            return orjson.loads(self.content)
        except orjson.JSONDecodeError:
            raise WalletFault(FaultKind.TRANSIENT, "unreadable_answer") from None


def open_client(*, http2: bool = False, verify: ssl.SSLContext | bool = True) -> httpx2.Client:
    """A client that keeps its connections, follows no redirect, and goes by the host's proxy."""
    return httpx2.Client(
        http1=not http2,
        http2=http2,
        verify=verify,
        timeout=httpx2.Timeout(TIMEOUT_S),
        follow_redirects=False,
        limits=httpx2.Limits(max_connections=8, max_keepalive_connections=8),
    )


def ask(
    client: httpx2.Client,
    method: str,
    url: str,
    *,
    headers: dict[str, str] | None = None,
    content: bytes | None = None,
) -> Answer:
    """Send a request and read the answer, whatever its status, within 10 seconds in all.

    Raises:
        WalletFault: (transient) no answer, none in time, or more than 1 MB of it.
    """
    deadline = time.monotonic() + TIMEOUT_S
    try:
        with client.stream(method, url, headers=headers, content=content) as response:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > _MOST_BYTES:
                    raise WalletFault(FaultKind.TRANSIENT, "answer_too_large")
                if time.monotonic() > deadline:
                    raise WalletFault(FaultKind.TRANSIENT, "timeout")
            return Answer(response.status_code, response.headers, bytes(body))
    except httpx2.TimeoutException:
        raise WalletFault(FaultKind.TRANSIENT, "timeout") from None
    except httpx2.HTTPError as error:
        raise WalletFault(FaultKind.TRANSIENT, "unreachable", type(error).__name__) from None


def retry_after_s(answer: Answer) -> int | None:
    """Retry-After in seconds, at most an hour (RFC 9110, 10.2.3); None where it says nothing."""
    value = answer.headers.get("retry-after", "")
    if value.isascii() and value.isdigit():
        return min(int(value[:6]), _MOST_WAIT_S)
    try:
        wait = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0, min(int(wait), _MOST_WAIT_S))
