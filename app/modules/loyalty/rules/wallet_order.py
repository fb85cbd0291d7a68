"""Which wallet a device most likely has."""

from __future__ import annotations

import re
from typing import Final

from app.modules.loyalty.types import Provider

# iPads have called themselves Macs since iPadOS 13.
_APPLE: Final = re.compile(r"iPhone|iPad|iPod|Macintosh")


def wallet_order(user_agent: str) -> tuple[Provider, Provider]:
    """The wallets, the device's own first. Only the order is guessed: both stay within reach."""
    is_apples = _APPLE.search(user_agent) and "Android" not in user_agent
    first, second = Provider.APPLE, Provider.GOOGLE
    return (first, second) if is_apples else (second, first)
