"""The OpenAPI document: FastAPI's, with our refusals instead of its own."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.core.web.problem import MEDIA_TYPE, Problem

_REPLACED = ("HTTPValidationError", "ValidationError")
_PROBLEM = {"$ref": "#/components/schemas/Problem"}
_REQUEST_ID = {"description": "Names the request in the logs.", "schema": {"type": "string"}}


def install_openapi(app: FastAPI) -> None:
    """Make `app.openapi()` tell the truth about errors and headers of every operation."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _complete(
                get_openapi(
                    title=app.title,
                    version=app.version,
                    description=app.description,
                    routes=app.routes,
                )
            )
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _complete(document: dict[str, Any]) -> dict[str, Any]:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in _REPLACED:
        schemas.pop(name, None)
    definition = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(definition.pop("$defs", {}))
    schemas["Problem"] = definition
    for operations in document["paths"].values():
        for operation in operations.values():
            _complete_operation(operation)
    return document


def _complete_operation(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    for status, response in responses.items():
        if status >= "400":
            # FastAPI adds its own schema under application/json: ours is the only one.
            examples = response.get("content", {}).get(MEDIA_TYPE, {})
            response["content"] = {MEDIA_TYPE: {**examples, "schema": _PROBLEM}}
        response.setdefault("headers", {})["X-Request-Id"] = _REQUEST_ID
    responses.setdefault(
        "default",
        {
            "description": "Any other refusal.",
            "content": {MEDIA_TYPE: {"schema": _PROBLEM}},
            "headers": {"X-Request-Id": _REQUEST_ID},
        },
    )
