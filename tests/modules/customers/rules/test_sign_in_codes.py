"""Sign-in codes: how long, how often, how they are typed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.modules.customers.rules import sign_in_codes as rules
from tests.factories import NOW


def test_given_a_code_when_it_is_made_then_it_counts_for_ten_minutes() -> None:
    assert rules.expires_at(NOW) == NOW + timedelta(minutes=10)


@pytest.mark.parametrize(("sent", "allowed"), [(0, True), (4, True), (5, False), (6, False)])
def test_given_codes_of_the_last_hour_when_one_more_is_asked_for_then_five_is_the_most(
    sent: int, allowed: bool
) -> None:
    assert rules.may_send(sent_within_the_hour=sent) is allowed
    assert rules.counted_since(NOW) == NOW - timedelta(hours=1)


@pytest.mark.parametrize(("tries", "left"), [(0, 5), (1, 4), (4, 1), (5, 0), (6, 0)])
def test_given_tries_when_counted_then_five_are_allowed(tries: int, left: int) -> None:
    assert rules.attempts_left(tries) == left


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("042817", "042817"), (" 042 817\n", "042817"), ("042-817", "042817"),
        ("\u200e042\u00a0817", "042817"), ("\u0660\u0664\u0662\u0668\u0661\u0667", "042817"),
        ("\uff10\uff14\uff12\uff18\uff11\uff17", "042817"),
        ("42817", ""), ("0428170", ""), ("04281x", ""), ("", ""), ("\u00b2\u00b2\u00b2042", ""),
    ],
)  # fmt: skip
def test_given_what_people_type_or_paste_when_read_then_six_digits_or_nothing(
    typed: str, read: str
) -> None:
    assert rules.read_code(typed) == read
