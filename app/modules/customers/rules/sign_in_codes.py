"""How long a sign-in code lives, how often it may be tried, and how many an address gets."""

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta
from typing import Final

CODE_LENGTH: Final = 6  # digits
CODE_LIFE: Final = timedelta(minutes=10)
MOST_TRIES: Final = 5  # of one code, right or wrong
MOST_CODES: Final = 5  # to one address within COUNTED_OVER, on the whole platform
COUNTED_OVER: Final = timedelta(hours=1)
# Nothing asks for a code that is older than the limit counts back.
KEPT_FOR: Final = timedelta(days=1)


def expires_at(now: datetime) -> datetime:
    """The instant (UTC) from which a code made at `now` no longer counts.

    Source: product rule "Sign-in and confirmation", docs/rules.md.
    """
    return now + CODE_LIFE


def may_send(*, sent_within_the_hour: int) -> bool:
    """May one more code go to an address that got so many within the last hour?"""
    return sent_within_the_hour < MOST_CODES


def counted_since(now: datetime) -> datetime:
    """Codes made after this instant (UTC) count towards the limit of an address."""
    return now - COUNTED_OVER


def attempts_left(attempts: int) -> int:
    """How many tries a code has left after so many."""
    return max(0, MOST_TRIES - attempts)


def read_code(text: str) -> str:
    """What a person typed or pasted as six ASCII digits, or an empty text.

    Spaces and hyphens between the digits don't matter, and digits of any script count.
    """
    kept = (char for char in text if unicodedata.category(char) not in {"Zs", "Cf", "Pd", "Cc"})
    digits = "".join(str(unicodedata.decimal(char, "?")) for char in kept)
    return digits if len(digits) == CODE_LENGTH and digits.isdecimal() else ""
