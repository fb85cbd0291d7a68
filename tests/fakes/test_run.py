"""All simulated services in one process, as local work starts them."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from cryptography import x509

from app.fakes.run import Ports, keys_in, new_phone, run, settings_of
from app.modules.loyalty.wallets.apple.apns import PushService
from app.modules.loyalty.wallets.apple.setup import AppleSetup, load
from tests.apple_wallet import forget_settings


@pytest.fixture
def ports() -> Ports:
    """Three that nobody listens on."""
    lines = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    found = Ports(*(line.getsockname()[1] for line in lines))
    for line in lines:
        line.close()
    return found


@pytest.fixture
def setup(tmp_path: Path, ports: Ports, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppleSetup]:
    """The platform, pointed at the simulated wallets."""
    for name, value in settings_of(tmp_path, ports).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ORION_BASE_URL", "http://localhost:8000")
    forget_settings()
    found = load()
    assert found is not None
    yield found
    forget_settings()


def test_given_keys_in_a_folder_when_started_then_all_three_answer_until_interrupted(
    tmp_path: Path, ports: Ports, setup: AppleSetup
) -> None:
    heard: list[int] = []

    def look() -> None:
        try:
            pages = (f"{ports.google}/google/cards", f"{ports.phone}/phone")
            heard.extend(httpx2.get(f"http://127.0.0.1:{page}").status_code for page in pages)
            service = PushService(setup)
            service.push("ab" * 32)
            service.close()
            heard.append(0)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=look)
    run(
        directory=tmp_path,
        google_port=ports.google,
        apns_port=ports.apns,
        phone_port=ports.phone,
        ready=thread.start,
    )
    thread.join()
    assert heard == [200, 200, 0]


def test_given_keys_in_a_folder_when_asked_again_then_they_stay_and_are_the_owners(
    tmp_path: Path, ports: Ports, setup: AppleSetup
) -> None:
    assert settings_of(tmp_path, ports)["LOYALTY_APPLE_PUSH_URL"] == setup.push_url
    keys = keys_in(tmp_path, ports)
    assert setup.signer == x509.load_pem_x509_certificate(keys.apple.signer.read_bytes())
    for key in (keys.apple.key, keys.server.key, keys.google.service_account):
        assert key.stat().st_mode & 0o77 == 0
    phone = new_phone(keys)
    assert phone.root.subject == phone.root.issuer
    phone.client.close()
