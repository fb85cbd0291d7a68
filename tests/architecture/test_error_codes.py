"""Codes are a promise to clients: the table in the docs and the classes say the same."""

from __future__ import annotations

import re

import pytest

import app.main
from app.core.errors import AppError, known_errors
from app.core.i18n import Catalogue
from tests.architecture.sources import ROOT

_ROW = re.compile(r"^\| (\d{3}) \| (.+) \|$", re.MULTILINE)
_CODE = re.compile(r"`([a-z_]+)`(?: \(([a-z_, ]+)\))?")
LOCALES = [ROOT / "app/locales", *sorted(ROOT.glob("app/modules/*/locales"))]


def documented() -> dict[str, int]:
    table = (ROOT / "docs/api.md").read_text(encoding="utf-8").split("## Error codes")[1]
    return {
        code: int(status)
        for status, codes in _ROW.findall(table)
        for code, _params in _CODE.findall(codes)
    }


def errors() -> list[type[AppError]]:
    """The application's own, not those that tests define."""
    assert app.main.MODULES
    return [error for error in known_errors() if error.__module__.startswith("app.")]


def test_given_every_refusal_when_looked_up_then_code_and_status_are_the_documented_ones() -> None:
    assert {error.code: error.status for error in errors()} == documented()


def test_given_every_refusal_when_its_code_is_read_then_nobody_else_has_it() -> None:
    codes = [error.code for error in errors()]
    assert sorted(codes) == sorted(set(codes))
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


@pytest.mark.parametrize("language", ["en", "fr", "de", "lb"])
def test_given_every_refusal_when_a_person_reads_it_then_there_is_a_sentence(language: str) -> None:
    translator = Catalogue.load(LOCALES).translator(language)
    assert translator.language == language
    missing = [error.code for error in errors() if not translator.has(f"errors.{error.code}")]
    assert missing == []


def test_given_the_sentences_when_their_refusals_are_looked_up_then_none_is_left_over() -> None:
    sentences = Catalogue.load(LOCALES).translator("en").under("errors.")
    codes = {key.removeprefix("errors.").split(".")[0] for key in sentences}
    left_over = {code for code in codes if not _is_used(code)}
    assert left_over == set()


def _is_used(code: str) -> bool:
    known = {error.code for error in errors()}
    # A sentence may have a second form for when a value is missing: `card_not_found_mistyped`.
    return code in known or any(code.startswith(f"{other}_") for other in known)
