"""/store/loyalty/program/preview: numbers, and the same in plain words in four languages."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from app.core.i18n import Catalogue
from app.modules.loyalty.routes.preview_wording import preview_sentences
from app.modules.loyalty.services.program_preview import ProgramPreview
from app.modules.loyalty.types import Unit
from tests.architecture.sources import ROOT
from tests.modules.loyalty.routes.conftest import Api, problem_of

NOTHING: ProgramPreview = {
    "cards": 340, "open_cards": 312, "cards_with_points": 0, "cards_changed": 0,
    "rewards_ready": 0, "cards_keeping_target": 0, "cards_expiring_sooner": 0,
    "earliest_expiry_on": None, "stops_earning": [], "cards_stop_earning": 0,
}  # fmt: skip


def said(language: str, **counts: Any) -> list[str]:
    folders = [ROOT / "app/locales", *sorted(ROOT.glob("app/modules/*/locales"))]
    preview: ProgramPreview = NOTHING | counts  # type: ignore[assignment]
    return preview_sentences(Catalogue.load(folders).translator(language), preview)


def test_given_a_lower_target_when_previewed_then_the_owner_reads_who_is_touched(api: Api) -> None:
    for stamps in (0, 5, 9):
        api.card(stamps=stamps)
    answer = api.post("/program/preview", {"stamps_target": 8}, "owner")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["cards"], body["open_cards"], body["rewards_ready"]) == (3, 2, 1)
    assert body["sentences"] == [
        "2 cards hold stamps.",
        "3 cards change to the new target and reward at once.",
        "1 card gets a reward by it now.",
    ]
    assert api.get("/program").json()["stamps_target"] == 10


def test_given_a_language_when_previewed_then_the_sentences_are_in_it(api: Api) -> None:
    api.card(stamps=5)
    headers = {"Accept-Language": "de"}
    answer = api.post("/program/preview", {"loyalty_type": "points"}, "owner", **headers)
    assert answer.json()["stops_earning"] == ["stamps"]
    assert answer.json()["sentences"] == [
        "1 Karte sammelt keine Stempel mehr. Gesammelte Stempel können weiter eingelöst werden."
    ]


@pytest.mark.parametrize(
    ("language", "count", "sentence"),
    [
        ("en", 1, "1 card gets a reward by it now."),
        ("en", 1250, "1,250 cards get a reward by it now."),
        ("fr", 1, "1 carte obtient ainsi une récompense dès maintenant."),
        ("fr", 2, "2 cartes obtiennent ainsi une récompense dès maintenant."),
        ("de", 1250, "1.250 Karten erhalten dadurch jetzt eine Prämie."),
        ("lb", 1, "1 Kaart kritt doduerch elo eng Belounung."),
        ("lb", 14, "14 Kaarte kréien doduerch elo eng Belounung."),
    ],
)
def test_given_a_count_when_it_is_told_then_in_the_languages_own_plural(
    language: str, count: int, sentence: str
) -> None:
    assert said(language, cards_changed=50, rewards_ready=count)[-1] == sentence


@pytest.mark.parametrize("language", ["en", "fr", "de", "lb"])
def test_given_everything_at_once_when_it_is_told_then_a_sentence_for_each(language: str) -> None:
    everything = said(
        language,
        cards_changed=3,
        rewards_ready=2,
        cards_keeping_target=1,
        cards_expiring_sooner=40,
        earliest_expiry_on=date(2026, 5, 3),
        stops_earning=list(Unit),
        cards_stop_earning=340,
    )
    assert len(everything) == len(set(everything)) == 7
    assert all("{" not in sentence and sentence.endswith(".") for sentence in everything)


@pytest.mark.parametrize("language", ["en", "fr", "de", "lb"])
def test_given_a_change_that_touches_nobody_when_it_is_told_then_just_that(language: str) -> None:
    assert len(said(language)) == 1


def test_given_a_cashier_or_a_senseless_change_when_previewed_then_refused(api: Api) -> None:
    assert problem_of(api.post("/program/preview", {"stamps_target": 8})) == (403, "forbidden")
    senseless = api.post("/program/preview", {"stamps_target": 1}, "owner")
    assert problem_of(senseless) == (422, "validation_error")
