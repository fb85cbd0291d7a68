"""What a till has to know of a merchant's rules before it asks for anything."""

from __future__ import annotations

from typing import TypedDict

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.currencies import exponent_of
from app.modules.loyalty.errors import ProgramNotFound
from app.modules.loyalty.models import LoyaltyProgram, MerchantLoyaltySettings
from app.modules.loyalty.types import LoyaltyType, StaffPinPolicy
from app.modules.tenancy.models import Merchant


class CounterFacts(TypedDict):
    """The rules that a till shows while somebody types; the server checks each of them again.

    `asks_for_pin` and `requires_order_reference` are what counts in the end, with the
    platform's word above the program's. Amounts are minor units of `currency` (ISO 4217),
    which has `exponent` decimals.
    """

    has_stamps: bool
    has_points: bool
    asks_for_pin: bool
    requires_order_reference: bool
    max_stamps_per_operation: int
    points_per_euro: int
    minimum_purchase_cents: int
    currency: str
    exponent: int


def counter_facts(db: Session, *, merchant_id: int) -> CounterFacts:
    """The rules of the merchant's counter as they stand now; one SELECT.

    Raises:
        ProgramNotFound.
    """
    program, settings = LoyaltyProgram, MerchantLoyaltySettings
    row = db.execute(
        select(
            program.loyalty_type,
            program.require_staff_pin,
            program.max_stamps_per_operation,
            program.points_per_euro,
            program.minimum_purchase_cents,
            settings.staff_pin_policy,
            settings.require_order_reference,
            Merchant.currency,
        )
        .join(Merchant, Merchant.id == program.merchant_id)
        .outerjoin(settings, settings.merchant_id == program.merchant_id)
        .where(program.merchant_id == merchant_id)
    ).one_or_none()
    if row is None:
        raise ProgramNotFound
    units = LoyaltyType(row.loyalty_type)
    policy = StaffPinPolicy(row.staff_pin_policy or StaffPinPolicy.OPTIONAL)
    return CounterFacts(
        has_stamps=units.has_stamps,
        has_points=units.has_points,
        asks_for_pin=policy.asks_for_pin(program_asks=row.require_staff_pin),
        requires_order_reference=bool(row.require_order_reference),
        max_stamps_per_operation=row.max_stamps_per_operation,
        points_per_euro=row.points_per_euro,
        minimum_purchase_cents=row.minimum_purchase_cents,
        currency=row.currency,
        exponent=exponent_of(row.currency),
    )
