"""What people sign in with: e-mail address and password."""

from __future__ import annotations

import unicodedata
from typing import Final

from email_validator import EmailNotValidError, validate_email

from app.core.errors import FieldError, ValidationFailed

MAXIMUM_EMAIL_LENGTH: Final = 254  # RFC 5321, section 4.5.3.1.3, less the brackets
MINIMUM_PASSWORD_LENGTH: Final = 10
MAXIMUM_PASSWORD_LENGTH: Final = 200  # hashing a novel would take a core for nothing


def normalise_account_email(text: str) -> str:
    """The address in its one spelling: NFC, trimmed, small letters, the domain in ASCII.

    Raises:
        ValidationFailed: with the field `email`.
    """
    trimmed = unicodedata.normalize("NFC", text).strip()
    try:
        if len(trimmed) > MAXIMUM_EMAIL_LENGTH:
            raise EmailNotValidError
        address = validate_email(trimmed, check_deliverability=False)
    except EmailNotValidError:
        raise ValidationFailed(FieldError(("email",), "account_email_invalid")) from None
    return f"{address.local_part.lower()}@{address.ascii_domain}"


def check_password(password: str) -> None:
    """Refuse a password that is too short, or longer than anybody types. Characters count.

    Raises:
        ValidationFailed: with the field `password`.

    Source: OWASP ASVS 5.0, 6.2.1 and 6.2.9, with a longer minimum.
    """
    for is_wrong, code, limit in (
        (len(password) < MINIMUM_PASSWORD_LENGTH, "password_too_short", MINIMUM_PASSWORD_LENGTH),
        (len(password) > MAXIMUM_PASSWORD_LENGTH, "password_too_long", MAXIMUM_PASSWORD_LENGTH),
    ):
        if is_wrong:
            raise ValidationFailed(FieldError(("password",), code, {"limit": limit}))
