"""Pushes that tell phones to fetch their passes anew (Apple Push Notification service).

One connection carries them all. httpx2's synchronous HTTP/2 may give two threads the same
stream, so the connection lives on an event loop in a thread of its own, and callers wait.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
import tempfile
import threading
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx2
import orjson
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from h2.exceptions import ProtocolError

from app.core.config import get_settings
from app.modules.loyalty.types import FaultKind
from app.modules.loyalty.wallets.apple.setup import AppleSetup
from app.modules.loyalty.wallets.faults import WalletFault
from app.modules.loyalty.wallets.simulated import is_simulated
from app.modules.loyalty.wallets.transport import TIMEOUT_S, Answer, retry_after_s

# Nothing at all from Apple for so long: the connection is dead, not one answer late.
_SILENCE_S: Final = 8.0
# Routers on the way forget a connection that is silent for longer; Apple would keep it.
_IDLE_S: Final = 240.0
_MOST_BYTES: Final = 10_000
_WORTHLESS: Final = frozenset({"BadDeviceToken", "DeviceTokenNotForTopic", "Unregistered"})


class GoneToken(Exception):
    """No phone answers to this token. `timestamp` (UTC): since when, if Apple says so."""

    def __init__(self, timestamp: datetime | None = None) -> None:
        super().__init__("gone")
        self.timestamp = timestamp


class PushService:
    """The kept connection to Apple. Any number of threads may push at once.

    `setup` is what it was made with: where that is no longer the one in use, close this and
    make another.
    """

    def __init__(self, setup: AppleSetup) -> None:
        self.setup = setup
        self._context = push_context(setup)
        self._client: httpx2.AsyncClient | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="orion-apns", daemon=True)
        self._thread.start()

    def push(self, token: str) -> None:
        """Have the phone ask for its changed passes. Apple took it; it promises no delivery.

        Source: Apple, "Sending notification requests to APNs"; the body means nothing for passes.

        Raises:
            GoneToken: the token is worthless.
            WalletFault: (transient) no answer in 10 s, or Apple is busy; (pause) Apple does not
                take our certificate.
        """
        answer = self._await(self._ask(token))
        if answer.status != 200:
            raise _refusal(answer)

    def close(self) -> None:
        """Hang up. Nothing can be pushed any more."""
        if self._loop.is_closed():
            return
        self._await(self._hang_up())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _await(self, work: Coroutine[Any, Any, Answer | None]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _ask(self, token: str) -> Answer:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                try:
                    return await self._post(token)
                except (httpx2.NetworkError, httpx2.RemoteProtocolError):
                    # Apple hangs up on the idle, and before maintenance (GOAWAY). A push that
                    # arrives twice does no harm.
                    return await self._post(token)
        except (TimeoutError, httpx2.TimeoutException):
            raise WalletFault(FaultKind.TRANSIENT, "timeout") from None
        except httpx2.HTTPError as error:
            raise WalletFault(FaultKind.TRANSIENT, "unreachable", type(error).__name__) from None

    async def _post(self, token: str) -> Answer:
        client = self._connected()
        url = f"{self.setup.push_url}/3/device/{quote(token, safe='')}"
        try:
            async with client.stream("POST", url, headers=self._headers(), content=b"{}") as sent:
                body = b""
                async for part in sent.aiter_bytes():
                    body = (body + part)[:_MOST_BYTES]
                return Answer(sent.status_code, sent.headers, body)
        except (httpx2.TransportError, ProtocolError) as error:
            # The library keeps a broken HTTP/2 connection, and asks it again and again.
            if self._client is client:
                await self._hang_up()
            if isinstance(error, ProtocolError):  # of a line that broke while it was opened
                raise httpx2.RemoteProtocolError(str(error)) from None
            raise

    def _headers(self) -> dict[str, str]:
        headers = {"apns-topic": self.setup.pass_type_id}
        if self.setup.push_type == "background":
            headers |= {"apns-push-type": "background", "apns-priority": "5"}
        return headers

    def _connected(self) -> httpx2.AsyncClient:
        if self._client is None:
            self._client = httpx2.AsyncClient(
                http1=False,
                http2=True,
                verify=self._context,
                timeout=httpx2.Timeout(_SILENCE_S),
                trust_env=False,
                limits=httpx2.Limits(
                    max_connections=1, max_keepalive_connections=1, keepalive_expiry=_IDLE_S
                ),
            )
        return self._client

    async def _hang_up(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


def push_context(setup: AppleSetup) -> ssl.SSLContext:
    """TLS with the pass type's certificate as ours.

    Apple's own authority is among the system's. Another one counts for a stand-in on this
    machine only.
    """
    may_be_ours = is_simulated(
        setup.base_url, setup.push_url, is_production=get_settings().is_production
    )
    context = ssl.create_default_context(cafile=setup.push_ca_path if may_be_ours else None)
    # OpenSSL reads certificates from files only. The key lies there under a word nobody knows.
    word = secrets.token_bytes(32)
    key = setup.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(word))
    with tempfile.TemporaryDirectory(prefix="orion-") as folder:
        file = Path(folder, "push.pem")
        file.write_bytes(key + setup.signer.public_bytes(Encoding.PEM))
        context.load_cert_chain(file, password=word)
    return context


def _refusal(answer: Answer) -> GoneToken | WalletFault:
    """What Apple's refusal means. Source: "Handling notification responses from APNs"."""
    said = _said(answer)
    reason = str(said.get("reason", ""))[:60]
    if answer.status == 410 or reason in _WORTHLESS:
        return GoneToken(_moment(said.get("timestamp")))
    if answer.status == 403:
        return WalletFault(FaultKind.PAUSE, "certificate_refused", reason)
    if answer.status == 429 or answer.status >= 500:
        name = "busy" if answer.status == 429 else "server_error"
        return WalletFault(FaultKind.TRANSIENT, name, reason, retry_after_s=retry_after_s(answer))
    if reason == "IdleTimeout":
        return WalletFault(FaultKind.TRANSIENT, "busy", reason)
    if not reason:
        return WalletFault(FaultKind.TRANSIENT, "unreadable_answer", str(answer.status))
    # The topic or a header is wrong: so would it be on every other push.
    return WalletFault(FaultKind.PAUSE, "push_refused", f"{answer.status} {reason}")


def _said(answer: Answer) -> dict[str, Any]:
    try:
        said = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def _moment(milliseconds: object) -> datetime | None:
    if not isinstance(milliseconds, int) or not 0 <= milliseconds < 10**14:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
