"""Whose storefront a request is about, and which customer asks."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final

from fastapi import Depends
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from app.core.errors import Unauthenticated
from app.core.web.context import log_context, web_of
from app.core.web.db import Db
from app.modules.tenancy.errors import StoreNotFound
from app.modules.tenancy.routes.deps import (
    StoreCode,
    bearer_token,
    is_bearer,
    look_up_principal,
    look_up_store,
)
from app.modules.tenancy.services import auth_service, principal_service
from app.modules.tenancy.types import Principal, PrincipalKind, StoreContext

# One cookie for all merchants that share a host: the cards of one phone, the newest first.
_BETWEEN_TOKENS: Final = "."
_MOST_TOKENS: Final = 8


class StorefrontRoute(APIRoute):
    """Routes of a storefront: the store that a request named is remembered on the device.

    Use it as `APIRouter(route_class=StorefrontRoute)`, for pages and for the API.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_and_remember(request: Request) -> Response:
            response = await handle(request)
            chosen = getattr(request.state, "chosen_store", None)
            if chosen is not None:
                web_of(request).cookies.set(response, "store", chosen)
            return response

        return handle_and_remember


async def named_store(request: Request, db: Db, code: StoreCode) -> StoreContext | None:
    """The store that the host, the request, or an earlier request of this device names.

    Raises:
        StoreNotFound: host or request name one that does not exist.
    """
    named = _code_in_host(request) or code
    cookies = web_of(request).cookies
    remembered = cookies.read(request, "store")
    if named is not None:
        store = await look_up_store(request, db, code=named)
        if remembered != store.code and named == code:
            request.state.chosen_store = store.code
        return store
    try:
        return await look_up_store(request, db, code=remembered) if remembered else None
    except StoreNotFound:
        return None


NamedStore = Annotated[StoreContext | None, Depends(named_store)]


async def storefront_store(request: Request, db: Db, named: NamedStore) -> StoreContext:
    """The named store, else the only one there is.

    Raises:
        StoreRequired: there are several. StoreNotFound: there is none.
    """
    return named or await look_up_store(request, db)


StorefrontStore = Annotated[StoreContext, Depends(storefront_store)]


async def optional_customer(request: Request, db: Db, named: NamedStore) -> Principal | None:
    """The customer whose device this is, at the named store's merchant, or None.

    Where no store is named: the one who joined last.
    """
    for token in _tokens(request):
        customer = await look_up_principal(db, token)
        if customer is None or customer.kind is not PrincipalKind.CUSTOMER:
            continue
        if named is None or customer.merchant_id == named.merchant_id:
            log_context(
                request,
                merchant_id=customer.merchant_id,
                actor_kind=customer.kind.value,
                actor_id=customer.customer_id,
            )
            return customer
    return None


OptionalCustomer = Annotated[Principal | None, Depends(optional_customer)]


async def current_customer(customer: OptionalCustomer) -> Principal:
    """The customer whose device this is.

    Raises:
        Unauthenticated: nobody's, or another merchant's customer's.
    """
    if customer is None:
        raise Unauthenticated
    return customer


CurrentCustomer = Annotated[Principal, Depends(current_customer)]


def keep_customer(request: Request, response: Response, token: str) -> None:
    """Sign this device in with a customer's new token, beside those of other merchants."""
    cookies = web_of(request).cookies
    others = [] if is_bearer(request) else _tokens(request)
    kept = [token, *(other for other in others if other != token)][:_MOST_TOKENS]
    cookies.set(response, "customer", _BETWEEN_TOKENS.join(kept))


def leave_customer(
    request: Request, db: Db, response: Response, customer: Principal, *, token: str | None = None
) -> None:
    """End this device's tokens of a customer; `token`, a new one, takes their place.

    Those of other customers stay, as far as they are still good for anything.
    """
    tokens = _tokens(request)
    ended = [t for t in tokens if principal_service.principal_of(db, token=t) in (None, customer)]
    for old in ended:
        auth_service.sign_out(db, token=old)
    if is_bearer(request) and token is None:
        return
    kept = [] if is_bearer(request) else [t for t in tokens if t not in ended]
    if token is not None:
        kept.insert(0, token)
    web_of(request).cookies.set(response, "customer", _BETWEEN_TOKENS.join(kept[:_MOST_TOKENS]))


def _tokens(request: Request) -> list[str]:
    bearer = bearer_token(request)
    if bearer is not None:
        return [bearer]
    cookie = web_of(request).cookies.read(request, "customer") or ""
    return [token for token in cookie.split(_BETWEEN_TOKENS, _MOST_TOKENS)[:_MOST_TOKENS] if token]


def _code_in_host(request: Request) -> str | None:
    """`cafe-bleu` of `cafe-bleu.<base host>`; None on the base host and on any other."""
    base = web_of(request).settings.base_url.partition("://")[2].partition(":")[0]
    host = request.headers.get("host", "").lower().partition(":")[0]
    code, _, rest = host.partition(".")
    return code if rest == base else None
