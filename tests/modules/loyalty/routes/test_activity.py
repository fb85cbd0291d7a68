"""The history of a card in words: each kind of entry, in every language and number."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, cast

import pytest

import app.core
from app.core.i18n import Catalogue, Translator
from app.modules.loyalty.module import MODULE
from app.modules.loyalty.routes.pages.activity import Line, Place, days, lines
from app.modules.loyalty.services.card_lists import EntryView
from app.modules.loyalty.types import EntryType

STORES = {
    1: Place("Café Bleu", "Luxembourg", "Europe/Luxembourg"),
    2: Place("Bar Tokyo", "Tokyo", "Asia/Tokyo"),
}
TODAY = date(2026, 11, 25)
NARROW = "\u202f"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    assert MODULE.locales_dir is not None
    core = Path(app.core.__file__).parents[1] / "locales"
    return Catalogue.load([core, MODULE.locales_dir])


@pytest.fixture(scope="module")
def english(catalogue: Catalogue) -> Translator:
    return catalogue.translator("en")


def entry(kind: EntryType, **facts: Any) -> EntryView:
    """A line of the ledger at 10:30 in Luxembourg."""
    plain = {
        "id": 1, "type": kind.value, "stamps_delta": 0, "points_delta": 0, "stamps_after": 0,
        "points_after": 0, "reward_description": "", "reward_name": None, "amount_cents": None,
        "currency": "EUR", "occurred_at": datetime(2026, 11, 25, 9, 30, tzinfo=UTC),
        "business_day": TODAY, "store_id": 1, "voided": False,
    }  # fmt: skip
    return cast(EntryView, plain | facts)


def told(translator: Translator, kind: EntryType, **facts: Any) -> Line:
    (line,) = lines([entry(kind, **facts)], STORES, translator)
    return line


@pytest.mark.parametrize(
    ("kind", "facts", "expected"),
    [
        (EntryType.CARD_CREATED, {}, "You joined"),
        (EntryType.WELCOME_BONUS, {"stamps_delta": 2}, "2 stamps as a welcome"),
        (
            EntryType.WELCOME_BONUS,
            {"stamps_delta": 1, "points_delta": 50},
            "1 stamp and 50 points as a welcome",
        ),
        (EntryType.STAMP_EARNED, {"stamps_delta": 2}, "2 stamps collected"),
        (
            EntryType.STAMP_REDEEMED,
            {"stamps_delta": -10, "reward_description": "Coffee"},
            "\u2068Coffee\u2069: 10 stamps redeemed",
        ),
        (EntryType.STAMP_REDEEMED, {"stamps_delta": -10}, "Reward: 10 stamps redeemed"),
        (EntryType.STAMP_VOIDED, {"stamps_delta": -1}, "Correction: 1 stamp taken back"),
        (EntryType.STAMP_REFUNDED, {"stamps_delta": -2}, "Refund: 2 stamps taken back"),
        (EntryType.STAMPS_ADJUSTED, {"stamps_delta": 3}, "Correction: 3 stamps added"),
        (
            EntryType.POINTS_EARNED,
            {"points_delta": 250, "amount_cents": 2500},
            "250 points for €25.00",
        ),
        (EntryType.POINTS_EARNED, {"points_delta": 0, "amount_cents": 9}, "0 points for €0.09"),
        (
            EntryType.POINTS_EARNED,
            {"points_delta": 12, "amount_cents": 12345, "currency": "KWD"},
            "12 points for KWD12.345",
        ),
        (
            EntryType.POINTS_REDEEMED,
            {"points_delta": -100, "reward_name": "Bread", "reward_description": "Coffee"},
            "\u2068Bread\u2069: 100 points redeemed",
        ),
        (EntryType.POINTS_REDEEMED, {"points_delta": -100}, "100 points redeemed"),
        (EntryType.POINTS_VOIDED, {"points_delta": 100}, "Correction: 100 points added"),
        (EntryType.POINTS_REFUNDED, {"points_delta": -1}, "Refund: 1 point taken back"),
        (EntryType.POINTS_ADJUSTED, {"points_delta": -5}, "Correction: 5 points taken back"),
        (EntryType.POINTS_EXPIRED, {"points_delta": -1250}, "1,250 points expired"),
        (EntryType.POINTS_REINSTATED, {"points_delta": 40}, "40 expired points given back"),
        (EntryType.CARDS_MERGED, {}, "Two cards put together"),
        (
            EntryType.CARDS_MERGED,
            {"stamps_delta": 3, "points_delta": 120},
            "Two cards put together: 3 stamps and 120 points",
        ),
        (EntryType.IMPORTED, {"points_delta": 90}, "90 points from your old card"),
        (EntryType.CARD_SUSPENDED, {}, "Card paused"),
        (EntryType.CARD_REACTIVATED, {}, "Card active again"),
        (EntryType.CARD_REPLACED, {}, "Card replaced by a new one"),
    ],
)
def test_given_an_entry_when_told_then_it_is_a_sentence(
    english: Translator, kind: EntryType, facts: dict[str, Any], expected: str
) -> None:
    assert told(english, kind, **facts).what == expected


def test_given_every_kind_of_entry_when_told_then_each_language_has_its_words(
    catalogue: Catalogue,
) -> None:
    for language in catalogue.languages:
        for kind in EntryType:
            found = lines([entry(kind, points_delta=5)], STORES, catalogue.translator(language))
            assert bool(found) is (kind is not EntryType.CUSTOMER_ERASED), (language, kind)


@pytest.mark.parametrize(
    ("facts", "changes", "balance"),
    [
        ({"points_delta": 1250, "points_after": 8200}, ("+1,250",), "Balance: 8,200 points"),
        ({"points_delta": -250, "points_after": -200}, ("\u2212250",), "Balance: 0 points"),
        ({"stamps_delta": 1, "stamps_after": 1}, ("+1",), "Balance: 1 stamp"),
        (
            {"stamps_delta": 2, "stamps_after": 6, "points_delta": 50, "points_after": 200},
            ("+2", "+50"),
            "Balance: 6 stamps and 200 points",
        ),
        ({}, (), ""),
    ],
)
def test_given_an_entry_when_told_then_change_and_balance_stand_beside_it(
    english: Translator, facts: dict[str, Any], changes: tuple[str, ...], balance: str
) -> None:
    line = told(english, EntryType.IMPORTED if facts else EntryType.CARD_REPLACED, **facts)
    assert (line.changes, line.balance) == (changes, balance)


def test_given_two_stores_when_told_then_each_has_its_place_and_its_clock(
    english: Translator,
) -> None:
    here, there = (told(english, EntryType.CARD_CREATED, store_id=store) for store in (1, 2))
    assert (here.place, here.time) == ("Café Bleu, Luxembourg", "10:30")
    assert (there.place, there.time) == ("Bar Tokyo", "18:30")


def test_given_entries_of_two_days_when_grouped_then_each_day_has_its_name(
    english: Translator,
) -> None:
    # given: a bar's night belongs to the day before
    night = entry(
        EntryType.STAMP_EARNED,
        stamps_delta=1,
        business_day=date(2026, 11, 24),
        occurred_at=datetime(2026, 11, 25, 0, 30, tzinfo=UTC),
    )
    erased = entry(EntryType.CUSTOMER_ERASED, business_day=date(2026, 11, 20))
    # when
    told_days = days([entry(EntryType.CARD_CREATED), night, erased], STORES, english, today=TODAY)
    # then
    assert [day.title for day in told_days] == ["Today", "Tuesday, 24 November 2026"]
    assert told_days[1].lines[0].time == "01:30"


NUMBERS = (0, 1, 2, 1_000, 1_000_000)
POINTS = {
    "en": ["0 points", "1 point", "2 points", "1,000 points", "1,000,000 points"],
    "fr": [
        "0 point", "1 point", "2 points", f"1{NARROW}000 points",
        f"1{NARROW}000{NARROW}000 de points",
    ],
    "de": ["0 Punkte", "1 Punkt", "2 Punkte", "1.000 Punkte", "1.000.000 Punkte"],
    "lb": ["0 Punkten", "1 Punkt", "2 Punkten", "1.000 Punkten", "1.000.000 Punkten"],
}  # fmt: skip
STAMPS = {
    "en": ["0 stamps", "1 stamp", "2 stamps", "1,000 stamps", "1,000,000 stamps"],
    "fr": [
        "0 tampon", "1 tampon", "2 tampons", f"1{NARROW}000 tampons",
        f"1{NARROW}000{NARROW}000 de tampons",
    ],
    "de": ["0 Stempel", "1 Stempel", "2 Stempel", "1.000 Stempel", "1.000.000 Stempel"],
    "lb": ["0 Stempelen", "1 Stempel", "2 Stempelen", "1.000 Stempelen", "1.000.000 Stempelen"],
}  # fmt: skip


@pytest.mark.parametrize("language", ["en", "fr", "de", "lb"])
def test_given_any_number_when_shown_then_the_word_fits(
    catalogue: Catalogue, language: str
) -> None:  # C50
    t = catalogue.translator(language).t
    for key, expected in (
        ("loyalty.storefront.activity.points", POINTS),
        ("loyalty.storefront.points.balance", POINTS),
        ("loyalty.terminal.points", POINTS),
        ("loyalty.storefront.activity.stamps", STAMPS),
        ("loyalty.terminal.stamps_added", STAMPS),
    ):
        assert [t(key, count=number) for number in NUMBERS] == expected[language], key


@pytest.mark.parametrize("language", ["en", "fr", "de", "lb"])
def test_given_a_text_about_stamps_or_points_when_there_are_none_then_it_never_says_one(
    catalogue: Catalogue, language: str
) -> None:  # C50
    translator = catalogue.translator(language)
    texts = {
        key: text
        for key, text in translator.under("loyalty.").items()
        if isinstance(text, dict) and any(word in key for word in ("stamp", "point", "activity"))
    }
    assert len(texts) > 20
    with_a_one = {key for key, text in texts.items() if any("1" in form for form in text.values())}
    assert with_a_one == set()
