"""Every operation of the OpenAPI document, with whatever its schema allows and what it does not.

Nothing that comes in may lead to a 5xx, nor to an answer that the document does not tell of.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.checks import load_all_checks
from schemathesis.core.failures import FailureGroup
from schemathesis.generation.case import Case
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from app.core.config import load_settings
from app.core.db import build_engine, build_sessionmaker
from app.main import create_app
from tests import databases, factories
from tests.modules.loyalty.routes.conftest import make_customer_session, make_session

EXAMPLES = 25
UNLIMITED = "1000000/minute"

load_all_checks()
_DOCUMENT = schemathesis.openapi.from_dict(create_app().openapi())


@pytest.fixture(scope="module")
def served(
    sqlite_files: databases.SqliteFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[FastAPI, dict[str, dict[str, str]]]]:
    """The application with a shop that has something of everything, and who calls which part."""
    url = sqlite_files.copy_to(Path(tmp_path_factory.mktemp("fuzz")) / "fuzz.db")
    application = create_app(
        load_settings(database_url=url, rate_limits=dict.fromkeys(_limits(), UNLIMITED))
    )
    engine = build_engine(url)
    with build_sessionmaker(engine)() as db:
        shop = factories.make_shop(db, loyalty_type="hybrid", require_staff_pin=False)
        card = factories.make_card(db, shop=shop, stamps=3)
        factories.make_pin(db, merchant_id=shop.merchant_id)
        store = {"X-Store-Code": shop.store.code}
        owner = make_session(db, merchant_id=shop.merchant_id)
        callers = {
            "/admin": {"Authorization": f"Bearer {make_session(db, merchant_id=None)}"},
            "/storefront": {
                "Authorization": f"Bearer {make_customer_session(db, card)}", **store
            },
            "": {"Authorization": f"Bearer {owner}", **store},
        }  # fmt: skip
    with TestClient(application):
        yield application, callers
    application.state.engine.dispose()
    engine.dispose()


def _limits() -> list[str]:
    return [
        "login", "lookup_misses", "enrolments_by_address", "enrolments_by_store",
        "sign_in_codes", "sign_in_tries",
    ]  # fmt: skip


@_DOCUMENT.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_given_any_request_when_sent_then_the_answer_is_one_that_the_document_tells_of(
    case: Case[Any], served: tuple[FastAPI, dict[str, dict[str, str]]]
) -> None:
    application, callers = served
    path = case.path.removeprefix("/api/v1")
    part = next(part for part in callers if path.startswith(part))
    response = case.call(app=application, headers=callers[part])
    assert response.status_code < 500, response.text
    try:
        case.validate_response(
            response,
            checks=[status_code_conformance, content_type_conformance, response_schema_conformance],
        )
    except FailureGroup as group:
        raise AssertionError(f"{case.as_curl_command()}\n{group.exceptions}") from None
