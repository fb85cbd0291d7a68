"""The access token of our service account at Google, and how it is renewed."""

from __future__ import annotations

import threading
import time
from typing import Any, Final
from urllib.parse import urlencode

import httpx2

from app.core import clock
from app.modules.loyalty.types import FaultKind
from app.modules.loyalty.wallets.faults import WalletFault
from app.modules.loyalty.wallets.google.setup import GoogleSetup
from app.modules.loyalty.wallets.pace import Pace
from app.modules.loyalty.wallets.transport import Answer, ask, retry_after_s

SCOPE: Final = "https://www.googleapis.com/auth/wallet_object.issuer"
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFE_S: Final = 3600
# Renewed before it ends, so that none ends on its way.
_MARGIN_S: Final = 300


class AccessToken:
    """One token for all threads; whoever finds it old renews it, the others wait.

    If that fails, it fails for those who waited, too: a server that hangs must not hang them
    one after the other. `pace` is how fast Google may be asked.

    Source: RFC 7523 (JWT bearer grant) as Google's service accounts use it.
    """

    def __init__(self, setup: GoogleSetup, *, pace: Pace | None = None) -> None:
        self._setup = setup
        self._pace = pace
        self._failure: WalletFault | None = None
        self._failed_at = 0.0
        self._lock = threading.Lock()
        self._value = ""
        self._ends_at = 0.0  # on the monotonic clock

    def value(self, client: httpx2.Client, *, refused: str = "") -> str:
        """The token. `refused` is the one that the vendor did not take: it is not given again.

        Raises:
            WalletFault: `pause` where Google does not accept the account or its key.
        """
        wanted_at = time.monotonic()
        with self._lock:
            if self._failure is not None and self._failed_at > wanted_at:
                raise WalletFault(
                    self._failure.kind,
                    self._failure.reason,
                    self._failure.detail,
                    retry_after_s=self._failure.retry_after_s,
                )
            if self._value == refused or time.monotonic() >= self._ends_at:
                try:
                    self._renew(client)
                except WalletFault as fault:
                    self._failure, self._failed_at = fault, time.monotonic()
                    raise
            return self._value

    def _renew(self, client: httpx2.Client) -> None:
        if self._pace is not None:
            self._pace.wait()
        self._value, self._ends_at, began = "", 0.0, time.monotonic()
        form = urlencode({"grant_type": _GRANT, "assertion": self._assertion()})
        answer = ask(
            client,
            "POST",
            self._setup.token_url,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            content=form.encode(),
        )
        if answer.status != 200:
            raise _fault(answer)
        given = answer.json()
        value, life_s = _read(given)
        self._value, self._ends_at = value, began + max(0, life_s - _MARGIN_S)

    def _assertion(self) -> str:
        now = int(clock.utc_now().timestamp())
        claims = {
            "iss": self._setup.client_email,
            "scope": SCOPE,
            "aud": self._setup.token_url,
            "iat": now,
            "exp": now + _LIFE_S,
        }
        return self._setup.sign(claims)


def _read(given: Any) -> tuple[str, int]:
    value = given.get("access_token") if isinstance(given, dict) else None
    if not isinstance(value, str) or not (value and value.isascii() and value.isprintable()):
        raise WalletFault(FaultKind.TRANSIENT, "unreadable_answer")
    life_s = given.get("expires_in")
    return value, life_s if isinstance(life_s, int) else _LIFE_S


def _fault(answer: Answer) -> WalletFault:
    if answer.status in (400, 401, 403):
        try:
            said = answer.json()
        except WalletFault:
            said = None
        parts = [said.get("error"), said.get("error_description")] if isinstance(said, dict) else []
        detail = ": ".join(part for part in parts if isinstance(part, str))
        return WalletFault(FaultKind.PAUSE, "account_refused", detail)
    return WalletFault(
        FaultKind.TRANSIENT,
        "token_unavailable",
        f"HTTP {answer.status}",
        retry_after_s=retry_after_s(answer),
    )
