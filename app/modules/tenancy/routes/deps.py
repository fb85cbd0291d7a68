"""Who asks, and about which store: the dependencies of every route for staff.

    CurrentPrincipal          anybody with a token                     else 401
    CurrentStaff              a merchant's user or API key             else 403
    CurrentManager, -Owner    a merchant's user of that role           else 403
    CurrentAdmin              an admin of the platform                 else 403
    CurrentStore              the store, of whoever is CurrentStaff    400, 404
    LookupStore               the same for a POST that only reads
    StoreForUnlock            the same for owner, manager or admin
    CurrentMerchant           the merchant of whoever is CurrentStaff

All of them are async and ask the database, in a thread, only for what was not asked for in
the last 5 seconds: a busy till is recognised without any I/O. For customers: `storefront.py`.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Header, Query
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from app.core.clock import utc_now
from app.core.errors import Forbidden, Unauthenticated
from app.core.web.context import log_context, web_of
from app.core.web.db import Db
from app.modules.tenancy.errors import StoreNotFound, StoreRequired
from app.modules.tenancy.services import principal_service, store_service
from app.modules.tenancy.types import (
    MerchantContext,
    Principal,
    PrincipalKind,
    Role,
    Scope,
    StoreContext,
)

_SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
_BEARER: Final = "bearer "


class _SessionToken(SecurityBase):
    """The token of a request: `Authorization: Bearer`, else the session cookie.

    With a bearer token no cookie counts: such requests pass without a CSRF token.
    """

    model = HTTPBearer(description="A session's token or an API key; pages use a cookie instead.")
    scheme_name = "Token"

    async def __call__(self, request: Request) -> str | None:
        return bearer_token(request) or web_of(request).cookies.read(request, "session")


def bearer_token(request: Request) -> str | None:
    """What stands behind `Authorization: Bearer`; None without such a header."""
    header = request.headers.get("authorization", "")
    # An empty token is one nobody has, rather than leave to fall back to cookies.
    return (header[len(_BEARER) :].strip() or "-") if is_bearer(request) else None


def is_bearer(request: Request) -> bool:
    """Does the request say who it is by a bearer token, and not by cookies?"""
    return request.headers.get("authorization", "").lower().startswith(_BEARER)


SessionToken = Annotated[str | None, Depends(_SessionToken())]


async def optional_principal(request: Request, db: Db, token: SessionToken) -> Principal | None:
    """Who is signed in, or None: for pages that greet both."""
    if token is None:
        return None
    is_cookie = not is_bearer(request)
    device = web_of(request).cookies.read(request, "terminal") if is_cookie else None
    principal = await look_up_principal(db, token, device)
    if principal is None:
        return None
    if is_cookie:
        request.state.language = principal.locale
    log_context(
        request,
        merchant_id=principal.merchant_id,
        actor_kind=principal.kind.value,
        actor_id=principal.actor_id,
    )
    return principal


async def look_up_principal(
    db: Db, token: str, terminal_token: str | None = None
) -> Principal | None:
    """`principal_service.principal_of`, in a thread only where it must ask the database."""
    now = utc_now()
    known = principal_service.remembered_principal(
        db, token=token, terminal_token=terminal_token, now=now
    )
    return known or await run_in_threadpool(
        principal_service.principal_of, db, token=token, terminal_token=terminal_token, now=now
    )


OptionalPrincipal = Annotated[Principal | None, Depends(optional_principal)]


async def current_principal(principal: OptionalPrincipal) -> Principal:
    """Who is signed in.

    Raises:
        Unauthenticated: nobody is.
    """
    if principal is None:
        raise Unauthenticated
    return principal


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]


async def current_staff(request: Request, principal: CurrentPrincipal) -> Principal:
    """A merchant's user, or its API key with the scope that the method asks for."""
    return _staff(principal, Scope.READ if request.method in _SAFE_METHODS else Scope.WRITE)


async def looking_staff(principal: CurrentPrincipal) -> Principal:
    """A merchant's user, or its API key with the scope to read, whatever the method."""
    return _staff(principal, Scope.READ)


async def require_manager(principal: CurrentPrincipal) -> Principal:
    """An owner or manager. API keys are neither."""
    return _with_role(principal, Role.OWNER, Role.MANAGER)


async def require_owner(principal: CurrentPrincipal) -> Principal:
    """An owner."""
    return _with_role(principal, Role.OWNER)


async def require_admin(principal: CurrentPrincipal) -> Principal:
    """An admin of the platform."""
    if principal.kind is not PrincipalKind.ADMIN:
        raise Forbidden
    return principal


