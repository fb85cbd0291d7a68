"""Signing in from a request: what the API and the page have in common."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from app.core.errors import Unauthenticated
from app.core.web.context import web_of
from app.core.web.db import Db
from app.core.web.rate_limits import rate_limit
from app.modules.tenancy.rules.accounts import MAXIMUM_EMAIL_LENGTH
from app.modules.tenancy.rules.session_life import SESSION_LIFE
from app.modules.tenancy.services import auth_service
from app.modules.tenancy.types import SignedIn

# All tries from one address: each one costs a core for some 80 ms.
limit_tries = rate_limit("login", "30/minute")
# Failed tries: of one address at one account; of one address; at one account, from wherever.
# The last one is wide, so that strangers can hardly keep the owner of an account out.
_FAILURES: Final = (
    ("login_failures", "10/15 minutes", "{ip} {email}"),
    ("login_failures_address", "40/15 minutes", "{ip}"),
    ("login_failures_account", "100/hour", "{email}"),
)


def sign_in(
    request: Request, db: Db, *, email: str, password: str, merchant_id: int | None = None
) -> SignedIn:
    """Open a session for whoever sends this, in place of the one in the request's cookie.

    Raises:
        Unauthenticated: as `auth_service.sign_in`. RateLimited: too many failures before.
    """
    web = web_of(request)
    client = request.state.client_ip
    account = email.strip().lower()[:MAXIMUM_EMAIL_LENGTH]
    failures = [
        web.limits.counter(name, rate, key.format(ip=client or "unknown", email=account))
        for name, rate, key in _FAILURES
    ]
    for failure in failures:
        web.limits.check(failure)
    try:
        return auth_service.sign_in(
            db,
            email=email,
            password=password,
            merchant_id=merchant_id,
            replaces=web.cookies.read(request, "session"),
            ip_address=client,
            request_id=request.state.request_id,
        )
    except Unauthenticated:
        for failure in failures:
            web.limits.hit(failure)
        raise


def keep_session(request: Request, response: Response, token: str) -> None:
    """Put the session's token into the browser's cookie, for as long as it can live."""
    max_age_s = int(SESSION_LIFE.total_seconds())
    web_of(request).cookies.set(response, "session", token, max_age_s=max_age_s)
