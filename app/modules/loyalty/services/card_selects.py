"""The SELECTs behind `card_queries`, built once so that they stay compiled."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    ScalarSelect,
    Select,
    String,
    bindparam,
    cast,
    exists,
    func,
    select,
)
from sqlalchemy.orm import aliased

from app.core.db import LocalDate
from app.modules.customers.models import Customer
from app.modules.loyalty.models import (
    IdempotencyRecord,
    LoyaltyCard,
    LoyaltyProgram,
    LoyaltyTransaction,
    MerchantLoyaltySettings,
    PinEntryLock,
)
from app.modules.loyalty.types import (
    EntryType,
)
from app.modules.tenancy.models import Merchant, Store

Locator = Literal["qr", "number", "id"]

# Short names, since psycopg reads a statement of more than 4096 characters anew at each use.
_CARD = aliased(LoyaltyCard, name="card")
_MERCHANT = aliased(Merchant, name="m")
_PROGRAM = aliased(LoyaltyProgram, name="p")
_OPTIONS = aliased(MerchantLoyaltySettings, name="o")
_CUSTOMER = aliased(Customer, name="c")
_STORE = aliased(Store, name="s")
_KEY = aliased(IdempotencyRecord, name="k")
_LOCK = aliased(PinEntryLock, name="l")


def _stamps_on(day: str) -> ScalarSelect[int]:
    """Stamps given on a business day and not voided; welcome, imported, adjusted don't count."""
    entry = aliased(LoyaltyTransaction, name="entry")
    void = aliased(LoyaltyTransaction, name="void")
    return (
        # PostgreSQL's sum of bigint is a decimal.
        select(cast(func.coalesce(func.sum(entry.stamps_delta), 0), BigInteger))
        .where(
            entry.merchant_id == _CARD.merchant_id,
            entry.card_id == _CARD.id,
            entry.business_day == bindparam(day, type_=LocalDate()),
            entry.type == EntryType.STAMP_EARNED.value,
            ~exists().where(void.merchant_id == entry.merchant_id, void.voids_id == entry.id),
        )
        .correlate(_CARD)
        .scalar_subquery()
    )


@lru_cache(maxsize=6)
def state_select(locator: Locator, knows_merchant: bool) -> Select[*tuple[Any, ...]]:
    """The SELECT for one way of naming the card, built once so that it stays compiled."""
    card, program, options, store = _CARD, _PROGRAM, _OPTIONS, _STORE
    column = {"qr": card.qr_code_data, "number": card.card_number, "id": card.id}[locator]
    store_id = func.coalesce(bindparam("store", type_=BigInteger), card.enrolled_store_id)
    subject = func.coalesce(bindparam("subject", type_=BigInteger), store_id)
    statement = (
        select(
            card.merchant_id,
            card.id.label("card_id"),
            card.uid.label("card_uid"),
            card.card_number,
            card.status,
            card.customer_id,
            card.enrolled_store_id,
            card.revision,
            card.last_sequence,
            card.head_hash,
            card.stamp_count,
            card.points_balance,
            card.total_stamps_earned,
            card.welcome_bonus_due,
            card.welcome_points_due,
            card.stamps_target,
            card.reward_description,
            card.last_stamp_at,
            card.last_collected_at,
            card.created_at,
            card.has_merged,
            _MERCHANT.status.label("merchant_status"),
            _MERCHANT.currency,
            _CUSTOMER.first_name,
            _CUSTOMER.last_name,
            program.id.label("program_id"),
            program.revision.label("program_revision"),
            program.loyalty_type,
            program.is_active.label("program_is_active"),
            program.stamps_target.label("program_target"),
            program.stamps_reward_description.label("program_reward"),
            program.points_per_euro,
            program.minimum_purchase_cents,
            program.minimum_redemption_points,
            program.points_expiration_days,
            program.points_expiry_since,
            program.cooldown_minutes,
            program.max_daily_stamps,
            program.max_stamps_per_operation,
            program.require_staff_pin,
            program.pin_session_minutes,
            options.staff_pin_policy,
            options.pin_max_failed_attempts,
            options.pin_lockout_minutes,
            options.allow_voids,
            options.allow_cross_store_redemption,
            options.void_window_days,
            options.require_order_reference,
            options.order_references_restart_daily,
            store.id.label("store_id"),
            store.code.label("store_code"),
            store.name.label("store_name"),
            store.timezone,
            store.day_starts_at,
            _KEY.request_hash,
            _KEY.facts.label("remembered_facts"),
            _KEY.transaction_id.label("remembered_id"),
            _LOCK.failed_attempts.label("entry_failed_attempts"),
            _LOCK.locked_until.label("entry_locked_until"),
            _stamps_on("day_before").label("stamps_before"),
            _stamps_on("day_today").label("stamps_today"),
            _stamps_on("day_after").label("stamps_after_today"),
        )
        .join(_MERCHANT, _MERCHANT.id == card.merchant_id)
        .join(program, (program.merchant_id == card.merchant_id) & (program.id == card.program_id))
        .join(
            _CUSTOMER,
            (_CUSTOMER.merchant_id == card.merchant_id) & (_CUSTOMER.id == card.customer_id),
        )
        .join(store, (store.merchant_id == card.merchant_id) & (store.id == store_id))
        .outerjoin(options, options.merchant_id == card.merchant_id)
        .outerjoin(
            _KEY,
            (_KEY.merchant_id == card.merchant_id) & (_KEY.key == bindparam("key", type_=String)),
        )
        .outerjoin(
            _LOCK,
            (_LOCK.merchant_id == card.merchant_id)
            & (_LOCK.scope == bindparam("scope", type_=String))
            & (_LOCK.subject_id == subject),
        )
        .where(column == bindparam("locator"))
    )
    if knows_merchant:
        return statement.where(card.merchant_id == bindparam("merchant", type_=BigInteger))
    return statement.execution_options(tenant_exempt="a code names its card on the platform")
