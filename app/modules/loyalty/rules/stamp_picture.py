"""The row of stamps as a picture, as wallets show it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

from app.modules.loyalty.rules import canvas, shapes
from app.modules.loyalty.rules.canvas import Mask
from app.modules.loyalty.rules.looks import CardFace

# Phones crop a strip to their own shape: what matters keeps this far from the edges.
_USED_WIDTH: Final = 0.91
_USED_HEIGHT: Final = 0.80
# Of two slots that would fill the picture, the row looks better.
_LARGEST_CELL: Final = 0.52
_WIDEST_PITCH: Final = 1.28
_DIAMETER: Final = 0.84
_ICON: Final = 0.60
_TILE: Final = 1.25
_THINNEST: Final = 1.4 / 144
# From the badge's middle, as shares of a slot's diameter.
_TICK: Final = ((-0.09, 0.0), (-0.025, 0.065), (0.09, -0.06))


@dataclass(frozen=True, slots=True)
class StampLook:
    """What a row of stamps is drawn with. Icons are square masks."""

    face: CardFace
    icon: Mask
    gift: Mask


class Slot(NamedTuple):
    """Where the middle of a slot lies, in pixels."""

    x: int
    y: int


def draw_row(
    look: StampLook, *, filled: int, target: int, is_ready: bool, width: int, height: int
) -> bytes:
    """A PNG of `target` slots of which `filled` bear the stamp; the last one is the reward.

    `is_ready`: a reward can be had, and the reward's slot says so.

    Source: product rule "Passes", docs/rules.md.
    """
    slots, diameter = layout(target, width, height)
    stroke = max(1.5, height * _THINNEST, diameter * 0.045)
    stamp = _with_hole(look.icon, diameter)
    empty = canvas.weaker(_ring(diameter, stroke), canvas.faint(look.face))
    last = _reward(look, diameter, stroke, is_filled=filled >= target, is_ready=is_ready)
    mask = canvas.blank(width, height)
    for number, (x, y) in enumerate(slots, start=1):
        tile = last if number == target else stamp if number <= filled else empty
        mask.paste(tile, (x - tile.width // 2, y - tile.height // 2))
    return canvas.png(canvas.inked(canvas.ground(look.face, width, height), look.face["ink"], mask))


def layout(target: int, width: int, height: int) -> tuple[list[Slot], int]:
    """Where the slots stand, row by row, and their diameter: as large as the picture allows."""
    room_x, room_y = width * _USED_WIDTH, height * _USED_HEIGHT

    def cell_of(rows: int) -> float:
        return min(room_x / math.ceil(target / rows), room_y / rows, height * _LARGEST_CELL)

    rows = max(range(1, target + 1), key=lambda rows: (cell_of(rows), -rows))
    cell = cell_of(rows)
    pitch = min(room_x / math.ceil(target / rows), cell * _WIDEST_PITCH)
    slots = []
    for row in range(rows):
        count = target // rows + (row < target % rows)
        y = height / 2 + (row - (rows - 1) / 2) * cell
        slots += [
            Slot(round(width / 2 + (n - (count - 1) / 2) * pitch), round(y)) for n in range(count)
        ]
    return slots, round(cell * _DIAMETER)


def _reward(
    look: StampLook, diameter: int, stroke: float, *, is_filled: bool, is_ready: bool
) -> Mask:
    if is_filled:
        slot = _with_hole(look.gift, diameter)
    else:
        ring = _ring(diameter, stroke)
        slot = canvas.both(ring, canvas.centred(look.gift, ring.width, diameter * _ICON))
    return _badged(slot, diameter) if is_ready else slot


def _with_hole(icon: Mask, diameter: int) -> Mask:
    disc = shapes.disc(round(diameter * _TILE), diameter / 2)
    return canvas.without(disc, canvas.centred(icon, disc.width, diameter * _ICON))


def _ring(diameter: int, stroke: float) -> Mask:
    return shapes.disc(round(diameter * _TILE), diameter / 2, hole=diameter / 2 - stroke)


def _badged(slot: Mask, diameter: int) -> Mask:
    """With a tick at the upper right, set off by a gap."""
    size, x, y = slot.width, diameter * 0.36, -diameter * 0.36
    apart = canvas.without(slot, shapes.disc(size, diameter * 0.25, at=(x, y)))
    tick = [(x + diameter * right, y + diameter * down) for right, down in _TICK]
    badge = shapes.disc(size, diameter * 0.2, at=(x, y))
    return canvas.both(apart, canvas.without(badge, shapes.line(size, tick, diameter * 0.05)))
