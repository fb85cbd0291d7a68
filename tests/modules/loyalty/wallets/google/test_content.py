"""What Google is told: right by its own contract, in every language and state of a card."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from app.modules.loyalty.types import PassEnd
from app.modules.loyalty.wallets.google import content
from tests.google_wallet import (
    BASE_URL,
    PLACE,
    QR_CODE,
    SERIAL,
    contract,
    make_design,
    make_view,
)

HERO = f"{BASE_URL}/media/pass-7.png"
LANGUAGES = ("en", "fr", "de", "lb", "lu")
TYPES = {"stamps": (7, None), "points": (None, 250), "hybrid": (7, 250)}
STATES: dict[str, dict[str, Any]] = {
    "fresh": {"fill": 0},
    "on its way": {},
    "full": {"fill": 30},
    "owed": {"fill": -3},
    "on hold": {"is_suspended": True},
    "nameless": {"holder": ""},
    "replaced": {"ended": PassEnd.REPLACED},
    "merged": {"ended": PassEnd.MERGED},
    "erased": {"ended": PassEnd.ERASED},
}


def payloads(language: str, kind: str, state: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The class and the object of a card."""
    changed = dict(STATES[state])
    fill = changed.pop("fill", None)
    stamps, points = TYPES[kind]
    if fill is not None:
        stamps = None if stamps is None else fill
        points = None if points is None else fill * 40
    if changed.get("ended"):
        changed |= {"card_number": "", "qr_code_data": "", "holder": "", "points_expire_on": None}
        stamps = points = None
    design = make_design(language=language, loyalty_type=kind)
    view = make_view(stamps=stamps, points=points, design=design, **changed)
    return (
        content.class_payload(PLACE, design),
        content.object_payload(PLACE, view, hero_url=HERO),
    )


def texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for below in value.values() if isinstance(value, dict) else value:
            yield from texts_in(below)


def localized_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "defaultValue" in value:
            yield value
        for below in value.values():
            yield from localized_in(below)
    elif isinstance(value, list):
        for below in value:
            yield from localized_in(below)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("state", STATES)
def test_given_a_card_when_it_is_described_then_the_contract_has_no_complaint(
    language: str, kind: str, state: str
) -> None:
    klass, thing = payloads(language, kind, state)
    assert list(contract()("LoyaltyClass", klass, True)) == []
    assert list(contract()("LoyaltyObject", thing, True)) == []
    default = {"lu": "lb"}.get(language, language)
    for text in localized_in([klass, thing]):
        assert text["defaultValue"]["language"] == default
        assert {one["language"] for one in text["translatedValues"]} == (
            {"en", "fr", "de", "lb"} - {default}
        )
    assert all(text.strip() for text in texts_in([klass, thing]))
    assert "http://" not in json.dumps([klass, thing])


def test_given_a_payload_with_a_deprecated_or_unknown_field_when_checked_then_it_is_refused() -> (
    None
):
    """The contract can fail."""
    klass, thing = payloads("en", "stamps", "fresh")
    assert list(contract()("LoyaltyClass", klass | {"wordMark": {}}, True))
    assert list(contract()("LoyaltyObject", thing | {"version": "1"}, True))
    assert list(contract()("LoyaltyObject", thing | {"state": "active"}, True))
    assert list(contract()("LoyaltyObject", {"id": thing["id"]}, True))
    del klass["programLogo"]
    assert list(contract()("LoyaltyClass", klass, True))
    assert not list(contract()("LoyaltyClass", klass, False))


def test_given_stamps_when_described_then_the_balance_is_of_a_row_and_points_come_second() -> None:
    _, stamps = payloads("en", "stamps", "on its way")
    assert stamps["loyaltyPoints"]["balance"] == {"string": "7/10"}
    assert "secondaryLoyaltyPoints" not in stamps
    _, points = payloads("en", "points", "on its way")
    assert points["loyaltyPoints"]["balance"] == {"int": 250}
    _, hybrid = payloads("en", "hybrid", "on its way")
    assert hybrid["loyaltyPoints"]["balance"] == {"string": "7/10"}
    assert hybrid["secondaryLoyaltyPoints"]["balance"] == {"int": 250}


@pytest.mark.parametrize(("points", "balance"), [(2**31 - 1, "int"), (2**31, "string")])
def test_given_more_points_than_32_bits_hold_when_described_then_they_are_text(
    points: int, balance: str
) -> None:
    thing = content.object_payload(PLACE, make_view(stamps=None, points=points), hero_url=None)
    assert list(thing["loyaltyPoints"]["balance"]) == [balance]


def test_given_a_card_on_hold_when_described_then_it_stays_and_says_why() -> None:
    _, thing = payloads("en", "stamps", "on hold")
    assert thing["state"] == "ACTIVE"
    notice = next(one for one in thing["textModulesData"] if one["id"] == "notice")
    assert notice["body"] == "This card is on hold. Please ask at the counter."
    assert len({one["value"] for one in notice["localizedBody"]["translatedValues"]}) == 3


