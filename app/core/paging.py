"""Keyset pages: which page a caller wants, and the opaque cursor that says where it begins.

A cursor is the sort key of the last row seen. It is not secret: it holds what the page
showed, and a forged one only begins elsewhere in the caller's own list.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from app.core.errors import FieldError, ValidationFailed

MAX_LIMIT = 100
DEFAULT_LIMIT = 25
MAX_CURSOR_CHARACTERS = 3300  # a name of 600 characters, in any script
_LARGEST_INTEGER = 2**63 - 1

CursorValue = str | int | datetime


@dataclass(frozen=True)
class PageRequest:
    """What a caller asks of a list: at most `limit` rows, after those of the cursor."""

    limit: int = DEFAULT_LIMIT
    cursor: str | None = None
    include_total: bool = False

    def after(self, *kinds: type[CursorValue]) -> tuple[CursorValue, ...] | None:
        """The sort key to go on from, or None for the first page.

        Raises:
            ValidationFailed: the cursor does not hold values of these kinds.
        """
        return None if self.cursor is None else decode_cursor(self.cursor, kinds)


def encode_cursor(*values: CursorValue) -> str:
    """The cursor that continues after the row with this sort key."""
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    raw = json.dumps(plain, ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode_cursor(cursor: str, kinds: Sequence[type[CursorValue]]) -> tuple[CursorValue, ...]:
    """The sort key in a cursor, one value of each kind.

    Raises:
        ValidationFailed: it is not a cursor of this list.
    """
    try:
        if len(cursor) > MAX_CURSOR_CHARACTERS or not cursor.isascii():
            raise ValueError("no cursor of ours")
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars="-_", validate=True)
        values = json.loads(raw.decode("utf-8"))
        if not isinstance(values, list) or len(values) != len(kinds):
            raise ValueError("another list's cursor")
        return tuple(_checked(value, kind) for value, kind in zip(values, kinds, strict=True))
    except (ValueError, OverflowError, binascii.Error, RecursionError):
        raise ValidationFailed(FieldError(("query", "cursor"), "cursor_invalid")) from None


def _checked(value: object, kind: type[CursorValue]) -> CursorValue:
    if kind is datetime and isinstance(value, str):
        instant = datetime.fromisoformat(value)
        if instant.tzinfo is None:
            raise ValueError("without a zone")
        return instant.astimezone(UTC)  # the edge of time is a day nearer in some zones
    if kind is int and type(value) is int and abs(value) <= _LARGEST_INTEGER:
        return value
    if kind is str and isinstance(value, str) and "\0" not in value:
        value.encode("utf-8")  # lone surrogates raise
        return value
    raise ValueError("another kind")
