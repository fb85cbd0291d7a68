"""When a demo brings simulated wallets along; that they work: tests/browser/test_wallet_life.py."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import simulated
from app.core.config import Settings, load_settings
from app.fakes.run import Ports
from app.modules.loyalty.config import get_loyalty_settings
from app.modules.loyalty.wallets.apple import setup as apple_setup
from app.modules.loyalty.wallets.google import setup as google_setup
from tests.apple_wallet import forget_settings


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
    forget_settings()


def settings_at(folder: Path, base_url: str = "http://127.0.0.1:8000") -> Settings:
    os.environ["ORION_BASE_URL"] = base_url
    forget_settings()
    return load_settings(data_dir=folder, base_url=base_url)


class Started:
    """In place of the process that would serve them."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.ended = False

    def poll(self) -> int:
        return 0

    def terminate(self) -> None:
        self.ended = True

    def wait(self) -> None:
        assert self.ended


def test_given_a_demo_on_this_machine_when_started_then_both_wallets_are_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.simulated.subprocess.Popen", Started)
    with simulated.beside_demo(settings_at(tmp_path)) as said:
        assert "8012/phone" in said
        assert google_setup.load() is not None
        assert apple_setup.load() is not None


@pytest.mark.parametrize(
    ("base_url", "variable"),
    [
        ("https://cards.example.com", None),
        ("http://192.0.2.7:8000", None),
        ("http://127.0.0.1:8000", "LOYALTY_GOOGLE_ISSUER_ID"),
        ("http://127.0.0.1:8000", "LOYALTY_APPLE_PASS_TYPE_ID"),
    ],
)
def test_given_a_real_wallet_or_a_public_address_when_started_then_nothing_is_simulated(
    tmp_path: Path, base_url: str, variable: str | None
) -> None:
    settings = settings_at(tmp_path, base_url)
    if variable:
        os.environ[variable] = "3388000000012345678"
        get_loyalty_settings.cache_clear()
    with simulated.beside_demo(settings) as said:
        assert said == ""
    assert "LOYALTY_APPLE_PUSH_URL" not in os.environ


def test_given_a_port_that_is_taken_when_started_then_it_says_so_and_the_demo_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setattr(simulated, "PORTS", Ports(phone=other.getsockname()[1]))
        with simulated.beside_demo(settings_at(tmp_path)) as said:
            assert "left out" in said
    assert "LOYALTY_APPLE_PUSH_URL" not in os.environ
