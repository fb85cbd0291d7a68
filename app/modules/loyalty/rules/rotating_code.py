"""Codes that change every half minute: a photo of a pass goes stale."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.modules.loyalty.rules.card_codes import QR_LENGTH, is_qr_code
from app.modules.loyalty.rules.scan import read_scan

PERIOD_S: Final = 30
DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class RotatingCode:
    """What a scanner read off a pass whose code changes: the card's code, and the digits."""

    qr_code_data: str
    digits: str


def read_rotating(text: str) -> RotatingCode | None:
    """The parts of a scanned text, or None where it is something else.

    The digits come right from keyboards that type other signs in their place, too.

    Source: product rule "Passes", docs/rules.md.
    """
    compact = "".join(text.split())
    code, tail = compact[:QR_LENGTH].upper(), compact[QR_LENGTH:]
    if len(tail) != DIGITS or not is_qr_code(code):
        return None
    # As a number of its own: `read_scan` knows the keyboards.
    digits = next(iter(read_scan(tail).candidates), "")
    if len(digits) != DIGITS or not (digits.isascii() and digits.isdigit()):
        return None
    return RotatingCode(code, digits)


def digits_at(secret: bytes, at: datetime, *, digits: int = DIGITS) -> str:
    """The digits that a phone shows at `at`.

    Source: RFC 6238 (TOTP: HMAC-SHA-1, steps of 30 s from 1970) with RFC 4226, 5.3.
    """
    return _digits_of(secret, _step(at), digits)


def is_current(
    secret: bytes, shown: str, *, now: datetime, steps: int = 1, digits: int = DIGITS
) -> bool:
    """True for the digits of this half minute and of `steps` before and after it.

    Clocks of phones differ, and a scan takes its time (RFC 6238, 5.2 and 6).
    """
    current = _step(now)
    is_found = False
    for step in range(max(0, current - steps), current + steps + 1):
        # No early end: the time taken tells nothing.
        expected = _digits_of(secret, step, digits).encode()
        is_found |= hmac.compare_digest(expected, shown.encode("utf-8", "replace"))
    return is_found


def _step(at: datetime) -> int:
    return int(at.timestamp()) // PERIOD_S


def _digits_of(secret: bytes, step: int, digits: int) -> str:
    mark = hmac.digest(secret, step.to_bytes(8, "big"), hashlib.sha1)
    offset = mark[-1] & 0x0F
    number = int.from_bytes(mark[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)
