import re
from collections.abc import Callable

from starlette.testclient import TestClient

MakeClient = Callable[..., TestClient]

PAGE = {"Accept": "text/html"}


def test_given_the_api_when_described_then_every_refusal_is_a_problem(client: TestClient) -> None:
    document = client.get("/api/openapi.json").json()
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert document["components"]["schemas"]["Problem"]["properties"]["code"]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            refusals = {
                s: r for s, r in operation["responses"].items() if s == "default" or s >= "4"
            }
            assert "default" in refusals, path
            for refusal in refusals.values():
                assert list(refusal["content"]) == ["application/problem+json"], path


def test_given_the_refusals_of_a_route_when_described_then_each_code_has_an_example(
    client: TestClient,
) -> None:
    document = client.get("/api/openapi.json").json()
    responses = document["paths"]["/api/v1/things/refused"]["get"]["responses"]
    examples = responses["409"]["content"]["application/problem+json"]["examples"]
    assert examples["test_too_soon"]["value"]["status"] == 409
    assert responses["412"]["description"] == "`edit_conflict`"


def test_given_pages_when_the_api_is_described_then_they_are_not_part_of_it(
    client: TestClient,
) -> None:
    paths = client.get("/api/openapi.json").json()["paths"]
    assert "/page" not in paths
    assert "/api/v1/things/body" in paths
    assert "/healthz" in paths


def test_given_the_docs_page_when_opened_then_it_shows_operations_fields_and_examples(
    client: TestClient,
) -> None:
    answer = client.get("/api/docs", headers=PAGE)
    assert answer.status_code == 200
    text = answer.text
    assert "/api/v1/things/body" in text
    assert "Idempotency-Key" in text
    assert "string, 2..10" in text
    assert "&#34;name&#34;: &#34;Anna&#34;" in text
    assert '<tr id="validation_error">' in text
    assert not re.search(r"(src|href)=[\"'](https?:)?//", text)
    assert "<script" not in text


def test_given_a_problem_when_its_type_is_followed_then_the_docs_page_has_that_place(
    client: TestClient,
) -> None:
    problem = client.get("/api/v1/things/refused").json()
    address, _, anchor = problem["type"].partition("#")
    assert address == "http://127.0.0.1:8000/api/docs"
    assert f'id="{anchor}"' in client.get("/api/docs", headers=PAGE).text


def test_given_a_nonce_when_health_is_asked_then_the_starter_knows_its_own_process(
    make_client: MakeClient,
) -> None:
    assert make_client(nonce="run-77").get("/healthz").headers["x-orion-nonce"] == "run-77"


def test_given_no_nonce_when_health_is_asked_then_there_is_none(client: TestClient) -> None:
    answer = client.get("/healthz")
    assert answer.json() == {"status": "ok"}
    assert "x-orion-nonce" not in answer.headers
