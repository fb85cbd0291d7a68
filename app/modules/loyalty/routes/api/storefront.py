"""/storefront/loyalty: what customers do on their own phones."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.core.errors import (
    CsrfFailed,
    RateLimited,
    Unauthenticated,
    Unavailable,
    ValidationFailed,
)
from app.core.web.context import language_of
from app.core.web.db import Db
from app.core.web.headers import IdempotencyKey, IfNoneMatch, etag_of, is_known
from app.core.web.pagination import PageQuery
from app.core.web.problem import answers
from app.modules.loyalty.errors import (
    CardInactive,
    CardNotFound,
    CardReplaced,
    IdempotencyKeyReused,
    ProgramInactive,
    ProgramNotFound,
    QuotaExceeded,
    SelfEnrollmentDisabled,
)
from app.modules.loyalty.routes.api.answers import cached, json_answer, not_modified, replayable
from app.modules.loyalty.routes.deps import (
    LimitEnrolmentsByAddress,
    LimitEnrolmentsByStore,
    Member,
    browser_key,
)
from app.modules.loyalty.routes.wallet_links import links_version, own_card_answer
from app.modules.loyalty.schemas.cards import (
    CustomerCardResponse,
    SelfEnrollRequest,
    SelfEnrollResponse,
)
from app.modules.loyalty.schemas.transactions import EntryList
from app.modules.loyalty.services import card_lists, card_service
from app.modules.loyalty.services.card_lists import EntryPage
from app.modules.loyalty.types import Enrolment
from app.modules.tenancy.errors import MerchantSuspended, StoreNotFound, StoreRequired
from app.modules.tenancy.routes.storefront import (
    StorefrontRoute,
    StorefrontStore,
    keep_customer,
)
from app.modules.tenancy.services import auth_service

router = APIRouter(prefix="/storefront/loyalty", tags=["Storefront"], route_class=StorefrontRoute)
_OWN_CARD = (Unauthenticated, CardNotFound, StoreNotFound, ValidationFailed, Unavailable)


@router.get(
    "/card", response_model=CustomerCardResponse, responses={**cached(), **answers(*_OWN_CARD)}
)
def get_card(
    db: Db, response: Response, member: Member, if_none_match: IfNoneMatch = None
) -> CustomerCardResponse | Response:
    """The customer's card. Pages ask every 2 seconds with the ETag they have."""
    merchant_id, customer_id = member.merchant_id, member.customer_id
    version = card_lists.customer_card_version(db, merchant_id=merchant_id, customer_id=customer_id)
    etag = etag_of(*version, *links_version())
    if is_known(if_none_match, etag):
        return not_modified(etag)
    response.headers["ETag"] = etag
    card = card_lists.customer_card(db, merchant_id=merchant_id, customer_id=customer_id)
    return own_card_answer(db, card, merchant_id=merchant_id)


@router.get(
    "/transactions",
    response_model=EntryList,
    responses=answers(*_OWN_CARD),
)
def list_transactions(db: Db, member: Member, page: PageQuery) -> EntryPage:
    """The history of the customer's card, newest first."""
    merchant_id = member.merchant_id
    card_id = card_lists.card_id_of(db, merchant_id=merchant_id, customer_id=member.customer_id)
    return card_lists.list_transactions(
        db,
        merchant_id=merchant_id,
        card_id=card_id,
        limit=page.limit,
        cursor=page.cursor,
        include_total=page.include_total,
    )


@router.post(
    "/enroll",
    status_code=201,
    response_model=SelfEnrollResponse,
    dependencies=[LimitEnrolmentsByAddress, LimitEnrolmentsByStore],
    responses={
        **replayable(201),
        **answers(
            StoreRequired, StoreNotFound, CsrfFailed, SelfEnrollmentDisabled, MerchantSuspended,
            ProgramNotFound, ProgramInactive, QuotaExceeded, ValidationFailed,
            IdempotencyKeyReused, CardInactive, CardReplaced, RateLimited, Unavailable,
        ),
    },
)  # fmt: skip
def enroll(
    request: Request,
    db: Db,
    store: StorefrontStore,
    body: SelfEnrollRequest,
    key: IdempotencyKey = None,
) -> Response:
    """Join. Always a fresh card, whoever the address belongs to; this device is signed in.

    An idempotency key counts together with the browser's cookie; without one it is not used.
    """
    person = body.model_dump() | {"locale": body.locale or language_of(request)}
    enrolment = card_service.enroll_self(
        db,
        store_id=store.store_id,
        idempotency_key=browser_key(request, key),
        ip_address=request.state.client_ip,
        request_id=request.state.request_id,
        **person,
    )
    return _signed_in(request, db, store, enrolment)


def _signed_in(request: Request, db: Db, store: StorefrontStore, enrolment: Enrolment) -> Response:
    """The new card, and this device signed in to it."""
    merchant_id, customer_id = store.merchant_id, enrolment["customer_id"]
    card = card_lists.customer_card(db, merchant_id=merchant_id, customer_id=customer_id)
    shown = own_card_answer(db, card, merchant_id=merchant_id)
    joined = SelfEnrollResponse(card=shown, wallet_urls=shown.wallet_urls)
    answer = json_answer(joined.model_dump(mode="json"), 201, replayed=enrolment["replayed"])
    token = auth_service.issue_customer_token(db, merchant_id=merchant_id, customer_id=customer_id)
    keep_customer(request, answer, token)
    return answer
