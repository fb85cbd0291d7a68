"""/store/loyalty/refund: an order goes back."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.core.web.db import Db
from app.core.web.headers import IdempotencyKey
from app.core.web.problem import answers
from app.modules.loyalty.errors import (
    AmountTooLarge,
    IdempotencyKeyReused,
    InvalidStaffPin,
    OrderNotFound,
    RefundExceedsOrder,
    StaffPinLocked,
    StaffPinRequired,
    TerminalLocked,
    VoidWindowPassed,
)
from app.modules.loyalty.routes.api.answers import AT_A_STORE, refund_answer, with_session
from app.modules.loyalty.routes.deps import CounterCaller
from app.modules.loyalty.schemas.refunds import RefundRequest, RefundResponse
from app.modules.loyalty.services import refund_service
from app.modules.tenancy.errors import MerchantSuspended

router = APIRouter(prefix="/store/loyalty/refund", tags=["Refunds"])
_BY_STAFF = (StaffPinRequired, InvalidStaffPin, StaffPinLocked, TerminalLocked, MerchantSuspended)


@router.post(
    "",
    response_model=RefundResponse,
    responses={
        **with_session(),
        **answers(
            *AT_A_STORE, *_BY_STAFF, OrderNotFound, RefundExceedsOrder, VoidWindowPassed,
            AmountTooLarge, IdempotencyKeyReused,
        ),
    },
)  # fmt: skip
def refund_order(
    request: Request, db: Db, caller: CounterCaller, body: RefundRequest, key: IdempotencyKey = None
) -> Response:
    """Take back what an order of this store earned, whole or in part."""
    result = refund_service.refund_order(
        db, caller=caller, store_id=caller.store_id, idempotency_key=key, **body.model_dump()
    )
    return refund_answer(request, result)
