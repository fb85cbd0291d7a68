"""The hidden field of a join form: the key of one page view, and when it was shown.

The key makes a double click, a retry and the back button one card; the time tells people from
programs, which fill in forms in no time. Signed, so that neither can be made up.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from app.core.security import Keyring, is_equal

LEAST_TIME: Final = timedelta(seconds=1)
_MOST_CHARACTERS: Final = 200


@dataclass(frozen=True)
class JoinAttempt:
    """One page view of the form."""

    key: str
    shown_at: datetime

    def is_hasty(self, now: datetime) -> bool:
        """Was the form sent sooner than a person, even with autofill, can?"""
        return now - self.shown_at < LEAST_TIME


def new_attempt(keyring: Keyring, *, now: datetime) -> str:
    """The field's value for a page that is shown now."""
    said = f"{int(now.timestamp() * 1000)}.{secrets.token_urlsafe(16)}"
    return f"{said}.{_mark(keyring, said)}"


def read_attempt(keyring: Keyring, field: str) -> JoinAttempt | None:
    """What the field says; None where it is not one of ours."""
    said, _, mark = field[:_MOST_CHARACTERS].rpartition(".")
    if not said or not is_equal(mark, _mark(keyring, said)):
        return None
    shown_ms, _, key = said.partition(".")
    return JoinAttempt(key, datetime.fromtimestamp(int(shown_ms) / 1000, UTC))


def _mark(keyring: Keyring, said: str) -> str:
    key = keyring.derive("join-form")
    return hmac.digest(key, said.encode("utf-8", "replace"), "sha256").hex()
