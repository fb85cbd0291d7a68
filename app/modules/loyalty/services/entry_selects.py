"""The SELECTs for what an operation is about beside its card: entries, orders, rewards."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    String,
    bindparam,
    cast,
    exists,
    func,
    select,
)
from sqlalchemy.orm import aliased

from app.core.db import LocalDate, UtcDateTime
from app.modules.loyalty.models import (
    LoyaltyCard,
    LoyaltyReward,
    LoyaltyTransaction,
    OrderAward,
)
from app.modules.loyalty.types import EntryType


def _merged_into(card_id: Any) -> Any:
    """The card and those that were merged into it."""
    merged = aliased(LoyaltyCard)
    return (
        select(merged.id)
        .where(
            merged.merchant_id == bindparam("merchant", type_=BigInteger),
            (merged.id == card_id) | (merged.merged_into_id == card_id),
        )
        .scalar_subquery()
    )


def _newest_other_stamp(entry: Any) -> Any:
    """When the newest other, not voided stamp was given on the card or on one it took over."""
    other, other_void = aliased(LoyaltyTransaction), aliased(LoyaltyTransaction)
    return (
        select(other.occurred_at)
        .where(
            other.merchant_id == entry.merchant_id,
            other.card_id.in_(_merged_into(bindparam("card", type_=BigInteger))),
            other.id != entry.id,
            other.type == EntryType.STAMP_EARNED.value,
            ~exists().where(
                other_void.merchant_id == other.merchant_id, other_void.voids_id == other.id
            ),
        )
        .order_by(other.occurred_at.desc())
        .limit(1)
        .correlate(entry)
        .scalar_subquery()
    )


def _entry_select() -> Select[*tuple[Any, ...]]:
    entry, void = aliased(LoyaltyTransaction), aliased(LoyaltyTransaction)
    is_voided = exists().where(void.merchant_id == entry.merchant_id, void.voids_id == entry.id)
    return (
        select(
            entry.id,
            entry.type,
            entry.stamps_delta,
            entry.points_delta,
            entry.order_reference,
            entry.stamps_target,
            entry.reward_description,
            entry.business_day,
            entry.occurred_at,
            entry.actor_kind,
            entry.actor_id,
            is_voided.label("is_voided"),
            _newest_other_stamp(entry).label("newest_other_stamp_at"),
            (
                func.coalesce(OrderAward.refunded_cents, 0)
                + func.coalesce(OrderAward.taken_back, 0)
            ).label("refunded"),
        )
        .outerjoin(
            OrderAward,
            (OrderAward.merchant_id == entry.merchant_id) & (OrderAward.transaction_id == entry.id),
        )
        .where(
            entry.merchant_id == bindparam("merchant", type_=BigInteger),
            entry.card_id.in_(_merged_into(bindparam("card", type_=BigInteger))),
            entry.id == bindparam("entry", type_=BigInteger),
        )
    )


def _near_stamps_select() -> Select[*tuple[Any, ...]]:
    """When stamps were given before and after an instant that a till tells of later."""
    at = bindparam("at", type_=UtcDateTime())

    def nearest(which: ColumnElement[Any], condition: Any, entry: Any, void: Any) -> Any:
        return (
            select(which)
            .where(
                entry.merchant_id == bindparam("merchant", type_=BigInteger),
                entry.card_id.in_(_merged_into(bindparam("card", type_=BigInteger))),
                entry.type == EntryType.STAMP_EARNED.value,
                condition,
                ~exists().where(void.merchant_id == entry.merchant_id, void.voids_id == entry.id),
            )
            .scalar_subquery()
        )

    earlier, later = aliased(LoyaltyTransaction), aliased(LoyaltyTransaction)
    return select(
        nearest(
            func.max(earlier.occurred_at, type_=UtcDateTime()),
            earlier.occurred_at <= at,
            earlier,
            aliased(LoyaltyTransaction),
        ),
        nearest(
            func.min(later.occurred_at, type_=UtcDateTime()),
            later.occurred_at > at,
            later,
            aliased(LoyaltyTransaction),
        ),
    )


def _merged_days_select() -> Select[*tuple[Any, ...]]:
    """Stamps of a day on the cards that were merged into one: they count for its limit too."""
    entry, void, merged = (
        aliased(LoyaltyTransaction),
        aliased(LoyaltyTransaction),
        aliased(LoyaltyCard),
    )
    return (
        select(
            entry.business_day,
            cast(func.sum(entry.stamps_delta), BigInteger).label("stamps"),
        )
        .join(merged, (merged.merchant_id == entry.merchant_id) & (merged.id == entry.card_id))
        .where(
            merged.merchant_id == bindparam("merchant", type_=BigInteger),
            merged.merged_into_id == bindparam("card", type_=BigInteger),
            entry.business_day >= bindparam("first_day", type_=LocalDate()),
            entry.business_day <= bindparam("last_day", type_=LocalDate()),
            entry.type == EntryType.STAMP_EARNED.value,
            ~exists().where(void.merchant_id == entry.merchant_id, void.voids_id == entry.id),
        )
        .group_by(entry.business_day)
    )


def _award_select() -> Select[*tuple[Any, ...]]:
    """The award that holds an order's reference now; `day` None: on whatever day."""
    award = OrderAward
    day = bindparam("day", type_=LocalDate())
    return (
        select(
            award.id,
            award.card_id,
            award.transaction_id,
            award.basis,
            award.units,
            award.refunded_cents,
            award.taken_back,
            award.facts,
        )
        .where(
            award.merchant_id == bindparam("merchant", type_=BigInteger),
            award.store_id == bindparam("store", type_=BigInteger),
            award.kind == bindparam("kind", type_=String),
            award.order_reference == bindparam("reference", type_=String),
            ~award.is_voided,
            day.is_(None) | (award.business_day == day),
        )
        .order_by(award.id.desc())
        .limit(1)
    )


def _reward_select() -> Select[*tuple[Any, ...]]:
    reward = LoyaltyReward
    return select(reward.id, reward.name, reward.cost_points).where(
        reward.merchant_id == bindparam("merchant", type_=BigInteger),
        reward.id == bindparam("reward", type_=BigInteger),
        reward.is_active,
        reward.deleted_at.is_(None),
    )


ENTRY = _entry_select()
MERGED_DAYS = _merged_days_select()
NEAR_STAMPS = _near_stamps_select()
AWARD = _award_select()
REWARD = _reward_select()
