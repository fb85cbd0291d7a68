"""What all pictures on passes are drawn on and with: grounds, masks, and the bytes in the end.

A picture is a ground in the card's colours on which ink lies as a mask: 255 is ink, 0 nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Final

from PIL import Image, ImageChops

from app.core.color import contrast
from app.modules.loyalty.rules.looks import CardFace, mix

# A little above 3:1 (WCAG 2.2, 1.4.11), since rounding to 256 steps takes some away.
_SEEN: Final = 3.1
_STEPS: Final = 40
Mask = Image.Image


def ground(face: CardFace, width: int, height: int) -> Image.Image:
    """The card's gradient from top to bottom: at the top it is one with the pass around it."""
    column = Image.new("RGB", (1, height))
    for y in range(height):
        column.putpixel((0, y), rgb(mix(face["start"], face["end"], y / max(1, height - 1))))
    return column.resize((width, height), Image.Resampling.NEAREST)


def blank(width: int, height: int) -> Mask:
    """A mask without ink."""
    return Image.new("L", (width, height))


def inked(base: Image.Image, ink: str, mask: Mask) -> Image.Image:
    """The ground with ink where the mask says."""
    return Image.composite(Image.new("RGB", base.size, ink), base, mask)


def faint(face: CardFace) -> int:
    """The weakest ink that is still seen everywhere on the ground (3:1), as a mask's value."""
    ends = (face["start"], face["end"])
    for step in range(_STEPS // 4, _STEPS):
        share = step / _STEPS
        if all(contrast(mix(end, face["ink"], share), end) >= _SEEN for end in ends):
            return round(255 * share)
    return 255


def centred(mark: Mask, size: int, edge: float) -> Mask:
    """A square mark at `edge` pixels in the middle of a square mask."""
    fitted = mark.resize((max(1, round(edge)),) * 2, Image.Resampling.LANCZOS)
    mask = blank(size, size)
    mask.paste(fitted, ((size - fitted.width) // 2,) * 2)
    return mask


def without(mask: Mask, hole: Mask) -> Mask:
    """The mask with a hole of another's shape."""
    return ImageChops.subtract(mask, hole)


def both(one: Mask, other: Mask) -> Mask:
    """Ink where either has it."""
    return ImageChops.lighter(one, other)


def weaker(mask: Mask, value: int) -> Mask:
    """The mask with `value` in place of full ink."""
    return ImageChops.multiply(mask, Image.new("L", mask.size, value))


def rgb(color: str) -> tuple[int, int, int]:
    """Red, green and blue (0 to 255) of `#rrggbb`."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def hex_of(color: Sequence[float]) -> str:
    """`#rrggbb` of red, green and blue (0 to 255); what follows them does not count."""
    return "#" + "".join(f"{round(part):02x}" for part in color[:3])


def on(face: CardFace, picture: Image.Image) -> Image.Image:
    """A picture (RGBA) on the card's ground, where it lets something through."""
    base = ground(face, *picture.size)
    base.paste(picture, mask=picture.getchannel("A"))
    return base


def png(picture: Image.Image) -> bytes:
    """The picture as PNG, small, with nothing in it but pixels; the same each time."""
    file = BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()
