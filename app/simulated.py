"""The simulated wallets beside the demo: a whole life of a pass without a vendor's account."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from app.core.addresses import leads_here
from app.core.config import Settings
from app.fakes.run import Ports, run, settings_of
from app.modules.loyalty.config import get_loyalty_settings

PORTS: Final = Ports()
_HOST: Final = "127.0.0.1"
_STARTED_WITHIN_S: Final = 20.0
# A fresh interpreter: what this process has imported and opened is none of theirs.
_COMMAND: Final = (sys.executable, "-c", "from app.cli import main; main()", "wallet", "fakes")


def serve(settings: Settings) -> None:
    """Serve the simulated wallets until interrupted."""
    run(
        directory=_directory(settings),
        google_port=PORTS.google,
        apns_port=PORTS.apns,
        phone_port=PORTS.phone,
        base_url=settings.base_url,
        ready=lambda: print(welcome(), flush=True),  # noqa: T201  # what a command says
    )


@contextmanager
def beside_demo(settings: Settings) -> Iterator[str]:
    """Start them beside a demo on this machine, and point its wallets at them.

    Yields what to tell, empty where they are left out: where a wallet is configured, in
    production, or for a platform that other machines reach.
    """
    if not _fits(settings):
        yield ""
        return
    if not all(_is_free(port) for port in (PORTS.google, PORTS.apns, PORTS.phone)):
        yield "Ports 8010 to 8012 are taken: the simulated wallets are left out."
        return
    os.environ.update(settings_of(_directory(settings), PORTS))
    get_loyalty_settings.cache_clear()
    wallets = subprocess.Popen(_COMMAND, stdout=subprocess.DEVNULL)  # noqa: S603  # ours
    try:
        _wait_for(wallets)
        yield welcome()
    finally:
        wallets.terminate()
        wallets.wait()


def welcome() -> str:
    """Where to look."""
    return (
        "Simulated wallets (docs/wallets/local-testing.md):\n"
        f"  iPhone         http://{_HOST}:{PORTS.phone}/phone\n"
        f"  Google Wallet  http://{_HOST}:{PORTS.google}/google/cards\n"
    )


def _fits(settings: Settings) -> bool:
    loyalty = get_loyalty_settings()
    is_configured = loyalty.google_issuer_id or loyalty.apple_pass_type_id
    return not (settings.is_production or is_configured) and leads_here(settings.base_url)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
    return True


def _wait_for(wallets: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _STARTED_WITHIN_S
    while time.monotonic() < deadline and wallets.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((_HOST, PORTS.phone)) == 0:
                return
        time.sleep(0.1)


def _directory(settings: Settings) -> Path:
    return settings.data_dir / "simulated-wallets"
