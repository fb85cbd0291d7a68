"""Where http will do: where nothing leaves this machine."""

from __future__ import annotations

import pytest

from app.modules.loyalty.wallets.simulated import is_simulated


@pytest.mark.parametrize(
    ("base_url", "vendor_url", "is_production", "may"),
    [
        ("http://127.0.0.1:8000", "https://127.0.0.1:9", False, True),
        ("http://localhost:8000", "https://[::1]:9", False, True),
        ("http://127.0.0.1:8000", "https://127.0.0.1:9", True, False),
        ("http://127.0.0.1:8000", "https://api.push.apple.com", False, False),
        ("http://192.168.1.7:8000", "https://127.0.0.1:9", False, False),
        ("http://localhost.example.com", "https://127.0.0.1:9", False, False),
        ("http://127.0.0.1.example.com", "https://127.0.0.1:9", False, False),
    ],
)
def test_given_two_addresses_when_asked_for_http_then_only_this_machine_may(
    base_url: str, vendor_url: str, is_production: bool, may: bool
) -> None:
    assert is_simulated(base_url, vendor_url, is_production=is_production) == may
