"""Texts that are too long for a phone's screen."""

from __future__ import annotations

import pytest

from app.modules.loyalty.wallets.google.wording import shorten


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        ("Coffee", 6, "Coffee"),
        ("Coffees", 6, "Coffe…"),
        ("A coffee card", 9, "A coffee…"),
        ("Ein Kaffee", 5, "Ein…"),
        ("e\u0301" * 4, 4, "éééé"),
        ("abc\u0323d" + "e" * 9, 4, "ab…"),
        ("ab👩\u200d👩\u200d👧 x", 5, "ab…"),
        ("", 5, ""),
    ],
)
def test_given_a_text_when_shortened_then_no_character_is_cut_in_two(
    text: str, most: int, expected: str
) -> None:
    shortened = shorten(text, most)
    assert shortened == expected
    assert len(shortened) <= most
