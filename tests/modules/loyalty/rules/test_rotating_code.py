"""Codes that change every half minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.modules.loyalty.rules.rotating_code import (
    RotatingCode,
    digits_at,
    is_current,
    read_rotating,
)

SECRET = b"12345678901234567890"
CODE = "BCDEFGHIJKLNOPRSTUVXBCDEFGHIJK"
NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "digits"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_given_the_vectors_of_rfc_6238_when_computed_then_they_are_equal(
    seconds: int, digits: str
) -> None:
    at = datetime.fromtimestamp(seconds, UTC)
    assert digits_at(SECRET, at, digits=8) == digits
    assert digits_at(SECRET, at) == digits[-6:]
    assert is_current(SECRET, digits, now=at, digits=8)


@pytest.mark.parametrize(
    ("seconds", "expected"), [(-31, False), (-30, True), (0, True), (59, True), (60, False)]
)
def test_given_digits_when_time_goes_on_then_they_hold_a_step_before_and_after(
    seconds: int, expected: bool
) -> None:
    shown = digits_at(SECRET, NOW)
    assert is_current(SECRET, shown, now=NOW + timedelta(seconds=seconds)) is expected


@pytest.mark.parametrize("shown", ["", "12345", "é45678", "0000000"])
def test_given_other_digits_when_checked_then_they_are_wrong(shown: str) -> None:
    assert not is_current(SECRET, shown, now=NOW)
    assert not is_current(b"another secret of 20", digits_at(SECRET, NOW), now=NOW)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{CODE}123456", RotatingCode(CODE, "123456")),
        (f" {CODE.lower()}012345\n", RotatingCode(CODE, "012345")),
        (f"{CODE}à&é\"'(", RotatingCode(CODE, "012345")),
        (CODE, None),
        (f"{CODE}12345", None),
        (f"{CODE}1234567", None),
        (f"{CODE}12a456", None),
        ("480912345678", None),
        ("", None),
    ],
)
def test_given_a_scan_when_read_then_it_is_a_code_with_digits_or_nothing(
    text: str, expected: RotatingCode | None
) -> None:
    assert read_rotating(text) == expected
