"""Merchants' faces on passes: a logo that is seen whatever it is like, or a monogram."""

from __future__ import annotations

import pytest
from PIL import Image

from app.core.color import INK, WHITE, contrast
from app.modules.loyalty.rules import face_picture
from app.modules.loyalty.rules.banner_picture import draw_banner
from app.modules.loyalty.rules.canvas import hex_of
from app.modules.loyalty.rules.face_picture import FaceLook, plate
from app.modules.loyalty.rules.looks import card_face
from app.modules.loyalty.rules.monogram_picture import letter_mark
from app.modules.loyalty.services.stamp_icons import stamp_icon
from tests.pictures import opened

NOTHING = (0, 0, 0, 0)
DARK, BLUE = "#111827", "#4F46E5"
YELLOW = (255, 220, 0, 255)


def logo(color: tuple[int, ...], behind: tuple[int, ...], size: tuple[int, int]) -> Image.Image:
    """A logo of one colour that leaves a margin of a tenth."""
    image = Image.new("RGBA", size, behind)
    width, height = size
    image.paste(color, (width // 10, height // 10, width * 9 // 10, height * 9 // 10))
    return image


def look(color: str, image: Image.Image | None, name: str = "Bakery") -> FaceLook:
    return FaceLook(card_face(color), image, letter_mark(name) or stamp_icon("star"))


def color_at(picture: Image.Image, x: int, y: int) -> str:
    return hex_of(picture.convert("RGB").crop((x, y, x + 1, y + 1)).tobytes())


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (logo(YELLOW, NOTHING, (60, 40)), DARK),  # seen on the card
        (logo((20, 25, 40, 255), NOTHING, (60, 40)), WHITE),  # dark on dark
        (logo(YELLOW, (255, 255, 255, 255), (60, 40)), "#ffffff"),  # brings its own ground
        (logo(YELLOW, (1, 120, 3, 255), (60, 40)), "#017803"),
        (Image.new("RGBA", (5, 5), NOTHING), DARK),  # nothing to see
        (Image.linear_gradient("L").rotate(30).crop((60, 60, 190, 190)).convert("RGBA"), DARK),
    ],
)
def test_given_a_logo_when_laid_on_a_dark_card_then_what_is_behind_lets_it_be_seen(
    image: Image.Image, expected: str
) -> None:
    assert plate(image, card_face(DARK)) == expected


def test_given_a_white_logo_when_laid_on_a_white_card_then_it_lies_on_dark() -> None:
    assert plate(logo((255, 255, 255, 255), NOTHING, (40, 40)), card_face(WHITE)) == INK


def test_given_a_jpegs_wavering_corners_when_looked_at_then_they_count_as_one_colour() -> None:
    image = logo(YELLOW, (250, 250, 250, 255), (60, 40))
    image.putpixel((59, 39), (255, 252, 247, 255))
    assert plate(image, card_face(DARK)) == "#fafafa"


