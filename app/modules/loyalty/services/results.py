"""What an operation answers: facts that may be stored, and the reply made from them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from app.modules.customers.rules.names import masked_name
from app.modules.loyalty.rules import cooldown, daily_limit, expiry, rewards
from app.modules.loyalty.types import (
    CardState,
    Draft,
    EntryType,
    PointsResult,
    Staff,
    StampResult,
)

if TYPE_CHECKING:
    from app.modules.loyalty.services.counter import Served


def facts(
    before: CardState,
    after: CardState,
    drafts: Sequence[Draft],
    *,
    staff: Staff | None,
    now: datetime,
) -> dict[str, Any]:
    """What is true after the operation, without personal data, ready for JSON."""
    ready = rewards.rewards_available(after.stamp_count, after.cycle.target)
    ready_before = rewards.rewards_available(before.stamp_count, before.cycle.target)
    draft = drafts[-1]
    return {
        "type": draft.type.value,
        "quantity": draft.stamps_delta,
        "stamp_count": after.stamp_count,
        "stamps_target": after.cycle.target,
        "stamps_until_reward": rewards.stamps_until_reward(after.stamp_count, after.cycle.target),
        "rewards_available": ready,
        "reward_earned": draft.type is EntryType.STAMP_EARNED and ready > ready_before,
        "reward_description": _reward(before, after, draft),
        "total_stamps_earned": after.total_stamps_earned,
        "next_stamp_available_at": _iso(
            cooldown.next_stamp_available_at(
                last_stamp_at=after.last_stamp_at,
                cooldown_minutes=after.cooldown_minutes,
                now=now,
            )
        ),
        "stamps_remaining_today": daily_limit.remaining_today(after, now=now),
        "points_delta": draft.points_delta,
        "points_balance": after.points_balance,
        "points_expire_on": _iso(expiry.points_expire_on(after)),
        "staff_pin_id": staff.pin_id if staff else None,
    }


def stamp(served: Served) -> StampResult:
    """The reply to a stamp operation. Names are rendered now, also for a replay."""
    known, state = served.posted.facts, served.posted.state
    next_at = known["next_stamp_available_at"]
    return StampResult(
        transaction_id=known["transaction_id"],
        type=known["type"],
        quantity=known["quantity"],
        card_id=state.card_id,
        card_number=state.card_number,
        stamp_count=known["stamp_count"],
        stamps_target=known["stamps_target"],
        stamps_until_reward=known["stamps_until_reward"],
        rewards_available=known["rewards_available"],
        reward_earned=known["reward_earned"],
        reward_description=known["reward_description"],
        total_stamps_earned=known["total_stamps_earned"],
        next_stamp_available_at=datetime.fromisoformat(next_at) if next_at else None,
        stamps_remaining_today=known["stamps_remaining_today"],
        points_balance=known.get("points_balance", 0),  # keys of older versions don't say
        duplicate=known.get("duplicate", False),
        customer_name=masked_name(state.first_name, state.last_name),
        staff_name=served.staff_name,
        replayed=served.posted.replayed,
        staff_session=served.staff_session,
        staff_session_expires_at=served.staff_session_expires_at,
    )


def points(served: Served) -> PointsResult:
    """The reply to a points operation, as `stamp`."""
    known, state = served.posted.facts, served.posted.state
    delta, expire_on = known["points_delta"], known["points_expire_on"]
    return PointsResult(
        transaction_id=known["transaction_id"],
        type=known["type"],
        points_delta=delta,
        card_id=state.card_id,
        card_number=state.card_number,
        points_earned=delta if known["type"] == EntryType.POINTS_EARNED else 0,
        points_redeemed=-delta if known["type"] == EntryType.POINTS_REDEEMED else 0,
        points_balance=known["points_balance"],
        points_expire_on=date.fromisoformat(expire_on) if expire_on else None,
        reward_description=known["reward_description"],
        stamp_count=known["stamp_count"],
        stamps_target=known["stamps_target"],
        stamps_until_reward=known["stamps_until_reward"],
        rewards_available=known["rewards_available"],
        duplicate=known.get("duplicate", False),
        customer_name=masked_name(state.first_name, state.last_name),
        staff_name=served.staff_name,
        replayed=served.posted.replayed,
        staff_session=served.staff_session,
        staff_session_expires_at=served.staff_session_expires_at,
    )


def _reward(before: CardState, after: CardState, draft: Draft) -> str:
    """The reward this operation was about: a redemption may open a cycle with another."""
    if draft.type is EntryType.POINTS_REDEEMED:
        return before.reward.name if before.reward else ""
    return (before if draft.type is EntryType.STAMP_REDEEMED else after).cycle.reward


def _iso(at: date | None) -> str | None:
    return at.isoformat() if at else None
