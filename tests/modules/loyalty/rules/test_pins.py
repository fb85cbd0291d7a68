from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import FieldError, ValidationFailed
from app.modules.loyalty.errors import WeakPin
from app.modules.loyalty.rules import pins


@pytest.mark.parametrize("pin", ["0000", "0042", "12345678", "1234"])
def test_given_four_to_eight_digits_when_checked_then_they_are_a_pin(pin: str) -> None:
    pins.check_pin_format(pin)


@pytest.mark.parametrize(
    "pin",
    [
        "",
        "123",
        "123456789",
        "12a4",
        " 1234",
        "1234\n",
        "12 34",
        "+123",
        "١٢٣٤",
        "\uff11\uff12\uff13\uff14",
        "12³4",
        "1\x0034",
    ],
)
def test_given_anything_else_when_checked_then_refused(pin: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        pins.check_pin_format(pin)
    assert refused.value.errors == (FieldError(("pin",), "pin_format"),)


@pytest.mark.parametrize(
    "pin",
    [
        *("0000", "9999", "77777", "88888888"),
        *("1234", "4321", "0123", "7890", "9012", "0987", "98765432", "12345"),
        *("1212", "1122", "121212", "112233", "123123", "12341234", "11223344"),
        *("1940", "1999", "2030"),
        *("2580", "1004", "2468", "147258", "159753"),
    ],
)
def test_given_a_pin_people_choose_when_checked_then_weak(pin: str) -> None:
    with pytest.raises(WeakPin):
        pins.check_pin_strength(pin)


@pytest.mark.parametrize(
    "pin", ["4826", "715093", "1939", "2031", "1243", "9091", "199000", "0193", "1223", "48264"]
)
def test_given_a_pin_without_a_pattern_when_checked_then_strong(pin: str) -> None:
    pins.check_pin_strength(pin)


def test_given_all_four_digit_pins_when_checked_then_most_stay_usable() -> None:
    weak = 0
    for number in range(10_000):
        try:
            pins.check_pin_strength(f"{number:04}")
        except WeakPin:
            weak += 1
    assert 300 < weak < 400


@given(st.text(max_size=12))
def test_given_any_text_when_checked_then_only_ascii_digits_pass(text: str) -> None:
    try:
        pins.check_pin_format(text)
    except ValidationFailed:
        assert not re.fullmatch("[0-9]{4,8}", text)
    else:
        assert text.isascii()
        assert text.isdigit()
        assert 4 <= len(text) <= 8