@pytest.mark.parametrize("edge", [29, 58, 87])
def test_given_a_logo_when_drawn_as_an_icon_then_a_square_without_holes(edge: int) -> None:
    picture = opened(face_picture.draw_icon(look(BLUE, logo(YELLOW, NOTHING, (60, 40))), edge))
    assert (picture.size, picture.mode) == ((edge, edge), "RGB")
    assert (color_at(picture, 0, 0), color_at(picture, edge // 2, edge // 2)) == (
        BLUE.lower(),
        hex_of(YELLOW),
    )


def test_given_a_very_long_logo_when_drawn_as_an_icon_then_the_monogram_is() -> None:
    plain = face_picture.draw_icon(look(BLUE, None), 58)
    assert face_picture.draw_icon(look(BLUE, logo(YELLOW, NOTHING, (301, 100))), 58) == plain
    assert face_picture.draw_icon(look(BLUE, logo(YELLOW, NOTHING, (300, 100))), 58) != plain


def test_given_a_logo_when_drawn_for_a_circle_then_nothing_of_it_is_cut_off() -> None:
    image = Image.new("RGBA", (300, 300), YELLOW)
    image.putpixel((0, 0), (0, 0, 0, 0))  # not opaque: it lies on the card
    picture = opened(face_picture.draw_round_logo(look(BLUE, image), 660))
    assert picture.size == (660, 660)
    assert (color_at(picture, 330, 330), color_at(picture, 20, 20)) == (
        hex_of(YELLOW),
        BLUE.lower(),
    )
    shown = [n for n in range(660) if color_at(picture, n, n) == hex_of(YELLOW)]
    assert (330 - shown[0]) * 2**0.5 <= 331  # its corners lie within the circle


@pytest.mark.parametrize(
    ("size", "expected"), [((600, 100), (160, 27)), ((100, 100), (50, 50)), ((20, 5), (160, 40))]
)
def test_given_a_logo_when_drawn_for_apple_then_it_fits_and_stands_on_nothing(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    picture = opened(face_picture.draw_logo(look(BLUE, logo(YELLOW, NOTHING, size)), 160, 50))
    assert (picture.size, picture.mode) == (expected, "RGBA")
    assert picture.getchannel("A").getextrema() == (0, 255)


def test_given_a_logo_that_needs_a_ground_when_drawn_for_apple_then_it_has_round_corners() -> None:
    image = logo((20, 25, 40, 255), NOTHING, (60, 60))
    picture = opened(face_picture.draw_logo(look(DARK, image), 160, 50))
    assert picture.size == (50, 50)
    assert picture.getchannel("A").getpixel((0, 0)) == 0
    assert color_at(picture, 25, 3) == WHITE


@pytest.mark.parametrize("color", [DARK, BLUE, "#FDE68A", "#FFFFFF", "#808080"])
def test_given_no_logo_when_drawn_then_the_monogram_is_readable(color: str) -> None:
    chosen = look(color, None)
    for content in (face_picture.draw_icon(chosen, 87), face_picture.draw_round_logo(chosen, 87)):
        picture = opened(content)
        stem = max(contrast(color_at(picture, x, 43), color_at(picture, 2, 43)) for x in range(87))
        assert stem >= 4.5
    badge = opened(face_picture.draw_logo(chosen, 160, 50))
    assert badge.size == (50, 50)
    assert badge.getchannel("A").getpixel((0, 0)) == 0


@pytest.mark.parametrize("name", ["Bakery", "  bistro", "Éclair", "Ñandú", "7 Days", "\N{FIRE}Zoé"])
def test_given_a_name_when_its_letter_is_drawn_then_it_stands_in_the_middle(name: str) -> None:
    mark = letter_mark(name)
    assert mark is not None
    left, top, right, bottom = mark.getbbox() or (0, 0, 0, 0)
    assert abs(left + right - mark.width) <= 1
    assert abs(top + bottom - mark.height) <= 1


@pytest.mark.parametrize("name", ["Пекарня", "日本", "Øl", "", "\N{FIRE}"])
def test_given_a_letter_the_font_lacks_when_asked_then_none_rather_than_a_box(name: str) -> None:
    assert letter_mark(name) is None


def test_given_an_accent_when_the_letter_is_drawn_then_it_is_the_plain_one() -> None:
    plain, accented = letter_mark("Eclair"), letter_mark("éclair")
    assert plain is not None
    assert accented is not None
    assert plain.tobytes() == accented.tobytes()


def test_given_a_large_picture_when_drawn_as_a_banner_then_it_is_cut_around_its_middle() -> None:
    hero = Image.new("RGBA", (300, 400), YELLOW)
    hero.paste((30, 200, 30, 255), (0, 150, 300, 250))
    picture = opened(draw_banner(card_face(BLUE), hero, 375, 144))
    assert picture.size == (375, 144)
    middle, edge = (picture.convert("RGB").getpixel(at) for at in ((187, 72), (2, 1)))
    assert middle == pytest.approx((30, 200, 30), abs=8)  # 256 colours come close enough
    assert edge == pytest.approx(YELLOW[:3], abs=8)


def test_given_no_large_picture_when_drawn_as_a_banner_then_the_cards_colours() -> None:
    content = draw_banner(card_face(BLUE), None, 1125, 432)
    picture = opened(content)
    assert (picture.size, color_at(picture, 3, 0)) == ((1125, 432), BLUE.lower())
    assert len(content) <= 12_000
