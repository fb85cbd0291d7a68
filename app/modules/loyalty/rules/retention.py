"""How long what is not needed for the ledger is kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

# Product rule "How long data is kept", docs/rules.md.
ADDRESSES_KEPT: Final = timedelta(days=90)
KEYS_KEPT: Final = timedelta(days=400)


def addresses_kept_since(now: datetime) -> datetime:
    """IP addresses and browsers' names of before this instant go."""
    return now - ADDRESSES_KEPT


def keys_kept_since(now: datetime) -> datetime:
    """Idempotency keys of before this instant go: the same key is then another intent."""
    return now - KEYS_KEPT
