"""The words of the customers module."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TypedDict


class CodePurpose(StrEnum):
    """What a code proves: that a known address, or one still pending, is the person's."""

    SIGN_IN = "sign_in"
    CONFIRM = "confirm"


class ConsentView(TypedDict):
    """One yes or no to marketing, and how it came about. `at` is aware UTC."""

    granted: bool
    text_version: str
    locale: str
    channel: str
    at: datetime


class AccountView(TypedDict):
    """What a customer sees of themselves, and may change.

    `marketing_consent` is their last word; it counts (`marketing_active`) only once a
    contact is confirmed. `consents` are all of their words, the newest first.
    """

    id: int
    first_name: str
    last_name: str
    email: str | None
    email_pending: bool
    phone: str | None
    phone_pending: bool
    locale: str | None
    marketing_consent: bool
    marketing_active: bool
    consents: list[ConsentView]
    member_since: datetime
