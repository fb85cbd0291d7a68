from typing import Any, cast

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from app.core.paging import MAX_CURSOR_CHARACTERS

URL = "/api/v1/things"
PAGE = {"Accept": "text/html,application/xhtml+xml"}


def test_given_a_refusal_when_asked_by_a_program_then_it_is_a_whole_problem(
    client: TestClient,
) -> None:
    answer = client.get(f"{URL}/refused", headers={"X-Request-Id": "till-7.00001"})
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "http://127.0.0.1:8000/api/docs#test_too_soon",
        "title": "Test too soon",
        "status": 409,
        "code": "test_too_soon",
        "detail": "Possible again at 2 Jan 2020, 13:30.",
        "params": {"at": "2020-01-02T12:30:00Z", "left": 3},
        "request_id": "till-7.00001",
    }


@pytest.mark.parametrize(
    ("header", "start"),
    [
        ("fr-LU", "Possible de nouveau à"),
        ("de-AT", "Wieder"),
        ("lu", "Nees"),
        ("pt", "Possible again"),
    ],
)
def test_given_a_language_when_refused_then_the_detail_is_in_it(
    client: TestClient, header: Any, start: Any
) -> None:
    """C49."""
    answer = client.get(f"{URL}/refused", headers={"Accept-Language": header})
    assert answer.json()["detail"].startswith(start)


def test_given_ten_kilobytes_of_accept_language_when_refused_then_it_is_the_default(
    client: TestClient,
) -> None:
    """C49."""
    answer = client.get(f"{URL}/refused", headers={"Accept-Language": "x;q=" * 2500})
    assert answer.status_code == 409
    assert answer.json()["detail"].startswith("Possible again")


def test_given_a_body_with_faults_when_sent_then_each_is_named_and_nothing_is_repeated(
    client: TestClient,
) -> None:
    answer = client.post(
        f"{URL}/body",
        json={"name": "x", "quantity": 21, "secret": 4826173, "canary-key" * 20: "canary"},
    )
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == "validation_error"
    faults = {
        tuple(error["loc"][:2]): (error["code"], error["message"]) for error in problem["errors"]
    }
    assert faults["body", "name"] == ("string_too_short", "At least 2 characters.")
    assert faults["body", "quantity"] == ("less_than_equal", "At most 20.")
    assert faults["body", "secret"] == ("string_type", "A text is expected.")
    assert "4826173" not in answer.text
    assert '"canary"' not in answer.text
    assert max(len(str(part)) for error in problem["errors"] for part in error["loc"]) <= 64


def test_given_a_fault_when_french_is_asked_for_then_the_message_is_french(
    client: TestClient,
) -> None:
    answer = client.post(f"{URL}/body", json={}, headers={"Accept-Language": "fr"})
    assert [error["message"] for error in answer.json()["errors"]] == ["Veuillez remplir ce champ."]


@pytest.mark.parametrize(
    "quantity", [10**30, 9223372036854775807, 2147483647, 12.5, "2500", True, None, -1, 0]
)
def test_given_a_number_that_is_none_of_ours_when_sent_then_it_is_a_validation_error(
    client: TestClient, quantity: Any
) -> None:
    """C70."""
    answer = client.post(f"{URL}/body", json={"name": "Anna", "quantity": quantity})
    assert answer.status_code == 422
    assert answer.json()["code"] == "validation_error"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("1", 200),
        (str(2**63 - 1), 200),
        ("0", 422),
        ("-1", 422),
        (str(2**63), 422),
        ("1" * 5000, 422),
        ("abc", 422),
    ],
)
def test_given_an_id_when_it_does_not_fit_the_database_then_it_is_refused_before(
    client: TestClient, path: str, status: int
) -> None:
    """C70."""
    assert client.get(f"{URL}/number/{path}").status_code == status


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("limit=1", 200),
        ("limit=100", 200),
        ("", 200),
        ("limit=0", 422),
        ("limit=101", 422),
        ("limit=1000000000", 422),
        ("limit=-1", 422),
        ("limit=x", 422),
        ("cursor=", 422),
        (f"cursor={'a' * (MAX_CURSOR_CHARACTERS + 1)}", 422),
    ],
)
def test_given_a_page_when_its_size_is_impossible_then_it_is_refused(
    client: TestClient, query: str, status: int
) -> None:
    """C70."""
    assert client.get(f"{URL}/list?{query}").status_code == status


