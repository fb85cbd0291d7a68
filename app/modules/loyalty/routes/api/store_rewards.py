"""/store/loyalty/rewards: what points buy."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from app.core.errors import Forbidden, ValidationFailed
from app.core.web.db import Db
from app.core.web.headers import Id
from app.core.web.problem import answers
from app.modules.loyalty.errors import ProgramNotFound, QuotaExceeded, RewardNotFound
from app.modules.loyalty.routes.api.answers import READS, WRITES
from app.modules.loyalty.routes.deps import ManagerCaller, StaffCaller
from app.modules.loyalty.schemas.rewards import (
    RewardCreate,
    RewardList,
    RewardResponse,
    RewardUpdate,
)
from app.modules.loyalty.services import reward_service

router = APIRouter(prefix="/store/loyalty/rewards", tags=["Rewards"])
WithInactive = Annotated[
    bool, Query(description="Also those that are not given out now; owners and managers only.")
]


@router.get(
    "",
    response_model=RewardList,
    responses=answers(*READS, ValidationFailed, ProgramNotFound),
)
def list_rewards(db: Db, caller: StaffCaller, include_inactive: WithInactive = False) -> RewardList:
    """The points catalogue: what can be had first, the cheapest first."""
    if include_inactive and not caller.is_manager:
        raise Forbidden
    rewards = reward_service.list_rewards(
        db, merchant_id=caller.merchant_id, include_inactive=include_inactive
    )
    return RewardList(items=[RewardResponse.model_validate(reward) for reward in rewards])


@router.post(
    "",
    status_code=201,
    response_model=RewardResponse,
    responses=answers(*WRITES, ProgramNotFound, QuotaExceeded),
)
def create_reward(db: Db, caller: ManagerCaller, body: RewardCreate) -> RewardResponse:
    """Put a reward into the catalogue, which holds 100 of them at most."""
    reward = reward_service.create_reward(
        db, merchant_id=caller.merchant_id, data=body, caller=caller
    )
    return RewardResponse.model_validate(reward)


@router.patch(
    "/{reward_id}",
    response_model=RewardResponse,
    responses=answers(*WRITES, ProgramNotFound, RewardNotFound),
)
def update_reward(
    db: Db, caller: ManagerCaller, reward_id: Id, body: RewardUpdate
) -> RewardResponse:
    """Change a reward. A new cost counts from the next redemption on."""
    reward = reward_service.update_reward(
        db, merchant_id=caller.merchant_id, reward_id=reward_id, data=body, caller=caller
    )
    return RewardResponse.model_validate(reward)


@router.delete(
    "/{reward_id}", status_code=204, responses=answers(*WRITES, ProgramNotFound, RewardNotFound)
)
def delete_reward(db: Db, caller: ManagerCaller, reward_id: Id) -> None:
    """Take a reward out of the catalogue for good; the ledger goes on naming it."""
    reward_service.delete_reward(
        db, merchant_id=caller.merchant_id, reward_id=reward_id, caller=caller
    )
