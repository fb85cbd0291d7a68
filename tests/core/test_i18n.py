import json
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

import app
from app.core.i18n import Catalogue, CatalogueError, Text, negotiate, normalise_language

SUPPORTED = ("en", "fr", "de", "lb")
LUXEMBOURG = ZoneInfo("Europe/Luxembourg")
POINTS = {
    "en": {"one": "{count} point", "other": "{count} points"},
    "fr": {"one": "{count} point", "other": "{count} points"},
    "de": {"one": "{count} Punkt", "other": "{count} Punkte"},
    "lb": {"one": "{count} Punkt", "other": "{count} Punkten"},
}


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write_file(name: str, content: Any, folder: str = "core") -> Any:
        directory = tmp_path / folder
        directory.mkdir(exist_ok=True)
        (directory / name).write_text(json.dumps(content), encoding="utf-8")
        return directory

    return write_file


@pytest.fixture
def points(write: Callable[..., Path]) -> Any:
    for language, forms in POINTS.items():
        directory = write(f"{language}.json", {"points": forms})
    return Catalogue.load([directory])


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("lb-LU,lb;q=0.9,fr;q=0.8", "lb"),
        ("lu", "lb"),
        ("lu-LU", "lb"),
        ("fr-LU", "fr"),
        ("de-AT", "de"),
        ("DE_at", "de"),
        ("pt,en;q=0.5", "en"),
        ("fr;q=0.3, de;q=0.7", "de"),
        ("fr;q=0, de;q=0.1", "de"),
        ("fr;q=0", "en"),
        ("fr ; q=0.5 , de ; q=1.0", "de"),
        ("de;q=2, fr", "fr"),
        ("*", "en"),
        ("zz", "en"),
        ("", "en"),
        (None, "en"),
        (",,;;q=,=", "en"),
        ("fr;q=0.5;q=0.9,de;q=0.1", "de"),
        ("\x00\xff fr", "en"),
    ],
)
def test_given_a_header_when_negotiated_then_the_best_language_wins(
    header: Any, language: str
) -> None:
    """C49."""
    assert negotiate(header, SUPPORTED, "en") == language


def test_given_ten_kilobytes_of_rubbish_when_negotiated_then_it_is_the_default_and_fast() -> None:
    """C49."""
    for rubbish in ("a-" * 5000, ";q=" * 3333, "x" * 10_000, "," * 10_000, "fr;q=1" * 1700):
        began = time.perf_counter()
        assert negotiate(rubbish, SUPPORTED, "en") == "en"
        assert time.perf_counter() - began < 0.05


def test_given_a_star_when_negotiated_then_it_means_the_default_at_its_quality() -> None:
    assert negotiate("fr;q=0.2, *;q=0.9", SUPPORTED, "de") == "de"
    assert negotiate("fr, *;q=0.1", SUPPORTED, "de") == "fr"


@given(st.text(max_size=300))
def test_given_any_header_when_negotiated_then_the_answer_is_a_supported_language(
    header: Any,
) -> None:
    assert negotiate(header, SUPPORTED, "en") in SUPPORTED


@pytest.mark.parametrize(
    ("tag", "language"),
    [("lu", "lb"), ("LU", "lb"), ("lu_LU", "lb"), ("lb", "lb"), (" fr-CA ", "fr"), ("zz", "zz")],
)
def test_given_a_tag_when_normalised_then_the_country_code_of_luxembourg_is_its_language(
    tag: str, language: str
) -> None:
    assert normalise_language(tag) == language


