"""Every code of docs/api.md is answered, with its status and values, where the document says so."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.core.config import load_settings
from app.core.db import build_sessionmaker
from app.core.errors import AppError, known_errors
from app.main import create_app
from tests import databases, factories
from tests.databases import ROOT
from tests.modules.loyalty.routes.conftest import Api, problem_of
from tests.modules.loyalty.routes.refusals import ELSEWHERE, NO_OPERATION, PROVOKED

_TABLE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8").partition("## Error codes")[2]
# Code: status, and the names of its values.
DOCUMENTED: dict[str, tuple[int, set[str]]] = {
    code: (int(status), set(filter(None, values.split(", "))))
    for status, row in re.findall(r"^\| (\d{3}) \| (.+) \|$", _TABLE, re.MULTILINE)
    for code, values in re.findall(r"`([a-z_]+)`(?: \(([a-z_, ]+)\))?", row)
}


@pytest.fixture(scope="module")
def application(
    sqlite_files: databases.SqliteFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FastAPI]:
    """One application for all: each refusal has a merchant of its own."""
    url = sqlite_files.copy_to(tmp_path_factory.mktemp("refusals") / "refusals.db")
    application = create_app(load_settings(database_url=url))
    yield application
    application.state.engine.dispose()


@pytest.fixture(scope="module")
def client(application: FastAPI) -> Iterator[TestClient]:
    with TestClient(application) as client:
        yield client


@pytest.fixture
def api(client: TestClient, application: FastAPI) -> Iterator[Api]:
    """A hybrid program without PINs, in two stores."""
    with build_sessionmaker(application.state.engine)() as db:
        shop = factories.make_shop(db, require_staff_pin=False, loyalty_type="hybrid")
        yield Api(db, shop, factories.make_store(db, merchant_id=shop.merchant_id), client)


def operation_of(application: FastAPI, answer: Any) -> dict[str, Any]:
    """The operation of the OpenAPI document that gave the answer; fixed paths come first."""
    path, method = answer.request.url.path, answer.request.method.lower()
    templates = sorted(application.openapi()["paths"].items(), key=lambda item: "{" in item[0])
    for template, operations in templates:
        if method in operations and re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path):
            operation: dict[str, Any] = operations[method]
            return operation
    raise LookupError(path)


@pytest.mark.parametrize("code", PROVOKED | NO_OPERATION)
def test_given_a_refusal_when_provoked_then_status_values_and_document_agree(
    api: Api, application: FastAPI, code: str
) -> None:
    answer = (PROVOKED | NO_OPERATION)[code](api)
    status, names = DOCUMENTED[code]
    assert problem_of(answer) == (status, code), answer.text
    assert set(answer.json()["params"]) == names
    if code in PROVOKED:
        told = operation_of(application, answer)["responses"][str(status)]
        assert code in told["content"]["application/problem+json"]["examples"]


def test_given_the_documented_codes_when_counted_then_each_is_provoked_once() -> None:
    ways = [*PROVOKED, *NO_OPERATION, *ELSEWHERE]
    assert sorted(ways) == sorted(DOCUMENTED)


@pytest.mark.parametrize("code", ELSEWHERE)
def test_given_a_code_of_another_test_when_looked_up_then_that_test_speaks_of_it(
    code: str,
) -> None:
    file, name = ELSEWHERE[code]
    source = (ROOT / file).read_text(encoding="utf-8")
    [test] = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    parts = [test, *test.decorator_list]
    words = " ".join(ast.get_source_segment(source, part) or "" for part in parts)
    assert code in words or _class_of(code).__name__ in words


def _class_of(code: str) -> type[AppError]:
    [error] = [known for known in known_errors() if known.code == code]
    return error
