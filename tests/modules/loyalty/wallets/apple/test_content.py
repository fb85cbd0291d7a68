"""What an Apple pass says, key by key."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from app.core.color import MINIMUM_CONTRAST, contrast
from app.modules.loyalty.types import PassStore
from app.modules.loyalty.wallets.apple import content
from app.modules.loyalty.wallets.apple.setup import AppleSetup
from app.modules.loyalty.wallets.texts import LANGUAGES
from tests.apple_wallet import BASE_URL, PASS_TYPE, TEAM
from tests.modules.loyalty.wallets.apple.views import (
    QR,
    SERIAL,
    STATES,
    build,
    fields_of,
    files_of,
    json_of,
    strings_of,
    view,
)

DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)")
DATE_KEYS = ("expirationDate", "relevantDate")
ENDED = [name for name, state in STATES.items() if state[3]]
ALIVE = [name for name, state in STATES.items() if not state[3]]


def walk(part: Any) -> list[Any]:
    if isinstance(part, dict):
        return [found for value in part.values() for found in walk(value)]
    if isinstance(part, list):
        return [found for value in part for found in walk(value)]
    return [part]


def front_of(said: dict[str, Any], part: str) -> list[tuple[str, Any]]:
    return [(f["key"], f["value"]) for f in said["storeCard"].get(f"{part}Fields", [])]


def test_given_a_card_when_its_pass_is_read_then_it_says_whose_it_is(apple: AppleSetup) -> None:
    said = json_of(build(view(), apple))
    assert said["formatVersion"] == 1
    assert (said["passTypeIdentifier"], said["teamIdentifier"]) == (PASS_TYPE, TEAM)
    assert said["serialNumber"] == SERIAL
    assert said["webServiceURL"] == f"{BASE_URL}/api/v1/loyalty/apple"
    assert said["organizationName"] == "Café Crème \u2013 Lëtzebuerg ☕"
    assert said["logoText"] == 'Кофе "№1"'
    assert said["sharingProhibited"] is True
    assert "userInfo" not in said


def test_c13_given_names_of_any_script_when_read_then_the_code_is_plain_and_names_nobody(
    apple: AppleSetup,
) -> None:
    packed = build(view(), apple)
    code = {
        "format": "PKBarcodeFormatQR",
        "message": QR,
        "messageEncoding": "iso-8859-1",
        "altText": "4809 1234 5678",
    }
    said = json_of(packed)
    assert said["barcodes"] == [code]
    assert said["barcode"] == code
    assert "Zoë Š." in files_of(packed)["pass.json"].decode("utf-8")


@pytest.mark.parametrize(
    ("kind", "state", "header"),
    [
        ("stamps", "collecting", [("stamps", "4/10")]),
        ("stamps", "full", [("stamps", "10/10")]),
        ("stamps", "owed", [("stamps", "0/10")]),
        ("points", "collecting", [("points", "120")]),
        ("points", "several", [("points", "2,500")]),
        ("hybrid", "collecting", [("stamps", "4/10")]),
    ],
)
def test_given_a_balance_when_cards_are_stacked_then_it_can_still_be_seen(
    apple: AppleSetup, kind: str, state: str, header: list[tuple[str, Any]]
) -> None:
    assert front_of(json_of(build(view(kind, state), apple)), "header") == header


def test_given_a_hybrid_card_when_read_then_points_and_their_end_stand_below(
    apple: AppleSetup,
) -> None:
    said = json_of(build(view("hybrid"), apple))
    below = front_of(said, "auxiliary")
    assert [key for key, _ in below] == ["points", "expires"]
    assert below[0][1] == "120"
    assert DATE.fullmatch(below[1][1])
    assert fields_of(said)["expires"]["ignoresTimeZone"] is True


@pytest.mark.parametrize(
    ("kind", "state", "primary", "secondary"),
    [
        ("stamps", "collecting", [], ["left"]),
        ("stamps", "full", [], ["ready"]),
        ("stamps", "suspended", [], ["notice"]),
        ("points", "collecting", ["goal"], ["left"]),
        ("points", "full", ["ready"], []),
        ("points", "owed", ["goal"], ["notice"]),
    ],
)
def test_given_a_state_when_read_then_the_front_says_what_matters_first(
    apple: AppleSetup, kind: str, state: str, primary: list[str], secondary: list[str]
) -> None:
    said = json_of(build(view(kind, state), apple))
    assert [key for key, _ in front_of(said, "primary")] == primary
    assert [key for key, _ in front_of(said, "secondary")] == secondary


def test_given_a_photograph_when_points_are_shown_then_no_text_lies_over_it(
    apple: AppleSetup,
) -> None:
    shown = view("points")
    shown = replace(shown, design=replace(shown.design, hero_image="hero.jpg"))
    said = json_of(build(shown, apple))
    assert front_of(said, "primary") == []
    assert [key for key, _ in front_of(said, "secondary")] == ["left"]


def test_given_stamps_left_from_before_when_the_program_has_points_then_points_come_first(
    apple: AppleSetup,
) -> None:
    shown = view("hybrid")
    said = json_of(
        build(replace(shown, design=replace(shown.design, loyalty_type="points")), apple)
    )
    assert front_of(said, "header") == [("points", "120")]
    assert ("stamps", "4/10") in front_of(said, "auxiliary")


def test_given_every_state_when_read_then_no_more_fields_than_a_phone_shows(
    passes: dict[str, bytes],
) -> None:
    for name, packed in passes.items():
        card = json_of(packed)["storeCard"]
        count = {part: len(fields) for part, fields in card.items()}
        assert count.get("headerFields", 0) <= 3, name
        assert count.get("primaryFields", 0) <= 1, name
        assert count.get("secondaryFields", 0) + count.get("auxiliaryFields", 0) <= 4, name
        keys = [field["key"] for part in card.values() for field in part]
        assert len(keys) == len(set(keys)), name


def test_c02_given_every_state_when_read_then_nothing_is_null_and_dates_are_w3c(
    passes: dict[str, bytes],
) -> None:
    for name, packed in passes.items():
        said = json_of(packed)
        assert None not in walk(said), name
        assert not set(DATE_KEYS) & set(said), name
        dates = [field for field in fields_of(said).values() if "dateStyle" in field]
        assert all(DATE.fullmatch(field["value"]) for field in dates), name
        assert said.get("voided", False) == (name.split("-")[1] in ENDED), name
        assert said.get("voided") is not False, name


def test_given_every_state_when_words_are_looked_up_then_each_language_has_them(
    passes: dict[str, bytes],
) -> None:
    for name, packed in passes.items():
        keys = {
            text for text in walk(json_of(packed)) if re.fullmatch(r"[LVCN]_[A-Z0-9_]+", str(text))
        }
        for language in LANGUAGES:
            missing = keys - set(strings_of(packed, language))
            assert missing == set(), (name, language)


@pytest.mark.parametrize(
    ("color", "written"),
    [("#4F46E5", "rgb(79, 70, 229)"), ("#4f46e5", "rgb(79, 70, 229)"), ("#ffffff", None)],
)
def test_given_a_colour_when_written_then_as_numbers_and_text_stays_readable(
    apple: AppleSetup, color: str, written: str | None
) -> None:
    shown = view()
    said = json_of(build(replace(shown, design=replace(shown.design, card_color=color)), apple))
    assert said["backgroundColor"] == (written or "rgb(255, 255, 255)")
    for key in ("foregroundColor", "labelColor"):
        assert contrast(_hex(said[key]), color) >= MINIMUM_CONTRAST


def _hex(rgb: str) -> str:
    return "#" + "".join(f"{int(part):02x}" for part in re.findall(r"\d+", rgb))


@pytest.mark.parametrize("state", ENDED)
def test_given_an_ended_pass_when_read_then_it_is_void_and_names_nobody(
    apple: AppleSetup, state: str
) -> None:
    packed = build(view("hybrid", state), apple)
    said = json_of(packed)
    assert said["voided"] is True
    assert not {"barcode", "barcodes", "locations"} & set(said)
    assert set(fields_of(said)) == {"notice", "notice_in_full", "online", "privacy"}
    everything = b"".join(files_of(packed).values()).decode("utf-8", "replace")
    assert not any(text in everything for text in ("Zoë", QR, "4809"))


def test_given_changed_numbers_when_read_then_values_differ_and_say_what_is_left(
    apple: AppleSetup,
) -> None:
    passes = [build(view("stamps", state), apple) for state in ("fresh", "collecting")]
    values = [fields_of(json_of(packed))["stamps"]["value"] for packed in passes]
    assert values == ["0/10", "4/10"]
    for language in LANGUAGES:
        said = strings_of(passes[1], language)["C_STAMPS"]
        assert said.startswith("%@ · ")
        assert "6" in said
        assert said.count("%") == 1  # the reward's own is no placeholder
    assert "10\uff05 off" in strings_of(passes[1], "en")["C_STAMPS"]


@pytest.mark.parametrize("state", ALIVE)
def test_given_both_balances_changed_when_one_may_announce_then_only_that_one_does(
    apple: AppleSetup, state: str
) -> None:
    def announcers(announce: content.Unit | None) -> set[str]:
        fields = fields_of(json_of(build(view("hybrid", state), apple, announce=announce)))
        return {key for key, field in fields.items() if "changeMessage" in field}

    assert announcers(None) == {"stamps", "points"}
    assert announcers("stamps") == {"stamps"}
    assert announcers("points") == {"points"}


@pytest.mark.parametrize(
    ("before", "announce"),
    [
        ({}, None),
        ({"stamps": 3, "points": 40, "rewards": 0}, None),
        ({"stamps": 4, "points": 30, "rewards": 1}, None),
        ({"stamps": 3, "points": 30, "rewards": 0}, "stamps"),
    ],
)
def test_given_what_was_shown_when_compared_then_two_changes_have_one_announcer(
    before: dict[str, int], announce: str | None
) -> None:
    after = {"stamps": 4, "points": 40, "rewards": 0}
    assert content.announcing(before, after) == announce


def test_given_shops_with_and_without_a_place_when_read_then_ten_with_one_are_known(
    apple: AppleSetup,
) -> None:
    shown = view()
    shops = tuple(
        PassStore(f"s{n}", f"Shop {n}", "", None if n % 2 else 49_611_621, 6_131_935)
        for n in range(24)
    )
    packed = build(replace(shown, design=replace(shown.design, stores=shops)), apple)
    places = json_of(packed)["locations"]
    assert len(places) == 10
    assert places[1] == {"latitude": 49.611621, "longitude": 6.131935, "relevantText": "N_1"}
    near = [strings_of(packed, language)["N_1"] for language in LANGUAGES]
    assert all("Shop 2" in text for text in near)
    assert len(set(near)) > 1


def test_given_links_when_read_then_they_lead_to_the_card_and_to_privacy(apple: AppleSetup) -> None:
    fields = fields_of(json_of(build(view(), apple)))
    online = f"{BASE_URL}/loyalty/dashboard?store=cafe%20bleu"
    assert fields["online"]["value"] == online
    assert fields["online"]["attributedValue"].startswith(f'<a href="{online}">')
    assert "?a=1&amp;b=2" in fields["privacy"]["attributedValue"]


def test_given_texts_with_marks_of_the_format_when_written_then_they_are_read_back(
    apple: AppleSetup,
) -> None:
    packed = build(view(), apple)
    for language in LANGUAGES:
        file = files_of(packed)[f"{language}.lproj/pass.strings"]
        assert file.startswith(b'"')
        assert all(line.endswith('";') for line in file.decode("utf-8").splitlines())
        rest = strings_of(packed, language)["V_STAMPS_REST"]
        assert "A free coffee\nor 10% off “tea” \\ cake" in rest
