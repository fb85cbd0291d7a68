from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import FieldError, ValidationFailed
from app.modules.customers.rules.names import clean_name, masked_name, search_text

FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467"
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
LUXEMBOURG = "\U0001f1f1\U0001f1fa"

KEPT_AS_TYPED = [
    "O'Brien",
    "D\u2019Arcy",
    "Anne-Sophie M\u00fcller-L\u00ebtzebuerg",
    "Suharto",
    "U",
    "Nguy\u1ec5n Th\u1ecb \u00c1nh",
    "A" * 100,
    "Zo\u00e9 (composed)",
    "\u05d3\u05e0\u05d4 Cohen",
    "\u0645\u062d\u0645\u062f \u0627\u0644\u0639\u0644\u064a",
    "Ben \u05db\u05d4\u05df 7/10",
    "\u0645\u0631\u064a\u0645 (7/10)",
    f"Lucy {FAMILY}",
    LUXEMBOURG,
    "Null",
    "undefined",
    "<b>Bold</b>",
    "{{7*7}}",
    "%@ %s %d",
    "Robert'); DROP TABLE cards;--",
    "=1+1",
    ENGLAND,
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
]


@pytest.mark.parametrize("name", KEPT_AS_TYPED)
def test_given_c53_a_persons_name_when_cleaned_then_as_typed(name: str) -> None:
    assert clean_name(name) == name


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Zoe\u0301 (decomposed)", "Zo\u00e9 (decomposed)"),
        ("tab\tinside", "tab inside"),
        ("line\nbreak", "line break"),
        ("nul\u0000byte", "nulbyte"),
        ("\u202eright-to-left override", "right-to-left override"),
        ("  Zoé \r\n", "Zoé"),
        ("Zo\u200bé\ufeff", "Zoé"),
        ("Zoe\u200b\u0301", "Zo\u00e9"),
        ("half\ud800", "half"),
        ("\u2066Zoé\u2069", "Zoé"),
    ],
)
def test_given_c53_hidden_characters_when_cleaned_then_gone(typed: str | None, kept: str) -> None:
    assert clean_name(typed) == kept


@pytest.mark.parametrize(
    "typed", [None, "", "   ", "\u200b\u200b", "\u200d", "\u200e \u200f", "\u3000", "\u202e\u0007"]
)
def test_given_c53_nothing_visible_when_cleaned_then_nothing(typed: str | None) -> None:
    assert clean_name(typed) is None


def test_given_a_name_too_long_when_cleaned_then_refused_and_not_cut() -> None:
    with pytest.raises(ValidationFailed) as refused:
        clean_name("A" * 101, field="first_name")
    assert refused.value.errors == (FieldError(("first_name",), "name_too_long", {"maximum": 100}),)


def test_given_decomposed_letters_when_measured_then_as_composed_ones() -> None:
    assert clean_name("e\u0301" * 100) == "é" * 100


@given(st.text(max_size=60))
def test_given_any_text_when_cleaned_then_clean_and_again_the_same(text: str) -> None:
    name = clean_name(text)
    assert name is None or (name and clean_name(name) == name)
    assert not {unicodedata.category(char) for char in name or ""} & {"Cc", "Cs"}


@pytest.mark.parametrize(
    ("first", "last", "shown"),
    [
        ("Zoé", "Strasser", "Zoé S."),
        ("Zoé", None, "Zoé"),
        ("Zoé", "", "Zoé"),
        (None, "Strasser", "S."),
        (None, None, ""),
        ("Anne-Sophie", "Émile", "Anne-Sophie É."),
        ("Dana", "\u05db\u05d4\u05df", "Dana \u05db."),
        ("Lucy", f"{FAMILY} Smith", f"Lucy {FAMILY}."),
        ("Lucy", f"{LUXEMBOURG}{LUXEMBOURG}", f"Lucy {LUXEMBOURG}."),
        ("Lucy", f"{ENGLAND}!", f"Lucy {ENGLAND}."),
        ("Lucy", "\U0001f44b\U0001f3fdHi", "Lucy \U0001f44b\U0001f3fd."),
        ("Lucy", "x\u0308y", "Lucy x\u0308."),
    ],
)
def test_given_a_name_when_masked_then_first_name_and_a_whole_initial(
    first: str | None, last: str | None, shown: str
) -> None:
    assert masked_name(first, last) == shown


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("zoe", "Zoé"),
        ("ZOÉ", "Zoe\u0301"),
        ("strasser", "Straßer"),
        ("straßer", "STRASSER"),
        ("muller", "Müller"),
        ("nguyen", "Nguyễn"),
        ("d'arcy", "D\u2019Arcy"),
        ("lukasz", "Łukasz"),
        ("soren", "Søren"),
        ("ilker", "İlker"),
        ("oeuvre", "Œuvre"),
        ("jose", "\uff2a\uff2f\uff33\uff25"),
        ("\u05d3\u05e0\u05d4", "\u05d3\u05b8\u05e0\u05b8\u05d4"),
    ],
)
def test_given_another_spelling_when_searched_then_found(query: str, name: str) -> None:
    assert search_text([query]) == search_text([name])


def test_given_several_parts_when_folded_then_one_line_without_gaps() -> None:
    assert search_text(["Zoé ", None, "", "  Strasser\t", "Zoe@Example.com"]) == (
        "zoe strasser zoe@example.com"
    )


def test_given_letters_that_grow_when_folded_then_the_text_still_fits() -> None:
    assert len(search_text(["\ufdfa" * 100])) == 600


@given(st.text(max_size=60))
def test_given_any_text_when_folded_then_folding_again_changes_nothing(text: str) -> None:
    folded = search_text([text])
    assert search_text([folded]) == folded
