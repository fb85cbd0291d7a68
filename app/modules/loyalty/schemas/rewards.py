"""The points catalogue: what points buy."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from app.modules.loyalty.schemas.fields import (
    UNSET,
    Body,
    Flag,
    Reply,
    RequiredName,
    UtcTime,
    example,
    whole,
)
from app.modules.loyalty.schemas.program import MAXIMUM_CENTS, MAXIMUM_POINTS

Cost = Annotated[int, whole(1, MAXIMUM_POINTS)]
Value = Annotated[int, whole(0, MAXIMUM_CENTS)]


class RewardCreate(Body):
    """A new line of the catalogue."""

    model_config = example({"name": "Loaf of bread", "cost_points": 600, "value_cents": 420})

    name: RequiredName
    cost_points: Cost
    value_cents: Value | None = Field(
        None, description="Minor units of the merchant's currency, for statistics."
    )
    is_active: Flag = True


class RewardUpdate(Body):
    """What to change; fields left out stay as they are."""

    model_config = example({"cost_points": 650})

    name: RequiredName = UNSET
    cost_points: Cost = UNSET
    value_cents: Value | None = UNSET
    is_active: Flag = UNSET


_REWARD = {
    "id": 3,
    "name": "Loaf of bread",
    "cost_points": 600,
    "value_cents": 420,
    "is_active": True,
    "created_at": "2026-11-02T08:15:00Z",
}


class RewardResponse(Reply):
    """One line of the catalogue."""

    model_config = example(_REWARD)

    id: int
    name: str
    cost_points: int
    value_cents: int | None
    is_active: bool = Field(description="False: not given out at the moment.")
    created_at: UtcTime


class RewardList(Reply):
    """The catalogue: what can be had first, the cheapest first."""

    model_config = example({"items": [_REWARD]})

    items: list[RewardResponse]
