"""The customers module's key."""

from __future__ import annotations

from functools import lru_cache

from app.core.config import get_settings
from app.core.security import Key


@lru_cache(maxsize=1)
def platform_key() -> Key:
    """The key behind the hashes of sign-in codes and of the addresses they went to."""
    return Key(get_settings().secret_key.get_secret_value())
