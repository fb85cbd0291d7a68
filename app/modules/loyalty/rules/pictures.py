"""Pictures that a merchant sends, drawn anew: only what is seen survives.

Nothing of what was sent is kept as it was, so no script, no hidden text, no place where a
photograph was taken.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from typing import Final

from PIL import Image, ImageOps

from app.modules.loyalty.errors import ImageRejected

MAXIMUM_BYTES: Final = 1_000_000
MAXIMUM_PIXELS: Final = 4_000_000
# Which kind it is says the content, never the name.
_FORMATS: Final = ("PNG", "JPEG", "GIF", "WEBP")
_JPEG_QUALITY: Final = 85
# What Pillow raises on files that are broken, or made to break it.
_BROKEN: Final = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError,
    AttributeError, NotImplementedError, MemoryError, struct.error, zlib.error,
    Image.DecompressionBombError,
)  # fmt: skip
# The number of pixels is checked by us, before anything is unpacked.
Image.MAX_IMAGE_PIXELS = None


class PictureKind(StrEnum):
    """Where a picture stands on the card."""

    LOGO = "logo"
    HERO = "hero"


# The longer side, in pixels: sharp on any phone, and as large as phone wallets take.
LONGEST_SIDE: Final = {PictureKind.LOGO: 660, PictureKind.HERO: 1200}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as we serve it: PNG or JPEG, upright, without anything but its pixels."""

    content: bytes
    content_type: str
    width: int
    height: int


def redraw(content: bytes, kind: PictureKind) -> Picture:
    """The picture in `content` (PNG, JPEG, GIF or WebP; the first one of a film), drawn anew.

    Raises:
        ImageRejected: it is none of them, is broken, or has too many pixels.

    Source: product rule "Pictures", docs/rules.md.
    """
    try:
        # Opening reads the size and nothing of the picture itself.
        with Image.open(BytesIO(content), formats=_FORMATS) as sent:
            if sent.width * sent.height > MAXIMUM_PIXELS:
                raise _rejected()
            drawn = _drawn(sent)
            drawn.thumbnail((LONGEST_SIDE[kind], LONGEST_SIDE[kind]))
            return _encoded(drawn, kind)
    except _BROKEN:
        raise _rejected() from None


def _drawn(sent: Image.Image) -> Image.Image:
    upright = ImageOps.exif_transpose(sent)
    if upright.mode == "I;16":  # greys of 65,536 steps: a plain conversion makes them white
        upright = upright.convert("I").point(lambda grey: grey / 256).convert("L")
    mode = "RGBA" if upright.has_transparency_data else "RGB"
    drawn = upright.convert(mode)
    drawn.info = {}  # else comments and colour profiles would be written again
    return drawn


def _encoded(drawn: Image.Image, kind: PictureKind) -> Picture:
    as_png = kind is PictureKind.LOGO or drawn.mode == "RGBA"
    file = BytesIO()
    if as_png:
        drawn.save(file, "PNG", optimize=True)
    else:
        drawn.save(file, "JPEG", quality=_JPEG_QUALITY, optimize=True, progressive=True)
    content_type = "image/png" if as_png else "image/jpeg"
    return Picture(file.getvalue(), content_type, drawn.width, drawn.height)


def _rejected() -> ImageRejected:
    return ImageRejected(maximum_bytes=MAXIMUM_BYTES, maximum_pixels=MAXIMUM_PIXELS)
