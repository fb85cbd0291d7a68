"""What managers change about a card and the person behind it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, RootModel, model_validator

from app.modules.loyalty.schemas.fields import (
    UNSET,
    AdjustReasonText,
    Body,
    EmailText,
    Flag,
    Id,
    Language,
    Name,
    Notes,
    PhoneText,
    Reply,
    UtcTime,
    example,
    refusal,
)


class CardPatch(Body):
    """`suspended` puts the card on hold, `active` takes it back."""

    model_config = example({"status": "suspended", "reason": "Reported as stolen"})

    status: Literal["active", "suspended"] = UNSET
    note: Annotated[Notes, Field(description="For staff only; an empty text takes it away.")] = (
        UNSET
    )
    reason: Annotated[
        Notes, Field(description="Stands beside the entry, and in the audit log.")
    ] = UNSET

    @model_validator(mode="after")
    def _check_some(self) -> Self:
        if self.model_fields_set.isdisjoint({"status", "note"}):
            raise refusal("nothing_to_change")
        return self


class CustomerPatch(Body):
    """What was wrong about a person; `null` takes a contact away."""

    model_config = example({"email": "zoe.strasser@example.com", "last_name": "Strasser"})

    first_name: Name = UNSET
    last_name: Name = UNSET
    email: EmailText | None = UNSET
    phone: PhoneText | None = UNSET
    locale: Language | None = UNSET


class ReplaceRequest(Body):
    """Why the card gets new codes."""

    model_config = example({"reason": "Lost on the bus"})

    reason: AdjustReasonText
    sign_out: Flag = Field(
        True, description="Sign the holder's devices out as well, since the code shows there."
    )


class MergeRequest(Body):
    """Which card is folded into the one of the address."""

    model_config = example({"other_card_id": 43, "reason": "The same person joined twice"})

    other_card_id: Id
    reason: Annotated[AdjustReasonText, Field(description="Needed, save for a `dry_run`.")] = UNSET
    dry_run: Flag = Field(False, description="Only say what it would lead to.")

    @model_validator(mode="after")
    def _check_reason(self) -> Self:
        if not self.dry_run and "reason" not in self.model_fields_set:
            raise refusal("merge_reason")
        return self


class MergeSideResponse(Reply):
    """One of two cards before they become one."""

    card_id: int
    card_number: str
    status: str
    stamp_count: int
    stamps_target: int
    points_balance: int
    first_name: str
    last_name: str


class MergePreviewResponse(Reply):
    """Both cards, and what one person takes over from the other."""

    survivor: MergeSideResponse
    other: MergeSideResponse
    status: str = Field(description="Suspended, where one of them is.")
    takes_over: list[str] = Field(description="`email`, `phone`, `first_name`, …")
    marketing_consent: bool = Field(description="Only where both people gave it.")


_SIDE: dict[str, Any] = {
    "card_id": 42,
    "card_number": "480912345678",
    "status": "active",
    "stamp_count": 9,
    "stamps_target": 10,
    "points_balance": 640,
    "first_name": "Zoé",
    "last_name": "Strasser",
}


class MergeResponse(Reply):
    """What the surviving card holds, or would hold (`dry_run`, with a `preview`)."""

    model_config = example(
        {
            "dry_run": True,
            "transaction_id": None,
            "card_id": 42,
            "other_card_id": 43,
            "stamp_count": 12,
            "stamps_target": 10,
            "rewards_available": 1,
            "reward_description": "A coffee of your choice",
            "points_balance": 740,
            "preview": {
                "survivor": _SIDE,
                "other": {**_SIDE, "card_id": 43, "stamp_count": 3, "points_balance": 100},
                "status": "active",
                "takes_over": ["phone"],
                "marketing_consent": False,
            },
        }
    )

    dry_run: bool
    transaction_id: int | None
    card_id: int
    other_card_id: int
    stamp_count: int
    stamps_target: int
    rewards_available: int
    reward_description: str
    points_balance: int
    preview: MergePreviewResponse | None = None


class EraseRequest(Body):
    """Why the person is erased. The reason is kept: name nobody in it."""

    model_config = example({"reason": "Asked for at the counter"})

    reason: AdjustReasonText


class ErasureResponse(Reply):
    """When the person was erased."""

    model_config = example({"erased_at": "2026-11-25T09:30:00Z", "already": False})

    erased_at: UtcTime
    already: bool = Field(description="True where an earlier request did it.")


class PersonExport(RootModel[dict[str, Any]]):
    """Everything known of a person: lists of facts by kind."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "exported_at": "2026-11-25T09:30:00Z",
                    "customer_id": 17,
                    "customers": [{"first_name": "Zoé", "email": "zoe@example.com"}],
                    "transactions": [],
                }
            ]
        }
    )
