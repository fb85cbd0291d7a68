from __future__ import annotations

import pytest

from app.core.errors import ValidationFailed
from app.modules.tenancy.rules.accounts import check_password, normalise_account_email


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("Owner@Cafe-Bleu.example", "owner@cafe-bleu.example"),
        ("  owner@cafe-bleu.example\t", "owner@cafe-bleu.example"),
        ("zoe\u0301@example.com", "zo\u00e9@example.com"),
        ("anna@b\u00fccher.example", "anna@xn--bcher-kva.example"),
    ],
)
def test_given_spellings_of_one_address_when_normalised_then_they_are_equal(
    typed: str, stored: str
) -> None:
    assert normalise_account_email(typed) == stored


@pytest.mark.parametrize(
    "typed", ["", "owner", "owner@", "@example.com", "a b@example.com", "a@b@c.com", "a" * 300]
)
def test_given_no_address_when_normalised_then_it_is_refused(typed: str) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        normalise_account_email(typed)
    assert refusal.value.errors[0].code == "account_email_invalid"


@pytest.mark.parametrize("length", [10, 200])
def test_given_a_password_at_either_limit_when_checked_then_it_is_allowed(length: int) -> None:
    check_password("\U0001f600" * length)  # characters count, not bytes


@pytest.mark.parametrize(
    ("length", "code", "limit"),
    [(9, "password_too_short", 10), (0, "password_too_short", 10), (201, "password_too_long", 200)],
)
def test_given_a_password_beyond_a_limit_when_checked_then_it_is_refused(
    length: int, code: str, limit: int
) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        check_password("x" * length)
    error = refusal.value.errors[0]
    assert (error.loc, error.code, error.params) == (("password",), code, {"limit": limit})
