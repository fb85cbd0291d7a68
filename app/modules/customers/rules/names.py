"""People's names: kept as typed, shown with care, found however they are spelled."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

from app.core.errors import FieldError, ValidationFailed

MAXIMUM_NAME_LENGTH: Final = 100  # code points
MAXIMUM_SEARCH_LENGTH: Final = 600  # code points; folding makes up to 18 of one

_ZERO_WIDTH_JOINER: Final = "\u200d"
# Invisible characters that words need: Persian and Indic joiners, direction marks; and the
# tags that make the flags of England, Scotland and Wales.
_KEPT_FORMAT: Final = frozenset(
    ["\u200c", _ZERO_WIDTH_JOINER, "\u200e", "\u200f", *map(chr, range(0xE0020, 0xE0080))]
)
_UNSEEN: Final = frozenset({"Cf", "Mn", "Me", "Zs"})

# Letters that Unicode does not decompose, and the apostrophes people type for one another.
_FOLDED: Final = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "\u0131": "i", "þ": "th"}
    | dict.fromkeys("\u2018\u2019\u02bc`\u00b4", "'")
)


def clean_name(text: str | None, *, field: str = "name") -> str | None:
    """The name as typed, in NFC and trimmed; None where nothing visible is left.

    Control characters, overrides of the writing direction and half characters are dropped,
    line breaks and tabs become spaces. What is too long is refused, not cut.

    Raises:
        ValidationFailed: with `field` and `maximum` (characters).

    Source: product rule "Enrolment and customers", docs/rules.md.
    """
    kept = "".join(map(_kept, text or ""))
    name = unicodedata.normalize("NFC", kept).strip()
    if len(name) > MAXIMUM_NAME_LENGTH:
        raise ValidationFailed(
            FieldError((field,), "name_too_long", {"maximum": MAXIMUM_NAME_LENGTH})
        )
    return name if any(unicodedata.category(char) not in _UNSEEN for char in name) else None


def masked_name(first: str | None, last: str | None) -> str:
    """What a page shows of a name without giving it away: the first name and an initial."""
    initial = f"{_first_letter(last)}." if last else ""
    return " ".join(part for part in (first or "", initial) if part)


def search_text(parts: Iterable[str | None]) -> str:
    """`parts` in the one spelling that searches compare: no case, no accents, no doubled spaces.

    The same for what is stored and for what is typed: `zoe` finds Zoé, `strasser` Straßer.
    """
    folded = unicodedata.normalize("NFKD", " ".join(part for part in parts if part)).casefold()
    letters = unicodedata.normalize("NFKD", folded.translate(_FOLDED))
    words = "".join(filter(_is_searched, letters)).split()
    return " ".join(words)[:MAXIMUM_SEARCH_LENGTH].rstrip()


def _kept(char: str) -> str:
    category = unicodedata.category(char)
    if char.isspace():
        return " " if category != "Zs" else char
    if category in {"Cc", "Cs"} or (category == "Cf" and char not in _KEPT_FORMAT):
        return ""
    return char


def _is_searched(char: str) -> bool:
    return char.isspace() or unicodedata.category(char) not in {"Mn", "Me", "Cf", "Cc", "Cs"}


def _first_letter(name: str) -> str:
    # One character as a person counts: with its marks, and emoji and flags whole.
    end = 1
    while end < len(name) and _continues(name[end - 1], name[end], is_second=end == 1):
        end += 1
    return name[:end]


def _continues(before: str, char: str, *, is_second: bool) -> bool:
    if _ZERO_WIDTH_JOINER in (before, char):
        return True
    if _is_flag_letter(before) and _is_flag_letter(char):
        return is_second
    is_skin_tone = "\U0001f3fb" <= char <= "\U0001f3ff"
    is_tag = "\U000e0020" <= char <= "\U000e007f"
    return is_skin_tone or is_tag or unicodedata.category(char) in {"Mn", "Me", "Mc"}


def _is_flag_letter(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"
