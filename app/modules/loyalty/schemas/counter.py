"""What every request at the counter is made of: which card, who serves, which order."""

from __future__ import annotations

from typing import Self

from pydantic import ConfigDict, Field, model_validator

from app.modules.loyalty.schemas.fields import (
    Body,
    CardText,
    Id,
    Instant,
    Notes,
    PinText,
    Reference,
    SessionToken,
    VoidReasonText,
    refusal,
)


class ByCard(Body):
    """A body that names one card in exactly one way."""

    qr_code: CardText | None = Field(None, description="What the scanner read.")
    card_number: CardText | None = Field(None, description="As printed or typed.")
    card_id: Id | None = None

    @model_validator(mode="after")
    def _check_card(self) -> Self:
        named = [self.qr_code, self.card_number, self.card_id]
        if sum(value is not None for value in named) != 1:
            raise refusal("card_one_of")
        return self


class ByStaff(Body):
    """The fields that say who serves."""

    staff_pin: PinText | None = Field(None, description="4 to 8 digits.", repr=False)
    staff_pin_id: Id | None = Field(None, description="Names the person; the PIN alone does too.")
    staff_session: SessionToken | None = Field(
        None, description="An open PIN session's token, in place of the PIN.", repr=False
    )


class OverrideRequest(Body):
    """A limit is lifted once, by somebody who may."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"pin": "715093", "reason": "Second visit today"}]}
    )

    pin: PinText = Field(description="A manager's, or of somebody who may override.", repr=False)
    reason: VoidReasonText = Field(description="3 to 500 characters; kept with the entry.")


class Earning(Body):
    """What may be said of an earning: its order, who lifts a limit, when it really happened."""

    order_reference: Reference | None = Field(
        None,
        description="The till's name of the order, up to 64 characters; it earns once.",
        examples=["ORD-12345"],
    )
    override: OverrideRequest | None = None
    occurred_at: Instant | None = Field(
        None,
        description="When it happened, if the till was offline: with its zone, at most 24 hours "
        "ago. For terminals and API keys.",
    )
    notes: Notes | None = None
