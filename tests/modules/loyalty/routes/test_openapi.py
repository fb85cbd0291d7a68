"""The OpenAPI document says of every operation what can come of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from app.core.errors import known_errors
from tests.databases import ROOT

PREFIXES = ("/api/v1/store/", "/api/v1/storefront/", "/api/v1/loyalty/")


FILES = {"application/vnd.apple.pkpass"}


def operations_of(application: FastAPI) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, operations in application.openapi()["paths"].items()
        for method, operation in operations.items()
        if path.startswith(PREFIXES)
    }


def schemas_of(document: dict[str, Any], operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What a request and its good answers consist of."""
    contents = [operation["requestBody"]["content"]] if "requestBody" in operation else []
    for status, response in operation["responses"].items():
        content = response.get("content", {})
        # An example of a signed file would help nobody.
        if status.startswith("2") and content and FILES.isdisjoint(content):
            contents.append(content)
    for content in contents:
        # JSON, or the one form with a file.
        said = content.get("application/json") or content["multipart/form-data"]
        name = said["schema"]["$ref"].rpartition("/")[2]
        yield document["components"]["schemas"][name]


def test_given_every_operation_when_documented_then_words_examples_and_refusals(
    application: FastAPI,
) -> None:
    document = application.openapi()
    lacking = []
    for name, operation in operations_of(application).items():
        for status, response in operation["responses"].items():
            refusal = response.get("content", {}).get("application/problem+json", {})
            if status[0] in "45" and not refusal.get("examples"):
                lacking.append(f"{name} {status}: no example of the refusal")
        schemas = schemas_of(document, operation)
        poor = [schema["title"] for schema in schemas if not schema.get("examples")]
        lacking += [f"{name}: {title} has no example" for title in poor]
        if not operation.get("description"):
            lacking.append(f"{name}: no description")
        if "default" not in operation["responses"]:
            lacking.append(f"{name}: unexpected refusals are not documented")
    assert lacking == []


@pytest.mark.parametrize(
    ("name", "status", "header"),
    [
        ("POST /api/v1/store/loyalty/stamp", "200", "Idempotency-Replayed"),
        ("POST /api/v1/store/loyalty/stamp", "200", "X-Staff-Session"),
        ("POST /api/v1/store/loyalty/cards/enroll", "201", "Idempotency-Replayed"),
        ("GET /api/v1/store/loyalty/program", "304", "ETag"),
        ("GET /api/v1/storefront/loyalty/card", "200", "ETag"),
    ],
)
def test_given_a_header_that_matters_when_documented_then_it_is_named(
    application: FastAPI, name: str, status: str, header: str
) -> None:
    assert header in operations_of(application)[name]["responses"][status]["headers"]


def test_given_the_stamp_route_when_documented_then_all_its_refusals_are_there(
    application: FastAPI,
) -> None:
    responses = operations_of(application)["POST /api/v1/store/loyalty/stamp"]["responses"]
    codes = {
        code
        for status, response in responses.items()
        if status >= "400" and status != "default"
        for code in response["content"]["application/problem+json"]["examples"]
    }
    assert codes >= {
        "stamp_cooldown", "daily_stamp_limit", "card_not_found", "card_replaced", "card_inactive",
        "program_inactive", "staff_pin_required", "invalid_staff_pin", "staff_pin_locked",
        "terminal_locked", "own_card", "merchant_suspended", "idempotency_key_reused",
        "amount_too_large", "store_required", "unauthenticated", "forbidden", "csrf_failed",
        "validation_error", "rate_limited", "unavailable",
    }  # fmt: skip


def test_given_the_documented_codes_when_compared_with_the_application_then_the_same(
    application: FastAPI,
) -> None:
    table = (ROOT / "docs" / "api.md").read_text(encoding="utf-8").partition("## Error codes")[2]
    written = {
        (int(row[1]), code)
        for row in re.finditer(r"^\| (\d{3}) \| (.*) \|$", table, re.MULTILINE)
        for code in re.findall(r"`(\w+)`", row[2])
    }
    # Tests define refusals of their own: only the application's count.
    known = {(e.status, e.code) for e in known_errors() if e.__module__.startswith("app.")}
    assert written == known


def test_given_the_documented_routes_when_compared_with_the_application_then_the_same(
    application: FastAPI,
) -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    sections = {
        "/api/v1/store/loyalty": text.partition("## Counter and back office")[2],
        "/api/v1/storefront": text.partition("## Storefront")[2],
        "/api/v1/admin/loyalty": text.partition("## Administration")[2],
        "/api/v1": text.partition("## Public")[2],
    }
    written = {
        f"{method} {prefix}{path}"
        for prefix, section in sections.items()
        for row in re.finditer(
            r"^\| ([A-Z, ]+) \| (/[^|]*) \|", section.partition("\n## ")[0], re.MULTILINE
        )
        for method in row[1].split(", ")
        for path in row[2].split(" · ")
    }
    real = {
        f"{method.upper()} {re.sub('{[a-z]+_id}', '{id}', path)}"
        for path, operations in application.openapi()["paths"].items()
        for method in operations
        if path.startswith("/api/v1")
    }
    assert written == real
