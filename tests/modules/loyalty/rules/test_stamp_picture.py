"""The row of stamps as a picture: what is drawn, measured on its pixels."""

from __future__ import annotations

import math

import pytest
from PIL import Image, ImageChops

from app.core.color import contrast
from app.modules.loyalty.rules.canvas import hex_of
from app.modules.loyalty.rules.looks import card_face
from app.modules.loyalty.rules.stamp_picture import StampLook, draw_row, layout
from app.modules.loyalty.schemas.program import StampIcon
from app.modules.loyalty.services.stamp_icons import stamp_icon
from app.modules.loyalty.types.pictures import APPLE_STRIPS, PictureSize
from tests.pictures import opened

STRIP, HERO = PictureSize.STRIP_1X, PictureSize.GOOGLE_HERO
ROWS = (*APPLE_STRIPS, HERO)
COLORS = ["#4F46E5", "#FDE68A", "#111827", "#FFFFFF", "#808080", "#FF0000"]


def look(color: str = "#4F46E5", icon: str = "coffee", secondary: str | None = None) -> StampLook:
    return StampLook(card_face(color, secondary), stamp_icon(icon), stamp_icon("gift"))


def drawn(
    drawn_with: StampLook,
    filled: int,
    target: int,
    size: PictureSize = STRIP,
    is_ready: bool = False,
) -> bytes:
    return draw_row(
        drawn_with,
        filled=filled,
        target=target,
        is_ready=is_ready,
        width=size.width,
        height=size.height,
    )


def color_at(picture: Image.Image, x: float, y: float) -> str:
    place = (round(x), round(y), round(x) + 1, round(y) + 1)
    return hex_of(picture.crop(place).convert("RGB").tobytes())


def counted(picture: Image.Image, target: int, ink: str) -> int:
    """How many slots are full of ink between their icon and their rim."""
    slots, diameter = layout(target, *picture.size)
    return sum(color_at(picture, x, y - 0.37 * diameter) == ink for x, y in slots)


@pytest.mark.parametrize("target", [2, 5, 10, 12, 23, 50])
@pytest.mark.parametrize("color", ["#4F46E5", "#FDE68A"])
def test_given_any_count_when_drawn_then_so_many_slots_are_filled(target: int, color: str) -> None:
    chosen = look(color)
    for filled in {0, 1, target // 2, target - 1, target}:
        picture = opened(drawn(chosen, filled, target, is_ready=filled == target))
        assert counted(picture, target, chosen.face["ink"]) == filled


@pytest.mark.parametrize("size", ROWS)
def test_given_any_size_when_drawn_then_it_has_its_pixels_and_is_small(size: PictureSize) -> None:
    content = drawn(look(secondary="#7a2e2e"), 6, 10, size)
    picture = opened(content)
    assert (picture.format, picture.size, picture.info) == ("PNG", (size.width, size.height), {})
    assert len(content) <= (12_000 if size is STRIP else 60_000)
    assert counted(picture, 10, "#ffffff") == 6


@pytest.mark.parametrize("target", range(2, 51))
@pytest.mark.parametrize("size", [STRIP, HERO])
def test_given_any_target_when_laid_out_then_slots_are_apart_and_off_the_edges(
    target: int, size: PictureSize
) -> None:
    slots, diameter = layout(target, size.width, size.height)
    assert len(slots) == target
    assert diameter >= size.height * 22 / 144  # a stamp can be told at an arm's length
    half = diameter / 2
    for n, (x, y) in enumerate(slots):
        assert size.width * 0.03 <= x - half < x + half <= size.width * 0.97
        assert size.height * 0.07 <= y - half < y + half <= size.height * 0.93
        assert all(math.dist((x, y), other) > diameter * 1.1 for other in slots[:n])


@pytest.mark.parametrize("color", COLORS)
@pytest.mark.parametrize("target", [5, 50])
def test_given_any_colour_when_drawn_then_each_kind_of_slot_is_seen(
    color: str, target: int
) -> None:
    """WCAG 2.2, 1.4.11: 3:1 for what must be seen; 4.5:1 where it is filled."""
    picture = opened(drawn(look(color), 1, target))
    slots, diameter = layout(target, *picture.size)
    most = []
    for x, y in (slots[0], slots[1], slots[-1]):
        across = range(round(x - diameter * 0.55), round(x + diameter * 0.55))
        ground = color_at(picture, 0, y)
        most.append(max(contrast(color_at(picture, at, y), ground) for at in across))
    filled, empty, reward = most
    assert filled >= 4.5
    assert empty >= 3
    assert reward >= 4.5
    assert color.upper() in ("#808080", "#FF0000") or empty < filled * 0.8


@pytest.mark.parametrize("icon", StampIcon)
def test_given_any_icon_when_drawn_then_the_stamp_bears_it(icon: StampIcon) -> None:
    one = opened(drawn(look(icon=icon), 1, 2))
    [(x, y), _], diameter = layout(2, *one.size)
    half = round(diameter * 0.3)
    stamp = one.crop((x - half, y - half, x + half, y + half)).convert("L").point(lambda v: v < 160)
    share = sum(stamp.tobytes()) / (2 * half) ** 2
    assert 0.15 < share < 0.6  # of the stamp's middle shows the card's colour


def test_given_the_same_row_when_drawn_twice_then_the_same_bytes() -> None:
    assert drawn(look(), 3, 10) == drawn(look(), 3, 10)


def test_given_what_is_drawn_differs_when_drawn_then_the_picture_does() -> None:
    rows = [
        drawn(look(), 3, 10),
        drawn(look(), 4, 10),
        drawn(look(), 3, 11),
        drawn(look(), 3, 10, is_ready=True),
        drawn(look(icon="beer"), 3, 10),
        drawn(look("#4F46E4"), 3, 10),
        drawn(look(secondary="#7a2e2e"), 3, 10),
    ]
    assert len(set(rows)) == len(rows)


def test_given_a_reward_that_waits_when_drawn_then_only_its_slot_differs() -> None:
    plain, ready = (opened(drawn(look(), 3, 10, is_ready=it)) for it in (False, True))
    slots, diameter = layout(10, *plain.size)
    x, y = slots[-1]
    around = [
        (x - diameter * 0.65, y - diameter * 0.65),
        (x + diameter * 0.65, y + diameter * 0.65),
    ]
    [(left, top), (right, bottom)] = around
    differs = ImageChops.difference(plain.convert("RGB"), ready.convert("RGB")).getbbox()
    assert differs is not None
    assert left <= differs[0] < differs[2] <= right
    assert top <= differs[1] < differs[3] <= bottom


def test_given_the_top_of_a_strip_when_drawn_then_it_is_one_with_the_pass_around_it() -> None:
    picture = opened(drawn(look("#4F46E5", secondary="#7a2e2e"), 3, 10))
    assert color_at(picture, 5, 0) == "#4f46e5"
    assert color_at(picture, 5, picture.height - 1) == "#7a2e2e"
