"""The vendors' own badges, where the operator has put them into a folder.

Both vendors want their badges on buttons and let nobody else hand them out, so none come with
the platform (docs/wallets/buttons.md).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.core.errors import NotFound
from app.modules.loyalty.config import get_loyalty_settings
from app.modules.loyalty.types import Provider

_NAME: Final = re.compile(r"(?:google|apple)-(?:en|fr|de|lb)\.(?P<kind>svg|png)")
_TYPES: Final = {"svg": "image/svg+xml", "png": "image/png"}
_FALLBACK: Final = "en"
_MOST_BYTES: Final = 500_000


@dataclass(frozen=True, slots=True)
class Artwork:
    """A badge as it is served."""

    content: bytes
    content_type: str


def artwork_name(provider: Provider, language: str) -> str | None:
    """The file for a button in `language`, else the English one, else None: our own button."""
    folder = get_loyalty_settings().wallet_buttons_dir
    if folder is None:
        return None
    names = (
        f"{provider.value}-{spoken}.{kind}" for spoken in (language, _FALLBACK) for kind in _TYPES
    )
    return next((name for name in names if (folder / name).is_file()), None)


def read_artwork(name: str) -> Artwork:
    """A badge by its name; only the eight names for each vendor lead anywhere.

    Raises:
        NotFound.
    """
    folder, match = get_loyalty_settings().wallet_buttons_dir, _NAME.fullmatch(name)
    if folder is None or match is None:
        raise NotFound
    return Artwork(_content(folder / name), _TYPES[match["kind"]])


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
    except OSError:
        raise NotFound from None
    if len(content) > _MOST_BYTES:
        raise NotFound
    return content
