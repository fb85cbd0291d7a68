"""`/auth`: sign in, sign out, who am I."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from app.core.errors import CsrfFailed, RateLimited, Unauthenticated, ValidationFailed
from app.core.web.context import web_of
from app.core.web.db import Db
from app.core.web.problem import answers
from app.modules.tenancy.routes.deps import CurrentPrincipal, SessionToken
from app.modules.tenancy.routes.sign_in import keep_session, limit_tries, sign_in
from app.modules.tenancy.schemas.auth import LoginAnswer, LoginRequest
from app.modules.tenancy.services import account_service, auth_service
from app.modules.tenancy.types import AccountView

router = APIRouter(prefix="/auth", tags=["auth"])


@router.post(
    "/login",
    summary="Sign in",
    dependencies=[Depends(limit_tries)],
    responses=answers(Unauthenticated, CsrfFailed, ValidationFailed, RateLimited),
)
def login(request: Request, response: Response, db: Db, body: LoginRequest) -> LoginAnswer:
    """Sign in with e-mail address and password.

    Sets the session's cookie; with `"token": true` it answers a bearer token instead and sets
    none. A session ends 8 hours after its last use, and 7 days after it began.
    """
    signed_in = sign_in(
        request, db, email=body.email, password=body.password, merchant_id=body.merchant_id
    )
    if not body.token:
        keep_session(request, response, signed_in.token)
    account = account_service.account_of(db, principal=signed_in.principal)
    return LoginAnswer(account=account, token=signed_in.token if body.token else None)


@router.post("/logout", summary="Sign out", status_code=204)
def logout(request: Request, db: Db, token: SessionToken) -> Response:
    """End the session of the cookie or bearer token; 204 also where there was none.

    Ends it at once in the process that answers, within 5 seconds everywhere. An API key goes on.
    """
    if token is not None:
        auth_service.sign_out(db, token=token)
    response = Response(status_code=204)
    web_of(request).cookies.delete(response, "session")
    return response


@router.get("/me", summary="Who is signed in", responses=answers(Unauthenticated))
def me(db: Db, principal: CurrentPrincipal) -> AccountView:
    """Who the token or cookie stands for, where they work, and as what."""
    return account_service.account_of(db, principal=principal)
