import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app.core.web.body import MAX_BODY_BYTES, parse_strictly

URL = "/api/v1/things/body"
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b'{"name": "Anna", "quantity": NaN}', "json_number"),
        (b'{"name": "Anna", "quantity": Infinity}', "json_number"),
        (b'{"name": "Anna", "quantity": -Infinity}', "json_number"),
        (b'{"name": "Anna", "quantity": 1e400}', "json_number"),
        (b'{"name": "Anna", "name": "Ben"}', "json_duplicate_key"),
        (b'{"name": "Anna", "deep": [{"a": 1, "a": 2}]}', "json_duplicate_key"),
        (b'{"name": "An\\u0000na"}', "text_unsafe"),
        (b'{"na\\u0000me": "Anna"}', "text_unsafe"),
        (b'{"name": "\\ud800x"}', "text_unsafe"),
        (b'{"name": "Anna"', "json_invalid"),
        (b'{"name": "An\x00na"}', "json_invalid"),
        (b'{"name": "\xff\xfe"}', "json_invalid"),
        ('{"name": "Anna"}'.encode("utf-16"), "json_invalid"),
        (b'\xef\xbb\xbf{"name": "Anna"}', "json_invalid"),
        (b'{"name": "\xed\xa0\x80"}', "json_invalid"),
        (b"[" * 100_000, "json_invalid"),
        (b'{"quantity": ' + b"9" * 5000 + b"}", "json_invalid"),
    ],
)
def test_given_json_that_is_not_strict_when_sent_then_it_is_refused_as_validation_error(
    client: TestClient, text: str, code: str
) -> None:
    """C70."""
    answer = client.post(URL, content=text, headers=JSON)
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == "validation_error"
    assert [(error["loc"], error["code"]) for error in problem["errors"]] == [(["body"], code)]


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "Application/JSON", "application/merge-patch+json"]
)
def test_given_any_kind_of_json_when_it_is_not_strict_then_it_is_refused(
    client: TestClient, kind: str
) -> None:
    answer = client.post(URL, content=b'{"name": NaN}', headers={"Content-Type": kind})
    assert answer.json()["errors"][0]["code"] == "json_number"


@pytest.mark.parametrize(
    "name", ["Anna", "O\u2019Brien", "\\u0000", "😀👍", "عنا", "\u202eabc", "null", "{{7*7}}", "%@"]
)
def test_given_any_honest_name_when_sent_then_it_arrives_as_it_was(
    client: TestClient, name: str
) -> None:
    for text in (json.dumps({"name": name}), json.dumps({"name": name}, ensure_ascii=False)):
        answer = client.post(URL, content=text.encode(), headers=JSON)
        assert (answer.status_code, answer.json()["name"]) == (201, name)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"x"', b"1"])
def test_given_json_of_another_shape_when_sent_then_it_is_a_validation_error(
    client: TestClient, body: Any
) -> None:
    answer = client.post(URL, content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")


def test_given_json_called_text_when_sent_then_it_is_not_taken_for_json(client: TestClient) -> None:
    answer = client.post(URL, content=b'{"name": "Anna"}', headers={"Content-Type": "text/plain"})
    assert answer.status_code == 422


def test_given_the_largest_body_when_sent_then_it_is_read_and_one_byte_more_is_not(
    client: TestClient,
) -> None:
    frame = len(b'{"name": ""}')
    fits = b'{"name": "' + b"x" * (MAX_BODY_BYTES - frame) + b'"}'
    assert len(fits) == MAX_BODY_BYTES
    assert client.post(URL, content=fits, headers=JSON).status_code == 422  # the name is too long
    answer = client.post(URL, content=fits + b" ", headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
    assert answer.json()["params"] == {"max_bytes": MAX_BODY_BYTES}


def test_given_a_body_without_length_when_it_grows_too_large_then_it_is_refused(
    client: TestClient,
) -> None:
    parts = (b" " * 65536 for _ in range(17))
    answer = client.post(URL, content=parts, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")


@pytest.mark.parametrize(
    "path", ["/api/v1/things/list?cursor=a%00b", "/api/v1/things/number/a%00b"]
)
def test_given_a_nul_in_the_address_when_asked_then_it_is_refused(
    client: TestClient, path: str
) -> None:
    answer = client.get(path)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "text_unsafe"


def test_given_a_nul_in_a_form_when_sent_then_it_is_refused(client: TestClient) -> None:
    answer = client.post("/form", data={"name": "a\0b"})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")


def test_given_a_form_when_sent_then_the_route_can_still_read_it(client: TestClient) -> None:
    assert client.post("/form", data={"name": "Anna & Ben"}).json() == "Anna & Ben"


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.text("abc", max_size=3), inner, max_size=4)
        ),
        max_leaves=10,
    )
)
def test_given_any_honest_value_when_parsed_then_it_is_the_value(value: Any) -> None:
    assert parse_strictly(json.dumps(value).encode()) == value
