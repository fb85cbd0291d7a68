"""Colours that keep text readable (C48), and grids for every target."""

from __future__ import annotations

import json

import pytest

from app.core.color import MINIMUM_CONTRAST, contrast
from app.core.web.setup import STATIC_DIR
from app.modules.loyalty.rules.looks import card_face, columns, mix, monogram, stamp_grid
from app.modules.loyalty.schemas.program import StampIcon

HARD_COLORS = ["#FFD200", "#FFFFFF", "#000000", "#808080", "#3D98D3", "#00FF88", "#777777"]


@pytest.mark.parametrize("color", HARD_COLORS)
@pytest.mark.parametrize("secondary", [None, "#FF0000", "#0000FF", "#FFFF00", "#767676"])
def test_given_any_colours_when_a_card_is_drawn_then_its_text_is_readable_everywhere(
    color: str, secondary: str | None
) -> None:
    # when
    face = card_face(color, secondary)
    # then
    for step in range(21):
        behind = mix(face["start"], face["end"], step / 20)
        assert contrast(face["ink"], behind) >= MINIMUM_CONTRAST
        # Ornaments lay the shade over the gradient.
        assert contrast(face["ink"], mix(behind, face["shade"], 0.12)) >= MINIMUM_CONTRAST


@pytest.mark.parametrize("color", ["#FFD200", "#FFFFFF", "#808080", "#3D98D3", "#00FF88"])
def test_given_a_light_colour_when_a_card_is_drawn_then_its_text_is_dark(color: str) -> None:
    assert card_face(color)["ink"] in ("#111827", "#000000")


@pytest.mark.parametrize("color", ["#000000", "#123C69", "#7A3E2B"])
def test_given_a_dark_colour_when_a_card_is_drawn_then_its_text_is_white(color: str) -> None:
    assert card_face(color)["ink"] == "#ffffff"


def test_given_a_second_colour_that_keeps_text_readable_when_drawn_then_it_ends_there() -> None:
    assert card_face("#123C69", "#7a2e2e")["end"] == "#7a2e2e"


def test_given_a_second_colour_that_hides_the_text_when_drawn_then_it_is_left_out() -> None:
    assert card_face("#123C69", "#FFD200")["end"] == mix("#123c69", "#000000", 0.3)


def test_given_something_else_than_a_colour_when_a_card_is_drawn_then_it_is_refused() -> None:
    with pytest.raises(ValueError, match="#rrggbb"):
        card_face("red;}body{display:none")


@pytest.mark.parametrize("target", range(2, 51))
def test_given_any_target_when_laid_out_then_rows_are_even_enough_for_a_phone(target: int) -> None:
    # when
    wide = columns(target)
    # then
    rows = -(-target // wide)
    assert 2 <= wide <= 10
    assert rows <= 5
    assert rows * wide - target <= max(2, wide // 2)


@pytest.mark.parametrize(
    ("stamps", "filled", "ready", "missing", "owed"),
    [
        (0, 0, 0, 10, 0),
        (7, 7, 0, 3, 0),
        (9, 9, 0, 1, 0),
        (10, 10, 1, 10, 0),
        (12, 2, 1, 8, 0),
        (20, 10, 2, 10, 0),
        (-2, 0, 0, 12, 2),
    ],
)
def test_given_a_balance_when_shown_then_rewards_stand_above_the_grid(
    stamps: int, filled: int, ready: int, missing: int, owed: int
) -> None:
    # when
    grid = stamp_grid(stamps, 10)
    # then
    assert (grid["filled"], grid["rewards_ready"], grid["missing"], grid["owed"]) == (
        filled, ready, missing, owed,
    )  # fmt: skip
    assert sum(slot["is_filled"] for slot in grid["slots"]) == filled
    assert [slot["number"] for slot in grid["slots"] if slot["is_reward"]] == [10]


@pytest.mark.parametrize(
    ("name", "letter"), [("Café Bleu", "C"), ("émile", "É"), ("«7» sur 7", "7"), ("…", "★")]
)
def test_given_a_name_when_there_is_no_logo_then_its_first_letter_stands_for_it(
    name: str, letter: str
) -> None:
    assert monogram(name) == letter


def test_given_the_icons_of_the_settings_when_built_then_every_one_can_be_drawn() -> None:
    built = json.loads((STATIC_DIR / "icons.json").read_text(encoding="utf-8"))
    assert {icon.value for icon in StampIcon} <= built.keys()
