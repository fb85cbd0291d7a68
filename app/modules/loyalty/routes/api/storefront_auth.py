"""/storefront/auth: signing in, and proving a contact, by a code from an e-mail."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.core.errors import CsrfFailed, RateLimited, Unavailable, ValidationFailed
from app.core.web.context import translator_of
from app.core.web.db import Db
from app.core.web.problem import answers
from app.modules.customers.errors import SignInCodeInvalid
from app.modules.customers.rules.sign_in_codes import CODE_LIFE
from app.modules.loyalty.errors import AmountTooLarge, CardInactive, CardNotFound
from app.modules.loyalty.routes.visitor import (
    CurrentVisitor,
    LimitCodes,
    LimitCodeTries,
    keep_verified,
)
from app.modules.loyalty.schemas.account import (
    CodeRequest,
    CodeSentResponse,
    VerifyRequest,
    VerifyResponse,
)
from app.modules.loyalty.schemas.cards import CustomerCardResponse
from app.modules.loyalty.services import card_lists, code_sending, confirmation
from app.modules.tenancy.errors import StoreNotFound, StoreRequired
from app.modules.tenancy.routes.storefront import (
    OptionalCustomer,
    StorefrontRoute,
    leave_customer,
)

router = APIRouter(prefix="/storefront/auth", tags=["Storefront"], route_class=StorefrontRoute)
_AT_A_STORE = (
    StoreRequired, StoreNotFound, CsrfFailed, ValidationFailed, RateLimited, Unavailable,
)  # fmt: skip


@router.post(
    "/code",
    status_code=202,
    response_model=CodeSentResponse,
    dependencies=[LimitCodes],
    responses=answers(*_AT_A_STORE),
)
def send_code(
    request: Request, db: Db, visitor: CurrentVisitor, body: CodeRequest
) -> CodeSentResponse:
    """Ask for a code by e-mail. The answer is the same whoever the address belongs to.

    The code is bound to the browser's cookie, or to the device whose address it confirms. Only
    the newest one counts, for 10 minutes and 5 tries. After 5 e-mails within an hour an address
    gets none.
    """
    code_sending.send_code(db, visitor, email=body.email)
    message = translator_of(request).t("loyalty.storefront.sign_in.sent")
    return CodeSentResponse(message=message, valid_minutes=int(CODE_LIFE.total_seconds()) // 60)


@router.post(
    "/verify",
    response_model=VerifyResponse,
    dependencies=[LimitCodeTries],
    responses=answers(*_AT_A_STORE, SignInCodeInvalid, CardNotFound, CardInactive, AmountTooLarge),
)
def verify(
    request: Request,
    response: Response,
    db: Db,
    visitor: CurrentVisitor,
    customer: OptionalCustomer,
    body: VerifyRequest,
) -> VerifyResponse:
    """Sign this device in, or confirm the address of its fresh card; sets the cookie."""
    verified = confirmation.verify(db, visitor, code=body.code, email=body.email)
    keep_verified(request, db, response, customer, verified)
    card = card_lists.customer_card(
        db, merchant_id=visitor.store.merchant_id, customer_id=verified["customer_id"]
    )
    own = CustomerCardResponse.model_validate(card)
    return VerifyResponse(outcome=verified["outcome"].value, card=own)


@router.post(
    "/logout",
    status_code=204,
    responses=answers(StoreNotFound, CsrfFailed, ValidationFailed, Unavailable),
)
def logout(request: Request, db: Db, customer: OptionalCustomer) -> Response:
    """Forget the card on this device; 204 also where there was none. The card itself stays."""
    response = Response(status_code=204)
    if customer is not None:
        leave_customer(request, db, response, customer)
    return response
