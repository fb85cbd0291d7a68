"""Whether the wallets' vendors can be reached from here, asked once by whoever looks after it."""

from __future__ import annotations

import socket
import ssl
from typing import Final
from urllib.parse import urlsplit

from app.modules.loyalty.wallets.apple import setup as apple_setup
from app.modules.loyalty.wallets.faults import WalletFault
from app.modules.loyalty.wallets.google import setup as google_setup
from app.modules.loyalty.wallets.google.token import AccessToken
from app.modules.loyalty.wallets.transport import open_client

TIMEOUT_S: Final = 3.0
_HTTPS: Final = 443


class Unreachable(Exception):
    """The vendor was not reached, or does not take us. `is_refusal`: it is our set-up's fault."""

    def __init__(self, reason: str, *, is_refusal: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_refusal = is_refusal


def ask_google() -> None:
    """Get an access token from Google, and throw it away. Google Wallet is set up.

    Raises:
        SetupProblem, Unreachable.
    """
    setup = google_setup.load()
    assert setup is not None
    client = open_client()
    try:
        AccessToken(setup).value(client)
    except WalletFault as fault:
        is_refusal = fault.reason == "account_refused"
        raise Unreachable(fault.detail or fault.reason, is_refusal=is_refusal) from None
    finally:
        client.close()


def ask_apple() -> None:
    """Shake hands with Apple's push service. Apple Wallet is set up.

    Nothing is pushed, and our certificate is not shown: Apple judges it at the first push.

    Raises:
        SetupProblem, Unreachable.
    """
    setup = apple_setup.load()
    assert setup is not None
    parts = urlsplit(setup.push_url)
    host, port = parts.hostname or "", parts.port or _HTTPS
    try:
        context = ssl.create_default_context(cafile=setup.push_ca_path)
        with (
            socket.create_connection((host, port), timeout=TIMEOUT_S) as line,
            context.wrap_socket(line, server_hostname=host),
        ):
            pass
    except OSError as fault:
        raise Unreachable(f"{host}: {fault.strerror or fault}") from None
