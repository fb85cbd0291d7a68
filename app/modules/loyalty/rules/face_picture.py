"""The merchant's face on a pass: the logo, or the first letter of the name where there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageStat

from app.core.color import INK, WHITE, contrast
from app.modules.loyalty.rules import canvas, shapes
from app.modules.loyalty.rules.canvas import Mask
from app.modules.loyalty.rules.looks import CardFace

# Google cuts a logo to a circle: a square this large just fits into it.
_IN_CIRCLE: Final = 0.70
_IN_ICON: Final = 0.78
_CORNER: Final = 0.16
# Of a logo longer than this there would be nothing to see in a small square.
_LONGEST: Final = 3
# Less, and a logo is lost on what is behind it.
_LEAST_CONTRAST: Final = 1.8
# Steps of 256 by which a picture that was a JPEG once may waver.
_ALIKE: Final = 8


@dataclass(frozen=True, slots=True)
class FaceLook:
    """What a face is drawn with. `mark`: a square mask that stands in for a logo."""

    face: CardFace
    logo: Image.Image | None
    mark: Mask


def draw_icon(look: FaceLook, edge: int) -> bytes:
    """A square PNG, as the lock screen shows it."""
    if look.logo is None or max(look.logo.size) > _LONGEST * min(look.logo.size):
        return _marked(look, edge, edge)
    return _squared(look, look.logo, edge, 1.0 if _is_opaque(look.logo) else _IN_ICON)


def draw_round_logo(look: FaceLook, edge: int) -> bytes:
    """A square PNG of which a circle is seen."""
    if look.logo is None:
        return _marked(look, edge, round(edge * _IN_CIRCLE * 1.2))
    return _squared(look, look.logo, edge, _IN_CIRCLE)


def draw_logo(look: FaceLook, width: int, height: int) -> bytes:
    """A PNG on nothing, at most `width` by `height`, to stand on the card's colour."""
    if look.logo is None:
        badge = canvas.without(
            shapes.disc(height, height / 2), canvas.centred(look.mark, height, height)
        )
        drawn = Image.new("RGBA", (height, height), look.face["ink"])
        drawn.putalpha(badge)
        return canvas.png(drawn)
    behind = plate(look.logo, look.face)
    is_plain = behind == look.face["start"]
    margin = 0 if is_plain or _is_opaque(look.logo) else round(height * 0.1)
    logo = _fitted(look.logo, width - 2 * margin, height - 2 * margin)
    if is_plain and not _is_opaque(look.logo):
        return canvas.png(logo)
    drawn = Image.new("RGBA", (logo.width + 2 * margin, logo.height + 2 * margin), behind)
    drawn.alpha_composite(logo, (margin, margin))
    drawn.putalpha(shapes.rounded(*drawn.size, _CORNER * min(drawn.size)))
    return canvas.png(drawn)


def plate(logo: Image.Image, face: CardFace) -> str:
    """The colour behind a logo: its own, or the card's, or white or dark where it would be lost."""
    if _is_opaque(logo):
        return _own_ground(logo) or face["start"]
    alpha = logo.getchannel("A")
    if alpha.getbbox() is None:
        return face["start"]
    shown = canvas.hex_of(ImageStat.Stat(logo.convert("RGB"), alpha).mean)
    if contrast(shown, face["start"]) >= _LEAST_CONTRAST:
        return face["start"]
    return max((WHITE, INK), key=lambda color: contrast(shown, color))


def _marked(look: FaceLook, edge: int, mark_edge: int) -> bytes:
    mark = canvas.centred(look.mark, edge, mark_edge)
    return canvas.png(canvas.inked(canvas.ground(look.face, edge, edge), look.face["ink"], mark))


def _squared(look: FaceLook, logo: Image.Image, edge: int, share: float) -> bytes:
    drawn = Image.new("RGBA", (edge, edge), plate(logo, look.face))
    fitted = _fitted(logo, round(edge * share), round(edge * share))
    drawn.alpha_composite(fitted, ((edge - fitted.width) // 2, (edge - fitted.height) // 2))
    return canvas.png(drawn.convert("RGB"))


def _fitted(logo: Image.Image, width: int, height: int) -> Image.Image:
    scale = min(width / logo.width, height / logo.height)
    size = (max(1, round(logo.width * scale)), max(1, round(logo.height * scale)))
    return logo.resize(size, Image.Resampling.LANCZOS)


def _own_ground(logo: Image.Image) -> str | None:
    """The colour of its corners, where all four are alike."""
    right, bottom = logo.width - 1, logo.height - 1
    places = ((x, y, x + 1, y + 1) for x in (0, right) for y in (0, bottom))
    corners = [logo.crop(place).convert("RGB").tobytes() for place in places]
    is_even = all(max(parts) - min(parts) <= _ALIKE for parts in zip(*corners, strict=True))
    return canvas.hex_of(corners[0]) if is_even else None


def _is_opaque(logo: Image.Image) -> bool:
    lowest, _ = logo.getchannel("A").getextrema()
    return lowest == 255
