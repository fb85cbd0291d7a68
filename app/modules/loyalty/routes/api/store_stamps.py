"""/store/loyalty/stamp: what happens at the counter.

Plain functions without plain dependencies: each would be one more change of threads while a
customer waits.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.core.web.db import Db
from app.core.web.headers import IdempotencyKey
from app.core.web.problem import answers
from app.modules.loyalty.errors import (
    AlreadyVoided,
    CrossStoreRedemptionDisabled,
    DailyStampLimit,
    IdempotencyKeyReused,
    InsufficientStamps,
    NotVoidable,
    OrderAlreadyEarned,
    OrderReferenceRequired,
    ProgramInactive,
    ProgramTypeMismatch,
    StampCooldown,
    TransactionNotFound,
    VoidsDisabled,
    VoidWindowPassed,
)
from app.modules.loyalty.routes.api.answers import (
    AT_A_STORE,
    BY_STAFF,
    ON_A_CARD,
    replayable,
    stamp_answer,
    with_session,
)
from app.modules.loyalty.routes.deps import CounterCaller, LimitMisses, StoreManagerCaller
from app.modules.loyalty.schemas.stamps import (
    AdjustRequest,
    RedeemRequest,
    StampRequest,
    StampResponse,
    VoidRequest,
)
from app.modules.loyalty.services import stamp_service
from app.modules.tenancy.errors import MerchantSuspended

router = APIRouter(prefix="/store/loyalty/stamp", tags=["Stamps"])
_COUNTER = (*AT_A_STORE, *ON_A_CARD, *BY_STAFF)


@router.post(
    "",
    response_model=StampResponse,
    dependencies=[LimitMisses],
    responses={
        **with_session(),
        **answers(
            *_COUNTER, ProgramInactive, ProgramTypeMismatch, StampCooldown, DailyStampLimit,
            OrderAlreadyEarned, OrderReferenceRequired,
        ),
    },
)  # fmt: skip
def add_stamp(
    request: Request, db: Db, caller: CounterCaller, body: StampRequest, key: IdempotencyKey = None
) -> Response:
    """Give a card its stamps for one visit."""
    result = stamp_service.add_stamp(
        db, caller=caller, store_id=caller.store_id, idempotency_key=key, **body.model_dump()
    )
    return stamp_answer(request, result)


@router.post(
    "/redeem",
    response_model=StampResponse,
    dependencies=[LimitMisses],
    responses={
        **with_session(),
        **answers(*_COUNTER, InsufficientStamps, CrossStoreRedemptionDisabled),
    },
)
def redeem_stamps(
    request: Request, db: Db, caller: CounterCaller, body: RedeemRequest, key: IdempotencyKey = None
) -> Response:
    """Give out rewards that are ready; each takes the card's target in stamps."""
    result = stamp_service.redeem_stamps(
        db, caller=caller, store_id=caller.store_id, idempotency_key=key, **body.model_dump()
    )
    return stamp_answer(request, result)


@router.post(
    "/void",
    response_model=StampResponse,
    dependencies=[LimitMisses],
    responses={
        **with_session(),
        **answers(
            *_COUNTER, TransactionNotFound, VoidsDisabled, AlreadyVoided, NotVoidable,
            VoidWindowPassed,
        ),
    },
)  # fmt: skip
def void_stamp(
    request: Request, db: Db, caller: CounterCaller, body: VoidRequest, key: IdempotencyKey = None
) -> Response:
    """Undo one earlier entry. Own ones of today by anybody, others by those who may."""
    result = stamp_service.void_stamp(
        db, caller=caller, store_id=caller.store_id, idempotency_key=key, **body.model_dump()
    )
    return stamp_answer(request, result)


@router.post(
    "/adjust",
    response_model=StampResponse,
    dependencies=[LimitMisses],
    responses={
        **replayable(200),
        **answers(
            *AT_A_STORE, *ON_A_CARD, MerchantSuspended, IdempotencyKeyReused, InsufficientStamps,
        ),
    },
)  # fmt: skip
def adjust_stamps(
    request: Request,
    db: Db,
    caller: StoreManagerCaller,
    body: AdjustRequest,
    key: IdempotencyKey = None,
) -> Response:
    """Correct a card by hand, with a reason. For owners and managers."""
    result = stamp_service.adjust_stamps(
        db, caller=caller, store_id=caller.store_id, idempotency_key=key, **body.model_dump()
    )
    return stamp_answer(request, result)
