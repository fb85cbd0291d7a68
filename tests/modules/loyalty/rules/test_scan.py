from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.modules.loyalty.rules.card_codes import card_number_from
from app.modules.loyalty.rules.scan import Scan, ScanKind, read_scan

NUMBER = "480912345678"
QR = "BCDEFGHIJKLNOPRSTUVXBCDEFGHIJK"
FRENCH = "à&é\"'(-è_ç"
BELGIAN = "à&é\"'(§è!ç"


@pytest.mark.parametrize(
    "text",
    [
        "0480912345678",
        "480912345678\r\n",
        "480912345678\t",
        "]Q1480912345678",
        "]q1480912345678",
        "]E0480912345678\n",
        " 4809 1234 5678 ",
        "4809-1234-5678",
        "4809 - 1234 - 5678",
        "4809\u20111234\u20135678",
        "\u202a480912345678\u202c",
        "480912345678\0",
        "٤٨٠٩١٢٣٤٥٦٧٨",
        "\uff14\uff18\uff10\uff19\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18",
        "'_àç&é\"'(-è_",
        "'!àç&é\"'(§è!",
        "]A&'!àç&é\"'(§è!",
        "]Q1'_àç&é\"'(-è_\r\n",
        "'_àç &é\"' (-è_",
    ],
)
def test_given_c44_what_scanners_add_and_drop_when_read_then_the_first_card_is_found(
    text: str,
) -> None:
    scan = read_scan(text)
    assert scan.kind is ScanKind.NUMBER
    assert NUMBER in scan.candidates[:2]


@pytest.mark.parametrize(
    ("text", "candidates"),
    [
        ("12345678905", ("12345678905", "012345678905")),
        ("012345678905", ("012345678905", "12345678905", "0012345678905")),
        ("0480912345678", ("0480912345678", NUMBER, "00480912345678")),
        ("0", ("0", "00")),
    ],
)
def test_given_c44_a_leading_zero_when_read_then_the_exact_number_comes_first(
    text: str, candidates: tuple[str, ...]
) -> None:
    assert read_scan(text).candidates == candidates


@pytest.mark.parametrize("text", ["A1b2C3", "a1B2c3", " a1b2c3\r\n", "A1B2 C3"])
def test_given_c44_an_imported_code_when_read_in_any_case_then_it_is_the_same(text: str) -> None:
    scan = read_scan(text)
    assert (scan.kind, scan.candidates) == (ScanKind.CODE, ("A1B2C3",))


@pytest.mark.parametrize("text", [QR, QR.lower(), f"]Q1{QR}\r\n", f" {QR[:10]} {QR[10:]} "])
def test_given_a_qr_code_when_read_then_in_capitals(text: str) -> None:
    scan = read_scan(text)
    assert (scan.kind, scan.candidates) == (ScanKind.QR, (QR,))


@pytest.mark.parametrize(
    ("text", "kind", "read"),
    [
        (" zoe@example.com\n", ScanKind.EMAIL, "zoe@example.com"),
        ("+352 621 000 001", ScanKind.PHONE, "+352 621 000 001"),
        ("+352 (0) 621-000-001", ScanKind.PHONE, "+352 (0) 621-000-001"),
        ("06.12.34.56.78", ScanKind.PHONE, "06.12.34.56.78"),
        ("\u202a+352 621 000 001\u202c", ScanKind.PHONE, "+352 621 000 001"),
    ],
)
def test_given_a_contact_when_read_then_as_typed(text: str, kind: ScanKind, read: str) -> None:
    assert read_scan(text) == Scan(read, kind, (read,))


def test_given_a_bare_phone_number_when_read_then_a_number_whose_text_is_kept() -> None:
    scan = read_scan(" 621 000 001 ")
    assert (scan.kind, scan.candidates[0]) == (ScanKind.NUMBER, "621000001")
    assert (scan.text, scan.mistyped) == ("621 000 001", False)


@pytest.mark.parametrize("digits", ["48091234567", "00012345678"])
def test_given_a_right_number_when_read_then_not_mistyped_with_or_without_its_zero(
    digits: str,
) -> None:
    number = card_number_from(digits)
    assert not read_scan(number).mistyped
    assert not read_scan(f"0{number}").mistyped
    assert not read_scan(number.removeprefix("0")).mistyped


def test_given_a_wrong_check_digit_when_read_then_mistyped_but_still_looked_for() -> None:
    number = card_number_from("48091234567")
    wrong = number[:11] + str((int(number[11]) + 1) % 10)
    scan = read_scan(wrong)
    assert scan.mistyped
    assert scan.candidates[0] == wrong


@pytest.mark.parametrize(
    ("text", "digits"), [(FRENCH, "0123456789"), (BELGIAN, "0123456789"), ("àààà", "0000")]
)
def test_given_digits_of_an_azerty_keyboard_when_read_then_mapped(text: str, digits: str) -> None:
    assert read_scan(text).candidates[0] == digits


@pytest.mark.parametrize(
    "text",
    ["à&é1\"'(-è_ç", "à&é§-è_ç", "'_àç&é\"'(§è!", "à&éx\"'", "à&é", 'Q&béC"', "½²³¼", "بطاقة"],
)
def test_given_signs_that_map_to_no_number_for_sure_when_read_then_never_a_guess(text: str) -> None:
    scan = read_scan(text)
    assert scan.candidates == ()
    assert scan.kind is None
    assert scan.mistyped


@pytest.mark.parametrize(
    "text",
    [
        "x" * 10_000,
        "7" * 10_000,
        "4" * 300 + "x",
        "4809\x001234",
        "4809\x1b[31m",
        "\ud800",
        "\ufffe",
        "<script>alert(1)</script>" * 9,
        "]Q1",
    ],
)
def test_given_rubbish_when_read_then_nothing_to_look_for_and_no_error(text: str) -> None:
    assert read_scan(text).candidates == ()


@pytest.mark.parametrize("text", ["", "   ", "\r\n"])
def test_given_nothing_when_read_then_nothing_and_no_blame(text: str) -> None:
    assert read_scan(text) == Scan("")


@given(st.text(max_size=60))
def test_given_any_text_when_read_then_no_error_and_reading_the_reading_changes_nothing(
    text: str,
) -> None:
    scan = read_scan(text)
    assert (scan.kind is None) is (scan.candidates == ())
    for candidate in scan.candidates[:1]:
        again = read_scan(candidate)
        assert (again.kind, again.candidates) == (scan.kind, scan.candidates)
