from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import FieldError, ValidationFailed
from app.modules.customers.rules.contacts import normalise_email, normalise_phone


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("zoe@example.com", "zoe@example.com"),
        ("  Zoe@EXAMPLE.com\r\n", "zoe@example.com"),
        ("zoe+shop@example.com", "zoe+shop@example.com"),
        ("zoe@müller.example", "zoe@xn--mller-kva.example"),
        ("zoe@xn--mller-kva.example", "zoe@xn--mller-kva.example"),
        ("Zoe\u0301@example.com", "zoé@example.com"),
        ("ZOÉ@example.com", "zoé@example.com"),
    ],
)
def test_given_spellings_of_an_address_when_normalised_then_one(typed: str, kept: str) -> None:
    assert normalise_email(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "zoe",
        "@example.com",
        "zoe@",
        "zoe@localhost",
        "zoe@@example.com",
        "zoe strasser@example.com",
        "zoe\0@example.com",
        "Zoe <zoe@example.com>",
        "zoe@[127.0.0.1]",
        "a" * 65 + "@example.com",
        "a" * 10_000,
        f"zoe@{'a' * 63}.{'ü' * 50}.{'b' * 63}.{'c' * 63}.example",
    ],
)
def test_given_no_address_when_normalised_then_refused_with_its_field(typed: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        normalise_email(typed)
    assert refused.value.errors == (FieldError(("email",), "email_invalid"),)


@pytest.mark.parametrize(
    "typed",
    [
        "621 000 001",
        "+352 621 000 001",
        "00352621000001",
        "352621000001",
        "+352 (0) 621-000-001",
        "00352 (0)621 000 001",
        "+352 621.000.001",
        "٦٢١٠٠٠٠٠١",
        "\uff16\uff12\uff11\uff10\uff10\uff10\uff10\uff10\uff11",
        "\u202a+352\u00a0621\u00a0000\u2011001\u202c",
    ],
)
def test_given_c52_spellings_of_a_number_when_normalised_then_one(typed: str) -> None:
    assert normalise_phone(typed, "LU") == "+352621000001"


@pytest.mark.parametrize(
    ("typed", "country", "kept"),
    [
        ("40 00 00", "LU", "+352400000"),
        ("06 12 34 56 78", "FR", "+33612345678"),
        ("+33 6 12 34 56 78", "LU", "+33612345678"),
        ("+49 30 123456", "LU", "+4930123456"),
        ("+49 (0)30 123456", "LU", "+4930123456"),
        ("030 123456", "de", "+4930123456"),
        ("+39 06 12345678", "LU", "+390612345678"),
        ("+39 (0)6 12345678", "LU", "+390612345678"),
    ],
)
def test_given_c52_numbers_of_other_kinds_when_normalised_then_e164(
    typed: str, country: str, kept: str
) -> None:
    assert normalise_phone(typed, country) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "abc",
        "+",
        "112",
        "+49 030 123456",
        "0049 030 123456",
        "+33 0612345678",
        "+352 0621000001",
        "0621 000 001",
        "+352 621 000 001 ext. 5",
        "621000001;ext=5",
        "tel:+352621000001",
        "621 CALL",
        "621\x00000001",
        "6" * 10_000,
        "+999 621 000 001",
    ],
)
def test_given_c52_no_number_when_normalised_then_refused_with_its_field(typed: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        normalise_phone(typed, "LU")
    assert refused.value.errors == (FieldError(("phone",), "phone_invalid"),)


def test_given_an_unknown_country_when_normalised_then_only_a_full_number_is_read() -> None:
    assert normalise_phone("+352621000001", "XX") == "+352621000001"
    with pytest.raises(ValidationFailed):
        normalise_phone("621000001", "XX")


@given(st.text("0123456789+-() ./٦é", max_size=24))
def test_given_any_text_when_normalised_then_refused_or_stable_e164(text: str) -> None:
    try:
        number = normalise_phone(text, "LU")
    except ValidationFailed:
        return
    assert normalise_phone(number, "FR") == number
    assert 5 <= len(number) <= 16
