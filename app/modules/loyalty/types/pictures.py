"""The pictures of a pass, by the names that Apple's package gives them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class PictureSize(StrEnum):
    """A picture's place on a pass and how fine it is, such as `strip@2x` (`strip@2x.png`).

    Source: Apple, Human Interface Guidelines: Wallet; Google Wallet, Loyalty: Brand guidelines.
    """

    ICON_1X = "icon"
    ICON_2X = "icon@2x"
    ICON_3X = "icon@3x"
    LOGO_1X = "logo"
    LOGO_2X = "logo@2x"
    LOGO_3X = "logo@3x"
    STRIP_1X = "strip"
    STRIP_2X = "strip@2x"
    STRIP_3X = "strip@3x"
    GOOGLE_HERO = "hero"
    GOOGLE_LOGO = "round-logo"

    @property
    def width(self) -> int:
        """In pixels. A `logo` may be narrower."""
        return _PIXELS[self][0]

    @property
    def height(self) -> int:
        """In pixels."""
        return _PIXELS[self][1]


# How the names of such pictures begin.
PICTURE_PREFIX: Final = "pass-"
_PIXELS: Final = {
    PictureSize.ICON_1X: (29, 29),
    PictureSize.ICON_2X: (58, 58),
    PictureSize.ICON_3X: (87, 87),
    PictureSize.LOGO_1X: (160, 50),
    PictureSize.LOGO_2X: (320, 100),
    PictureSize.LOGO_3X: (480, 150),
    PictureSize.STRIP_1X: (375, 144),
    PictureSize.STRIP_2X: (750, 288),
    PictureSize.STRIP_3X: (1125, 432),
    PictureSize.GOOGLE_HERO: (1032, 336),
    PictureSize.GOOGLE_LOGO: (660, 660),
}
APPLE_ICONS: Final = (PictureSize.ICON_1X, PictureSize.ICON_2X, PictureSize.ICON_3X)
APPLE_LOGOS: Final = (PictureSize.LOGO_1X, PictureSize.LOGO_2X, PictureSize.LOGO_3X)
APPLE_STRIPS: Final = (PictureSize.STRIP_1X, PictureSize.STRIP_2X, PictureSize.STRIP_3X)


@dataclass(frozen=True, slots=True)
class PassPicture:
    """A picture of a pass. `sha1` is its hex digest, as Apple's manifest lists it.

    `name` is where anybody gets it, under `/media`.
    """

    name: str
    sha1: str
    content: bytes
    content_type: str = "image/png"