@pytest.mark.parametrize("state", ["replaced", "merged", "erased"])
def test_given_a_pass_of_no_card_when_described_then_it_holds_nothing_of_anybody(
    state: str,
) -> None:
    _, thing = payloads("en", "hybrid", state)
    assert thing["state"] == "INACTIVE"
    assert sorted(thing) == ["classId", "id", "state", "textModulesData"]
    assert [one["id"] for one in thing["textModulesData"]] == ["notice"]
    patch = content.as_patch(thing, content.OBJECT_FIELDS)
    cleared = {name for name, value in patch.items() if value is None}
    assert cleared >= {"accountId", "accountName", "barcode", "rotatingBarcode", "loyaltyPoints"}


def test_given_a_full_card_when_described_then_it_says_what_is_ready() -> None:
    _, thing = payloads("en", "hybrid", "full")
    bodies = {one["id"]: one["body"] for one in thing["textModulesData"]}
    assert bodies["next"] == "Ready to redeem: A coffee\nReady to redeem: Bread"
    assert bodies["ready"] == "3 x A coffee, Bread"
    assert "2027" in bodies["expires"]


def test_given_a_class_when_described_then_ids_links_and_terms_are_there() -> None:
    klass, thing = payloads("en", "stamps", "fresh")
    assert klass["id"] == thing["classId"] == f"{PLACE.issuer_id}.t7_p3"
    assert thing["id"] == f"{PLACE.issuer_id}.{SERIAL}"
    assert klass["reviewStatus"] == "UNDER_REVIEW"
    assert klass["callbackOptions"] == {"url": PLACE.callback_url}
    assert [one["uri"] for one in klass["linksModuleData"]["uris"]] == [
        f"{BASE_URL}/loyalty/dashboard?store=bleu-1",
        "https://bleu.example.com/privacy",
    ]
    assert klass["textModulesData"][0]["body"] == "One stamp a coffee."
    assert klass["merchantLocations"] == [{"latitude": 49.6116, "longitude": 6.1319}]


def test_given_long_names_when_described_then_they_fit_the_comfortable_lengths() -> None:
    design = make_design(merchant_name="B" * 60, card_name="C" * 60, terms_text="t" * 2000)
    klass = content.class_payload(PLACE, design)
    assert klass["issuerName"] == "B" * 19 + "…"
    assert len(klass["programName"]) == 20
    assert len(klass["accountIdLabel"]) <= 15
    assert len(klass["textModulesData"][0]["body"]) == 500
    view = make_view(design=design, holder="Z" * 40)
    thing = content.object_payload(PLACE, view, hero_url=None)
    assert len(thing["accountName"]) == 20
    for label in localized_in(thing["loyaltyPoints"]):
        values = [label["defaultValue"], *label["translatedValues"]]
        assert all(len(one["value"]) <= 9 for one in values)


def test_given_a_changing_code_when_described_then_it_is_the_cards_code_and_digits() -> None:
    view = make_view(design=make_design(rotating_barcode=True))
    thing = content.object_payload(PLACE, view, hero_url=None, rotating_secret=b"k" * 20)
    assert list(contract()("LoyaltyObject", thing, True)) == []
    assert "barcode" not in thing
    rotating = thing["rotatingBarcode"]
    assert rotating["valuePattern"] == QR_CODE + "{totp_value_0}"
    assert rotating["totpDetails"] == {
        "algorithm": "TOTP_SHA1",
        "periodMillis": "30000",
        "parameters": [{"key": "6B" * 20, "valueLength": 6}],
    }


def test_given_a_payload_when_made_a_patch_then_the_other_kinds_of_a_balance_are_cleared() -> None:
    _, thing = payloads("en", "points", "on its way")
    patch = content.as_patch(thing, content.OBJECT_FIELDS)
    assert patch["loyaltyPoints"]["balance"] == {"string": None, "int": 250}
    assert patch["secondaryLoyaltyPoints"] is None


def test_c04_given_a_colour_when_described_then_it_is_hex() -> None:
    klass = content.class_payload(PLACE, make_design(card_color="#4F46E5"))
    assert klass["hexBackgroundColor"] == "#4f46e5"


def test_c13_given_names_in_other_scripts_when_described_then_the_code_is_plain_ascii() -> None:
    design = make_design(merchant_name="Café Crème \u2013 Lëtzebuerg ☕", card_name="Карта кофе")
    view = make_view(design=design, holder="Zoë Š.")
    thing = content.object_payload(PLACE, view, hero_url=None)
    assert thing["barcode"] == {
        "type": "QR_CODE",
        "value": QR_CODE,
        "alternateText": "4809 1234 5678",
        "renderEncoding": "UTF_8",
    }
    assert thing["barcode"]["value"].isascii()
    assert thing["accountName"] == "Zoë Š."
    klass = content.class_payload(PLACE, design)
    assert klass["issuerName"] == "Café Crème \u2013 Lëtzeb…"
    assert klass["programName"] == "Карта кофе"


def test_c16_given_no_logo_when_described_then_the_class_has_one_all_the_same() -> None:
    klass = content.class_payload(PLACE, make_design(logo_image=None))
    url = klass["programLogo"]["sourceUri"]["uri"]
    assert url == f"{BASE_URL}/static/stamps/coffee.png"


def test_c16_given_a_logo_when_described_then_it_is_the_one_made_for_google() -> None:
    own = content.class_payload(PLACE, make_design())
    assert own["programLogo"]["sourceUri"]["uri"] == f"{BASE_URL}/media/logo-abc.png"
    made = content.class_payload(PLACE, make_design(), logo_url=HERO)
    assert made["programLogo"]["sourceUri"]["uri"] == HERO
