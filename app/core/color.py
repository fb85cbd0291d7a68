"""Colours of a brand, and the text colour that stays readable on them (WCAG 2.2, 1.4.3)."""

import re

HEX_COLOR = r"^#[0-9A-Fa-f]{6}$"
INK, WHITE, BLACK = "#111827", "#ffffff", "#000000"
MINIMUM_CONTRAST = 4.5


def hex_color(color: str) -> str:
    """The colour itself, when it is exactly `#rrggbb`: safe to stand inside a style sheet.

    Raises:
        ValueError: anything else.
    """
    # fullmatch, since `$` alone would let a final line feed pass.
    if not re.fullmatch(HEX_COLOR.strip("^$"), color):
        raise ValueError("a colour is written #rrggbb")
    return color


def ink(background: str) -> str:
    """The text colour for a background: dark or white, whichever contrasts more.

    Where neither near-black nor white reaches 4.5:1 it is pure black, which then does:
    of black and white one always has at least 4.58:1.
    """
    best = max((INK, WHITE), key=lambda color: contrast(color, background))
    return best if contrast(best, background) >= MINIMUM_CONTRAST else BLACK


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: str) -> float:
    """Relative luminance of an sRGB colour, 0 to 1 (WCAG 2.2, "relative luminance")."""
    red, green, blue = (int(hex_color(color)[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return 0.2126 * _linear(red) + 0.7152 * _linear(green) + 0.0722 * _linear(blue)


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
