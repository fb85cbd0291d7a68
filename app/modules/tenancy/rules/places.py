"""What a merchant and a store must look like."""

from __future__ import annotations

import re
import unicodedata
from datetime import time
from functools import cache
from typing import Final
from zoneinfo import available_timezones

from babel.core import get_global
from babel.numbers import get_territory_currencies
from phonenumbers import SUPPORTED_REGIONS

from app.core.errors import FieldError, ValidationFailed
from app.core.i18n import normalise_language
from app.modules.tenancy.types import LANGUAGES

MAXIMUM_NAME_LENGTH: Final = 100
LATEST_DAY_START: Final = time(12)
_zones = cache(available_timezones)
# A store's code is a DNS label (RFC 1123, 2.1), since `<code>.<base host>` is its address.
_CODE: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_RESERVED_CODES: Final = frozenset(
    {"admin", "api", "app", "assets", "cdn", "docs", "ftp", "localhost", "login", "mail", "ns"}
    | {"smtp", "static", "status", "support", "wallet", "www"}
)


def check_store_code(code: str) -> str:
    """The code, if it can stand in a host name: small letters, digits, hyphens; at most 63.

    Raises:
        ValidationFailed: with the field `code`.
    """
    if not _CODE.fullmatch(code) or code.startswith("xn--"):
        raise _invalid("code", "store_code_invalid")
    if code in _RESERVED_CODES:
        raise _invalid("code", "store_code_taken")
    return code


def check_timezone(name: str) -> str:
    """The zone, if IANA knows it by this name.

    Raises:
        ValidationFailed: with the field `timezone`.
    """
    return _one_of(_zones(), name, "timezone")


def check_day_start(value: time) -> time:
    """The local time at which a business day starts: 00:00 to 12:00, without seconds.

    Raises:
        ValidationFailed: with the field `day_starts_at`.
    """
    if value.replace(second=0, microsecond=0, tzinfo=None) != value or value > LATEST_DAY_START:
        raise _invalid("day_starts_at", "day_start_invalid")
    return value


def check_country(code: str) -> str:
    """The country, an ISO 3166 code such as LU.

    Raises:
        ValidationFailed: with the field `country`.
    """
    return _one_of(SUPPORTED_REGIONS, code, "country")


def check_currency(code: str) -> str:
    """The currency, an ISO 4217 code in use today such as EUR.

    Raises:
        ValidationFailed: with the field `currency`.
    """
    return _one_of(_currencies(), code, "currency")


def check_language(code: str) -> str:
    """The language, one that the platform speaks; `lu` is answered as `lb`.

    Raises:
        ValidationFailed: with the field `locale`.
    """
    return _one_of(LANGUAGES, normalise_language(code), "locale")


def check_name(text: str, *, field: str = "name") -> str:
    """A name people read: trimmed, in NFC, 1 to 100 characters, none of them a control character.

    Raises:
        ValidationFailed: with `field`.
    """
    name = unicodedata.normalize("NFC", text).strip()
    has_control = any(unicodedata.category(char) in {"Cc", "Cs"} for char in name)
    if not name or len(name) > MAXIMUM_NAME_LENGTH or has_control:
        raise _invalid(field, "name_invalid")
    return name


@cache
def _currencies() -> frozenset[str]:
    territories = get_global("territory_currencies")
    return frozenset(code for land in territories for code in get_territory_currencies(land))


def _one_of(known: frozenset[str] | set[str] | tuple[str, ...], value: str, field: str) -> str:
    if value not in known:
        raise _invalid(field, "enum")
    return value


def _invalid(field: str, code: str) -> ValidationFailed:
    return ValidationFailed(FieldError((field,), code))
