"""Shapes as masks: drawn several times larger and then reduced, which makes their edges smooth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PIL import ImageDraw

from app.modules.loyalty.rules.canvas import Mask, blank

_FINER: Final = 4


def disc(size: int, radius: float, *, hole: float = 0, at: tuple[float, float] = (0, 0)) -> Mask:
    """A disc on a square mask, or a ring when it has a hole. Lengths are pixels from the middle."""
    mask = blank(size * _FINER, size * _FINER)
    draw = ImageDraw.Draw(mask)
    for r, value in ((radius, 255), (hole, 0)):
        if r > 0:
            x, y = (_FINER * (size / 2 + offset) for offset in at)
            draw.ellipse(
                (x - r * _FINER, y - r * _FINER, x + r * _FINER - 1, y + r * _FINER - 1), fill=value
            )
    return mask.reduce(_FINER)


def line(size: int, points: Sequence[tuple[float, float]], width: float) -> Mask:
    """A line through points given from the middle of a square mask, with round joints and ends."""
    mask = blank(size * _FINER, size * _FINER)
    draw = ImageDraw.Draw(mask)
    fine = [(_FINER * (size / 2 + x), _FINER * (size / 2 + y)) for x, y in points]
    draw.line(fine, fill=255, width=round(width * _FINER), joint="curve")
    r = width * _FINER / 2
    for x, y in (fine[0], fine[-1]):
        draw.ellipse((x - r, y - r, x + r, y + r), fill=255)
    return mask.reduce(_FINER)


def rounded(width: int, height: int, radius: float) -> Mask:
    """A rectangle that fills the mask, with round corners."""
    mask = blank(width * _FINER, height * _FINER)
    edges = (0, 0, mask.width - 1, mask.height - 1)
    ImageDraw.Draw(mask).rounded_rectangle(edges, radius * _FINER, fill=255)
    return mask.reduce(_FINER)
