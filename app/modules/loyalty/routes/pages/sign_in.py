"""Signing in by a code, and proving the address of a fresh card: the customer's pages."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Form
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.core.errors import AppError, ValidationFailed
from app.core.web.context import translator_of
from app.core.web.db import Db
from app.core.web.templates import page
from app.modules.customers.errors import SignInCodeInvalid
from app.modules.customers.rules.sign_in_codes import CODE_LIFE
from app.modules.customers.services import account_service
from app.modules.loyalty.routes.pages import card_page
from app.modules.loyalty.routes.visitor import (
    CurrentVisitor,
    LimitCodes,
    LimitCodeTries,
    keep_verified,
)
from app.modules.loyalty.services import card_lists, code_sending, confirmation
from app.modules.loyalty.services.code_sending import Visitor
from app.modules.loyalty.services.confirmation import Outcome
from app.modules.tenancy.routes.storefront import OptionalCustomer, StorefrontRoute
from app.modules.tenancy.types import Principal

router = APIRouter(route_class=StorefrontRoute)
_SIGN_IN, _PROTECT, _DASHBOARD = "/loyalty/sign-in", "/loyalty/protect", "/loyalty/dashboard"
_ACCOUNT = "/loyalty/account"
_MINUTES: Final = int(CODE_LIFE.total_seconds()) // 60


class SignInForm(BaseModel):
    """What both steps send; the first one no code."""

    email: str = ""
    code: str = ""


@router.get(_SIGN_IN)
def show_sign_in(request: Request, db: Db, visitor: CurrentVisitor) -> Response:
    """Ask for the address."""
    return _sign_in_page(request, db, visitor, SignInForm())


@router.post(_SIGN_IN, dependencies=[LimitCodes])
def send_code(
    request: Request, db: Db, visitor: CurrentVisitor, form: Annotated[SignInForm, Form()]
) -> Response:
    """Send a code, whoever the address belongs to, and ask for it."""
    try:
        code_sending.send_code(db, visitor, email=form.email)
    except ValidationFailed as refusal:
        return _sign_in_page(request, db, visitor, form, refusal=refusal)
    return _sign_in_page(request, db, visitor, form, asks_code=True, sent=True)


@router.get(f"{_SIGN_IN}/code")
def show_code_form(request: Request, db: Db, visitor: CurrentVisitor) -> Response:
    """Ask for address and code: for those who have one already."""
    return _sign_in_page(request, db, visitor, SignInForm(), asks_code=True)


@router.post(f"{_SIGN_IN}/code", dependencies=[LimitCodeTries])
def sign_in(
    request: Request,
    db: Db,
    visitor: CurrentVisitor,
    customer: OptionalCustomer,
    form: Annotated[SignInForm, Form()],
) -> Response:
    """Sign this device in."""
    try:
        return _verified(request, db, visitor, customer, code=form.code, email=form.email)
    except (SignInCodeInvalid, ValidationFailed) as refusal:
        return _sign_in_page(request, db, visitor, form, asks_code=True, refusal=refusal)


@router.get(_PROTECT)
def show_protect(
    request: Request, db: Db, customer: OptionalCustomer, sent: bool = False
) -> Response:
    """Ask for the code that went to the address of this device's card."""
    part = protect_part(db, customer, sent=sent)
    if customer is None or part["protect"] is None:
        return _to(_DASHBOARD)
    return _protect_page(request, db, customer, part)


@router.post(_PROTECT, dependencies=[LimitCodeTries])
def protect(
    request: Request,
    db: Db,
    visitor: CurrentVisitor,
    customer: OptionalCustomer,
    code: Annotated[str, Form()] = "",
) -> Response:
    """Prove the address of this device's card."""
    try:
        return _verified(request, db, visitor, customer, code=code)
    except (SignInCodeInvalid, ValidationFailed) as refusal:
        part = protect_part(db, customer)
        if customer is None or part["protect"] is None:  # proved meanwhile, or nothing to prove
            return _to(_DASHBOARD)
        part["error"] = _sentence(request, refusal)
        return _protect_page(request, db, customer, part, status_code=refusal.status)


@router.post(f"{_PROTECT}/code", dependencies=[LimitCodes])
def send_code_again(db: Db, visitor: CurrentVisitor, customer: OptionalCustomer) -> Response:
    """Send a new code to the address that waits."""
    if protect_part(db, customer)["protect"] is None:
        return _to(_DASHBOARD)
    code_sending.send_code(db, visitor)
    return _to(f"{_PROTECT}?sent=true")


def protect_part(db: Db, customer: Principal | None, *, sent: bool = False) -> dict[str, Any]:
    """What `_protect.html` shows; `protect` is None where no address waits."""
    address = None
    if customer is not None and customer.merchant_id and customer.customer_id:
        address = account_service.pending_email(
            db, merchant_id=customer.merchant_id, customer_id=customer.customer_id
        )
    return {
        "protect": {"address": address, "sent": sent} if address else None,
        "minutes": _MINUTES,
        "error": None,
    }


def _verified(
    request: Request,
    db: Db,
    visitor: Visitor,
    customer: Principal | None,
    *,
    code: str,
    email: str | None = None,
) -> Response:
    verified = confirmation.verify(db, visitor, code=code, email=email)
    outcome = verified["outcome"]
    done = _DASHBOARD if outcome is Outcome.SIGNED_IN else f"{_ACCOUNT}?said={outcome.value}"
    response = _to(done)
    keep_verified(request, db, response, customer, verified)
    return response


def _sign_in_page(
    request: Request,
    db: Db,
    visitor: Visitor,
    form: SignInForm,
    *,
    asks_code: bool = False,
    sent: bool = False,
    refusal: AppError | None = None,
) -> Response:
    return page(
        request,
        "loyalty/storefront/sign_in.html",
        status_code=refusal.status if refusal else 200,
        asks_code=asks_code,
        sent=sent,
        email=form.email.strip(),
        minutes=_MINUTES,
        error=_sentence(request, refusal) if refusal else None,
        **card_page.looks_of(
            card_page.program_behind(db, visitor.store),
            merchant_name=visitor.store.merchant_name,
        ),
    )


def _protect_page(
    request: Request,
    db: Db,
    customer: Principal,
    part: dict[str, Any],
    *,
    status_code: int = 200,
) -> Response:
    assert customer.merchant_id is not None
    assert customer.customer_id is not None
    card = card_lists.customer_card(
        db, merchant_id=customer.merchant_id, customer_id=customer.customer_id
    )
    request.state.language = card["customer"]["locale"]
    context = card_page.card_context(card) | part
    return page(request, "loyalty/storefront/protect.html", status_code=status_code, **context)


def _sentence(request: Request, refusal: AppError) -> str:
    translator = translator_of(request)
    if isinstance(refusal, ValidationFailed):
        return translator.t(f"validation.{refusal.errors[0].code}")
    return translator.t(f"errors.{refusal.code}", **refusal.params)


def _to(path: str) -> RedirectResponse:
    return RedirectResponse(path, status_code=303)
