"""The wide picture on a pass without stamps: the merchant's own, or the card's colours."""

from __future__ import annotations

from typing import Final

from PIL import Image, ImageOps

from app.modules.loyalty.rules import canvas, shapes
from app.modules.loyalty.rules.looks import CardFace

# Discs of a breath of ink around the upper right: radius as a share of the height, and strength.
_DISCS: Final = ((1.0, 10), (0.62, 20))
_MIDDLE: Final = (-0.1, 0.08)


def draw_banner(face: CardFace, hero: Image.Image | None, width: int, height: int) -> bytes:
    """A PNG of the picture, cut to `width` by `height` around its middle, or of calm colours."""
    if hero is not None:
        cut = ImageOps.fit(hero, (width, height), Image.Resampling.LANCZOS)
        return canvas.png(_few_colours(canvas.on(face, cut)))
    mask = canvas.blank(width, height)
    for radius, strength in _DISCS:
        size = round(2 * radius * height)
        x, y = round(width + _MIDDLE[0] * height), round(_MIDDLE[1] * height)
        mask.paste(strength, (x - size // 2, y - size // 2), shapes.disc(size, size / 2))
    return canvas.png(canvas.inked(canvas.ground(face, width, height), face["ink"], mask))


def _few_colours(picture: Image.Image) -> Image.Image:
    """A photograph in 256 colours: it is part of each pass, and wallets take no JPEG."""
    palette = picture.quantize(256)
    return picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
