"""References of a till's orders: an order earns once."""

from __future__ import annotations

from typing import Final

from app.core.errors import FieldError, ValidationFailed
from app.modules.loyalty.errors import OrderReferenceRequired
from app.modules.loyalty.types import CardState

MAXIMUM_REFERENCE_LENGTH: Final = 64


def clean_reference(text: str, *, field: str = "order_reference") -> str:
    """The reference without blanks around it; upper and lower case differ.

    Raises:
        ValidationFailed: it is empty, longer than 64 characters or holds control characters.

    Source: product rule "Orders", docs/rules.md.
    """
    reference = text.strip()
    if not reference or not reference.isprintable():
        raise ValidationFailed(FieldError((field,), "reference_format"))
    if len(reference) > MAXIMUM_REFERENCE_LENGTH:
        limit = {"max_length": MAXIMUM_REFERENCE_LENGTH}
        raise ValidationFailed(FieldError((field,), "string_too_long", limit))
    return reference


def check_reference(state: CardState, reference: str | None) -> None:
    """Refuse a purchase without a reference where the merchant demands one.

    Raises:
        OrderReferenceRequired.
    """
    if reference is None and state.require_order_reference:
        raise OrderReferenceRequired