@pytest.mark.parametrize(
    ("language", "count", "text"),
    [
        ("en", 0, "0 points"),
        ("en", 1, "1 point"),
        ("en", 2, "2 points"),
        ("en", 1000, "1,000 points"),
        ("en", 1_000_000, "1,000,000 points"),
        ("fr", 0, "0 point"),
        ("fr", 1, "1 point"),
        ("fr", 2, "2 points"),
        ("fr", 1000, "1\u202f000 points"),
        ("fr", 1_000_000, "1\u202f000\u202f000 points"),  # CLDR `many`, which we need not have
        ("de", 0, "0 Punkte"),
        ("de", 1, "1 Punkt"),
        ("de", 1000, "1.000 Punkte"),
        ("lb", 0, "0 Punkten"),
        ("lb", 1, "1 Punkt"),
        ("lb", 1000, "1.000 Punkten"),
        ("lu", 2, "2 Punkten"),
    ],
)
def test_given_a_count_when_written_then_plural_and_separators_are_the_languages(
    points: Catalogue, language: str, count: int, text: str
) -> None:
    """C50."""
    assert points.translator(language).t("points", count=count) == text


def test_given_a_form_of_its_own_for_many_when_written_then_it_is_used(
    write: Callable[..., Path],
) -> None:
    forms = {"one": "{count} point", "many": "{count} de points", "other": "{count} points"}
    catalogue = Catalogue.load([write("fr.json", {"points": forms})], default="fr")
    assert catalogue.translator("fr").t("points", count=10**6) == "1\u202f000\u202f000 de points"


def test_given_a_plural_by_another_parameter_when_written_then_that_one_counts(
    write: Callable[..., Path],
) -> None:
    forms = {
        "param": "needed",
        "one": "{needed} of {count} stamp",
        "other": "{needed} of {count} stamps",
    }
    catalogue = Catalogue.load([write("en.json", {"left": forms})])
    assert catalogue.translator("en").t("left", needed=1, count=5) == "1 of 5 stamp"


def test_given_nested_keys_when_read_then_dots_join_them(write: Callable[..., Path]) -> None:
    catalogue = Catalogue.load([write("en.json", {"a": {"b": {"c": "deep {name}"}}})])
    assert catalogue.translator("en").t("a.b.c", name="<b>{x}") == "deep <b>{x}"
    assert catalogue.translator("en").has("a.b.c")
    assert not catalogue.translator("en").has("a.b")
    assert catalogue.translator("en").under("a.b.") == {"a.b.c": "deep {name}"}


def test_given_two_modules_when_merged_then_both_texts_are_found(
    write: Callable[..., Path],
) -> None:
    one, two = write("en.json", {"a": "A"}, "one"), write("en.json", {"b": "B"}, "two")
    translator = Catalogue.load([one, two]).translator("en")
    assert (translator.t("a"), translator.t("b")) == ("A", "B")


def test_given_two_modules_with_one_key_when_merged_then_it_is_an_error(
    write: Callable[..., Path],
) -> None:
    one, two = write("en.json", {"a": "A"}, "one"), write("en.json", {"a": "B"}, "two")
    with pytest.raises(CatalogueError, match="a stands in another file"):
        Catalogue.load([one, two])


def test_given_no_default_catalogue_when_read_then_it_is_an_error(
    write: Callable[..., Path],
) -> None:
    with pytest.raises(CatalogueError, match="default language en"):
        Catalogue.load([write("fr.json", {"a": "A"})])


def test_given_an_alias_nobody_knows_when_read_then_it_is_an_error(
    write: Callable[..., Path],
) -> None:
    write("en.json", {"a": "A"})
    with pytest.raises(CatalogueError, match="alias"):
        Catalogue.load([write("xx.json", {"alias": "en"})])


def test_given_an_alias_when_read_then_it_is_no_language_of_its_own(
    write: Callable[..., Path],
) -> None:
    write("en.json", {"a": "A"})
    write("lb.json", {"a": "Ä"})
    catalogue = Catalogue.load([write("lu.json", {"alias": "lb"})])
    assert catalogue.languages == ("en", "lb")
    assert catalogue.translator("lu").language == "lb"
    assert catalogue.translator("lu").t("a") == "Ä"


def test_given_an_unknown_language_when_asked_then_the_default_answers(points: Catalogue) -> None:
    assert points.translator("zz").language == "en"


def test_given_a_missing_text_when_strict_then_it_is_an_error(points: Catalogue) -> None:
    with pytest.raises(KeyError):
        points.translator("en").t("nowhere")
    with pytest.raises(KeyError):
        points.translator("en").t("points")


