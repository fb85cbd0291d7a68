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


# What the card itself says.
_CARD_FACTS = (
    _CARD.merchant_id,
    _CARD.id.label("card_id"),
    _CARD.uid.label("card_uid"),
    _CARD.card_number,
    _CARD.status,
    _CARD.customer_id,
    _CARD.enrolled_store_id,
    _CARD.revision,
    _CARD.last_sequence,
    _CARD.head_hash,
    _CARD.stamp_count,
    _CARD.points_balance,
    _CARD.total_stamps_earned,
    _CARD.welcome_bonus_due,
    _CARD.welcome_points_due,
    _CARD.stamps_target,
    _CARD.reward_description,
    _CARD.last_stamp_at,
    _CARD.last_collected_at,
    _CARD.created_at,
    _CARD.has_merged,
)
# Whose it is, and where the operation happens.
_PLACE_FACTS = (
    _MERCHANT.status.label("merchant_status"),
    _MERCHANT.currency,
    _CUSTOMER.first_name,
    _CUSTOMER.last_name,
    _STORE.id.label("store_id"),
    _STORE.code.label("store_code"),
    _STORE.name.label("store_name"),
    _STORE.timezone,
    _STORE.day_starts_at,
)
# The program's rules, and the platform's above them.
_PROGRAM_FACTS = (
    _PROGRAM.id.label("program_id"),
    _PROGRAM.revision.label("program_revision"),
    _PROGRAM.loyalty_type,
    _PROGRAM.is_active.label("program_is_active"),
    _PROGRAM.stamps_target.label("program_target"),
    _PROGRAM.stamps_reward_description.label("program_reward"),
    _PROGRAM.points_per_euro,
    _PROGRAM.minimum_purchase_cents,
    _PROGRAM.minimum_redemption_points,
    _PROGRAM.points_expiration_days,
    _PROGRAM.points_expiry_since,
    _PROGRAM.cooldown_minutes,
    _PROGRAM.max_daily_stamps,
    _PROGRAM.max_stamps_per_operation,
    _PROGRAM.require_staff_pin,
    _PROGRAM.pin_session_minutes,
    _OPTIONS.staff_pin_policy,
    _OPTIONS.pin_max_failed_attempts,
    _OPTIONS.pin_lockout_minutes,
    _OPTIONS.allow_voids,
    _OPTIONS.allow_cross_store_redemption,
    _OPTIONS.void_window_days,
    _OPTIONS.require_order_reference,
    _OPTIONS.order_references_restart_daily,
)
# What the key stands for, the lock of PIN entry, and the stamps of the days around.
_REQUEST_FACTS = (
    _KEY.request_hash,
    _KEY.facts.label("remembered_facts"),
    _KEY.transaction_id.label("remembered_id"),
    _LOCK.failed_attempts.label("entry_failed_attempts"),
    _LOCK.locked_until.label("entry_locked_until"),
    _stamps_on("day_before").label("stamps_before"),
    _stamps_on("day_today").label("stamps_today"),
    _stamps_on("day_after").label("stamps_after_today"),
)


@lru_cache(maxsize=6)
def state_select(locator: Locator, knows_merchant: bool) -> Select[*tuple[Any, ...]]:
    """The SELECT for one way of naming the card, built once so that it stays compiled."""
    named = {"qr": _CARD.qr_code_data, "number": _CARD.card_number, "id": _CARD.id}[locator]
    statement = _joined(
        select(*_CARD_FACTS, *_PLACE_FACTS, *_PROGRAM_FACTS, *_REQUEST_FACTS)
    ).where(named == bindparam("locator"))
    if knows_merchant:
        return statement.where(_CARD.merchant_id == bindparam("merchant", type_=BigInteger))
    return statement.execution_options(tenant_exempt="a code names its card on the platform")


def _joined(statement: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """The card with its merchant, program, customer and store; options, key and lock if any."""
    merchant_id = _CARD.merchant_id
    store_id = func.coalesce(bindparam("store", type_=BigInteger), _CARD.enrolled_store_id)
    subject = func.coalesce(bindparam("subject", type_=BigInteger), store_id)
    return (
        statement.join(_MERCHANT, _MERCHANT.id == merchant_id)
        .join(_PROGRAM, (_PROGRAM.merchant_id == merchant_id) & (_PROGRAM.id == _CARD.program_id))
        .join(
            _CUSTOMER,
            (_CUSTOMER.merchant_id == merchant_id) & (_CUSTOMER.id == _CARD.customer_id),
        )
        .join(_STORE, (_STORE.merchant_id == merchant_id) & (_STORE.id == store_id))
        .outerjoin(_OPTIONS, _OPTIONS.merchant_id == merchant_id)
        .outerjoin(
            _KEY,
            (_KEY.merchant_id == merchant_id) & (_KEY.key == bindparam("key", type_=String)),
        )
        .outerjoin(
            _LOCK,
            (_LOCK.merchant_id == merchant_id)
            & (_LOCK.scope == bindparam("scope", type_=String))
            & (_LOCK.subject_id == subject),
        )
    )
