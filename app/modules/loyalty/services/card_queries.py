"""Reads of one card with everything a decision needs, in one SELECT built once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
)

from app.modules.loyalty.config import get_loyalty_settings
from app.modules.loyalty.rules.business_day import business_day
from app.modules.loyalty.services.card_selects import Locator, state_select
from app.modules.loyalty.services.entry_selects import (
    AWARD,
    ENTRY,
    MERGED_DAYS,
    NEAR_STAMPS,
    REWARD,
)
from app.modules.loyalty.types import (
    ActorKind,
    AwardFacts,
    CardState,
    CardStatus,
    Cycle,
    EntryFacts,
    EntryType,
    LockScope,
    LoyaltyType,
    NearStamps,
    Order,
    Remembered,
    RewardFacts,
    StaffPinPolicy,
    StoreFacts,
)


@dataclass(frozen=True, slots=True)
class Question:
    """Which card to read, and on whose behalf.

    One of `qr_code_data`, `card_number` and `card_id` names the card. Without `merchant_id`
    the code alone finds it. `store_id` None: the store of enrolment. `lock_scope` and
    `lock_subject_id` say whose PIN entry lock counts (None: the store's). `voids_id`, `order`
    and `reward_id` name what the operation is about; `occurred_at` when it really happened,
    where that was not now.
    """

    merchant_id: int | None = None
    qr_code_data: str | None = None
    card_number: str | None = None
    card_id: int | None = None
    store_id: int | None = None
    idempotency_key: str | None = None
    lock_scope: LockScope = LockScope.STORE
    lock_subject_id: int | None = None
    voids_id: int | None = None
    order: Order | None = None
    reward_id: int | None = None
    occurred_at: datetime | None = None


def read_states(connection: Connection, question: Question, *, now: datetime) -> list[CardState]:
    """The cards that `question` names: at most one, or several where a number repeats elsewhere."""
    at = question.occurred_at or now
    before, today, after = _days_around(at)
    locator: Locator = "qr" if question.qr_code_data else "number" if question.card_number else "id"
    rows = connection.execute(
        state_select(locator, question.merchant_id is not None),
        {
            "merchant": question.merchant_id,
            "locator": question.qr_code_data or question.card_number or question.card_id,
            "store": question.store_id,
            "key": question.idempotency_key,
            "scope": question.lock_scope.value,
            "subject": question.lock_subject_id,
            "day_before": before,
            "day_today": today,
            "day_after": after,
        },
    ).all()
    # Read after the card: if its revision still stands at the write, so does this. A reward
    # stands with the program's, an order's reference with its unique index.
    return [
        _with_more(connection, _state_of(row, days=(before, today, after)), row, question, at=at)
        for row in rows
    ]


def _with_more(
    connection: Connection, state: CardState, row: Row[Any], question: Question, *, at: datetime
) -> CardState:
    if row.has_merged:
        days = _with_merged_days(connection, state)
        state = replace(state, stamps_by_day=days)
    if question.occurred_at is not None:
        near = connection.execute(
            NEAR_STAMPS, {"merchant": state.merchant_id, "card": state.card_id, "at": at}
        ).one()
        state = replace(state, near_stamps=NearStamps(*near))
    if question.voids_id is not None:
        state = replace(state, target=read_entry(connection, state, entry_id=question.voids_id))
    if question.order is not None:
        state = replace(state, award=_read_award(connection, state, question.order, at=at))
    if question.reward_id is not None:
        reward = connection.execute(
            REWARD, {"merchant": state.merchant_id, "reward": question.reward_id}
        ).one_or_none()
        state = replace(state, reward=RewardFacts(*reward) if reward else None)
    return state


def _with_merged_days(connection: Connection, state: CardState) -> dict[date, int]:
    days = dict(state.stamps_by_day)
    rows = connection.execute(
        MERGED_DAYS,
        {
            "merchant": state.merchant_id,
            "card": state.card_id,
            "first_day": min(days),
            "last_day": max(days),
        },
    )
    for day, stamps in rows:
        days[day] += stamps
    return days


def _read_award(
    connection: Connection, state: CardState, order: Order, *, at: datetime
) -> AwardFacts | None:
    restarts = state.order_references_restart_daily
    row = connection.execute(
        AWARD,
        {
            "merchant": state.merchant_id,
            "store": state.store.id,
            "kind": order.unit.value,
            "reference": order.reference,
            "day": business_day(at, store=state.store) if restarts else None,
        },
    ).one_or_none()
    if row is None:
        return None
    return AwardFacts(
        id=row.id,
        card_id=row.card_id,
        transaction_id=row.transaction_id,
        basis=row.basis,
        units=row.units,
        refunded_cents=row.refunded_cents,
        taken_back=row.taken_back,
        facts=row.facts,
    )


def read_entry(connection: Connection, state: CardState, *, entry_id: int) -> EntryFacts | None:
    """The card's ledger entry `entry_id` with what a void needs to know, or None."""
    row = connection.execute(
        ENTRY, {"merchant": state.merchant_id, "card": state.card_id, "entry": entry_id}
    ).one_or_none()
    if row is None:
        return None
    return EntryFacts(
        id=row.id,
        type=EntryType(row.type),
        stamps_delta=row.stamps_delta,
        points_delta=row.points_delta,
        order_reference=row.order_reference,
        refunded=row.refunded > 0,
        cycle=Cycle(row.stamps_target, row.reward_description),
        business_day=row.business_day,
        occurred_at=row.occurred_at,
        pin_id=row.actor_id if row.actor_kind == ActorKind.PIN else None,
        user_id=row.actor_id if row.actor_kind == ActorKind.USER else None,
        is_voided=bool(row.is_voided),
        newest_other_stamp_at=row.newest_other_stamp_at,
    )


def _days_around(now: datetime) -> tuple[date, date, date]:
    """UTC's day and its neighbours: any store's business day is one of them."""
    today = now.astimezone(UTC).date()
    return today - timedelta(days=1), today, today + timedelta(days=1)


def _state_of(row: Row[Any], *, days: Sequence[date]) -> CardState:
    defaults = get_loyalty_settings()
    facts = row._mapping
    remembered = None
    if row.request_hash is not None:
        remembered = Remembered(
            row.request_hash, {**row.remembered_facts, "transaction_id": row.remembered_id}
        )
    return CardState(
        **{name: facts[name] for name in _PLAIN},
        status=CardStatus(row.status),
        cycle=Cycle(row.stamps_target, row.reward_description),
        program_cycle=Cycle(row.program_target, row.program_reward),
        loyalty_type=LoyaltyType(row.loyalty_type),
        program_is_active=bool(row.program_is_active),
        require_staff_pin=bool(row.require_staff_pin),
        staff_pin_policy=StaffPinPolicy(row.staff_pin_policy or "optional"),
        pin_max_failed_attempts=row.pin_max_failed_attempts or defaults.pin_max_failed_attempts,
        pin_lockout_minutes=row.pin_lockout_minutes or defaults.pin_lockout_minutes,
        allow_voids=_or_true(row.allow_voids),
        allow_cross_store_redemption=_or_true(row.allow_cross_store_redemption),
        void_window_days=30 if row.void_window_days is None else row.void_window_days,
        require_order_reference=bool(row.require_order_reference),
        order_references_restart_daily=bool(row.order_references_restart_daily),
        store=StoreFacts(
            row.store_id, row.store_code, row.store_name, row.timezone, row.day_starts_at
        ),
        stamps_by_day=dict(
            zip(days, (row.stamps_before, row.stamps_today, row.stamps_after_today), strict=True)
        ),
        remembered=remembered,
        entry_failed_attempts=row.entry_failed_attempts or 0,
    )


def _or_true(value: bool | None) -> bool:
    return True if value is None else bool(value)


_PLAIN = (
    "merchant_id",
    "merchant_status",
    "card_id",
    "card_uid",
    "card_number",
    "customer_id",
    "first_name",
    "last_name",
    "enrolled_store_id",
    "revision",
    "last_sequence",
    "head_hash",
    "stamp_count",
    "points_balance",
    "total_stamps_earned",
    "welcome_bonus_due",
    "welcome_points_due",
    "last_stamp_at",
    "last_collected_at",
    "created_at",
    "currency",
    "program_id",
    "program_revision",
    "points_per_euro",
    "minimum_purchase_cents",
    "minimum_redemption_points",
    "points_expiration_days",
    "points_expiry_since",
    "cooldown_minutes",
    "max_daily_stamps",
    "max_stamps_per_operation",
    "pin_session_minutes",
    "entry_locked_until",
)
