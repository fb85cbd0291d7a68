"""The OpenAPI document: FastAPI's, with our refusals instead of its own."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.core.errors import PayloadTooLarge
from app.core.web.problem import MEDIA_TYPE, Problem, answers

_REPLACED = ("HTTPValidationError", "ValidationError")
_PROBLEM = {"$ref": "#/components/schemas/Problem"}
_WAIT = ("429", "503")
_REQUEST_ID = {"description": "Names the request in the logs.", "schema": {"type": "string"}}
_RETRY_AFTER = {"description": "Seconds to wait.", "schema": {"type": "integer"}}
_LIMITS = {
    "RateLimit-Policy": {
        "description": 'The limit and its window in seconds: `"lookup_misses";q=20;w=60`.',
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": 'What is left, and when more: `"lookup_misses";r=19;t=60`.',
        "schema": {"type": "string"},
    },
}


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
    if "requestBody" in operation:  # bodies are bounded before any route sees them
        too_large = answers(PayloadTooLarge)[413]
        del too_large["model"]  # FastAPI's word, which no document knows
        responses.setdefault("413", too_large)
    responses.setdefault("default", {"description": "Any other refusal."})
    for status, response in responses.items():
        if status >= "400":  # "default" as well
            # FastAPI adds its own schema under application/json: ours is the only one.
            examples = response.get("content", {}).get(MEDIA_TYPE, {})
            response["content"] = {MEDIA_TYPE: {**examples, "schema": _PROBLEM}}
        headers = response.setdefault("headers", {})
        headers["X-Request-Id"] = _REQUEST_ID
        headers |= _LIMITS if "429" in responses else {}
        headers |= {"Retry-After": _RETRY_AFTER} if status in _WAIT else {}
