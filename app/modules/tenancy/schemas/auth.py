"""Bodies of sign-in."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from app.modules.tenancy.rules.accounts import MAXIMUM_EMAIL_LENGTH, MAXIMUM_PASSWORD_LENGTH
from app.modules.tenancy.types import AccountView


class LoginRequest(BaseModel):
    """E-mail address and password, and how the session is to be carried."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "example": {"email": "owner@cafe-bleu.example", "password": "a good long sentence"}
        },
    )

    email: str = Field(min_length=1, max_length=MAXIMUM_EMAIL_LENGTH)
    password: str = Field(min_length=1, max_length=MAXIMUM_PASSWORD_LENGTH)
    merchant_id: int | None = Field(
        None, ge=1, le=2**63 - 1, description="For people who work for several merchants."
    )
    token: bool = Field(
        False, description="True: answer a bearer token; false: set a cookie, as pages do."
    )


class LoginAnswer(TypedDict):
    """Who signed in, and the bearer token where one was asked for."""

    account: AccountView
    token: str | None