def test_given_an_unknown_address_when_asked_then_it_is_not_found(client: TestClient) -> None:
    answer = client.get("/api/v1/nowhere")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_given_a_wrong_method_when_asked_then_the_right_one_is_named(client: TestClient) -> None:
    answer = client.put(f"{URL}/refused")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize(
    ("status", "code", "answered"),
    [
        (401, "unauthenticated", 401),
        (403, "forbidden", 403),
        (400, "validation_error", 422),
        (418, "validation_error", 422),
        (502, "internal_error", 500),
    ],
)
def test_given_an_http_exception_when_raised_then_it_becomes_one_of_our_codes(
    client: TestClient, status: int, code: str, answered: int
) -> None:
    answer = client.get(f"{URL}/http/{status}")
    assert (answer.status_code, answer.json()["code"]) == (answered, code)
    assert "canary" not in answer.text


@pytest.mark.parametrize("fault", ["away", "pool", "cut"])
def test_given_no_database_when_asked_then_it_is_unavailable_and_says_when_to_retry(
    client: TestClient, fault: str
) -> None:
    with capture_logs() as logs:
        answer = client.get(f"{URL}/database/{fault}")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "2"
    assert "canary" not in answer.text
    assert "database_unavailable" in [line["event"] for line in logs]


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [("data", 422, "validation_error"), ("unique", 500, "internal_error")],
)
def test_given_a_database_error_when_raised_then_it_is_logged_and_not_shown(
    client: TestClient, fault: str, status: int, code: str
) -> None:
    with capture_logs() as logs:
        answer = client.get(f"{URL}/database/{fault}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "canary" not in answer.text
    assert "database_error" in [line["event"] for line in logs]


def test_given_a_bug_when_met_then_the_answer_has_only_the_request_id_and_the_log_the_rest(
    client: TestClient,
) -> None:
    with capture_logs() as logs:
        answer = client.get(f"{URL}/crash")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "canary" not in answer.text
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert [line["event"] for line in logs] == ["request_failed", "request"]
    assert logs[1]["status"] == 500


def test_given_a_person_when_refused_then_it_is_a_page_in_their_language(
    client: TestClient,
) -> None:
    answer = client.get("/refused", headers=PAGE | {"Accept-Language": "lu"})
    assert answer.status_code == 409
    assert answer.headers["content-type"].startswith("text/html")
    assert '<html lang="lb">' in answer.text
    assert "Nees méiglech um" in answer.text


def test_given_a_person_when_a_bug_is_met_then_it_is_a_page_with_the_number_of_the_log(
    client: TestClient,
) -> None:
    answer = client.get("/crash", headers=PAGE)
    assert answer.status_code == 500
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["x-request-id"] in answer.text
    assert "canary" not in answer.text


def test_given_a_broken_error_page_when_a_bug_is_met_then_there_is_still_an_answer(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: Any, **_kwargs: Any) -> Any:
        raise RuntimeError("template")

    monkeypatch.setattr(cast(FastAPI, client.app).state.web.templates, "response", fail)
    answer = client.get("/crash", headers=PAGE)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")


def test_given_a_browser_when_it_asks_the_api_then_it_is_json_all_the_same(
    client: TestClient,
) -> None:
    answer = client.get(f"{URL}/refused", headers=PAGE)
    assert answer.headers["content-type"] == "application/problem+json"


def test_given_htmx_when_refused_then_a_fragment_goes_to_the_pages_own_place(
    client: TestClient,
) -> None:
    answer = client.get("/refused", headers={"HX-Request": "true"})
    assert answer.status_code == 409
    assert answer.headers["hx-retarget"] == "#problem"
    assert 'role="alert"' in answer.text
    assert "<html" not in answer.text


def test_given_a_bad_form_when_a_person_sends_it_then_the_page_says_what_is_wrong(
    client: TestClient,
) -> None:
    answer = client.post("/form", data={}, headers=PAGE)
    assert answer.status_code == 422
    assert "Please fill this in." in answer.text
