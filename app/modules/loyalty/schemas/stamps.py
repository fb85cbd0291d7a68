"""Stamp operations: what a till sends, and what it hears."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from app.modules.loyalty.schemas.counter import ByCard, ByStaff, Earning
from app.modules.loyalty.schemas.fields import (
    AdjustReasonText,
    Id,
    Notes,
    Reply,
    UtcTime,
    VoidReasonText,
    example,
    refusal,
    whole,
)

MAXIMUM_QUANTITY = 50
MAXIMUM_ADJUSTMENT = 10_000
_QR = "BDKXLNPRSTUVCEFGHIJKOBDXLNPRST"


class VoidReason(StrEnum):
    """Ready reasons for a void; any text of 3 characters or more does as well."""

    WRONG_CARD = "wrong_card"
    WRONG_QUANTITY = "wrong_quantity"
    ORDER_CANCELLED = "order_cancelled"
    CUSTOMER_DECLINED = "customer_declined"


class StampRequest(ByCard, ByStaff, Earning):
    """One stamp operation: `quantity` paid items of one visit."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"qr_code": _QR, "quantity": 1, "staff_pin": "4826"},
                {"card_number": "4809 1234 5678", "quantity": 3, "staff_pin": "4826"},
                {
                    "card_id": 42,
                    "staff_pin": "4826",
                    "order_reference": "ORD-12345",
                    "override": {"pin": "715093", "reason": "Second visit today"},
                },
            ]
        }
    )

    quantity: Annotated[int, whole(1, MAXIMUM_QUANTITY)] = Field(
        1, description="At most the program's `max_stamps_per_operation`."
    )


class RedeemRequest(ByCard, ByStaff):
    """Taking `quantity` rewards."""

    model_config = example({"qr_code": _QR, "quantity": 1, "staff_pin": "4826"})

    quantity: Annotated[int, whole(1, MAXIMUM_QUANTITY)] = 1
    notes: Notes | None = None


class VoidRequest(ByStaff):
    """Undoing one earlier entry."""

    model_config = example({"transaction_id": 4711, "reason": "wrong_card", "staff_pin": "715093"})

    transaction_id: Id
    reason: VoidReasonText = Field(
        description="One of "
        + ", ".join(f"`{reason}`" for reason in VoidReason)
        + ", or a text of at least 3 characters."
    )


def not_zero(delta: int) -> int:
    """The correction, if it corrects anything."""
    if delta == 0:
        raise refusal("not_zero")
    return delta


class AdjustRequest(ByCard):
    """A correction by hand: stamps to add, or (negative) to take."""

    model_config = example(
        {"card_id": 42, "delta": 3, "reason": "Three stamps carried over from the paper card"}
    )

    delta: Annotated[
        int, whole(-MAXIMUM_ADJUSTMENT, MAXIMUM_ADJUSTMENT), AfterValidator(not_zero)
    ] = Field(description="Not zero.")
    reason: AdjustReasonText = Field(description="At least 5 characters.")


class StampResponse(Reply):
    """What an operation did and where the card stands now. Names are shortened: `Anna S.`"""

    model_config = example(
        {
            "transaction_id": 4711,
            "type": "stamp_earned",
            "quantity": 1,
            "card_id": 42,
            "card_number": "480912345678",
            "stamp_count": 7,
            "stamps_target": 10,
            "stamps_until_reward": 3,
            "rewards_available": 0,
            "reward_earned": False,
            "reward_description": "A coffee of your choice",
            "total_stamps_earned": 27,
            "next_stamp_available_at": "2026-11-25T09:45:00Z",
            "stamps_remaining_today": 4,
            "points_balance": 0,
            "duplicate": False,
            "customer_name": "Anna S.",
            "staff_name": "Lea",
            "message": "1 stamp added. 3 more to the reward.",
        }
    )

    transaction_id: int
    type: str = Field(description="The ledger entry's type.")
    quantity: int = Field(description="The change in stamps; negative where stamps were taken.")
    card_id: int
    card_number: str
    stamp_count: int
    stamps_target: int
    stamps_until_reward: int
    rewards_available: int
    reward_earned: bool = Field(description="True where this operation made one more reward ready.")
    reward_description: str
    total_stamps_earned: int
    next_stamp_available_at: UtcTime | None = Field(description="Null: now.")
    stamps_remaining_today: int
    points_balance: int
    duplicate: bool = Field(description="True where the order had earned: its first answer.")
    customer_name: str
    staff_name: str | None
    message: str = Field(description="One sentence in the language of the request.")
