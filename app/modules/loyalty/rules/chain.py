"""The keyed hash chain over a card's ledger entries."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

# Every column of an entry but the identity (unknown before the insert), the hash itself,
# and the key's id, which only says where to find the key.
_ALWAYS = (
    "merchant_id",
    "card_id",
    "sequence",
    "type",
    "stamps_delta",
    "points_delta",
    "stamps_after",
    "points_after",
    "stamps_target",
    "reward_description",
    "store_id",
    "terminal_id",
    "actor_kind",
    "actor_id",
    "amount_cents",
    "currency",
    "order_reference",
    "reward_id",
    "voids_id",
    "overrides_limits",
    "program_revision",
    "business_day",
    "occurred_at",
    "recorded_at",
    "request_id",
)
# Younger than the first entries: chained by name and only where set, so that old hashes hold.
_WHERE_SET = ("related_id", "override_pin_id")
CHAINED_FIELDS = (*_ALWAYS, *_WHERE_SET)


def genesis_hash(key: bytes, *, card_uid: str) -> str:
    """The hash before a card's first entry, from the card's random uid (64 hex digits)."""
    return _digest(key, "genesis", card_uid)


def entry_hash(key: bytes, *, previous: str, entry: Mapping[str, Any]) -> str:
    """HMAC-SHA256 (64 hex digits) over the previous hash and every chained field of `entry`."""
    fields = [_plain(entry[name]) for name in _ALWAYS]
    younger = {name: entry[name] for name in _WHERE_SET if entry[name] is not None}
    if younger:
        fields.append(younger)
    return _digest(key, previous, json.dumps(fields, ensure_ascii=False, separators=(",", ":")))


def _digest(key: bytes, first: str, second: str) -> str:
    return hmac.new(key, f"{first}|{second}".encode(), hashlib.sha256).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return str(value)
    return int(value) if isinstance(value, bool) else value
