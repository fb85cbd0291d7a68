"""Staff PINs and the terminals they are typed into."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from app.modules.loyalty.schemas.fields import (
    SECRET_UNSET,
    UNSET,
    Body,
    Flag,
    Id,
    PinText,
    Reply,
    RequiredName,
    StaffCode,
    UtcTime,
    example,
)
from app.modules.loyalty.types import PinRole

Role = Literal["cashier", "manager"]


class PinCreate(Body):
    """A member of staff with a PIN of 4 to 8 digits, sent as a text: leading zeros count."""

    model_config = example({"name": "Lea", "pin": "4826", "role": "cashier", "store_id": 1})

    name: RequiredName
    pin: PinText = Field(repr=False)
    staff_code: StaffCode | None = None
    store_id: Id | None = Field(None, description="Null: every store of the merchant.")
    role: Role = "cashier"
    can_void: Flag = False
    can_override: Flag = False
    own_card_id: Id | None = Field(None, description="Their own card, which they can't serve.")
    is_active: Flag = True


class PinUpdate(Body):
    """What to change; fields left out stay as they are."""

    model_config = example({"can_void": True})

    name: RequiredName = UNSET
    pin: PinText = SECRET_UNSET
    staff_code: StaffCode | None = UNSET
    store_id: Id | None = UNSET
    role: Role = UNSET
    can_void: Flag = UNSET
    can_override: Flag = UNSET
    own_card_id: Id | None = UNSET
    is_active: Flag = UNSET


class PinVerifyRequest(Body):
    """A PIN to check, before or apart from an operation."""

    model_config = example({"staff_pin": "4826"})

    staff_pin: PinText = Field(repr=False)
    staff_pin_id: Id | None = None


_PIN: dict[str, Any] = {
    "id": 3,
    "name": "Lea",
    "staff_code": None,
    "store_id": 1,
    "role": "cashier",
    "can_void": False,
    "can_override": False,
    "own_card_id": None,
    "is_active": True,
    "is_locked": False,
    "locked_until": None,
    "failed_attempts": 0,
    "last_used_at": "2026-11-25T09:30:00Z",
}


class PinResponse(Reply):
    """A member of staff, without anything of the PIN."""

    model_config = example(_PIN)

    id: int
    name: str
    staff_code: str | None
    store_id: int | None
    role: PinRole
    can_void: bool
    can_override: bool
    own_card_id: int | None
    is_active: bool
    is_locked: bool
    locked_until: UtcTime | None
    failed_attempts: int
    last_used_at: UtcTime | None


class PinList(Reply):
    """All members of staff of the merchant."""

    model_config = example({"items": [_PIN]})

    items: list[PinResponse]


class PinVerifiedResponse(Reply):
    """Who the PIN names; with PIN sessions also the token that stands for it for a while."""

    model_config = example(
        {
            "staff_pin_id": 3,
            "name": "Lea",
            "role": "cashier",
            "can_void": False,
            "can_override": False,
            "staff_session": "kq2…",
            "staff_session_expires_at": "2026-11-25T09:35:00Z",
        }
    )

    staff_pin_id: int
    name: str
    role: PinRole
    can_void: bool
    can_override: bool
    staff_session: str | None
    staff_session_expires_at: UtcTime | None


_TERMINAL: dict[str, Any] = {
    "id": 2,
    "name": "Counter",
    "store_id": 1,
    "store_name": "Café Bleu, Ville Haute",
    "created_at": "2026-11-02T08:15:00Z",
    "last_seen_at": "2026-11-25T09:30:00Z",
    "is_locked": False,
    "locked_until": None,
    "failed_attempts": 0,
}


class TerminalResponse(Reply):
    """A device at a counter."""

    model_config = example(_TERMINAL)

    id: int
    name: str
    store_id: int
    store_name: str
    created_at: UtcTime
    last_seen_at: UtcTime
    is_locked: bool
    locked_until: UtcTime | None
    failed_attempts: int


class TerminalList(Reply):
    """All terminals of the merchant that may still be used."""

    model_config = example({"items": [_TERMINAL]})

    items: list[TerminalResponse]
