"""The signed field of the join form."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from app.core.security import Keyring
from app.modules.loyalty.routes.pages.join_attempt import LEAST_TIME, new_attempt, read_attempt
from tests.factories import NOW

KEYRING = Keyring("a-secret-of-the-tests-0123456789abcdef")


def test_given_two_page_views_when_read_then_each_has_a_key_of_its_own() -> None:
    first, second = (read_attempt(KEYRING, new_attempt(KEYRING, now=NOW)) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.shown_at == second.shown_at == NOW
    assert first.key != second.key


@pytest.mark.parametrize(
    ("waited", "is_hasty"), [(LEAST_TIME - timedelta(milliseconds=1), True), (LEAST_TIME, False)]
)
def test_given_a_form_when_it_is_sent_at_the_boundary_then_only_sooner_is_hasty(
    waited: timedelta, is_hasty: bool
) -> None:
    attempt = read_attempt(KEYRING, new_attempt(KEYRING, now=NOW))
    assert attempt is not None
    assert attempt.is_hasty(NOW + waited) is is_hasty


@pytest.mark.parametrize(
    "forge",
    [
        lambda _field: "",
        lambda _field: "..",
        lambda field: f"1{field}",
        lambda field: field[:-1],
        lambda field: f"{field}\u00e9",
        lambda field: field.replace(".", "", 1),
        lambda _field: "9" * 10_000,
        lambda _field: new_attempt(Keyring("another-secret-0123456789abcdefghijk"), now=NOW),
    ],
)
def test_given_a_field_that_we_did_not_sign_when_read_then_it_is_none(
    forge: Callable[[str], str],
) -> None:
    assert read_attempt(KEYRING, forge(new_attempt(KEYRING, now=NOW))) is None
