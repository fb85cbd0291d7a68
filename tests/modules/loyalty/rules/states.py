"""A card, its program and its store as the rules see them, ready to be varied."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any

from app.modules.loyalty.types import (
    CardState,
    CardStatus,
    Cycle,
    EntryFacts,
    EntryType,
    LoyaltyType,
    PinRole,
    Staff,
    StaffPinPolicy,
    StoreFacts,
)

NOON = datetime(2026, 6, 15, 10, 0, tzinfo=UTC)  # 12:00 in Luxembourg
TODAY = NOON.date()
COFFEE = Cycle(target=10, reward="A free coffee")
STORE = StoreFacts(
    id=1, code="LUX", name="Café Luxembourg", timezone="Europe/Luxembourg", day_starts_at=time(0, 0)
)

_CARD = CardState(
    merchant_id=1,
    merchant_status="active",
    card_id=7,
    card_uid="c7",
    card_number="480912345678",
    status=CardStatus.ACTIVE,
    customer_id=3,
    first_name="Zoé",
    last_name="Strasser",
    enrolled_store_id=1,
    revision=1,
    last_sequence=1,
    head_hash="",
    stamp_count=0,
    points_balance=0,
    welcome_bonus_due=0,
    welcome_points_due=0,
    total_stamps_earned=0,
    cycle=COFFEE,
    last_stamp_at=None,
    last_collected_at=None,
    created_at=NOON,
    currency="EUR",
    program_id=1,
    program_revision=1,
    loyalty_type=LoyaltyType.STAMPS,
    program_is_active=True,
    program_cycle=COFFEE,
    points_per_euro=10,
    minimum_purchase_cents=0,
    minimum_redemption_points=0,
    points_expiration_days=None,
    points_expiry_since=None,
    cooldown_minutes=15,
    max_daily_stamps=5,
    max_stamps_per_operation=5,
    require_staff_pin=True,
    pin_session_minutes=5,
    staff_pin_policy=StaffPinPolicy.OPTIONAL,
    pin_max_failed_attempts=5,
    pin_lockout_minutes=30,
    allow_voids=True,
    allow_cross_store_redemption=True,
    void_window_days=30,
    require_order_reference=False,
    order_references_restart_daily=False,
    store=STORE,
    stamps_by_day={},
)

_ENTRY = EntryFacts(
    id=90,
    type=EntryType.STAMP_EARNED,
    stamps_delta=1,
    points_delta=0,
    order_reference=None,
    refunded=False,
    cycle=COFFEE,
    business_day=TODAY,
    occurred_at=NOON,
    pin_id=11,
    user_id=None,
    is_voided=False,
    newest_other_stamp_at=None,
)

ANNA = Staff(
    pin_id=11,
    version=1,
    name="Anna",
    role=PinRole.CASHIER,
    can_void=False,
    can_override=False,
    own_card_id=None,
    store_id=None,
)
BEN = replace(ANNA, pin_id=12, name="Ben")
MIA = replace(ANNA, pin_id=13, name="Mia", role=PinRole.MANAGER)


def card(**changes: Any) -> CardState:
    """An active, empty card of a stamps program with target 10."""
    return replace(_CARD, **changes)


def entry(**changes: Any) -> EntryFacts:
    """A stamp that Anna gave today."""
    return replace(_ENTRY, **changes)
