from typing import Any

import pytest

from app.core.color import BLACK, INK, MINIMUM_CONTRAST, WHITE, contrast, hex_color, ink


@pytest.mark.parametrize(
    ("background", "text"),
    [
        ("#FFD200", INK),
        ("#FFFFFF", INK),
        ("#000000", WHITE),
        ("#808080", BLACK),  # near-black would have 4.49 here
        ("#3D98D3", INK),
        ("#00FF88", INK),
        ("#4F46E5", WHITE),
    ],
)
def test_given_a_brand_color_when_text_is_chosen_then_it_is_readable(
    background: str, text: str
) -> None:
    """C48."""
    assert ink(background) == text
    assert contrast(ink(background), background) >= MINIMUM_CONTRAST


def test_given_every_grey_and_many_hues_when_text_is_chosen_then_it_is_readable() -> None:
    greys = [f"#{level:02x}{level:02x}{level:02x}" for level in range(256)]
    hues = [
        f"#{r:02x}{g:02x}{b:02x}"
        for r in range(0, 256, 17)
        for g in range(0, 256, 17)
        for b in range(0, 256, 17)
    ]
    worst = min(contrast(ink(color), color) for color in greys + hues)
    assert worst >= MINIMUM_CONTRAST


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#FFFFFF", 21.0),
        ("#FFD200", "#000000", 14.5),
        ("#FFD200", "#FFFFFF", 1.5),
        ("#808080", "#000000", 5.3),
        ("#808080", "#FFFFFF", 3.95),
        ("#3D98D3", "#FFFFFF", 3.2),
    ],
)
def test_given_two_colors_when_compared_then_the_ratio_is_that_of_wcag(
    one: str, other: str, ratio: Any
) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.05)
    assert contrast(other, one) == contrast(one, other)


@pytest.mark.parametrize(
    "text",
    ["", "#fff", "red", "#12345g", "#1234567", "123456", "#123456\n", "#123456;}", " #123456"],
)
def test_given_no_hex_color_when_used_in_a_style_then_it_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="#rrggbb"):
        hex_color(text)


def test_given_a_hex_color_when_used_in_a_style_then_it_stands_as_it_is() -> None:
    assert hex_color("#aBcDeF") == "#aBcDeF"
