"""/store/loyalty/points: what purchases earn, and what points buy."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.core.web.db import Db
from app.core.web.headers import IdempotencyKey
from app.core.web.problem import answers
from app.modules.loyalty.errors import (
    AlreadyVoided,
    BelowMinimumPurchase,
    BelowMinimumRedemption,
    CrossStoreRedemptionDisabled,
    IdempotencyKeyReused,
    InsufficientPoints,
    NothingToReinstate,
    NotVoidable,
    OrderAlreadyEarned,
    OrderReferenceRequired,
    ProgramInactive,
    ProgramTypeMismatch,
    RewardNotFound,
    TransactionNotFound,
    VoidsDisabled,
    VoidWindowPassed,
)
from app.modules.loyalty.routes.api.answers import (
    AT_A_STORE,
    BY_STAFF,
    ON_A_CARD,
    points_answer,
    replayable,
    with_session,
)
from app.modules.loyalty.routes.deps import (
    CounterCaller,
    LimitMisses,
    LookingCaller,
    StoreManagerCaller,
)
from app.modules.loyalty.schemas.points import (
    PointsAdjustRequest,
    PointsPreviewRequest,
    PointsPreviewResponse,
    PointsRedeemRequest,
    PointsReinstateRequest,
    PointsRequest,
    PointsResponse,
)
from app.modules.loyalty.schemas.stamps import VoidRequest
from app.modules.loyalty.services import points_expiry, points_service
from app.modules.loyalty.services.points_service import PointsPreview
from app.modules.tenancy.errors import MerchantSuspended

router = APIRouter(prefix="/store/loyalty/points", tags=["Points"])
_COUNTER = (*AT_A_STORE, *ON_A_CARD, *BY_STAFF)
_EARNS = (ProgramInactive, ProgramTypeMismatch, BelowMinimumPurchase)


@router.post(
    "",
    response_model=PointsResponse,
    dependencies=[LimitMisses],
    responses={
        **with_session(),
        **answers(*_COUNTER, *_EARNS, OrderAlreadyEarned, OrderReferenceRequired),
    },
)
def earn_points(
    request: Request, db: Db, caller: CounterCaller, body: PointsRequest, key: IdempotencyKey = None
) -> Response:
    """Book the points of a purchase."""
    result = points_service.earn_points(
        db, caller=caller, store_id=caller.store_id, idempotency_key=key, **body.model_dump()
    )
    return points_answer(request, result)


@router.post(
    "/preview",
    response_model=PointsPreviewResponse,
    dependencies=[LimitMisses],
    responses=answers(*AT_A_STORE, *ON_A_CARD, *_EARNS),
)
def preview_points(db: Db, caller: LookingCaller, body: PointsPreviewRequest) -> PointsPreview:
    """What a purchase would earn; nothing is written."""
    return points_service.preview_points(db, caller=caller, **body.model_dump())


@router.post(
    "/redeem",
    response_model=PointsResponse,
    dependencies=[LimitMisses],
    responses={
        **with_session(),
        **answers(
            *_COUNTER, RewardNotFound, BelowMinimumRedemption, InsufficientPoints,
            CrossStoreRedemptionDisabled,
        ),
    },
)  # fmt: skip
def redeem_points(
    request: Request,
    db: Db,
    caller: CounterCaller,
    body: PointsRedeemRequest,
    key: IdempotencyKey = None,
) -> Response:
    """Give out a reward of the catalogue, or take a number of points."""
    asked = body.model_dump(exclude={"points"})
    result = points_service.redeem_points(
        db, caller=caller, store_id=caller.store_id, idempotency_key=key,
        points_to_redeem=body.points, **asked,
    )  # fmt: skip
    return points_answer(request, result)


@router.post(
    "/void",
    response_model=PointsResponse,
    dependencies=[LimitMisses],
    responses={
        **with_session(),
        **answers(
            *_COUNTER, TransactionNotFound, VoidsDisabled, AlreadyVoided, NotVoidable,
            VoidWindowPassed,
        ),
    },
)  # fmt: skip
def void_points(
    request: Request, db: Db, caller: CounterCaller, body: VoidRequest, key: IdempotencyKey = None
) -> Response:
    """Undo one earlier entry. Own ones of today by anybody, others by those who may."""
    result = points_service.void_points(
        db, caller=caller, store_id=caller.store_id, idempotency_key=key, **body.model_dump()
    )
    return points_answer(request, result)


@router.post(
    "/adjust",
    response_model=PointsResponse,
    dependencies=[LimitMisses],
    responses={
        **replayable(200),
        **answers(
            *AT_A_STORE, *ON_A_CARD, MerchantSuspended, IdempotencyKeyReused, InsufficientPoints,
        ),
    },
)  # fmt: skip
def adjust_points(
    request: Request,
    db: Db,
    caller: StoreManagerCaller,
    body: PointsAdjustRequest,
    key: IdempotencyKey = None,
) -> Response:
    """Correct a card by hand, with a reason. For owners and managers."""
    result = points_service.adjust_points(
        db, caller=caller, store_id=caller.store_id, idempotency_key=key, **body.model_dump()
    )
    return points_answer(request, result)


@router.post(
    "/reinstate",
    response_model=PointsResponse,
    dependencies=[LimitMisses],
    responses={
        **replayable(200),
        **answers(
            *AT_A_STORE, *ON_A_CARD, MerchantSuspended, IdempotencyKeyReused, NothingToReinstate,
        ),
    },
)  # fmt: skip
def reinstate_points(
    request: Request,
    db: Db,
    caller: StoreManagerCaller,
    body: PointsReinstateRequest,
    key: IdempotencyKey = None,
) -> Response:
    """Give back the points that expired last, within 30 days. For owners and managers."""
    result = points_expiry.reinstate_points(
        db, caller=caller, store_id=caller.store_id, idempotency_key=key, **body.model_dump()
    )
    return points_answer(request, result)
