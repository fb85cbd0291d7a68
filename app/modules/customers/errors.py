"""Every refusal of the customers module: one class each, its `code` frozen (`docs/api.md`)."""

from __future__ import annotations

from typing import ClassVar

from app.core.errors import AppError


class CustomerNotFound(AppError):
    """No such customer of this merchant."""

    code: ClassVar[str] = "customer_not_found"
    status: ClassVar[int] = 404


class SignInCodeInvalid(AppError):
    """The code is wrong, used, too old, or another browser's. Params: `attempts_left`."""

    code: ClassVar[str] = "sign_in_code_invalid"
    status: ClassVar[int] = 401
