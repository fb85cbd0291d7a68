"""What a scanner or a person types, read once and in one place."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.modules.loyalty.rules.card_codes import CARD_NUMBER_DIGITS, check_digit_ok, is_qr_code

_MAXIMUM_LENGTH: Final = 400  # room for the longest e-mail address; codes are shorter
_AIM_PREFIX: Final = re.compile(r"\A\][A-Za-z].")
_NUMBER: Final = re.compile(r"[0-9](?:[ \-]*[0-9])*")
_PHONE: Final = re.compile(r"\+?[0-9 ().\-/]*[0-9]")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+")
_CODE: Final = re.compile(r"[!-~]{1,64}")

# A scanner types as if the keyboard were American; on an AZERTY one its digits come out so.
_AZERTY: Final = (
    str.maketrans("à&é\"'(-è_ç", "0123456789"),  # French
    str.maketrans("à&é\"'(§è!ç", "0123456789"),  # Belgian
)
# Shorter texts of such signs are a slip of the hand, not a scan.
_AZERTY_MINIMUM_LENGTH: Final = 4


class ScanKind(StrEnum):
    """What a scanned or typed text looks like."""

    QR = "qr"
    NUMBER = "number"
    EMAIL = "email"
    PHONE = "phone"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Scan:
    """What was read: `text` cleaned of the scanner's additions, and what to look for.

    `candidates` come in the order to try them, the exact reading first; without any (and
    without `kind`) the text can't be read safely. Numbers are digits only, QR and other
    codes are in capitals, contacts are as typed; a `number` may be a phone number as well.
    `mistyped` tells, where nothing is found, that the text itself looks wrong.
    """

    text: str
    kind: ScanKind | None = None
    candidates: tuple[str, ...] = ()
    mistyped: bool = False


def read_scan(text: str) -> Scan:
    """Read what came from a scanner or a keyboard; rubbish gives no candidates, never an error.

    Source: product rule "Cards", docs/rules.md.
    """
    cleaned = _cleaned(text) if len(text) <= _MAXIMUM_LENGTH else ""
    if not cleaned or not cleaned.isprintable():
        return Scan("", mistyped=bool(text.strip()))
    compact = "".join(cleaned.split())
    if _NUMBER.fullmatch(cleaned):
        return _number(cleaned, compact.replace("-", ""))
    if is_qr_code(compact.upper()):
        return Scan(cleaned, ScanKind.QR, (compact.upper(),))
    if _EMAIL.fullmatch(cleaned):
        return Scan(cleaned, ScanKind.EMAIL, (cleaned,))
    if _PHONE.fullmatch(cleaned):
        return Scan(cleaned, ScanKind.PHONE, (cleaned,))
    if _CODE.fullmatch(compact):
        return Scan(cleaned, ScanKind.CODE, (compact.upper(),))
    return Scan(cleaned, mistyped=True)


def _cleaned(text: str) -> str:
    plain = "".join(map(_plain, unicodedata.normalize("NFC", text))).strip(" \0")
    return _from_azerty(_AIM_PREFIX.sub("", plain).strip())


def _plain(char: str) -> str:
    category = unicodedata.category(char)
    if char.isspace():
        return " "
    if category == "Cf":  # direction marks and the like, copied along
        return ""
    if category == "Pd":  # typographers' hyphens
        return "-"
    # Digits of other scripts are as clear as ASCII ones.
    return str(unicodedata.decimal(char, char))


def _from_azerty(text: str) -> str:
    compact = text.replace(" ", "")
    if len(compact) < _AZERTY_MINIMUM_LENGTH or any(char in "0123456789" for char in compact):
        return text
    for keyboard in _AZERTY:
        mapped = compact.translate(keyboard)
        if mapped.isascii() and mapped.isdigit():
            return mapped
    return text


def _number(text: str, digits: str) -> Scan:
    # Scanners drop or add a leading zero between the kinds of barcodes.
    dropped = (digits[1:],) if digits.startswith("0") and len(digits) > 1 else ()
    candidates = (digits, *dropped, f"0{digits}")
    of_card_length = [number for number in candidates if len(number) == CARD_NUMBER_DIGITS]
    mistyped = bool(of_card_length) and not any(map(check_digit_ok, of_card_length))
    return Scan(text, ScanKind.NUMBER, candidates, mistyped)
