"""Which wallet a device most likely has."""

from __future__ import annotations

import pytest

from app.modules.loyalty.rules.wallet_order import wallet_order
from app.modules.loyalty.types import Provider


@pytest.mark.parametrize(
    ("user_agent", "first"),
    [
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 26_1 like Mac OS X) Version/26.1 Safari", "apple"),
        ("Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) Mobile/15E148", "apple"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/26.0 Safari/605.1.15", "apple"),
        ("Mozilla/5.0 (Linux; Android 16; Pixel 9) Chrome/142.0 Mobile Safari/537.36", "google"),
        ("Mozilla/5.0 (Linux; Android 9; like iPhone) Mobile", "google"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/142.0", "google"),
        ("", "google"),
    ],
)
def test_given_a_browser_when_wallets_are_ordered_then_its_devices_own_is_first(
    user_agent: str, first: str
) -> None:
    order = wallet_order(user_agent)
    assert order[0] is Provider(first)
    assert set(order) == set(Provider)
