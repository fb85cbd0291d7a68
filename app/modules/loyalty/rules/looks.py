"""How a card looks: colours that stay readable, and the grid its stamps stand in."""

from __future__ import annotations

from typing import Final, TypedDict

from app.core.color import MINIMUM_CONTRAST, WHITE, contrast, ink
from app.modules.loyalty.rules.rewards import rewards_available, stamps_until_reward

# Columns by target, so that rows come out even and no slot gets too small for a phone.
_COLUMNS: Final = {
    7: 4, 8: 4, 9: 5, 10: 5, 11: 6, 12: 6, 13: 7, 14: 7, 15: 5, 16: 8, 17: 6, 18: 6, 19: 7,
    20: 7, 21: 7, 22: 8, 23: 8, 24: 8, 25: 9, 26: 9, 27: 9, 31: 8, 32: 8, 33: 9, 34: 9, 35: 9,
    36: 9, 41: 9, 42: 9, 43: 9, 44: 9, 45: 9,
}  # fmt: skip
_MOST_COLUMNS: Final = 10
_STEPS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)


class CardFace(TypedDict):
    """The colours of a card: a gradient from `start` to `end`, and the `ink` of its text.

    All `#rrggbb`. `ink` has at least 4.5:1 on every part of the gradient; `shade` is white
    or black, whichever only raises that contrast where it is laid over.
    """

    start: str
    end: str
    ink: str
    shade: str


class StampSlot(TypedDict):
    """One place of the grid, counted from 1."""

    number: int
    is_filled: bool
    is_reward: bool


class StampGrid(TypedDict):
    """A card's stamps as it shows them: `filled` of `target`, in rows of `columns`.

    `rewards_ready` counts complete cards beyond what the grid shows; `missing` is the number
    of stamps until the next reward. `owed` is how far the balance is below zero.
    """

    columns: int
    slots: list[StampSlot]
    filled: int
    target: int
    missing: int
    rewards_ready: int
    owed: int


def card_face(color: str, secondary: str | None = None) -> CardFace:
    """Colours of a card that keep text readable (WCAG 2.2, 1.4.3: 4.5:1).

    `secondary` ends the gradient only where the text stays readable all the way; otherwise
    the colour itself, shaded away from the text.

    Raises:
        ValueError: not `#rrggbb`.

    Source: product rule "Looks", docs/rules.md.
    """
    text = ink(color)
    shade, other = ("#000000", WHITE) if text == WHITE else (WHITE, "#000000")
    wished = [secondary] if secondary else []
    # Black gets no blacker: then a hint of the other way, which still leaves contrast enough.
    ends = [*wished, mix(color, shade, 0.3), mix(color, other, 0.12)]
    usable = [end for end in ends if end != color.lower() and _is_readable(text, color, end)]
    end = usable[0] if usable else color.lower()
    return {"start": color.lower(), "end": end, "ink": text, "shade": shade}


def mix(one: str, other: str, share: float) -> str:
    """`one` with a `share` (0 to 1) of `other`, in sRGB as gradients are drawn."""
    pairs = ((int(one[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def stamp_grid(stamp_count: int, target: int) -> StampGrid:
    """The grid for a balance of `stamp_count` stamps at `target` stamps a reward.

    Complete cards stand above the grid as rewards; a card that is exactly full shows itself
    full. A balance below zero shows no stamp.
    """
    ready = rewards_available(stamp_count, target)
    shown = max(0, stamp_count) % target
    filled = target if ready and not shown else shown
    return {
        "columns": columns(target),
        "slots": [
            {"number": n, "is_filled": n <= filled, "is_reward": n == target}
            for n in range(1, target + 1)
        ],
        "filled": filled,
        "target": target,
        "missing": stamps_until_reward(stamp_count, target),
        "rewards_ready": ready,
        "owed": max(0, -stamp_count),
    }


def columns(target: int) -> int:
    """How many slots stand in a row of a card with `target` slots."""
    return target if target <= 6 else _COLUMNS.get(target, _MOST_COLUMNS)


def monogram(name: str) -> str:
    """What stands in for a logo: the first letter or digit of the name."""
    return next((char.upper() for char in name if char.isalnum()), "★")


def _is_readable(text: str, start: str, end: str) -> bool:
    return all(contrast(text, mix(start, end, step)) >= MINIMUM_CONTRAST for step in _STEPS)
