"""What the platform's admins see and set: all programs, and each merchant's settings."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final

from pydantic import Field
from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from app.modules.loyalty.schemas.fields import (
    UNSET,
    Body,
    Flag,
    Reply,
    UtcTime,
    example,
    whole,
)
from app.modules.loyalty.schemas.program import ProgramResponse
from app.modules.loyalty.types import LoyaltyType, StaffPinPolicy
from app.modules.tenancy.types import MerchantStatus

_MOST_CARDS: Final = 2_000_000_000


class SettingsView(TypedDict):
    """Everything the platform decides for one merchant."""

    merchant_id: int
    staff_pin_policy: StaffPinPolicy
    pin_max_failed_attempts: int
    pin_lockout_minutes: int
    allow_self_enrollment: bool
    allow_voids: bool
    allow_cross_store_redemption: bool
    void_window_days: int
    require_order_reference: bool
    order_references_restart_daily: bool
    max_cards: int | None


class SettingsUpdate(Body):
    """What to change; fields left out stay as they are."""

    model_config = example({"staff_pin_policy": "required", "max_cards": 5000})

    staff_pin_policy: StaffPinPolicy = UNSET
    pin_max_failed_attempts: Annotated[int, whole(1, 20)] = UNSET
    pin_lockout_minutes: Annotated[int, whole(1, 1440)] = UNSET
    allow_self_enrollment: Flag = UNSET
    allow_voids: Flag = UNSET
    allow_cross_store_redemption: Flag = UNSET
    void_window_days: Annotated[int, whole(0, 365)] = UNSET
    require_order_reference: Flag = UNSET
    order_references_restart_daily: Flag = UNSET
    max_cards: Annotated[int, whole(0, _MOST_CARDS)] | None = UNSET


class SettingsResponse(Reply):
    """What counts for the merchant: set by an admin, or the platform's default."""

    model_config = example(
        {
            "merchant_id": 1,
            "staff_pin_policy": "optional",
            "pin_max_failed_attempts": 5,
            "pin_lockout_minutes": 30,
            "allow_self_enrollment": True,
            "allow_voids": True,
            "allow_cross_store_redemption": True,
            "void_window_days": 30,
            "require_order_reference": False,
            "order_references_restart_daily": False,
            "max_cards": None,
        }
    )

    merchant_id: int
    staff_pin_policy: StaffPinPolicy = Field(
        description="`optional`: the program decides whether staff need a PIN."
    )
    pin_max_failed_attempts: int
    pin_lockout_minutes: int
    allow_self_enrollment: bool
    allow_voids: bool
    allow_cross_store_redemption: bool
    void_window_days: int
    require_order_reference: bool
    order_references_restart_daily: bool
    max_cards: int | None = Field(description="Null: as many as there are customers.")


class ProgramLine(TypedDict):
    """One program in the platform's list, with figures as of `counted_at`."""

    id: int
    merchant_id: int
    merchant_name: str
    merchant_status: MerchantStatus
    card_name: str
    loyalty_type: LoyaltyType
    is_active: bool
    created_at: datetime
    members: int
    active_30_days: int
    stamps_30_days: int
    points_30_days: int
    counted_at: datetime | None


_LINE: Final = {
    "id": 1,
    "merchant_id": 1,
    "merchant_name": "Café Bleu",
    "merchant_status": "active",
    "card_name": "Café Bleu card",
    "loyalty_type": "stamps",
    "is_active": True,
    "created_at": "2026-11-02T08:15:00Z",
    "members": 412,
    "active_30_days": 207,
    "stamps_30_days": 1840,
    "points_30_days": 0,
    "counted_at": "2026-11-24T16:00:00Z",
}


class ProgramLineResponse(Reply):
    """One program with figures of the last 30 days, as of the last roll-up (`counted_at`)."""

    model_config = example(_LINE)

    id: int
    merchant_id: int
    merchant_name: str
    merchant_status: MerchantStatus
    card_name: str
    loyalty_type: LoyaltyType
    is_active: bool
    created_at: UtcTime
    members: int
    active_30_days: int = Field(description="Distinct cards that earned or redeemed.")
    stamps_30_days: int = Field(description="Given, less what voids and refunds took back.")
    points_30_days: int = Field(description="Earned, less what voids and refunds took back.")
    counted_at: UtcTime | None = Field(description="Null: not counted yet, so all are 0.")


class ProgramList(Reply):
    """One page of the platform's programs."""

    model_config = example({"items": [_LINE], "next_cursor": None, "total": None})

    items: list[ProgramLineResponse]
    next_cursor: str | None
    total: int | None = Field(description="Only with `include_total=true`.")


class AdminProgramResponse(ProgramLineResponse):
    """One program with its figures and all its rules."""

    model_config = example(
        _LINE | {"program": ProgramResponse.model_config["json_schema_extra"]["examples"][0]}  # type: ignore[index]
    )

    program: ProgramResponse


class PlatformDay(TypedDict):
    """One business day on the whole platform."""

    business_day: date
    new_cards: int
    stamps_net: int
    points_net: int
    redemptions: int


class PlatformTotals(TypedDict):
    """Several days added up."""

    new_programs: int
    new_cards: int
    stamps_net: int
    points_net: int
    redemptions: int


class PlatformStats(TypedDict):
    """The whole platform, as of the last roll-ups."""

    days: int
    first_day: date
    last_day: date
    merchants: dict[str, int]
    programs: int
    active_programs: int
    cards: int
    active_cards_30_days: int
    totals: PlatformTotals
    before: PlatformTotals
    series: list[PlatformDay]
    rolled_up_until: datetime | None


_TOTALS: Final = {"new_cards": 4, "stamps_net": 83, "points_net": 0, "redemptions": 6}


class PlatformStatsResponse(Reply):
    """The whole platform in a number of days. Stamps and points after voids and refunds."""

    model_config = example(
        {
            "days": 1,
            "first_day": "2026-11-24",
            "last_day": "2026-11-24",
            "merchants": {"trial": 1, "active": 2, "past_due": 0, "suspended": 0, "closed": 0},
            "programs": 3,
            "active_programs": 3,
            "cards": 1204,
            "active_cards_30_days": 611,
            "totals": _TOTALS | {"new_programs": 1},
            "before": _TOTALS | {"new_programs": 0},
            "series": [_TOTALS | {"business_day": "2026-11-24"}],
            "rolled_up_until": "2026-11-24T15:59:00Z",
        }
    )

    days: int
    first_day: date
    last_day: date
    merchants: dict[str, int] = Field(description="How many, by status.")
    programs: int
    active_programs: int
    cards: int = Field(description="Neither merged nor erased.")
    active_cards_30_days: int
    totals: PlatformTotals
    before: PlatformTotals = Field(description="As many days right before.")
    series: list[PlatformDay] = Field(description="Every day of the period, in order.")
    rolled_up_until: UtcTime | None = Field(
        description="As of when, for the merchant that is furthest behind. Null: of no time yet."
    )
