"""One spelling for each e-mail address and each phone number, so that equals meet."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from phonenumbers import CountryCodeSource, NumberParseException, PhoneNumber, PhoneNumberFormat

from app.core.errors import FieldError, ValidationFailed

_MAXIMUM_EMAIL_LENGTH: Final = 254  # RFC 5321, section 4.5.3.1.3, less the brackets
_MAXIMUM_PHONE_LENGTH: Final = 40  # 15 digits and what people put between them

_PHONE: Final = re.compile(r"\+?[0-9 ().\-/]+")
# "+352 (0) 621…": the bracket says that the zero is dialled inside the country only.
_TRUNK_ZERO: Final = re.compile(r"\(0\)")


def normalise_email(text: str) -> str:
    """The address in its one spelling: NFC, trimmed, small letters, the domain in ASCII (IDNA).

    Looks at the form only, never at the network.

    Raises:
        ValidationFailed: with the field `email`.
    """
    trimmed = unicodedata.normalize("NFC", text).strip()
    if len(trimmed) > _MAXIMUM_EMAIL_LENGTH:
        raise _invalid("email")
    try:
        address = validate_email(trimmed, check_deliverability=False, strict=True)
    except EmailNotValidError as error:
        raise _invalid("email") from error
    normalised = f"{address.local_part.lower()}@{address.ascii_domain}"
    if len(normalised) > _MAXIMUM_EMAIL_LENGTH:
        raise _invalid("email")
    return normalised


def normalise_phone(text: str, country: str) -> str:
    """The number as E.164 (`+352621000001`), read as dialled in `country` (ISO 3166, `LU`).

    Digits of any script count. A zero between country code and number is taken for what it
    is in Italy, and otherwise only in brackets: elsewhere it is a slip.

    Raises:
        ValidationFailed: with the field `phone`.
    """
    plain = "".join(map(_plain, text)).strip()
    if len(plain) > _MAXIMUM_PHONE_LENGTH or not _PHONE.fullmatch(plain):
        raise _invalid("phone")
    number = _parsed(plain, country) or _parsed(_TRUNK_ZERO.sub("", plain, count=1), country)
    if number is None:
        raise _invalid("phone")
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _parsed(plain: str, country: str) -> PhoneNumber | None:
    try:
        number = phonenumbers.parse(plain, country.upper(), keep_raw_input=True)
    except NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number) or _has_stray_zero(plain, number):
        return None
    return number


def _has_stray_zero(plain: str, number: PhoneNumber) -> bool:
    # The library drops a national prefix even behind a country code ("+49 030 …"); then the
    # digits typed are no longer the country code and the number, one right behind the other.
    if number.country_code_source == CountryCodeSource.FROM_DEFAULT_COUNTRY:
        return False
    typed = re.sub(r"[^0-9]", "", plain)
    expected = f"{number.country_code}{phonenumbers.national_significant_number(number)}"
    return not typed.endswith(expected)


def _plain(char: str) -> str:
    category = unicodedata.category(char)
    if category == "Cf":  # direction marks, copied along from a phone's address book
        return ""
    if category == "Pd":
        return "-"
    return " " if category == "Zs" else str(unicodedata.decimal(char, char))


def _invalid(field: str) -> ValidationFailed:
    return ValidationFailed(FieldError((field,), f"{field}_invalid"))
