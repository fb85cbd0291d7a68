"""How long a token lives."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

SESSION_IDLE: Final = timedelta(hours=8)  # OWASP ASVS 5.0, 7.3.1
SESSION_LIFE: Final = timedelta(days=7)  # OWASP ASVS 5.0, 7.3.2
CUSTOMER_LIFE: Final = timedelta(days=365)  # a phone that holds a card is not asked every week
SEEN_EVERY: Final = timedelta(minutes=1)


def ends_at(
    *, is_session: bool, last_seen_at: datetime, expires_at: datetime | None
) -> datetime | None:
    """The first instant at which the token no longer counts; None: it never ends by itself.

    A user's session ends 8 hours after it was last seen, and at `expires_at` in any case.
    """
    ends = [expires_at] if expires_at is not None else []
    if is_session:
        ends.append(last_seen_at + SESSION_IDLE)
    return min(ends, default=None)


def is_seen_due(last_seen_at: datetime, now: datetime) -> bool:
    """Is it time to note again that a token or device is in use? Once a minute is enough."""
    return now - last_seen_at >= SEEN_EVERY
