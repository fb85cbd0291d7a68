"""The customer's account on the phone: language, news, their data, and leaving."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form
from fastapi.encoders import jsonable_encoder
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.core.clock import utc_now
from app.core.errors import FieldError, ValidationFailed
from app.core.web.context import language_of, translator_of, web_of
from app.core.web.db import Db
from app.core.web.templates import page
from app.modules.customers.services import account_service
from app.modules.loyalty.routes.deps import SignedInMember
from app.modules.loyalty.routes.pages import card_page
from app.modules.loyalty.routes.pages.sign_in import protect_part
from app.modules.loyalty.services import card_lists, own_account, privacy_service
from app.modules.loyalty.services.ledger_entries import Actor
from app.modules.loyalty.types import ActorKind
from app.modules.tenancy.routes.storefront import (
    OptionalCustomer,
    StorefrontRoute,
    leave_customer,
)
from app.modules.tenancy.types import LANGUAGES, Principal

router = APIRouter(route_class=StorefrontRoute)
_ACCOUNT, _NOBODY = "/loyalty/account", "/loyalty/dashboard"
_SAID: Final = {
    "saved": "loyalty.storefront.account.saved",
    "confirmed": "loyalty.storefront.protect.done",
    "merged": "loyalty.storefront.protect.merged",
}


class AccountForm(BaseModel):
    """What the form sends: everything it shows."""

    first_name: str = ""
    last_name: str = ""
    language: str = ""
    news: str = ""


@router.get(_ACCOUNT)
def show_account(request: Request, db: Db, customer: OptionalCustomer, said: str = "") -> Response:
    """What the customer may see and change; `said` names what was just done."""
    if customer is None:
        return _to(_NOBODY)
    return _account_page(request, db, customer, said=_SAID.get(said))


@router.post(_ACCOUNT)
def change_account(
    request: Request, db: Db, customer: OptionalCustomer, form: Annotated[AccountForm, Form()]
) -> Response:
    """Keep names, language, and the yes or no to news."""
    if customer is None:
        return _to(_NOBODY)
    try:
        _change(request, db, customer, form)
    except ValidationFailed as refusal:
        return _account_page(request, db, customer, form=form, refusal=refusal)
    response = _to(f"{_ACCOUNT}?said=saved")
    if form.language in LANGUAGES:  # on this device from now on, whatever it had chosen before
        web_of(request).cookies.set(response, "lang", form.language)
    return response


@router.get(f"{_ACCOUNT}/export")
def export(db: Db, customer: OptionalCustomer) -> Response:
    """Everything known of the customer, as a file."""
    if customer is None:
        return _to(_NOBODY)
    member = _member(customer)
    data = privacy_service.export(
        db, merchant_id=member.merchant_id, customer_id=member.customer_id
    )
    text = json.dumps(jsonable_encoder(data), ensure_ascii=False, indent=2)
    headers = {"Content-Disposition": 'attachment; filename="my-loyalty-card.json"'}
    return Response(text, media_type="application/json", headers=headers)


@router.post(f"{_ACCOUNT}/leave")
def leave(
    request: Request, db: Db, customer: OptionalCustomer, sure: Annotated[str, Form()] = ""
) -> Response:
    """Delete the card and the person behind it, once they said that they are sure."""
    if customer is None or not sure:
        return _to(_ACCOUNT)
    _erase(db, _member(customer))
    response = _to("/loyalty/left")
    leave_customer(request, db, response, customer)
    return response


def _erase(db: Db, member: SignedInMember) -> None:
    privacy_service.erase(
        db,
        merchant_id=member.merchant_id,
        customer_id=member.customer_id,
        actor=Actor(ActorKind.CUSTOMER, member.customer_id),
        now=utc_now(),
    )


def _change(request: Request, db: Db, customer: Principal, form: AccountForm) -> None:
    member = _member(customer)
    own_account.change_account(
        db,
        merchant_id=member.merchant_id,
        customer_id=member.customer_id,
        first_name=form.first_name,
        last_name=form.last_name,
        locale=form.language if form.language in LANGUAGES else None,
        marketing_consent=bool(form.news),
        shown_in=language_of(request),
        ip_address=request.state.client_ip,
    )


def _account_page(
    request: Request,
    db: Db,
    customer: Principal,
    *,
    said: str | None = None,
    form: AccountForm | None = None,
    refusal: ValidationFailed | None = None,
) -> Response:
    member = _member(customer)
    merchant_id, customer_id = member.merchant_id, member.customer_id
    card = card_lists.customer_card(db, merchant_id=merchant_id, customer_id=customer_id)
    account: dict[str, Any] = {
        **account_service.account_of(db, merchant_id=merchant_id, customer_id=customer_id)
    }
    request.state.language = account["locale"]
    context = card_page.card_context(card) | protect_part(db, customer)
    fault = refusal.errors[0] if refusal else None
    return page(
        request,
        "loyalty/storefront/account.html",
        status_code=422 if fault else 200,
        account=account | (form.model_dump(include={"first_name", "last_name"}) if form else {}),
        said=said,
        name_error=_sentence(request, fault) if fault else None,
        error_field=fault.loc[-1] if fault else None,
        **context,
    )


def _sentence(request: Request, fault: FieldError) -> str:
    return translator_of(request).t(f"validation.{fault.code}", **fault.params)


def _member(customer: Principal) -> SignedInMember:
    assert customer.merchant_id is not None
    assert customer.customer_id is not None
    return SignedInMember(customer.merchant_id, customer.customer_id)


def _to(path: str) -> RedirectResponse:
    return RedirectResponse(path, status_code=303)
