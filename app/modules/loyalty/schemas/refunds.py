"""Refunds of orders: what a till sends, and what it hears."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from app.modules.loyalty.schemas.counter import ByStaff
from app.modules.loyalty.schemas.fields import LARGEST_INTEGER, Reference, Reply, example, whole


class RefundRequest(ByStaff):
    """Giving an order back, whole or in part."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "order_reference": "ORD-12345",
                    "refund_reference": "REF-881",
                    "amount_cents": 1000,
                    "staff_pin": "4826",
                },
                {"order_reference": "ORD-12345", "refund_reference": "REF-882"},
            ]
        }
    )

    order_reference: Reference = Field(description="As it was given when the order earned.")
    refund_reference: Reference = Field(
        description="The till's name of this refund, unique for the merchant."
    )
    amount_cents: Annotated[int, whole(1, LARGEST_INTEGER)] | None = Field(
        None, description="In minor units; without it all that is left of the order."
    )


class RefundedCardResponse(Reply):
    """A card that something was taken from, as it was left."""

    model_config = example({"card_id": 42, "stamp_count": 7, "points_balance": 150})

    card_id: int
    stamp_count: int = Field(description="Below zero: so many are owed.")
    points_balance: int = Field(description="Below zero: so many are owed.")


class RefundResponse(Reply):
    """What a refund took back."""

    model_config = example(
        {
            "order_reference": "ORD-12345",
            "refund_reference": "REF-881",
            "refunded_cents": 1000,
            "currency": "EUR",
            "points_taken_back": 100,
            "stamps_taken_back": 0,
            "cards": [{"card_id": 42, "stamp_count": 7, "points_balance": 150}],
            "transaction_ids": [4713],
            "staff_name": "Lea",
            "message": "Refund of €10.00: 100 points taken back.",
        }
    )

    order_reference: str
    refund_reference: str
    refunded_cents: int | None = Field(
        description="What of the purchase was refunded now; null where only stamps were earned."
    )
    currency: str
    points_taken_back: int
    stamps_taken_back: int
    cards: list[RefundedCardResponse] = Field(
        description="Cards that entries were written on, by their ids."
    )
    transaction_ids: list[int]
    staff_name: str | None
    message: str = Field(description="A sentence in the language of the request.")
