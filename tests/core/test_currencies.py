"""Decimals of currencies, as ISO 4217 says."""

from __future__ import annotations

import pytest

from app.core.currencies import exponent_of


@pytest.mark.parametrize(
    ("currency", "decimals"),
    [("EUR", 2), ("JPY", 0), ("KRW", 0), ("KWD", 3), ("IQD", 3), ("RSD", 2), ("CLF", 4)],
)
def test_given_a_currency_when_its_decimals_are_asked_for_then_those_of_the_standard(
    currency: str, decimals: int
) -> None:
    assert exponent_of(currency) == decimals
