"""The four languages are complete, say the same, and nothing else lies about."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from babel import Locale

from app.core.i18n import ALIASES, Catalogue, Text
from tests.architecture.sources import ROOT, name_of

LANGUAGES = ("en", "fr", "de", "lb")
FOLDERS = [ROOT / "app/locales", *sorted(ROOT.glob("app/modules/*/locales"))]
SOURCES = ("app/**/*.py", "app/**/*.html", "app/**/*.webmanifest", "frontend/**/*.ts")

_PLACE = re.compile(r"\{(\w+)\}")
_KEY = r"[a-z0-9_]+(?:\.[a-z0-9_]+)+"
# t("a.b"), translator.t(`a.b`): the whole key is there.
_CALL = re.compile(rf"\bt\(\s*[\"'`]({_KEY})[\"'`]\s*[,)]")
# Any text that looks like a key, and what comes after it: its end, or a part not known yet.
_LITERAL = re.compile(rf"([\"'`])({_KEY}\.?|[a-z_]+\.)(\1|\{{|\$)")


@cache
def texts_of(language: str) -> dict[str, Text]:
    return Catalogue.load(FOLDERS).translator(language).under("")


@cache
def source() -> dict[str, str]:
    files = [file for pattern in SOURCES for file in ROOT.glob(pattern)]
    return {name_of(file): file.read_text(encoding="utf-8") for file in files}


def forms_of(text: Text) -> dict[str, str]:
    """A plural's forms by category, or the text alone."""
    if isinstance(text, str):
        return {"": text}
    return {name: form for name, form in text.items() if name != "param"}


def places_of(text: Text) -> set[str]:
    return {place for form in forms_of(text).values() for place in _PLACE.findall(form)}


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_given_a_folder_of_texts_when_it_is_listed_then_it_has_every_language(folder: Path) -> None:
    files = {file.stem for file in folder.iterdir()}
    assert files == {*LANGUAGES, *ALIASES}
    for alias, language in ALIASES.items():
        content = json.loads((folder / f"{alias}.json").read_text(encoding="utf-8"))
        assert content == {"alias": language}


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_given_a_language_when_compared_with_english_then_it_has_the_same_texts(
    language: str,
) -> None:
    english, other = texts_of("en"), texts_of(language)
    assert sorted(other.keys() - english.keys()) == []
    assert sorted(english.keys() - other.keys()) == []


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_given_a_text_when_compared_with_english_then_it_has_the_same_places(language: str) -> None:
    english, other = texts_of("en"), texts_of(language)
    different = {
        key: (places_of(english[key]), places_of(text))
        for key, text in other.items()
        if places_of(english[key]) != places_of(text)
    }
    assert different == {}


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_given_a_plural_when_compared_with_english_then_the_same_value_counts(
    language: str,
) -> None:
    english, other = texts_of("en"), texts_of(language)
    # A language whose word is the same for one and many needs no plural.
    different = [
        key
        for key, text in other.items()
        if isinstance(text, dict) and _counts(english[key]) != _counts(text)
    ]
    assert different == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_given_a_plural_when_its_forms_are_listed_then_they_are_those_of_the_language(
    language: str,
) -> None:
    # French "many" begins at a million.
    needed = (Locale.parse(language).plural_form.tags | {"other"}) - {"many"}
    wrong = {
        key: set(forms_of(text))
        for key, text in texts_of(language).items()
        if isinstance(text, dict) and set(forms_of(text)) - {"many"} != needed
    }
    assert wrong == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_given_a_text_when_it_is_read_then_it_says_something(language: str) -> None:
    bad = [
        key
        for key, text in texts_of(language).items()
        for form in forms_of(text).values()
        if not form.strip() or form != form.strip()
    ]
    assert bad == []


def test_given_a_call_for_a_text_when_it_is_looked_up_then_it_exists() -> None:
    known = texts_of("en")
    missing = {
        (file, key)
        for file, content in source().items()
        for key in _CALL.findall(content)
        if key not in known
    }
    assert missing == set()


def test_given_a_text_when_its_use_is_looked_for_then_somebody_asks_for_it() -> None:
    exact, beginnings = set[str](), set[str]()
    for content in source().values():
        for key, is_whole in _asked_for(content):
            (exact if is_whole else beginnings).add(key)
    unused = [
        key
        for key in texts_of("en")
        if key not in exact and not key.startswith(tuple(beginnings)) and not _is_by_code(key)
    ]
    assert unused == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('t("a.b")', [("a.b", True), ("a.b.", False)]),
        ("f'a.b_{kind}'", [("a.b_", False)]),
        ("`a.b.${kind}`", [("a.b.", False)]),
        ('t("a.b." ~ kind)', [("a.b.", False)]),
        ('under("a.b.")', []),
    ],
)
def test_given_a_source_when_keys_are_looked_for_then_whole_ones_and_beginnings_are_found(
    content: str, expected: list[tuple[str, bool]]
) -> None:
    assert list(_asked_for(content)) == expected


def _asked_for(content: str) -> Iterator[tuple[str, bool]]:
    """Keys that a source names, and beginnings of those it puts together."""
    for match in _LITERAL.finditer(content):
        if content[: match.start()].endswith("under("):
            continue  # sends texts to a script, where each is asked for by name
        key, end = match[2], match[3]
        if end in ("{", "$") or key.endswith("."):
            yield key, False
        else:
            yield key, True
            yield f"{key}.", False  # `words ~ ".title"`


def _counts(text: Text) -> Any:
    return text.get("param", "count") if isinstance(text, dict) else None


def _is_by_code(key: str) -> bool:
    """Texts of refusals and of single fields are found by their codes."""
    return key.startswith(("errors.", "validation."))
