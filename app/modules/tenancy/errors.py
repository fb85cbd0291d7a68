"""Every refusal of the tenancy module: one class each, its `code` frozen (`docs/api.md`)."""

from __future__ import annotations

from typing import ClassVar

from app.core.errors import AppError


class StoreRequired(AppError):
    """Several stores are possible: the request must say which (`X-Store-Code`)."""

    code: ClassVar[str] = "store_required"
    status: ClassVar[int] = 400


class StoreNotFound(AppError):
    """No such store of this merchant."""

    code: ClassVar[str] = "store_not_found"
    status: ClassVar[int] = 404


class MerchantSuspended(AppError):
    """The merchant's account is suspended or closed: no counter operations, no enrolment."""

    code: ClassVar[str] = "merchant_suspended"
    status: ClassVar[int] = 403


class TerminalNotFound(AppError):
    """No such device of this merchant, or it was revoked."""

    code: ClassVar[str] = "terminal_not_found"
    status: ClassVar[int] = 404


class ApiKeyNotFound(AppError):
    """No such API key of this merchant, or it was revoked."""

    code: ClassVar[str] = "api_key_not_found"
    status: ClassVar[int] = 404


class MerchantNotFound(AppError):
    """No such merchant."""

    code: ClassVar[str] = "merchant_not_found"
    status: ClassVar[int] = 404


class UserNotFound(AppError):
    """No such user."""

    code: ClassVar[str] = "user_not_found"
    status: ClassVar[int] = 404
