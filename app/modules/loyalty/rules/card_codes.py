"""The two codes of a card: a number for people and letters for scanners."""

from __future__ import annotations

import re
from typing import Final

CARD_NUMBER_DIGITS: Final = 12

# The letters that sit on the same key of QWERTY, QWERTZ and AZERTY keyboards, so that a hand
# scanner types them right on any till. 30 of 20 letters are about 130 bits.
QR_ALPHABET: Final = "BCDEFGHIJKLNOPRSTUVX"
QR_LENGTH: Final = 30

_CARD_NUMBER: Final = re.compile(rf"[0-9]{{{CARD_NUMBER_DIGITS}}}")
_QR_CODE: Final = re.compile(rf"[{QR_ALPHABET}]{{{QR_LENGTH}}}")

# H. M. Damm, "Total anti-symmetrische Quasigruppen", 2004: the quasigroup of order 10. It
# catches every wrong digit and every swap of neighbours.
_DAMM: Final = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)


def card_number_from(digits: str) -> str:
    """The card number of 11 digits: the same with their check digit behind them."""
    assert _CARD_NUMBER.fullmatch(digits + "0"), len(digits)
    return digits + str(_damm(digits))


def check_digit_ok(number: str) -> bool:
    """True for 12 ASCII digits whose last one checks the others."""
    return _CARD_NUMBER.fullmatch(number) is not None and _damm(number) == 0


def format_card_number(number: str) -> str:
    """The number as people read it, 4-4-4: `4809 1234 5678`. An imported one stays as it is."""
    if not _CARD_NUMBER.fullmatch(number):
        return number
    return f"{number[:4]} {number[4:8]} {number[8:]}"


def is_qr_code(text: str) -> bool:
    """True for 30 letters of the QR alphabet, in capitals."""
    return _QR_CODE.fullmatch(text) is not None


def _damm(digits: str) -> int:
    interim = 0
    for digit in digits:
        interim = _DAMM[interim][int(digit)]
    return interim
