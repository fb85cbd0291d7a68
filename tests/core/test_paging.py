import base64
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import ValidationFailed
from app.core.paging import MAX_CURSOR_CHARACTERS, PageRequest, decode_cursor, encode_cursor

MOMENT = datetime(2026, 11, 25, 9, 30, 0, 123456, tzinfo=UTC)


def forged(values: Any) -> Any:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


@given(
    st.datetimes(timezones=st.just(UTC)),
    st.integers(-(2**63) + 1, 2**63 - 1),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40),
)
def test_given_any_sort_key_when_encoded_then_it_comes_back(
    moment: Any, number: Any, text: str
) -> None:
    cursor = encode_cursor(moment, number, text)
    assert decode_cursor(cursor, (datetime, int, str)) == (moment, number, text)
    assert cursor.isascii()
    assert not set(cursor) & set("+/=&?")


def test_given_no_cursor_when_asked_then_it_is_the_first_page() -> None:
    assert PageRequest().after(int) is None


def test_given_a_cursor_when_asked_then_it_goes_on_there() -> None:
    assert PageRequest(cursor=encode_cursor(MOMENT, 7)).after(datetime, int) == (MOMENT, 7)


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "!!!!",
        "é",
        "a" * (MAX_CURSOR_CHARACTERS + 1),
        forged({"a": 1}),
        forged([]),
        forged([1, 2]),
        forged(["1"]),
        forged([True]),
        forged([1.5]),
        forged([None]),
        forged([2**63]),
        forged([-(2**63)]),
        base64.urlsafe_b64encode(b"[1e999]").decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        base64.urlsafe_b64encode(b"[" * 300).decode(),
    ],
)
def test_given_a_forged_cursor_when_read_then_it_is_a_validation_error(cursor: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        decode_cursor(cursor, (int,))
    assert [(error.loc, error.code) for error in caught.value.errors] == [
        (("query", "cursor"), "cursor_invalid")
    ]


@pytest.mark.parametrize("text", ["2026-11-25T09:30:00", "yesterday", "", "2026-13-01T00:00:00Z"])
def test_given_a_forged_time_when_read_then_it_is_a_validation_error(text: str) -> None:
    with pytest.raises(ValidationFailed):
        decode_cursor(forged([text]), (datetime,))


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_given_an_unstorable_text_when_read_then_it_is_a_validation_error(text: str) -> None:
    with pytest.raises(ValidationFailed):
        decode_cursor(forged([text]), (str,))


def test_given_the_largest_integer_when_read_then_it_is_taken() -> None:
    assert decode_cursor(forged([2**63 - 1]), (int,)) == (2**63 - 1,)


def test_given_another_zone_when_read_then_it_is_the_same_instant() -> None:
    east = MOMENT.astimezone(timezone(timedelta(hours=9)))
    assert decode_cursor(encode_cursor(east), (datetime,)) == (MOMENT,)