async def require_manager_or_admin(principal: CurrentPrincipal) -> Principal:
    """Whoever may end a lockout."""
    if principal.kind is PrincipalKind.ADMIN:
        return principal
    return _with_role(principal, Role.OWNER, Role.MANAGER)


CurrentStaff = Annotated[Principal, Depends(current_staff)]
LookingStaff = Annotated[Principal, Depends(looking_staff)]
CurrentManager = Annotated[Principal, Depends(require_manager)]
CurrentOwner = Annotated[Principal, Depends(require_owner)]
CurrentAdmin = Annotated[Principal, Depends(require_admin)]
ManagerOrAdmin = Annotated[Principal, Depends(require_manager_or_admin)]


async def store_code(
    header: Annotated[
        str | None,
        Header(
            alias="X-Store-Code",
            max_length=63,
            description="The store, where the token leaves several possible.",
        ),
    ] = None,
    query: Annotated[
        str | None, Query(alias="store", max_length=63, description="As `X-Store-Code`.")
    ] = None,
) -> str | None:
    """The store that the request names, if it does."""
    return header or query or None


StoreCode = Annotated[str | None, Depends(store_code)]


async def current_store(
    request: Request, db: Db, staff: CurrentStaff, code: StoreCode
) -> StoreContext:
    """The store a request of staff is about.

    The one the token is bound to; else the one the request names; else the one the device
    stands in; else the only one of the merchant.

    Raises:
        StoreRequired: several are left. StoreNotFound: the named one is not the merchant's, or
            not the one the token is bound to.
    """
    return await _store(request, db, staff, code)


async def lookup_store(
    request: Request, db: Db, staff: LookingStaff, code: StoreCode
) -> StoreContext:
    """As `current_store`, for a POST that changes nothing."""
    return await _store(request, db, staff, code)


async def store_for_unlock(
    request: Request, db: Db, principal: ManagerOrAdmin, code: StoreCode
) -> StoreContext:
    """As `current_store`, for an owner, a manager, or an admin who names the store."""
    return await _store(request, db, principal, code)


async def current_merchant(request: Request, db: Db, staff: CurrentStaff) -> MerchantContext:
    """The merchant a request of staff is about."""
    assert staff.merchant_id is not None
    merchant_id, now = staff.merchant_id, utc_now()
    merchant = store_service.remembered_merchant(db, merchant_id=merchant_id, now=now)
    if merchant is None:
        merchant = await run_in_threadpool(
            store_service.find_merchant, db, merchant_id=merchant_id, now=now
        )
    request.state.default_language = merchant.locale
    return merchant


CurrentStore = Annotated[StoreContext, Depends(current_store)]
LookupStore = Annotated[StoreContext, Depends(lookup_store)]
StoreForUnlock = Annotated[StoreContext, Depends(store_for_unlock)]
CurrentMerchant = Annotated[MerchantContext, Depends(current_merchant)]


async def look_up_store(
    request: Request,
    db: Db,
    *,
    merchant_id: int | None = None,
    store_id: int | None = None,
    code: str | None = None,
) -> StoreContext:
    """`store_service.find_store`, in a thread only where it must ask the database.

    The answer's times and language are the store's from here on.
    """
    now = utc_now()
    store = store_service.remembered_store(
        db, merchant_id=merchant_id, store_id=store_id, code=code, now=now
    )
    if store is None:
        store = await run_in_threadpool(
            store_service.find_store,
            db,
            merchant_id=merchant_id,
            store_id=store_id,
            code=code,
            now=now,
        )
    request.state.timezone = store.timezone
    request.state.default_language = store.locale
    log_context(request, merchant_id=store.merchant_id, store_id=store.store_id)
    return store


async def _store(request: Request, db: Db, principal: Principal, code: str | None) -> StoreContext:
    if principal.kind is PrincipalKind.ADMIN and code is None:
        raise StoreRequired
    bound = principal.store_id or (None if code else principal.terminal_store_id)
    store = await look_up_store(
        request,
        db,
        merchant_id=principal.merchant_id,
        store_id=bound,
        code=None if bound else code,
    )
    if code is not None and store.code != code.lower():
        raise StoreNotFound
    return store


def _staff(principal: Principal, scope: Scope) -> Principal:
    is_user = principal.kind is PrincipalKind.USER
    is_key = principal.kind is PrincipalKind.API_KEY and scope in principal.scopes
    if not is_user and not is_key:
        raise Forbidden
    return principal


def _with_role(principal: Principal, *roles: Role) -> Principal:
    if principal.role not in roles:
        raise Forbidden
    return principal
