"""A pass's words as Apple's `pass.strings`: one table per language, by key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.modules.loyalty.rules.pass_view import PassView
from app.modules.loyalty.wallets.texts import PassTexts, near_store

# The placeholder that a phone fills with the field's new value; any other percent sign of the
# sentence could be read as one, so it is written as its full-width sister.
VALUE: Final = "%@"
_PERCENT: Final = str.maketrans({"%": "\uff05"})
_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": None, "\0": None})
MOST_PLACES: Final = 10


def label(key: str) -> str:
    """The key under which a label stands; nobody types such a word."""
    return f"L_{key.upper()}"


def value(key: str) -> str:
    """The key under which a sentence stands."""
    return f"V_{key.upper()}"


def change(unit: str) -> str:
    """The key of what the lock screen says when `unit` has changed."""
    return f"C_{unit.upper()}"


def near(number: int) -> str:
    """The key of what the lock screen says near the shop with this number."""
    return f"N_{number}"


def places(view: PassView) -> list[tuple[str, float, float]]:
    """Name, latitude and longitude (degrees) of the shops that a pass may know: at most ten."""
    found = [
        (store.name, store.latitude_e6 / 1e6, store.longitude_e6 / 1e6)
        for store in view.design.stores
        if store.latitude_e6 is not None and store.longitude_e6 is not None
    ]
    return [] if view.ended else found[:MOST_PLACES]


def table(view: PassView, texts: PassTexts) -> dict[str, str]:
    """All texts of a pass in the language of `texts`, by key."""
    rows = {label(key): text for key, text in texts.labels.items()}
    held = {"stamps": (view.grid, texts.stamps_rest), "points": (view.points, texts.points_rest)}
    for unit, (holding, rest) in held.items():
        if holding is not None:
            rows[value(f"{unit}_rest")] = rest
            rows[change(unit)] = _announcement(texts.labels[unit], rest)
    rows[value("notice")] = texts.notice
    for number, (name, _latitude, _longitude) in enumerate(places(view)):
        rows[near(number)] = near_store(view, name, texts.language)
    return {key: text for key, text in rows.items() if text}


def written(rows: Mapping[str, str]) -> bytes:
    """A table as a file: `"key" = "text";`, UTF-8.

    It must begin with a quotation mark, by which readers tell UTF-8 from UTF-16.
    """
    lines = (f'"{key}" = "{text.translate(_ESCAPES)}";\n' for key, text in rows.items())
    return "".join(lines).encode("utf-8", "replace")


def _announcement(unit: str, rest: str) -> str:
    """Apple, Wallet Passes, "changeMessage": it must hold the placeholder.

    Source: product rule "Passes", docs/rules.md.
    """
    return f"{VALUE} · {(rest or unit).translate(_PERCENT)}"
