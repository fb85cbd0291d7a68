"""Refusals: one class each, with a frozen code; the words stand in the locale files.

    AppError
    ├── ValidationFailed (validation_error)   Unauthenticated, Forbidden, CsrfFailed
    ├── NotFound, MethodNotAllowed            EditConflict, PayloadTooLarge
    └── RateLimited                           InternalError, Unavailable

Modules add their own in `errors.py`. No framework is imported here, so pure rules may raise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar


class AppError(Exception):
    """A refusal that a caller may see.

    `code` (stable snake_case) finds the sentence `errors.<code>` in the locale files, `status`
    is the HTTP status, `params` are the values of the sentence and of the answer's `params`.
    A parameter `retry_after_seconds` also becomes the header `Retry-After`.
    """

    code: ClassVar[str]
    status: ClassVar[int]

    def __init__(self, **params: Any) -> None:
        super().__init__(self.code)
        self.params = params


def known_errors() -> list[type[AppError]]:
    """Every refusal defined so far, by status and code (for the docs page and for tests)."""
    return sorted(set(_below(AppError)), key=lambda error: (error.status, error.code))


def _below(parent: type[AppError]) -> Iterator[type[AppError]]:
    for child in parent.__subclasses__():
        if "code" in vars(child):
            yield child
        yield from _below(child)


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field. `code` finds the sentence `validation.<code>`."""

    loc: tuple[str | int, ...]
    code: str
    params: dict[str, Any] = field(default_factory=dict)


class ValidationFailed(AppError):
    """The request's fields do not make sense; `errors` says which, and never what was sent."""

    code = "validation_error"
    status = 422

    def __init__(self, *errors: FieldError) -> None:
        super().__init__()
        self.errors = errors


class Unauthenticated(AppError):
    """Nobody is signed in, or the sign-in has ended."""

    code = "unauthenticated"
    status = 401


class Forbidden(AppError):
    """Signed in, but this is not allowed with that role."""

    code = "forbidden"
    status = 403


class CsrfFailed(AppError):
    """A write that carries cookies came from elsewhere or without the page's token."""

    code = "csrf_failed"
    status = 403


class NotFound(AppError):
    """There is nothing at this address."""

    code = "not_found"
    status = 404


class MethodNotAllowed(AppError):
    """The address exists, but not with this method."""

    code = "method_not_allowed"
    status = 405


class EditConflict(AppError):
    """Somebody else changed the record since it was read (`If-Match`)."""

    code = "edit_conflict"
    status = 412


class PayloadTooLarge(AppError):
    """The request's body is larger than `max_bytes`."""

    code = "payload_too_large"
    status = 413


class RateLimited(AppError):
    """Too many requests; the next one is possible after `retry_after_seconds`."""

    code = "rate_limited"
    status = 429


class InternalError(AppError):
    """A fault of the platform. The request id leads to the log."""

    code = "internal_error"
    status = 500


class Unavailable(AppError):
    """The database cannot be reached or is too busy; nothing was changed."""

    code = "unavailable"
    status = 503

    def __init__(self, *, retry_after_seconds: int = 2) -> None:
        super().__init__(retry_after_seconds=retry_after_seconds)
