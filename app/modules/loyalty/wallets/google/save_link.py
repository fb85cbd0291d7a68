"""Google's save address of a pass, and our own short one that leads to a fresh one."""

from __future__ import annotations

import base64
import binascii
import hmac
from datetime import datetime, timedelta
from typing import Any, Final

from app.core.security import Key
from app.modules.loyalty.wallets.google.setup import GoogleSetup

# Longer ones fail in some browsers (Google, "Working with JWTs").
MOST_CHARACTERS: Final = 1800
SAVE_LIFE: Final = timedelta(hours=1)
# It names a pass by 128 random bits and opens Google's page for it, nothing else: neither
# balance nor name is behind it, and a pass that is saved already can't be saved by another
# account. It stands in e-mails that are opened months later.
LINK_LIFE: Final = timedelta(days=365)
_PURPOSE: Final = "google_add_link"
_SERIAL_BYTES, _TIME_BYTES, _MARK_BYTES = 16, 4, 16
_LINK_BYTES: Final = _SERIAL_BYTES + _TIME_BYTES + _MARK_BYTES


def save_url(setup: GoogleSetup, *, object_id: str, class_id: str, now: datetime) -> str:
    """The address that puts an object into the wallet of whoever opens it, good for an hour.

    It only names the object, which Google has already ("skinny"): with all its content it
    would be too long, and nobody's name or balance travels through addresses.
    """
    issued = int(now.timestamp())
    claims: dict[str, Any] = {
        "iss": setup.client_email,
        "aud": "google",
        "typ": "savetowallet",
        "iat": issued,
        "exp": issued + int(SAVE_LIFE.total_seconds()),
        "origins": list(setup.origins),
        "payload": {"loyaltyObjects": [{"id": object_id, "classId": class_id}]},
    }
    token = setup.sign(claims)
    assert len(token) < MOST_CHARACTERS, len(token)
    return f"{setup.save_url}/{token}"


def make_link(key: Key, serial: str, *, now: datetime) -> str:
    """The end of our short address of a pass, good for a year: 48 characters."""
    ends = int((now + LINK_LIFE).timestamp())
    signed = bytes.fromhex(serial) + ends.to_bytes(_TIME_BYTES, "big")
    return base64.urlsafe_b64encode(signed + _mark(key, signed)).decode("ascii")


def read_link(key: Key, link: str, *, now: datetime) -> str | None:
    """The serial that a short address names; None where it is not ours, or over."""
    try:
        raw = base64.b64decode(link.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None
    signed, mark = raw[:-_MARK_BYTES], raw[-_MARK_BYTES:]
    if len(raw) != _LINK_BYTES or not hmac.compare_digest(mark, _mark(key, signed)):
        return None
    ends = int.from_bytes(signed[_SERIAL_BYTES:], "big")
    return signed[:_SERIAL_BYTES].hex() if now.timestamp() < ends else None


def _mark(key: Key, signed: bytes) -> bytes:
    return hmac.digest(key.derive(_PURPOSE), signed, "sha256")[:_MARK_BYTES]
