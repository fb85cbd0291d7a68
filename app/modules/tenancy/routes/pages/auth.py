"""The sign-in page. All of it works without any script."""

from __future__ import annotations

import math
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.core.errors import AppError, RateLimited, Unauthenticated
from app.core.web.context import translator_of, web_of
from app.core.web.db import Db
from app.core.web.language import local_path
from app.core.web.templates import page
from app.modules.tenancy.routes.deps import OptionalPrincipal, SessionToken
from app.modules.tenancy.routes.sign_in import keep_session, limit_tries, sign_in
from app.modules.tenancy.routes.signed_in_page import LOGIN_PATH
from app.modules.tenancy.routes.storefront import OptionalCustomer
from app.modules.tenancy.services import auth_service
from app.modules.tenancy.types import PrincipalKind

router = APIRouter()
# Where people go from here. Admins find their way from the sign-in page itself.
_TERMINAL = "/store/loyalty/terminal"
_OVERVIEW = "/store/loyalty"
_OWN_CARD = "/loyalty/dashboard"


@router.get("/")
async def home(principal: OptionalPrincipal, customer: OptionalCustomer) -> Response:
    """The front door: to one's work, to one's card, or to the sign-in."""
    if principal is not None and principal.kind is PrincipalKind.USER:
        place = _OVERVIEW if principal.is_manager else _TERMINAL
    else:
        place = _OWN_CARD if customer and not principal else LOGIN_PATH
    return RedirectResponse(place, status_code=303)


@router.get("/login")
def login_page(
    request: Request,
    principal: OptionalPrincipal,
    back_to: Annotated[str, Query(alias="next", max_length=2000)] = "",
) -> Response:
    """The form; for those who are signed in already, the way on and the way out."""
    back = local_path(back_to, default="")
    if principal is None:
        return page(request, "tenancy/sign_in.html", email="", next=back, fault=None)
    if back:
        return RedirectResponse(back, status_code=303)
    workplace = _TERMINAL if principal.kind is PrincipalKind.USER else None
    return page(request, "tenancy/signed_in.html", name=principal.name, workplace=workplace)


@router.post("/login", dependencies=[Depends(limit_tries)])
def login(
    request: Request,
    db: Db,
    email: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    back_to: Annotated[str, Form(alias="next", max_length=2000)] = "",
) -> Response:
    """Sign in and go on to where one was heading; else the form again with what was wrong."""
    back = local_path(back_to, default="")
    try:
        signed_in = sign_in(request, db, email=email, password=password)
    except (Unauthenticated, RateLimited) as refusal:
        return _form_again(request, refusal, email=email, back=back)
    response = RedirectResponse(back or "/", status_code=303)
    keep_session(request, response, signed_in.token)
    return response


@router.post("/logout")
def logout(request: Request, db: Db, token: SessionToken) -> Response:
    """End the session and show the form."""
    if token is not None:
        auth_service.sign_out(db, token=token)
    response = RedirectResponse(LOGIN_PATH, status_code=303)
    web_of(request).cookies.delete(response, "session")
    return response


def _form_again(request: Request, refusal: AppError, *, email: str, back: str) -> Response:
    wait_s = refusal.params.get("retry_after_seconds")
    t = translator_of(request).t
    if wait_s is None:
        fault, headers = t("tenancy.sign_in.wrong"), {}
    else:
        fault = t("tenancy.sign_in.wait", minutes=math.ceil(wait_s / 60))
        headers = {"Retry-After": str(wait_s)}
    return page(
        request,
        "tenancy/sign_in.html",
        status_code=refusal.status,
        headers=headers,
        email=email,
        next=back,
        fault=fault,
    )
