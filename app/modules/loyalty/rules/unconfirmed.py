"""When a card whose contact was never confirmed is dropped."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

_KEPT_FOR: Final = timedelta(days=90)


def unused_since(now: datetime) -> datetime:
    """Unconfirmed cards whose last activity is at this instant (UTC) or before may go.

    Only those that hold nothing: what somebody has collected stays theirs.

    Source: product rule "Enrolment", docs/rules.md.
    """
    return now - _KEPT_FOR
