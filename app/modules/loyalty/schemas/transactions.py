"""Lines of the ledger as customers, staff and managers read them."""

from __future__ import annotations

from datetime import date
from typing import Any

from pydantic import Field

from app.modules.loyalty.schemas.fields import Reply, UtcTime, example


class EntryResponse(Reply):
    """One line of a card's ledger."""

    id: int
    type: str
    stamps_delta: int
    points_delta: int
    stamps_after: int
    points_after: int
    reward_description: str
    reward_name: str | None = Field(description="The line of the points catalogue.")
    amount_cents: int | None = Field(description="The purchase, in minor units of `currency`.")
    currency: str | None
    order_reference: str | None
    occurred_at: UtcTime
    business_day: date
    store_id: int
    store_name: str
    voided: bool = Field(description="True where a later entry undoes this one.")
    voids_id: int | None = Field(description="The entry that this one undoes.")
    related_id: int | None = Field(
        description="The entry that this one is about otherwise: a refund's or a reinstatement's, "
        "or that of the other card in a merge."
    )


class StaffEntryResponse(EntryResponse):
    """The same with what staff may know of it."""

    card_id: int
    card_number: str
    terminal_id: int | None
    actor_kind: str
    actor_name: str | None
    recorded_at: UtcTime = Field(
        description="Later than `occurred_at` where a till had kept it while it was offline."
    )
    overrides_limits: bool = Field(description="A limit stood in the way and was lifted.")
    override_name: str | None = Field(description="Who lifted it.")
    voided_by_id: int | None
    notes: str | None


_ENTRY: dict[str, Any] = {
    "id": 4711,
    "type": "points_earned",
    "stamps_delta": 0,
    "points_delta": 259,
    "stamps_after": 7,
    "points_after": 899,
    "reward_description": "A coffee of your choice",
    "reward_name": None,
    "amount_cents": 2599,
    "currency": "EUR",
    "order_reference": "R-2026-11-25-0031",
    "occurred_at": "2026-11-25T09:30:00Z",
    "business_day": "2026-11-25",
    "store_id": 1,
    "store_name": "Café Bleu, Ville Haute",
    "voided": False,
    "voids_id": None,
    "related_id": None,
}


class EntryList(Reply):
    """A page of a card's ledger for its owner, newest first."""

    model_config = example({"items": [_ENTRY], "next_cursor": None})

    items: list[EntryResponse]
    next_cursor: str | None
    total: int | None = Field(None, description="With `include_total=true` only.")


class StaffEntryList(Reply):
    """A page of a ledger, newest first."""

    model_config = example(
        {
            "items": [
                {
                    **_ENTRY,
                    "card_id": 42,
                    "card_number": "480912345678",
                    "terminal_id": 2,
                    "actor_kind": "pin",
                    "actor_name": "Lea",
                    "recorded_at": "2026-11-25T09:30:00Z",
                    "overrides_limits": False,
                    "override_name": None,
                    "voided_by_id": None,
                    "notes": None,
                }
            ],
            "next_cursor": None,
        }
    )

    items: list[StaffEntryResponse]
    next_cursor: str | None
    total: int | None = Field(None, description="With `include_total=true` only.")
