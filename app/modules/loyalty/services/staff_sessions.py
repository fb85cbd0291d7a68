"""PIN sessions: one PIN opens a few sliding minutes on one terminal.

The token is a signed statement, checked without the database; the posting statement still
checks the PIN's version, so a changed or locked-out PIN ends its sessions at once.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.modules.loyalty.config import platform_key
from app.modules.loyalty.types import LockScope, Staff


@dataclass(frozen=True, slots=True)
class Place:
    """Where a session is valid: the terminal, API key or store the PIN was typed at."""

    merchant_id: int
    scope: LockScope
    subject_id: int | None


@dataclass(frozen=True, slots=True)
class Session:
    """What a valid token says."""

    pin_id: int
    version: int


def issue(staff: Staff, place: Place, *, now: datetime) -> str:
    """A token for `staff` at `place`, to be renewed with every use."""
    body = (
        f"{staff.pin_id}.{staff.version}.{place.merchant_id}.{place.scope.value}."
        f"{place.subject_id}.{int(now.timestamp())}"
    )
    return f"{body}.{_signature(body)}"


def expires_at(*, now: datetime, session_minutes: int) -> datetime:
    """When a token issued at `now` ends (UTC), in whole seconds as the token counts them."""
    return now.astimezone(UTC).replace(microsecond=0) + timedelta(minutes=session_minutes)


def read(token: str, place: Place, *, session_minutes: int, now: datetime) -> Session | None:
    """What the token says, or None: forged, of another place, or older than the program allows."""
    body, _, signature = token.rpartition(".")
    if not token.isascii() or not hmac.compare_digest(signature, _signature(body)):
        return None
    pin_id, version, merchant_id, scope, subject_id, issued = body.split(".")
    said = Place(int(merchant_id), LockScope(scope), int(subject_id))
    age = now.timestamp() - int(issued)
    if said != place or age >= session_minutes * 60:
        return None
    return Session(int(pin_id), int(version))


def _signature(body: str) -> str:
    digest = hmac.digest(platform_key().derive("staff-session"), body.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
