"""Pictures drawn anew: what is seen survives, and nothing else."""

from __future__ import annotations

import random
import resource
import time
from typing import Any

import pytest
from PIL import Image

from app.modules.loyalty.errors import ImageRejected
from app.modules.loyalty.rules.pictures import MAXIMUM_PIXELS, PictureKind, redraw
from tests.pictures import (
    BLUE,
    FILES,
    PLACE,
    RED,
    SCRIPT,
    encoded,
    film,
    opened,
    photograph,
    picture,
    polyglot,
)

LOGO, HERO = PictureKind.LOGO, PictureKind.HERO


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "GIF", "WEBP"])
def test_given_a_picture_when_drawn_as_a_logo_then_a_png_of_the_same_colour(
    file_format: str,
) -> None:
    drawn = redraw(picture(file_format), LOGO)
    assert (drawn.content_type, drawn.width, drawn.height) == ("image/png", 40, 30)
    seen = opened(drawn.content)
    assert (seen.format, seen.size) == ("PNG", (40, 30))
    color = seen.getpixel((20, 15))
    assert isinstance(color, tuple)
    assert all(abs(one - other) < 8 for one, other in zip(color, RED, strict=False))


@pytest.mark.parametrize(
    ("mode", "color", "content_type"),
    [
        ("RGB", RED, "image/jpeg"), ("L", 90, "image/jpeg"), ("1", 1, "image/jpeg"),
        ("I;16", 40_000, "image/jpeg"), ("RGBA", (*RED, 90), "image/png"),
        ("LA", (9, 90), "image/png"),
    ],
)  # fmt: skip
def test_given_a_large_picture_when_drawn_then_a_photograph_unless_it_is_transparent(
    mode: str, color: Any, content_type: str
) -> None:
    drawn = redraw(picture(mode=mode, color=color), HERO)
    assert drawn.content_type == content_type
    assert opened(drawn.content).mode == ("RGBA" if content_type == "image/png" else "RGB")


def test_given_sixteen_bits_of_grey_when_drawn_then_as_grey_as_before() -> None:
    seen = opened(redraw(picture(mode="I;16", color=40_000), LOGO).content)
    assert seen.getpixel((1, 1)) == (156, 156, 156)


@pytest.mark.parametrize(
    ("kind", "size", "expected"),
    [
        (LOGO, (660, 660), (660, 660)), (LOGO, (1320, 660), (660, 330)),
        (LOGO, (1, 1), (1, 1)), (HERO, (2000, 500), (1200, 300)), (HERO, (300, 2000), (180, 1200)),
    ],
)  # fmt: skip
def test_given_a_size_when_drawn_then_it_fits_and_keeps_its_shape(
    kind: PictureKind, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    drawn = redraw(picture(size=size), kind)
    assert (drawn.width, drawn.height) == expected == opened(drawn.content).size


@pytest.mark.parametrize(
    ("size", "is_taken"), [((2000, 2000), True), ((2000, 2001), False), ((4_000_001, 1), False)]
)
def test_given_four_million_pixels_when_there_is_one_more_then_refused(
    size: tuple[int, int], is_taken: bool
) -> None:
    sent = picture(mode="1", size=size, color=1)
    if is_taken:
        assert redraw(sent, LOGO).width == 660
        return
    with pytest.raises(ImageRejected) as refused:
        redraw(sent, LOGO)
    assert refused.value.params["maximum_pixels"] == MAXIMUM_PIXELS


def test_c71_given_a_picture_that_unpacks_to_gigabytes_when_drawn_then_refused_at_once() -> None:
    sent = (FILES / "logo-bomb.png").read_bytes()
    before, began = _memory_mb(), time.perf_counter()
    with pytest.raises(ImageRejected):
        redraw(sent, LOGO)
    assert time.perf_counter() - began < 1
    assert _memory_mb() - before < 100


@pytest.mark.parametrize(
    "sent",
    [
        b"", b"GIF89a", SCRIPT, (FILES / "logo-script.svg").read_bytes(), picture("BMP"),
        picture("TIFF"), picture()[:-40], picture("JPEG")[:200], b"%PDF-1.7", b"\x89PNG\r\n\x1a\n",
    ],
    ids=["empty", "head", "script", "svg", "bmp", "tiff", "half_png", "half_jpeg", "pdf", "mark"],
)  # fmt: skip
def test_c71_given_no_picture_that_we_draw_when_sent_then_refused(sent: bytes) -> None:
    with pytest.raises(ImageRejected):
        redraw(sent, LOGO)


def test_c71_given_a_film_when_drawn_then_its_first_picture_alone() -> None:
    seen = opened(redraw(film(), LOGO).content)
    assert getattr(seen, "n_frames", 1) == 1
    assert seen.getpixel((5, 5)) == RED


@pytest.mark.parametrize("kind", PictureKind)
def test_c71_given_a_photograph_when_drawn_then_upright_and_without_its_place(
    kind: PictureKind,
) -> None:
    assert PLACE.encode() in photograph()
    drawn = redraw(photograph(), kind)
    seen = opened(drawn.content)
    assert seen.size == (40, 60)
    for point, color in (((20, 5), RED), ((20, 55), BLUE)):
        there = seen.getpixel(point)
        assert isinstance(there, tuple)
        assert all(abs(one - other) < 20 for one, other in zip(there, color, strict=True))
    assert PLACE.encode() not in drawn.content
    assert not seen.getexif()
    assert {"icc_profile", "comment", "exif"}.isdisjoint(seen.info)


def test_c71_given_a_picture_with_a_script_behind_its_end_when_drawn_then_the_script_is_gone() -> (
    None
):
    assert SCRIPT in polyglot()
    assert SCRIPT not in redraw(polyglot(), LOGO).content


@pytest.mark.filterwarnings("ignore::UserWarning:PIL", "ignore::DeprecationWarning:PIL")
def test_given_broken_pictures_when_drawn_then_either_drawn_or_refused() -> None:
    chance = random.Random(71)
    noise = Image.effect_noise((60, 40), 50)
    samples = [
        encoded(noise.convert(mode), file_format)
        for file_format, mode in (("PNG", "RGBA"), ("PNG", "P"), ("JPEG", "CMYK"), ("GIF", "L"))
    ] + [photograph(), film(), picture("WEBP")]
    drawn = 0
    for _ in range(3000):
        sent = bytearray(chance.choice(samples))
        for _ in range(chance.randint(1, 5)):
            place = int(len(sent) * chance.random() ** 2)
            sent[place : place + 1] = chance.randbytes(chance.randint(0, 2))
        try:
            redraw(bytes(sent), chance.choice(list(PictureKind)))
            drawn += 1
        except ImageRejected:
            continue
    assert 0 < drawn < 3000


def _memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
