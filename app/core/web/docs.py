"""/api/docs: the API on one page, drawn from the OpenAPI document, without foreign assets."""

from __future__ import annotations

import json
import re
from typing import Any, TypedDict

from fastapi import APIRouter
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import Response

from app.core.errors import known_errors
from app.core.web.templates import page

router = APIRouter(include_in_schema=False)
_MOST_LEVELS = 4


class FieldRow(TypedDict):
    """One line of a table of fields or parameters."""

    name: str
    place: str
    type: str
    required: bool
    text: Markup


class OperationView(TypedDict):
    """One operation as the page shows it."""

    id: str
    method: str
    path: str
    summary: str
    paragraphs: list[Markup]
    parameters: list[FieldRow]
    fields: list[FieldRow]
    example: str | None
    responses: list[dict[str, Any]]


@router.get("/api/docs")
def docs(request: Request) -> Response:
    """The page. A plain `def`: drawing it takes longer than the event loop should wait."""
    document = request.app.openapi()
    errors = [
        {"code": error.code, "status": error.status, "text": _prose(_first_line(error.__doc__))}
        for error in known_errors()
    ]
    return page(
        request,
        "api_docs.html",
        document=document,
        groups=group_operations(document),
        errors=errors,
    )


def group_operations(document: dict[str, Any]) -> dict[str, list[OperationView]]:
    """All operations of an OpenAPI document by their first tag, in its order."""
    groups: dict[str, list[OperationView]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            tag = (operation.get("tags") or ["other"])[0]
            groups.setdefault(tag, []).append(_view(document, path, method, operation))
    return groups


def _view(
    document: dict[str, Any], path: str, method: str, operation: dict[str, Any]
) -> OperationView:
    body = _media(operation.get("requestBody", {}))
    schema = body.get("schema", {})
    return OperationView(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation.get("summary", ""),
        paragraphs=[
            _prose(part) for part in operation.get("description", "").split("\n\n") if part
        ],
        parameters=[_parameter(document, entry) for entry in operation.get("parameters", [])],
        fields=_fields(document, schema),
        example=_written(_example(document, schema) if schema else None),
        responses=[
            {
                "status": status,
                "text": _prose(response.get("description", "")),
                "fields": _fields(document, _media(response).get("schema", {}))
                if status < "4"
                else [],
                "example": _response_example(document, response) if status < "4" else None,
            }
            for status, response in operation["responses"].items()
        ],
    )


def _media(holder: dict[str, Any]) -> dict[str, Any]:
    return next(iter(holder.get("content", {}).values()), {})


def _parameter(document: dict[str, Any], entry: dict[str, Any]) -> FieldRow:
    return FieldRow(
        name=entry["name"],
        place=entry["in"],
        type=_type(document, entry.get("schema", {})),
        required=entry.get("required", False),
        text=_prose(entry.get("description", "")),
    )


def _fields(
    document: dict[str, Any], schema: dict[str, Any], prefix: str = "", level: int = 0
) -> list[FieldRow]:
    """The properties of an object, inner ones as `outer.inner` and list items as `outer[]`."""
    schema = _resolved(document, schema)
    if schema.get("type") == "array":
        return _fields(document, schema.get("items", {}), f"{prefix}[]", level)
    rows: list[FieldRow] = []
    for name, inner in schema.get("properties", {}).items():
        path = f"{prefix}.{name}" if prefix else name
        rows.append(
            FieldRow(
                name=path,
                place="body",
                type=_type(document, inner),
                required=name in schema.get("required", []),
                text=_prose(inner.get("description", "")),
            )
        )
        if level < _MOST_LEVELS:
            rows += _fields(document, inner, path, level + 1)
    return rows


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema behind a reference; of "this or null" the this."""
    options = [option for option in schema.get("anyOf", []) if option.get("type") != "null"]
    if len(options) == 1:
        return _resolved(document, options[0])
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        found: dict[str, Any] = document["components"]["schemas"][name]
        return found
    return schema


def _type(document: dict[str, Any], schema: dict[str, Any]) -> str:
    may_be_null = any(option.get("type") == "null" for option in schema.get("anyOf", []))
    real = _resolved(document, schema)
    if "enum" in real:
        shown = " | ".join(map(str, real["enum"]))
    elif real.get("type") == "array":
        shown = f"list of {_type(document, real.get('items', {}))}"
    else:
        shown = " ".join(filter(None, (real.get("type", "any"), real.get("format")))) + _limits(
            real
        )
    return f"{shown} | null" if may_be_null else shown


def _limits(schema: dict[str, Any]) -> str:
    low = schema.get("minimum", schema.get("minLength"))
    high = schema.get("maximum", schema.get("maxLength"))
    if low is None and high is None:
        return ""
    return f", {'' if low is None else low}..{'' if high is None else high}"


def _response_example(document: dict[str, Any], response: dict[str, Any]) -> str | None:
    media = _media(response)
    if "example" in media:
        return _written(media["example"])
    if media.get("examples"):
        return _written(next(iter(media["examples"].values()))["value"])
    return _written(_example(document, media["schema"]) if media.get("schema") else None)


def _example(document: dict[str, Any], schema: dict[str, Any], level: int = 0) -> Any:
    """The example a schema gives, or one put together from those of its fields."""
    for holder in (schema, _resolved(document, schema)):
        if holder.get("examples"):
            return holder["examples"][0]
        if "example" in holder or holder.get("default") is not None:
            return holder.get("example", holder.get("default"))
    real = _resolved(document, schema)
    if real.get("type") == "array":
        return (
            [_example(document, real.get("items", {}), level + 1)] if level < _MOST_LEVELS else []
        )
    if "properties" in real and level < _MOST_LEVELS:
        return {
            name: _example(document, inner, level + 1) for name, inner in real["properties"].items()
        }
    return _plain_example(real)


def _plain_example(schema: dict[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("format") == "date-time":
        return "2026-11-25T09:30:00Z"
    by_type = {"string": "text", "integer": 1, "number": 1, "boolean": True, "object": {}}
    return by_type.get(schema.get("type", ""))


def _written(example: Any) -> str | None:
    return None if example is None else json.dumps(example, indent=2, ensure_ascii=False)


def _prose(text: str) -> Markup:
    """Text with `words` between backticks as code; everything else is escaped."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]
