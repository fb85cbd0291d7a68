"""The first letter of a merchant's name, drawn, for passes of merchants without a logo."""

from __future__ import annotations

import unicodedata
from typing import Final

from PIL import ImageDraw, ImageFont

from app.modules.loyalty.rules import canvas
from app.modules.loyalty.rules.canvas import Mask
from app.modules.loyalty.rules.looks import monogram

# The letter's height as a share of the mark's.
_HEIGHT: Final = 0.46
_PIXELS: Final = 400
# The font that comes with Pillow (Aileron, CC0) is a little thin for this.
_BOLDER: Final = 0.022


def letter_mark(name: str) -> Mask | None:
    """The first letter or digit of a name as a square mask; None where it is none of A-Z, 0-9."""
    letter = unicodedata.normalize("NFKD", monogram(name))[0]
    if not (letter.isascii() and letter.isalnum()):
        return None
    size = _PIXELS
    mask = canvas.blank(2 * size, 2 * size)
    font = ImageFont.load_default(size)
    ImageDraw.Draw(mask).text(
        (size, size), letter, fill=255, font=font, anchor="mm", stroke_width=size * _BOLDER
    )
    shown = mask.crop(mask.getbbox())
    edge = round(shown.height / _HEIGHT)
    mark = canvas.blank(edge, edge)
    mark.paste(shown, ((edge - shown.width) // 2, (edge - shown.height) // 2))
    return mark
