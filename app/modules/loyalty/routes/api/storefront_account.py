"""/storefront/account: what a customer sees, changes, takes along and deletes of themselves."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.core.clock import utc_now
from app.core.errors import CsrfFailed, Unauthenticated, Unavailable, ValidationFailed
from app.core.web.context import language_of
from app.core.web.db import Db
from app.core.web.problem import answers
from app.modules.customers.errors import CustomerNotFound
from app.modules.customers.services import account_service
from app.modules.customers.types import AccountView
from app.modules.loyalty.routes.deps import Member
from app.modules.loyalty.schemas.account import AccountExport, AccountPatch, AccountResponse
from app.modules.loyalty.services import own_account, privacy_service
from app.modules.loyalty.services.ledger_entries import Actor
from app.modules.loyalty.types import ActorKind
from app.modules.tenancy.errors import StoreNotFound
from app.modules.tenancy.routes.storefront import (
    CurrentCustomer,
    StorefrontRoute,
    leave_customer,
)

router = APIRouter(prefix="/storefront/account", tags=["Storefront"], route_class=StorefrontRoute)
_OWN = (Unauthenticated, StoreNotFound, CustomerNotFound, ValidationFailed, Unavailable)


@router.get("", response_model=AccountResponse, responses=answers(*_OWN))
def get_account(db: Db, member: Member) -> AccountView:
    """What is known of the customer, and what they agreed to."""
    return account_service.account_of(
        db, merchant_id=member.merchant_id, customer_id=member.customer_id
    )


@router.patch("", response_model=AccountResponse, responses=answers(*_OWN, CsrfFailed))
def change_account(request: Request, db: Db, member: Member, body: AccountPatch) -> AccountView:
    """Change names, language, or the yes to marketing: taken back as easily as given."""
    return own_account.change_account(
        db,
        merchant_id=member.merchant_id,
        customer_id=member.customer_id,
        shown_in=language_of(request),
        ip_address=request.state.client_ip,
        **body.model_dump(exclude_unset=True),
    )


@router.get("/export", response_model=AccountExport, responses=answers(*_OWN))
def export(db: Db, member: Member) -> dict[str, Any]:
    """Everything known of the customer: person, card, its ledger, consents."""
    return privacy_service.export(
        db, merchant_id=member.merchant_id, customer_id=member.customer_id
    )


@router.delete("", status_code=204, responses=answers(*_OWN, CsrfFailed))
def erase(request: Request, db: Db, customer: CurrentCustomer, member: Member) -> Response:
    """Leave: the card and every personal value are deleted for good, and this device forgets."""
    privacy_service.erase(
        db,
        merchant_id=member.merchant_id,
        customer_id=member.customer_id,
        actor=Actor(ActorKind.CUSTOMER, member.customer_id),
        now=utc_now(),
    )
    response = Response(status_code=204)
    leave_customer(request, db, response, customer)
    return response
