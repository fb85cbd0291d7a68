"""Refusals and faults as answers: problem+json (RFC 9457) for programs, a page for people.

Nothing of what was sent is repeated in an answer: it may hold a PIN or a password.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.core.clock import utc_now
from app.core.errors import (
    AppError,
    FieldError,
    Forbidden,
    InternalError,
    MethodNotAllowed,
    NotFound,
    Unauthenticated,
    Unavailable,
    ValidationFailed,
)
from app.core.i18n import Translator
from app.core.web.context import is_htmx, timezone_of, translator_of, wants_page, web_of

MEDIA_TYPE = "application/problem+json"
_MOST_FIELD_ERRORS = 50
_MOST_LOC_CHARACTERS = 64
_BY_STATUS: dict[int, type[AppError]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    503: Unavailable,
}
# Pydantic's types of error that one sentence explains alike.
_SAME_SENTENCE = {
    "int_type": "int_parsing",
    "int_from_float": "int_parsing",
    "int_parsing_size": "int_parsing",
    "bool_type": "bool_parsing",
    "datetime_type": "datetime_parsing",
    "datetime_from_date_parsing": "datetime_parsing",
    "datetime_object_invalid": "datetime_parsing",
    "date_type": "date_parsing",
    "date_from_datetime_parsing": "date_parsing",
    "literal_error": "enum",
}
_log = structlog.get_logger(__name__)


class FieldProblem(BaseModel):
    """What is wrong with one field of the request."""

    loc: list[str | int] = Field(description="Where: body, query, path or header, then the field.")
    code: str
    message: str


class Problem(BaseModel):
    """The body of every refusal (RFC 9457)."""

    type: str = Field(description="Address of the code's description.")
    title: str
    status: int
    code: str = Field(description="Stable name of the refusal.")
    detail: str = Field(description="A sentence for people, by Accept-Language.")
    params: dict[str, Any] = Field(description="The values in the sentence.")
    errors: list[FieldProblem] | None = Field(None, description="With `validation_error` only.")
    request_id: str


def problem_response(
    request: Request, error: AppError, *, headers: Mapping[str, str] | None = None
) -> Response:
    """The answer to a refusal, in the form and language of the request."""
    body = _body(request, error)
    sent = dict(headers or {})
    if "retry_after_seconds" in error.params:
        sent["Retry-After"] = str(error.params["retry_after_seconds"])
    if error.status == 401:
        sent.setdefault("WWW-Authenticate", "Bearer")
    if wants_page(request):
        return _page(request, body, sent)
    return JSONResponse(body, error.status, headers=sent, media_type=MEDIA_TYPE)


def fault_response(request: Request) -> Response:
    """`internal_error`, as a page if even that works."""
    try:
        return problem_response(request, InternalError())
    except Exception:
        _log.exception("problem_page_failed")
        return JSONResponse(_body(request, InternalError()), 500, media_type=MEDIA_TYPE)


def install_error_handlers(app: FastAPI) -> None:
    """Every exception of a route becomes one of our answers; the rest is `RequestScope`'s."""
    # Async, since Starlette would run plain functions in another thread.
    app.add_exception_handler(AppError, _on_app_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    for kind in (OperationalError, InterfaceError, PoolTimeout):
        app.add_exception_handler(kind, _on_database_away)
    app.add_exception_handler(DBAPIError, _on_database_error)


def answers(*errors: type[AppError]) -> dict[int | str, dict[str, Any]]:
    """`responses=` of a route: the refusals it knows, with an example of each."""
    documented: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        entry = documented.setdefault(
            error.status,
            {"model": Problem, "description": "", "content": {MEDIA_TYPE: {"examples": {}}}},
        )
        entry["content"][MEDIA_TYPE]["examples"][error.code] = {"value": _example(error)}
        codes = entry["content"][MEDIA_TYPE]["examples"]
        entry["description"] = ", ".join(f"`{code}`" for code in codes)
    return documented


def _example(error: type[AppError]) -> dict[str, Any]:
    return {
        "type": f"/api/docs#{error.code}",
        "title": _title(error.code),
        "status": error.status,
        "code": error.code,
        "detail": (error.__doc__ or "").strip().partition("\n")[0],
        "params": {},
        "request_id": "8f14e45fceea4b7a9c1d2e3f40516273",
    }


def _body(request: Request, error: AppError) -> dict[str, Any]:
    translator = translator_of(request)
    body: dict[str, Any] = {
        "type": f"{web_of(request).settings.base_url}/api/docs#{error.code}",
        "title": _title(error.code),
        "status": error.status,
        "code": error.code,
        "detail": _sentence(translator, f"errors.{error.code}", _spoken(request, error.params)),
        "params": {name: _plain(value) for name, value in error.params.items()},
        "request_id": request.state.request_id,
    }
    if isinstance(error, ValidationFailed):
        body["errors"] = [_field_problem(translator, fault) for fault in error.errors]
    return body


def _title(code: str) -> str:
    return code.replace("_", " ").capitalize()


def _sentence(translator: Translator, key: str, params: Mapping[str, Any]) -> str:
    if not translator.has(key):
        _log.error("text_missing", key=key, language=translator.language)
        return translator.t("errors.internal_error")
    return translator.t(key, **params)


def _spoken(request: Request, params: Mapping[str, Any]) -> dict[str, Any]:
    """The values as people say them: moments in the store's zone, amounts of a `currency`."""
    translator, tz, now = translator_of(request), timezone_of(request), utc_now()
    currency = params.get("currency")

    def spoken(value: Any) -> Any:
        if isinstance(value, datetime):
            return translator.moment(value, now=now, tz=tz)
        return translator.money(value, currency) if currency and isinstance(value, int) else value

    return {name: spoken(value) for name, value in params.items()}


def _plain(value: Any) -> Any:
    """The values as programs read them."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date | Decimal):
        return str(value)
    return value


def _field_problem(translator: Translator, fault: FieldError) -> dict[str, Any]:
    key = f"validation.{_SAME_SENTENCE.get(fault.code, fault.code)}"
    message = translator.t(key if translator.has(key) else "validation.invalid", **fault.params)
    # The name of a field nobody asked for is the caller's text: keep it short.
    loc = [part if isinstance(part, int) else part[:_MOST_LOC_CHARACTERS] for part in fault.loc]
    return {"loc": loc, "code": fault.code, "message": message}


def _page(request: Request, body: dict[str, Any], headers: dict[str, str]) -> Response:
    templates = web_of(request).templates
    if is_htmx(request):
        # The fragment goes where the page shows refusals, not where the answer was meant for.
        headers |= {"HX-Retarget": "#problem", "HX-Reswap": "innerHTML"}
        name = "_problem.html"
    else:
        name = "problem.html"
    headers.pop("WWW-Authenticate", None)
    return templates.response(
        request, name, status_code=body["status"], headers=headers, problem={"errors": [], **body}
    )


async def _on_app_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AppError)
    return problem_response(request, error)


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return problem_response(request, ValidationFailed(*field_errors(error.errors())))


def field_errors(errors: Sequence[Mapping[str, Any]]) -> Iterable[FieldError]:
    """Pydantic's errors as ours: place, code and limits, without what was sent."""
    for error in errors[:_MOST_FIELD_ERRORS]:
        limits = {
            name: value
            for name, value in (error.get("ctx") or {}).items()
            if isinstance(value, int | float | Decimal) or name == "expected"
        }
        yield FieldError(tuple(error["loc"]), error["type"], limits)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = _BY_STATUS.get(error.status_code)
    if kind is None:
        kind = ValidationFailed if error.status_code < 500 else InternalError
    return problem_response(request, kind(), headers=error.headers)


async def _on_database_away(request: Request, error: Exception) -> Response:
    # Disconnected, pool exhausted, locked, disk full: nothing was committed, so try again.
    _log.error("database_unavailable", exc_info=error)
    return problem_response(request, Unavailable())


async def _on_database_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DBAPIError)
    if error.connection_invalidated:
        return await _on_database_away(request, error)
    _log.error("database_error", exc_info=error)
    # A value that no column takes is the caller's fault, even where our schema let it pass.
    return problem_response(
        request, ValidationFailed() if isinstance(error, DataError) else InternalError()
    )
