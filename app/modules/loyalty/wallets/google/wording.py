"""Texts as Google Wallet takes them: short enough, and in all our languages."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from app.modules.loyalty.config import texts
from app.modules.loyalty.wallets.texts import LANGUAGES

# A text by language.
Words = Mapping[str, str]

_HEADER, _BODY = 35, 500
_JOINER: Final = "\u200d"


def shorten(text: str, most: int) -> str:
    """The text, or its beginning with an ellipsis, at most `most` characters long.

    Never cut between a letter and its accent, or within a joined emoji.
    """
    text = unicodedata.normalize("NFC", text).strip()
    if len(text) <= most:
        return text
    end = most - 1
    while end > 1 and (_goes_on(text[end]) or text[end - 1] == _JOINER):
        end -= 1
    return text[:end].rstrip() + "…"


def localized(words: Words, default: str) -> dict[str, Any]:
    """A LocalizedString: the phone picks its language, and `default` where we lack it."""
    others = [language for language in words if language != default]
    return {
        "defaultValue": {"language": default, "value": words[default]},
        "translatedValues": [{"language": one, "value": words[one]} for one in others],
    }


def text_module(name: str, header: Words, body: Words, default: str) -> dict[str, Any]:
    """A text below the card, with its heading. Line breaks are kept."""
    heads = {language: shorten(text, _HEADER) for language, text in header.items()}
    bodies = {language: shorten(text, _BODY) for language, text in body.items()}
    module: dict[str, Any] = {
        "id": name,
        "header": heads[default],
        "body": bodies[default],
        "localizedHeader": localized(heads, default),
    }
    if len(set(bodies.values())) > 1:
        module["localizedBody"] = localized(bodies, default)
    return module


@lru_cache
def labels_of(key: str) -> Words:
    """A label of passes in all our languages."""
    return {one: texts().translator(one).t(f"loyalty.pass.{key}") for one in LANGUAGES}


def _goes_on(char: str) -> bool:
    """True for what belongs to the character before it."""
    is_selector = "\ufe00" <= char <= "\ufe0f" or "\U0001f3fb" <= char <= "\U0001f3ff"
    return char == _JOINER or is_selector or unicodedata.combining(char) != 0
