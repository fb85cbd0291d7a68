"""Signing in by code, and the customer's account."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, RootModel

from app.modules.loyalty.schemas.cards import CustomerCardResponse
from app.modules.loyalty.schemas.fields import (
    UNSET,
    Body,
    EmailText,
    Flag,
    Language,
    Name,
    Reply,
    UtcTime,
    example,
)

CodeText = Annotated[str, Field(min_length=1, max_length=40, repr=False, examples=["482 617"])]
_OPTIONAL = "Not needed on a device whose own address waits for its confirmation."


class CodeRequest(Body):
    """Where a code goes."""

    model_config = example({"email": "zoe@example.com"})

    email: EmailText | None = Field(None, description=_OPTIONAL)


class CodeSentResponse(Reply):
    """The same whoever the address belongs to."""

    model_config = example(
        {
            "message": "If there is a card with this address, a code is on its way.",
            "valid_minutes": 10,
        }
    )

    message: str
    valid_minutes: int


class VerifyRequest(Body):
    """The code from the e-mail; spaces in it don't matter."""

    model_config = example({"email": "zoe@example.com", "code": "482617"})

    email: EmailText | None = Field(None, description=_OPTIONAL)
    code: CodeText


class VerifyResponse(Reply):
    """The card of whom this device belongs to now."""

    model_config = example(
        {
            "outcome": "signed_in",
            "card": CustomerCardResponse.model_json_schema()["examples"][0],
        }
    )

    outcome: Literal["signed_in", "confirmed", "merged"] = Field(
        description="`merged`: the address had a card already, and both are one now."
    )
    card: CustomerCardResponse


class AccountPatch(Body):
    """What the customer changes about themselves."""

    model_config = example({"locale": "fr", "marketing_consent": False})

    first_name: Name = UNSET
    last_name: Name = UNSET
    locale: Language = UNSET
    marketing_consent: Flag = UNSET


class ConsentResponse(Reply):
    """One yes or no to marketing, and how it came about."""

    granted: bool
    text_version: str = Field(description="The wording on the form.")
    locale: str
    channel: str = Field(description="storefront, confirmation, account, staff, merge.")
    at: UtcTime


class AccountResponse(Reply):
    """What is known of the customer."""

    model_config = example(
        {
            "id": 17,
            "first_name": "Zoé",
            "last_name": "Strasser",
            "email": "zoe@example.com",
            "email_pending": False,
            "phone": None,
            "phone_pending": False,
            "locale": "fr",
            "marketing_consent": True,
            "marketing_active": True,
            "consents": [
                {
                    "granted": True,
                    "text_version": "2026-11",
                    "locale": "fr",
                    "channel": "confirmation",
                    "at": "2026-11-25T09:32:00Z",
                }
            ],
            "member_since": "2026-11-25T09:30:00Z",
        }
    )

    id: int
    first_name: str
    last_name: str
    email: str | None
    email_pending: bool = Field(description="True until a code has proved the address.")
    phone: str | None
    phone_pending: bool
    locale: str | None
    marketing_consent: bool = Field(description="The customer's last word.")
    marketing_active: bool = Field(description="False until a contact is confirmed.")
    consents: list[ConsentResponse] = Field(description="All their words, the newest first.")
    member_since: UtcTime


class AccountExport(RootModel[dict[str, Any]]):
    """The customer's data, ready to be taken elsewhere."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"customer": {"first_name": "Zoé"}, "consents": []}]}
    )
