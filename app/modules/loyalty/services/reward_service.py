"""The points catalogue. Each change counts as a change of the program.

A redemption holds only if the program is still at the revision it was decided on, so one that
read an old cost reads again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, func, select, update
from sqlalchemy.orm import Session

from app.core import clock, jobs
from app.core.db import atomic
from app.modules.loyalty.errors import ProgramNotFound, QuotaExceeded, RewardNotFound
from app.modules.loyalty.models import LoyaltyProgram, LoyaltyReward
from app.modules.loyalty.schemas.rewards import RewardCreate, RewardUpdate
from app.modules.loyalty.services import wallet_passes
from app.modules.loyalty.types import ActorKind, Caller, RewardFacts
from app.modules.tenancy.services import audit_service

MAXIMUM_REWARDS: Final = 100


def list_rewards(
    db: Session, *, merchant_id: int, include_inactive: bool = False
) -> list[LoyaltyReward]:
    """The catalogue: what can be had first, the cheapest first.

    Raises:
        ProgramNotFound.
    """
    reward = LoyaltyReward
    _check_program(db, merchant_id)
    wanted = select(reward).where(reward.merchant_id == merchant_id, reward.deleted_at.is_(None))
    if not include_inactive:
        wanted = wanted.where(reward.is_active)
    ordered = wanted.order_by(reward.is_active.desc(), reward.cost_points, reward.id)
    return list(db.execute(ordered.execution_options(populate_existing=True)).scalars())


def on_offer(connection: Connection, *, merchant_id: int) -> list[RewardFacts]:
    """What can be had for points now, the cheapest first."""
    reward = LoyaltyReward
    rows = connection.execute(
        select(reward.id, reward.name, reward.cost_points)
        .where(reward.merchant_id == merchant_id, reward.is_active, reward.deleted_at.is_(None))
        .order_by(reward.cost_points, reward.id)
    )
    return [RewardFacts(*row) for row in rows]


def create_reward(
    db: Session,
    *,
    merchant_id: int,
    data: RewardCreate,
    caller: Caller | None = None,
    now: datetime | None = None,
) -> LoyaltyReward:
    """Put a reward into the catalogue.

    Raises:
        ProgramNotFound.
        QuotaExceeded: the catalogue holds 100 rewards.
    """
    now = now or clock.utc_now()
    values = data.model_dump()
    with atomic(db):
        _change_program(db, merchant_id, now=now)
        _check_room(db, merchant_id)
        reward = LoyaltyReward(merchant_id=merchant_id, created_at=now, **values)
        db.add(reward)
        db.flush()
        _audit(db, reward, "reward_created", caller, old=None, new=values, now=now)
    jobs.wake()
    return reward


def update_reward(
    db: Session,
    *,
    merchant_id: int,
    reward_id: int,
    data: RewardUpdate,
    caller: Caller | None = None,
    now: datetime | None = None,
) -> LoyaltyReward:
    """Change what `data` names. Redemptions so far keep what they cost.

    Raises:
        ProgramNotFound, RewardNotFound.
    """
    now = now or clock.utc_now()
    sent = data.model_dump(exclude_unset=True)
    with atomic(db):
        _lock_program(db, merchant_id)
        reward = _reward(db, merchant_id, reward_id)
        new = {name: value for name, value in sent.items() if value != getattr(reward, name)}
        if new:
            old = {name: getattr(reward, name) for name in new}
            _write(db, reward, new, now=now)
            _audit(db, reward, "reward_changed", caller, old=old, new=new, now=now)
    jobs.wake()
    return reward


def delete_reward(
    db: Session,
    *,
    merchant_id: int,
    reward_id: int,
    caller: Caller | None = None,
    now: datetime | None = None,
) -> None:
    """Take a reward out of the catalogue for good; the ledger goes on naming it.

    Raises:
        ProgramNotFound, RewardNotFound.
    """
    now = now or clock.utc_now()
    with atomic(db):
        _lock_program(db, merchant_id)
        reward = _reward(db, merchant_id, reward_id)
        old = {"name": reward.name, "cost_points": reward.cost_points}
        _write(db, reward, {"deleted_at": now, "is_active": False}, now=now)
        _audit(db, reward, "reward_deleted", caller, old=old, new=None, now=now)
    jobs.wake()


def _check_program(db: Session, merchant_id: int) -> None:
    found = select(LoyaltyProgram.id).where(LoyaltyProgram.merchant_id == merchant_id)
    if db.execute(found).scalar_one_or_none() is None:
        raise ProgramNotFound


def _lock_program(db: Session, merchant_id: int) -> None:
    found = select(LoyaltyProgram.id).where(LoyaltyProgram.merchant_id == merchant_id)
    if db.execute(found.with_for_update()).scalar_one_or_none() is None:
        raise ProgramNotFound


def _change_program(db: Session, merchant_id: int, *, now: datetime) -> None:
    """Raise the program's revision; whoever changes the catalogue next waits for its row."""
    changed = db.execute(
        update(LoyaltyProgram)
        .where(LoyaltyProgram.merchant_id == merchant_id)
        .values(revision=LoyaltyProgram.revision + 1, updated_at=now)
        .returning(LoyaltyProgram.revision)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if changed is None:
        raise ProgramNotFound
    wallet_passes.redesign(db, merchant_id=merchant_id, revision=changed, now=now)


def _check_room(db: Session, merchant_id: int) -> None:
    count = db.execute(
        select(func.count())
        .select_from(LoyaltyReward)
        .where(LoyaltyReward.merchant_id == merchant_id, LoyaltyReward.deleted_at.is_(None))
    ).scalar_one()
    if count >= MAXIMUM_REWARDS:
        raise QuotaExceeded(quota="rewards", limit=MAXIMUM_REWARDS)


def _reward(db: Session, merchant_id: int, reward_id: int) -> LoyaltyReward:
    reward = db.execute(
        select(LoyaltyReward)
        .where(
            LoyaltyReward.merchant_id == merchant_id,
            LoyaltyReward.id == reward_id,
            LoyaltyReward.deleted_at.is_(None),
        )
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if reward is None:
        raise RewardNotFound
    return reward


def _write(db: Session, reward: LoyaltyReward, new: dict[str, Any], *, now: datetime) -> None:
    _change_program(db, reward.merchant_id, now=now)
    db.execute(
        update(LoyaltyReward)
        .where(LoyaltyReward.merchant_id == reward.merchant_id, LoyaltyReward.id == reward.id)
        .values(**new)
        .returning(LoyaltyReward)
        .execution_options(populate_existing=True, synchronize_session=False)
    ).scalar_one()


def _audit(
    db: Session,
    reward: LoyaltyReward,
    action: str,
    caller: Caller | None,
    *,
    old: dict[str, Any] | None,
    new: dict[str, Any] | None,
    now: datetime,
) -> None:
    audit_service.record(
        db,
        merchant_id=reward.merchant_id,
        action=action,
        subject=f"reward:{reward.id}",
        actor_kind=(caller.kind if caller else ActorKind.SERVICE).value,
        actor_id=caller.actor_id if caller else None,
        old=old,
        new=new,
        ip_address=caller.ip_address if caller else None,
        request_id=caller.request_id if caller else None,
        now=now,
    )
