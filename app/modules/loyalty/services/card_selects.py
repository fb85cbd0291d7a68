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
    card, program, options = _CARD, LoyaltyProgram, MerchantLoyaltySettings
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
            card.stamps_target,
            card.reward_description,
            card.last_stamp_at,
            Merchant.status.label("merchant_status"),
            Customer.first_name,
            Customer.last_name,
            program.id.label("program_id"),
            program.revision.label("program_revision"),
            program.loyalty_type,
            program.is_active.label("program_is_active"),
            program.stamps_target.label("program_target"),
            program.stamps_reward_description.label("program_reward"),
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
            Store.id.label("store_id"),
            Store.code.label("store_code"),
            Store.name.label("store_name"),
            Store.timezone,
            Store.day_starts_at,
            IdempotencyRecord.request_hash,
            IdempotencyRecord.facts.label("remembered_facts"),
            IdempotencyRecord.transaction_id.label("remembered_id"),
            PinEntryLock.failed_attempts.label("entry_failed_attempts"),
            PinEntryLock.locked_until.label("entry_locked_until"),
            _stamps_on("day_before").label("stamps_before"),
            _stamps_on("day_today").label("stamps_today"),
            _stamps_on("day_after").label("stamps_after_today"),
        )
        .join(Merchant, Merchant.id == card.merchant_id)
        .join(program, (program.merchant_id == card.merchant_id) & (program.id == card.program_id))
        .join(
            Customer,
            (Customer.merchant_id == card.merchant_id) & (Customer.id == card.customer_id),
        )
        .join(Store, (Store.merchant_id == card.merchant_id) & (Store.id == store_id))
        .outerjoin(options, options.merchant_id == card.merchant_id)
        .outerjoin(
            IdempotencyRecord,
            (IdempotencyRecord.merchant_id == card.merchant_id)
            & (IdempotencyRecord.key == bindparam("key", type_=String)),
        )
        .outerjoin(
            PinEntryLock,
            (PinEntryLock.merchant_id == card.merchant_id)
            & (PinEntryLock.scope == bindparam("scope", type_=String))
            & (PinEntryLock.subject_id == subject),
        )
        .where(column == bindparam("locator"))
    )
    if knows_merchant:
        return statement.where(card.merchant_id == bindparam("merchant", type_=BigInteger))
    return statement.execution_options(tenant_exempt="a code names its card on the platform")


def _entry_select() -> Select[*tuple[Any, ...]]:
    entry, void, other, other_void = (aliased(LoyaltyTransaction) for _ in range(4))
    is_voided = exists().where(void.merchant_id == entry.merchant_id, void.voids_id == entry.id)
    newest_other = (
        select(other.occurred_at)
        .where(
            other.merchant_id == entry.merchant_id,
            other.card_id == entry.card_id,
            other.id != entry.id,
            other.type == EntryType.STAMP_EARNED.value,
            ~exists().where(
                other_void.merchant_id == other.merchant_id, other_void.voids_id == other.id
            ),
        )
        .order_by(other.sequence.desc())
        .limit(1)
        .correlate(entry)
        .scalar_subquery()
    )
    return select(
        entry.id,
        entry.type,
        entry.stamps_delta,
        entry.stamps_target,
        entry.reward_description,
        entry.business_day,
        entry.occurred_at,
        entry.actor_kind,
        entry.actor_id,
        is_voided.label("is_voided"),
        newest_other.label("newest_other_stamp_at"),
    ).where(
        entry.merchant_id == bindparam("merchant"),
        entry.card_id == bindparam("card"),
        entry.id == bindparam("entry"),
    )


ENTRY = _entry_select()