def test_given_a_missing_text_when_not_strict_then_english_or_the_key_stands_and_the_log_tells(
    write: Callable[..., Path],
) -> None:
    write("en.json", {"only": "English {name}"})
    catalogue = Catalogue.load([write("fr.json", {"other": "autre"})], strict=False)
    translator = catalogue.translator("fr")
    with capture_logs() as logs:
        assert translator.t("only", name="x") == "English x"
        assert translator.t("nowhere") == "nowhere"
    assert [line["event"] for line in logs] == ["text_missing"] * 2


def test_given_luxembourgish_when_dates_are_written_then_they_are_not_luba_katanga(
    points: Catalogue,
) -> None:
    translator = points.translator("lu")
    assert translator.date(date(2026, 11, 25), style="long") == "25. November 2026"
    assert translator.locale.language == "lb"


@pytest.mark.parametrize(
    ("language", "money", "percent"),
    [
        ("en", "€1,234.50", "25%"),
        ("fr", "1\u202f234,50\xa0€", "25\xa0%"),
        ("de", "1.234,50\xa0€", "25\xa0%"),
        ("lb", "1.234,50\xa0€", "25\xa0%"),
    ],
)
def test_given_an_amount_when_written_then_it_is_the_languages(
    points: Catalogue, language: str, money: str, percent: str
) -> None:
    translator = points.translator(language)
    assert translator.money(123450, "EUR") == money
    assert translator.percent(0.25) == percent


def test_given_a_currency_without_cents_when_written_then_the_minor_unit_is_the_unit(
    points: Catalogue,
) -> None:
    assert points.translator("en").money(1250, "JPY") == "JP¥1,250"


@pytest.mark.parametrize(("currency", "money"), [("IQD", "IQD12.500"), ("RSD", "RSD125.00")])
def test_given_a_currency_whose_decimals_people_leave_out_when_written_then_they_are_all_there(
    points: Catalogue, currency: str, money: str
) -> None:
    assert points.translator("en").money(12500, currency) == money


def test_given_a_moment_when_it_is_today_there_then_only_the_time_is_said(
    points: Catalogue,
) -> None:
    translator = points.translator("de")
    now = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)  # the 25th in Luxembourg
    today = datetime(2026, 11, 25, 8, 5, tzinfo=UTC)
    yesterday = datetime(2026, 11, 24, 22, 59, tzinfo=UTC)
    assert translator.moment(today, now=now, tz=LUXEMBOURG) == "09:05"
    assert translator.moment(yesterday, now=now, tz=LUXEMBOURG) == "24.11.2026, 23:59"


def _core_texts() -> Any:
    folder = Path(app.__file__).parent / "locales"
    return {
        language: Catalogue.load([folder]).translator(language).under("") for language in SUPPORTED
    }


def test_given_the_cores_words_when_compared_then_every_language_has_the_same_keys_and_places() -> (
    None
):
    from string import Formatter

    def shape(text: Text) -> Any:
        if isinstance(text, dict):
            return {"param": text.get("param")} | {
                form: shape(text[form]) for form in ("one", "other")
            }
        return sorted({name for _, name, _, _ in Formatter().parse(text) if name})

    shapes = {
        language: {key: shape(text) for key, text in texts.items()}
        for language, texts in _core_texts().items()
    }
    assert shapes["fr"] == shapes["en"]
    assert shapes["de"] == shapes["en"]
    assert shapes["lb"] == shapes["en"]


def test_given_the_cores_words_when_read_then_none_is_empty() -> None:
    for texts in _core_texts().values():
        for text in texts.values():
            forms = list(text.values()) if isinstance(text, dict) else [text]
            assert all(form.strip() == form != "" for form in forms)


def test_given_the_cores_errors_when_looked_up_then_each_has_a_sentence() -> None:
    from app.core.errors import AppError, known_errors

    core = [error for error in known_errors() if error.__module__ == AppError.__module__]
    assert len(core) == 11
    assert {f"errors.{error.code}" for error in core} <= _core_texts()["en"].keys()
