"""The icons a stamp can be, as masks that the front-end's build leaves beside its files."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from PIL import Image

_DIRECTORY: Final = Path(__file__).parents[3] / "static" / "stamps"


class IconsMissing(RuntimeError):
    """The front-end was not built, so there is nothing to draw stamps with."""


@cache
def stamp_icon(name: str) -> Image.Image:
    """The icon as a mask. Not to be changed by who gets it.

    Raises:
        IconsMissing: run `make build`.
    """
    try:
        with Image.open(_DIRECTORY / f"{name}.png", formats=("PNG",)) as icon:
            return icon.getchannel("A")
    except FileNotFoundError:
        raise IconsMissing(f"There is no stamp icon {name!r}: run `make build`.") from None
