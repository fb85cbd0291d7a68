"""What people typed never becomes a formula of a spreadsheet."""

from __future__ import annotations

from typing import Any

import pytest

from app.modules.loyalty.rules.spreadsheet import cell


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", *"\uff1d\uff0b\uff0d\uff20"]
)
def test_given_a_text_that_would_be_calculated_when_written_then_it_is_marked_as_text(
    text: str,
) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize(
    ("value", "expected"),
    [("Zoé", "Zoé"), ("a=b", "a=b"), ("", ""), (None, ""), (-5, -5), (0, 0), ("'=1", "'=1")],
)
def test_given_anything_else_when_written_then_as_it_is(value: Any, expected: Any) -> None:
    assert cell(value) == expected
