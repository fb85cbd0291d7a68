"""What a staff PIN looks like, and which ones are too easy to guess."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from app.core.errors import FieldError, ValidationFailed
from app.modules.loyalty.errors import WeakPin

_FORMAT: Final = re.compile(r"[0-9]{4,8}")
_REPEATED: Final = re.compile(r"(.+?)\1+")
_DOUBLED: Final = re.compile(r"(?:(.)\1)+")
_YEARS: Final = range(1940, 2031)

# People's favourites that no other rule catches: lines and corners of the keypad, and famous ones.
_COMMON_PINS: Final = """
0007 0070 0420 0852 1004 1230 1236 1245 1254 1301 1342 1357 1379 1397 1470 1475 1478 1590
1793 1937 2468 2486 2580 3141 3690 3691 3698 3971 4711 5683 6420 7410 7412 7415 7531 7895
8520 8642 9510 9632 9713 9731
12369 13579 14789 24680 12580 25800 42069
112358 121314 123654 142536 147258 147852 147896 159357 159753 246810 258456 314159 321654
357159 456123 654123 741852 753951 789456 852456 963852 987412
1357908 2468013 5201314 8675309
11235813 12344321 12369874 13579246 14725836 14789632 31415926 43211234 74108520 98745632
"""
_COMMON: Final = frozenset(_COMMON_PINS.split())


def check_pin_format(pin: str) -> None:
    """Refuse anything but 4 to 8 ASCII digits; other scripts' digits are no keys of a till.

    Raises:
        ValidationFailed: with the field `pin`.
    """
    if not _FORMAT.fullmatch(pin):
        raise ValidationFailed(FieldError(("pin",), "pin_format"))


def check_pin_strength(pin: str) -> None:
    """Refuse a PIN (4 to 8 digits) that people choose often or a bystander remembers.

    These are equal digits, runs up or down (also over 9 and 0), repeated parts (abab,
    abcabc), doubled digits (aabb), years from 1940 to 2030, and the commonest others.

    Raises:
        WeakPin.

    Source: product rule "Staff PINs", docs/rules.md.
    """
    check_pin_format(pin)
    if _is_run(pin) or _is_patterned(pin) or _is_year(pin) or pin in _COMMON:
        raise WeakPin


def _is_run(pin: str) -> bool:
    digits = [int(digit) for digit in pin]
    steps = {(after - before) % 10 for before, after in pairwise(digits)}
    return steps in ({1}, {9})


def _is_patterned(pin: str) -> bool:
    # Equal digits are the shortest repeated part.
    return bool(_REPEATED.fullmatch(pin) or _DOUBLED.fullmatch(pin))


def _is_year(pin: str) -> bool:
    return len(pin) == 4 and int(pin) in _YEARS
