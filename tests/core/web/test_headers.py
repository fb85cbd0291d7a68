from typing import Any

import pytest
from starlette.testclient import TestClient

from app.core.errors import EditConflict
from app.core.web.headers import check_if_match, etag_of, is_known

URL = "/api/v1/things/body"


@pytest.mark.parametrize("key", ["a", "x" * 255, "till-7-0001", "~!@ #", "key with spaces"])
def test_given_a_good_idempotency_key_when_sent_then_the_route_gets_it(
    client: TestClient, key: Any
) -> None:
    answer = client.post(URL, json={"name": "Anna"}, headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["key"]) == (201, key)


@pytest.mark.parametrize("key", ["", "x" * 256, "schlüssel", "tab\there", "\x7f"])
def test_given_a_bad_idempotency_key_when_sent_then_it_is_a_validation_error(
    client: TestClient, key: Any
) -> None:
    answer = client.post(
        URL, json={"name": "Anna"}, headers={"Idempotency-Key": key.encode("latin-1")}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
    assert answer.json()["errors"][0]["loc"] == ["header", "Idempotency-Key"]


def test_given_no_idempotency_key_when_sent_then_it_is_accepted(client: TestClient) -> None:
    assert client.post(URL, json={"name": "Anna"}).json()["key"] is None


def test_given_the_same_facts_when_tagged_then_the_tag_is_the_same_and_else_not() -> None:
    assert etag_of(1, "a") == etag_of(1, "a")
    assert etag_of(1, "a") != etag_of(1, "b")
    assert etag_of(1, "1") != etag_of("1", 1)
    assert etag_of(1).startswith('"')
    assert etag_of("\ud800").endswith('"')


@pytest.mark.parametrize(
    ("header", "known"),
    [
        ('"v1"', True),
        ('W/"v1"', True),
        ('"v0", "v1"', True),
        ("*", True),
        (" * ", True),
        ('"v2"', False),
        ("v1", False),
        ("", False),
        (None, False),
        ('"v', False),
    ],
)
def test_given_if_none_match_when_compared_then_only_the_same_version_is_known(
    header: Any, known: Any
) -> None:
    assert is_known(header, '"v1"') is known


@pytest.mark.parametrize("header", [None, '"v1"', "*", '"v0", "v1"'])
def test_given_if_match_of_this_version_when_changed_then_it_is_allowed(header: Any) -> None:
    check_if_match(header, '"v1"')


@pytest.mark.parametrize("header", ['"v2"', "v1", "", "rubbish"])
def test_given_if_match_of_another_version_when_changed_then_it_is_a_conflict(header: Any) -> None:
    with pytest.raises(EditConflict):
        check_if_match(header, '"v1"')
