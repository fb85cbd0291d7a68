from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.modules.loyalty.rules.card_codes import (
    QR_ALPHABET,
    QR_LENGTH,
    card_number_from,
    check_digit_ok,
    format_card_number,
    is_qr_code,
)

ELEVEN_DIGITS = st.text("0123456789", min_size=11, max_size=11)


def test_given_the_published_example_when_checked_then_its_check_digit_comes_out() -> None:
    # Damm's own: 572 gets 4.
    assert card_number_from("00000000572") == "000000005724"


@given(ELEVEN_DIGITS)
def test_given_any_digits_when_made_a_number_then_it_checks_and_keeps_them(digits: str) -> None:
    number = card_number_from(digits)
    assert number[:11] == digits
    assert check_digit_ok(number)


@given(digits=ELEVEN_DIGITS, at=st.integers(0, 11), step=st.integers(1, 9))
def test_given_one_wrong_digit_when_checked_then_found(digits: str, at: int, step: int) -> None:
    number = card_number_from(digits)
    wrong = str((int(number[at]) + step) % 10)
    assert not check_digit_ok(number[:at] + wrong + number[at + 1 :])


@given(digits=ELEVEN_DIGITS, at=st.integers(0, 10))
def test_given_swapped_neighbours_when_checked_then_found(digits: str, at: int) -> None:
    number = card_number_from(digits)
    swapped = number[:at] + number[at + 1] + number[at] + number[at + 2 :]
    assert check_digit_ok(swapped) is (number[at] == number[at + 1])


@pytest.mark.parametrize("number", ["", "5724", "0000000057240", "00000000572a", "٠٠٠٠٠٠٠٠٥٧٢٤"])
def test_given_no_twelve_digits_when_checked_then_wrong(number: str) -> None:
    assert not check_digit_ok(number)


@pytest.mark.parametrize(
    ("number", "shown"), [("480912345678", "4809 1234 5678"), ("A1B2C3", "A1B2C3"), ("123", "123")]
)
def test_given_a_number_when_shown_then_in_fours_and_imported_ones_as_they_are(
    number: str, shown: str
) -> None:
    assert format_card_number(number) == shown


def test_given_the_alphabet_when_looked_at_then_twenty_letters_that_no_layout_moves() -> None:
    assert len(set(QR_ALPHABET)) == 20
    assert not set(QR_ALPHABET) & set("AQWZYM")


@pytest.mark.parametrize(
    ("text", "is_code"),
    [
        (QR_ALPHABET + QR_ALPHABET[:10], True),
        (QR_ALPHABET + QR_ALPHABET[:9], False),
        (QR_ALPHABET + QR_ALPHABET[:11], False),
        ("A" * QR_LENGTH, False),
        ("b" * QR_LENGTH, False),
        ("B" * QR_LENGTH + "\n", False),
    ],
)
def test_given_a_text_when_asked_then_only_thirty_of_those_letters_are_a_qr_code(
    text: str, is_code: bool
) -> None:
    assert is_qr_code(text) is is_code
