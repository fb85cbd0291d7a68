"""What a till did while it was offline and tells of later."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from app.core.errors import FieldError, ValidationFailed

OLDEST_HOURS: Final = 24


def check_occurred_at(occurred_at: datetime, *, now: datetime) -> None:
    """Refuse an instant (UTC) in the future, or more than 24 hours ago.

    Raises:
        ValidationFailed: `occurred_at_range`.

    Source: product rule "Offline", docs/rules.md.
    """
    if not now - timedelta(hours=OLDEST_HOURS) <= occurred_at <= now:
        limit = {"hours": OLDEST_HOURS}
        raise ValidationFailed(FieldError(("occurred_at",), "occurred_at_range", limit))
