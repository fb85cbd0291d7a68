"""Where requests are counted, the document says so: 429, and the headers that tell what is left."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from tests.modules.loyalty.routes.conftest import Api, problem_of


def operations_of(application: FastAPI) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method, path): operation
        for path, operations in application.openapi()["paths"].items()
        for method, operation in operations.items()
        if path.startswith("/api/v1/")
    }


def numbered(path: str) -> str:
    return "/".join("999999" if part.startswith("{") else part for part in path.split("/"))


def test_given_a_route_that_counts_when_documented_then_429_and_what_is_left(
    api: Api, application: FastAPI
) -> None:
    counting, lacking = set(), []
    for (method, path), operation in operations_of(application).items():
        headers = api.headers("owner")
        answer = api.client.request(method, numbered(path), json={}, headers=headers)
        responses = operation["responses"]
        if "ratelimit-policy" not in answer.headers:
            continue
        counting.add(path)
        documented = [told["headers"] for told in responses.values()]
        if "429" not in responses or not all("RateLimit" in told for told in documented):
            lacking.append(f"{method} {path}")
    assert len(counting) > 15
    assert lacking == []


def test_given_a_refusal_that_passes_when_documented_then_it_says_when(
    application: FastAPI,
) -> None:
    for (method, path), operation in operations_of(application).items():
        for status in {"429", "503"} & set(operation["responses"]):
            assert "Retry-After" in operation["responses"][status]["headers"], f"{method} {path}"


def test_given_a_miss_when_answered_then_the_headers_say_what_is_left(api: Api) -> None:
    missed = api.post("/cards/lookup", {"card_number": "480912345678"})
    assert problem_of(missed)[0] == 404
    assert missed.headers["ratelimit-policy"] == '"lookup_misses";q=1000;w=60'
    assert missed.headers["ratelimit"].startswith('"lookup_misses";r=999;t=')
