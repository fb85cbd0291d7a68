"""The kinds of fields that bodies are made of: strict numbers, cleaned texts, codes, PINs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictBool,
)
from pydantic_core import PydanticCustomError

from app.core.errors import ValidationFailed
from app.modules.customers.rules.names import MAXIMUM_NAME_LENGTH, clean_name
from app.modules.loyalty.rules.orders import clean_reference
from app.modules.loyalty.rules.pins import check_pin_format

MAXIMUM_CARD_TEXT: Final = 400  # characters of a scan; codes are shorter
MAXIMUM_NOTES: Final = 500
MAXIMUM_TERMS: Final = 5000
LARGEST_INTEGER: Final = 2**63 - 1  # of the database's; rules refuse what is too large for them
# Overrides of the writing direction could turn the words around a text.
_DIRECTION_OVERRIDES: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]")
_DAY: Final = re.compile(r"[12]\d{3}-\d\d-\d\d")  # with room for a few days around it
_COLOR: Final = re.compile(r"#(?:[0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})")


class Body(BaseModel):
    """A request: unknown fields are refused, never ignored."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Reply(BaseModel):
    """An answer, made from a result or a row."""

    model_config = ConfigDict(from_attributes=True)


def refusal(code: str, **limits: Any) -> PydanticCustomError:
    """A fault of one field: its sentence stands under `validation.<code>`."""
    return PydanticCustomError(code, code, limits or None)


def whole(minimum: int, maximum: int) -> Any:
    """What makes a field a whole number in these bounds; `5.0`, `"5"` and true are none."""
    return Field(strict=True, ge=minimum, le=maximum)


def example(value: dict[str, Any]) -> ConfigDict:
    """The model's example in the OpenAPI document."""
    return ConfigDict(json_schema_extra={"examples": [value]})


def _line(maximum: int, minimum: int = 0) -> Callable[[str], str]:
    def clean(text: str) -> str:
        if len(text) > 4 * MAXIMUM_NAME_LENGTH:
            raise refusal("string_too_long", max_length=maximum)
        try:
            line = clean_name(text) or ""
        except ValidationFailed:
            raise refusal("string_too_long", max_length=maximum) from None
        return _within(line, minimum, maximum)

    return clean


def _paragraphs(maximum: int, minimum: int = 0) -> Callable[[str], str]:
    def clean(text: str) -> str:
        if len(text) > 2 * maximum:
            raise refusal("string_too_long", max_length=maximum)
        lines = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\t", " ")
        return _within("".join(filter(_is_kept, lines)).strip(), minimum, maximum)

    return clean


def _is_kept(char: str) -> bool:
    if char == "\n":
        return True
    return unicodedata.category(char) not in {"Cc", "Cs"} and char not in _DIRECTION_OVERRIDES


def _within(text: str, minimum: int, maximum: int) -> str:
    if len(text) > maximum:
        raise refusal("string_too_long", max_length=maximum)
    if len(text) < minimum:
        raise refusal("string_too_short", min_length=minimum)
    return text


def _color(text: str) -> str:
    if not _COLOR.fullmatch(text):
        raise refusal("color_format")
    digits = text[1:].upper()
    return "#" + (digits if len(digits) == 6 else "".join(digit * 2 for digit in digits))


def _pin(text: str) -> str:
    try:
        check_pin_format(text)
    except ValidationFailed:
        raise refusal("pin_format") from None
    return text


def _language(value: Any) -> Any:
    # Older clients send the country's code for Luxembourgish.
    return "lb" if value == "lu" else value


def _instant_text(value: Any) -> Any:
    # Numbers, also as text, would be taken for seconds since 1970.
    if not isinstance(value, str) or not _INSTANT.match(value):
        raise refusal("datetime_parsing")
    return value


def day_text(value: Any) -> Any:
    """A day as `2026-11-25`, before it is parsed: numbers would be taken for seconds since 1970."""
    if value is not None and not (isinstance(value, str) and _DAY.fullmatch(value)):
        raise refusal("date_parsing")
    return value


def _utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise refusal("datetime_parsing") from None


def _reference(text: str) -> str:
    try:
        return clean_reference(text)
    except ValidationFailed as fault:
        [error] = fault.errors
        raise refusal(error.code, **error.params) from None


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


Id = Annotated[int, whole(1, LARGEST_INTEGER)]
Amount = Annotated[int, whole(0, LARGEST_INTEGER)]
Flag = StrictBool
Name = Annotated[str, AfterValidator(_line(100))]
RequiredName = Annotated[str, AfterValidator(_line(100, minimum=1))]
CardName = Annotated[str, AfterValidator(_line(50, minimum=1))]
StaffCode = Annotated[str, AfterValidator(_line(30))]
RewardText = Annotated[str, AfterValidator(_line(100))]
Terms = Annotated[str, AfterValidator(_paragraphs(MAXIMUM_TERMS))]
Notes = Annotated[str, AfterValidator(_paragraphs(MAXIMUM_NOTES))]
VoidReasonText = Annotated[str, AfterValidator(_paragraphs(MAXIMUM_NOTES, minimum=3))]
AdjustReasonText = Annotated[str, AfterValidator(_paragraphs(MAXIMUM_NOTES, minimum=5))]
Color = Annotated[str, AfterValidator(_color), Field(examples=["#1D4ED8"])]
PinText = Annotated[str, AfterValidator(_pin)]
CardText = Annotated[str, Field(min_length=1, max_length=MAXIMUM_CARD_TEXT)]
EmailText = Annotated[str, Field(min_length=1, max_length=320, examples=["anna@example.com"])]
PhoneText = Annotated[str, Field(min_length=1, max_length=64, examples=["+352 621 000 001"])]
SessionToken = Annotated[str, Field(min_length=1, max_length=500)]
Language = Annotated[Literal["en", "fr", "de", "lb"], BeforeValidator(_language)]
Reference = Annotated[str, AfterValidator(_reference)]
Instant = Annotated[AwareDatetime, BeforeValidator(_instant_text), AfterValidator(_utc)]
UtcTime = Annotated[datetime, PlainSerializer(_iso, when_used="json")]


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


# Means "not sent". Null itself is refused wherever the type does not name it.
UNSET: Any = Field(default=None, json_schema_extra=_without_default)

# Secrets are held back from every repr, so that no log and no traceback can show them.
SECRET_UNSET: Any = Field(default=None, json_schema_extra=_without_default, repr=False)
