"""Languages: texts from JSON catalogues, plurals and formats by CLDR (Babel).

A catalogue file is nested JSON; keys are joined by dots. A text may hold `{name}` places.
A plural is an object by CLDR category, counted by the parameter `count` or by the one that
its "param" names: `{"param": "needed", "one": "{needed} stamp", "other": "{needed} stamps"}`.
A file `{"alias": "lb"}` gives a language a second name and holds no texts.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from decimal import Decimal
from pathlib import Path
from typing import Any

import structlog
from babel import Locale
from babel.dates import format_date, format_time
from babel.numbers import format_currency, format_decimal, format_percent

from app.core.currencies import exponent_of

# CLDR's "lu" is Luba-Katanga; older clients mean Luxembourgish by it.
ALIASES = {"lu": "lb"}
PLURAL_CATEGORIES = frozenset({"zero", "one", "two", "few", "many", "other"})
_ITEM = re.compile(
    r"\s*([A-Za-z]{1,8}(?:[-_][A-Za-z0-9]{1,8}){0,4}|\*)\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*"
)
_MOST_HEADER_CHARACTERS = 1000
_FIRST_GROUPED = 1000  # below, all our languages write the same Latin digits
_log = structlog.get_logger(__name__)

Text = str | dict[str, str]


class CatalogueError(ValueError):
    """The catalogue files contradict each other or are not what they should be."""


def normalise_language(tag: str) -> str:
    """The language of a tag: `de_AT` → `de`, `lu` → `lb`. Unknown ones stay as they are."""
    language = re.split(r"[-_]", tag.strip().lower(), maxsplit=1)[0]
    return ALIASES.get(language, language)


def negotiate(accept_language: str | None, supported: Iterable[str], default: str) -> str:
    """The best language for an Accept-Language header (RFC 9110, 12.5.4); rubbish is skipped."""
    languages = tuple(supported)
    best, best_quality = default, 0.0
    for item in (accept_language or "")[:_MOST_HEADER_CHARACTERS].split(","):
        match = _ITEM.fullmatch(item)
        quality = float(match[2] or 1) if match else 0.0
        if match is None or quality <= best_quality:
            continue
        language = default if match[1] == "*" else normalise_language(match[1])
        if language in languages:
            best, best_quality = language, quality
    return best


class Catalogue:
    """All texts of all modules, by language."""

    def __init__(
        self, texts: Mapping[str, Mapping[str, Text]], *, default: str, strict: bool
    ) -> None:
        if default not in texts:
            raise CatalogueError(f"no catalogue of the default language {default}")
        self.default = default
        self.languages = tuple(texts)
        self._translators = {
            language: Translator(language, own, texts[default], strict=strict)
            for language, own in texts.items()
        }

    @classmethod
    def load(
        cls, directories: Iterable[Path], *, default: str = "en", strict: bool = True
    ) -> Catalogue:
        """Read `<language>.json` of each directory. `strict`: a missing text is a KeyError.

        Raises:
            CatalogueError: a key stands twice, an alias differs from `ALIASES`, no default.
        """
        texts: dict[str, dict[str, Text]] = {}
        for file in (
            file for directory in directories for file in sorted(directory.glob("*.json"))
        ):
            content = json.loads(file.read_text(encoding="utf-8"))
            if "alias" in content:
                if ALIASES.get(file.stem) != content["alias"]:
                    raise CatalogueError(f"{file}: not the alias that the platform knows")
                continue
            _merge(texts.setdefault(file.stem, {}), _flatten(content), file)
        return cls(texts, default=default, strict=strict)

    def translator(self, language: str) -> Translator:
        """The texts and formats of a language; of the default one where it is not known."""
        known = self._translators.get(normalise_language(language))
        return known or self._translators[self.default]

    def negotiate(self, accept_language: str | None, default: str | None = None) -> str:
        """As the function, among all languages of the catalogue."""
        return negotiate(accept_language, self.languages, default or self.default)


class Translator:
    """Texts and formats of one language."""

    def __init__(
        self,
        language: str,
        texts: Mapping[str, Text],
        fallback: Mapping[str, Text],
        *,
        strict: bool,
    ) -> None:
        self.language = language
        # English as Europe writes it: 25 Nov 2026, not Nov 25, 2026.
        self.locale = Locale.parse({"en": "en_GB"}.get(language, language))
        self._texts = texts
        self._fallback = fallback
        self._strict = strict

    def t(self, key: str, /, **params: Any) -> str:
        """The text of `key` with its places filled; whole numbers are written as the language does.

        Raises:
            KeyError: text or parameter missing, in a strict catalogue. Else the text of the
                default language, or the key, and a line in the log.
        """
        try:
            return self._render(self._texts[key], params)
        except KeyError:
            if self._strict:
                raise
            _log.error("text_missing", key=key, language=self.language)
            try:
                return self._render(self._fallback[key], params)
            except KeyError:
                return key

    def has(self, key: str) -> bool:
        """Is there a text of this key?"""
        return key in self._texts

    def under(self, prefix: str) -> dict[str, Text]:
        """The raw texts whose key begins with `prefix`, for a page's script."""
        return {key: text for key, text in self._texts.items() if key.startswith(prefix)}

    def number(self, value: int | float | Decimal) -> str:
        """`1234.5` as the language writes it."""
        if isinstance(value, int) and 0 <= value < _FIRST_GROUPED:
            return str(value)  # no signs to place, and most counts are small
        return format_decimal(value, locale=self.locale)

    def percent(self, ratio: float | Decimal) -> str:
        """A ratio (0.25 is 25 %) without decimals."""
        return format_percent(ratio, locale=self.locale)

    def money(self, amount_cents: int, currency: str) -> str:
        """An amount in minor units, such as 1250 and EUR, with all the currency's decimals."""
        decimals = exponent_of(currency)
        pattern = copy(self.locale.currency_formats["standard"])
        pattern.frac_prec = (decimals, decimals)
        return format_currency(
            Decimal(amount_cents).scaleb(-decimals),
            currency,
            pattern,
            locale=self.locale,
            currency_digits=False,
        )

    def date(self, value: dt.date, *, style: str = "medium") -> str:
        """A calendar day. Styles: short, medium, long, full."""
        return format_date(value, format=style, locale=self.locale)

    def time(self, value: dt.datetime, *, tz: dt.tzinfo) -> str:
        """Hours and minutes of an instant in a zone."""
        return format_time(value, format="short", tzinfo=tz, locale=self.locale)

    def datetime(self, value: dt.datetime, *, tz: dt.tzinfo, style: str = "medium") -> str:
        """Day and time of an instant in a zone, without seconds."""
        day = self.date(value.astimezone(tz).date(), style=style)
        return f"{day}, {self.time(value, tz=tz)}"

    def moment(self, value: dt.datetime, *, now: dt.datetime, tz: dt.tzinfo) -> str:
        """An instant as people say it: the time alone today, else day and time."""
        today = value.astimezone(tz).date() == now.astimezone(tz).date()
        return self.time(value, tz=tz) if today else self.datetime(value, tz=tz)

    def _render(self, text: Text, params: dict[str, Any]) -> str:
        if isinstance(text, dict):
            count = params[text.get("param", "count")]
            # French has "many" (1 000 000), which our texts need not spell out.
            text = text.get(self.locale.plural_form(count)) or text["other"]
        return text.format_map({name: self._shown(value) for name, value in params.items()})

    def _shown(self, value: Any) -> Any:
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            return self.number(value)
        return value


def _flatten(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Text]]:
    for name, value in content.items():
        key = f"{prefix}{name}"
        if isinstance(value, str) or _is_plural(value):
            yield key, value
        else:
            yield from _flatten(value, f"{key}.")


def _is_plural(value: Mapping[str, Any]) -> bool:
    return "other" in value and value.keys() - {"param"} <= PLURAL_CATEGORIES


def _merge(into: dict[str, Text], texts: Iterable[tuple[str, Text]], file: Path) -> None:
    for key, text in texts:
        if key in into:
            raise CatalogueError(f"{file}: {key} stands in another file already")
        into[key] = text
