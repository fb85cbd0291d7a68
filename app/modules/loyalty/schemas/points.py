"""Points operations: what a till sends, and what it hears."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from app.modules.loyalty.rules.bounds import MAXIMUM_BALANCE
from app.modules.loyalty.schemas.counter import ByCard, ByStaff, Earning
from app.modules.loyalty.schemas.fields import (
    AdjustReasonText,
    Amount,
    Id,
    Notes,
    Reply,
    example,
    refusal,
    whole,
)
from app.modules.loyalty.schemas.stamps import not_zero

MAXIMUM_POINTS_ADJUSTMENT = 10_000_000
_QR = "BDKXLNPRSTUVCEFGHIJKOBDXLNPRST"


class PointsRequest(ByCard, ByStaff, Earning):
    """A purchase that earns points."""

    model_config = example(
        {
            "qr_code": _QR,
            "purchase_amount_cents": 2500,
            "order_reference": "ORD-12345",
            "staff_pin": "4826",
        }
    )

    purchase_amount_cents: Amount = Field(
        description="Paid goods with VAT, after discounts, without tips, deposits and gift cards, "
        "in minor units; at most 10,000,000."
    )


class PointsPreviewRequest(ByCard):
    """A purchase that might be made."""

    model_config = example({"qr_code": _QR, "purchase_amount_cents": 2500})

    purchase_amount_cents: Amount = Field(description="As in `POST /points`.")


class PointsRedeemRequest(ByCard, ByStaff):
    """A reward of the catalogue, or a number of points."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"qr_code": _QR, "reward_id": 3, "staff_pin": "4826"},
                {"card_id": 42, "points": 100, "staff_pin": "4826"},
            ]
        }
    )

    reward_id: Id | None = None
    points: Annotated[int, whole(1, MAXIMUM_BALANCE)] | None = Field(
        None, description="At least the program's `minimum_redemption_points`."
    )
    notes: Notes | None = None

    @model_validator(mode="after")
    def _check_what(self) -> Self:
        if (self.reward_id is None) == (self.points is None):
            raise refusal("reward_or_points")
        return self


class PointsAdjustRequest(ByCard):
    """A correction by hand: points to add, or (negative) to take."""

    model_config = example({"card_id": 42, "delta": 250, "reason": "The till was down on Saturday"})

    delta: Annotated[
        int,
        whole(-MAXIMUM_POINTS_ADJUSTMENT, MAXIMUM_POINTS_ADJUSTMENT),
        AfterValidator(not_zero),
    ] = Field(description="Not zero.")
    reason: AdjustReasonText = Field(description="At least 5 characters.")


class PointsReinstateRequest(ByCard):
    """Giving back the points that expired last."""

    model_config = example({"card_id": 42, "reason": "The customer was in hospital"})

    reason: AdjustReasonText = Field(description="At least 5 characters.")


class PointsPreviewResponse(Reply):
    """What the purchase would earn, and the balance it would lead to."""

    model_config = example({"points_earned": 250, "points_balance": 1250})

    points_earned: int
    points_balance: int


class PointsResponse(Reply):
    """What an operation did and where the card stands now. Names are shortened: `Anna S.`"""

    model_config = example(
        {
            "transaction_id": 4712,
            "type": "points_earned",
            "points_delta": 250,
            "card_id": 42,
            "card_number": "480912345678",
            "points_earned": 250,
            "points_redeemed": 0,
            "points_balance": 1250,
            "points_expire_on": "2027-11-25",
            "reward_description": "",
            "stamp_count": 7,
            "stamps_target": 10,
            "stamps_until_reward": 3,
            "rewards_available": 0,
            "duplicate": False,
            "customer_name": "Anna S.",
            "staff_name": "Lea",
            "message": "250 points added. The balance is 1,250 points.",
        }
    )

    transaction_id: int
    type: str = Field(description="The ledger entry's type.")
    points_delta: int = Field(description="The change; negative where points were taken.")
    card_id: int
    card_number: str
    points_earned: int
    points_redeemed: int
    points_balance: int = Field(description="Below zero: so many are owed.")
    points_expire_on: date | None = Field(description="The last day they are valid; null: never.")
    reward_description: str = Field(
        description="Of a redemption: the catalogue's reward; else what the stamps buy."
    )
    stamp_count: int
    stamps_target: int
    stamps_until_reward: int
    rewards_available: int
    duplicate: bool = Field(description="True where the order had earned: its first answer.")
    customer_name: str
    staff_name: str | None
    message: str = Field(description="A sentence or two in the language of the request.")
