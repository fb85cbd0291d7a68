"""Who calls the loyalty API, and the limits on how often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from app.core.security import hash_token
from app.core.web.context import web_of
from app.core.web.db import Db
from app.core.web.rate_limits import by_ip, rate_limit
from app.modules.loyalty.types import ActorKind, Caller
from app.modules.tenancy.routes.deps import (
    CurrentManager,
    CurrentMerchant,
    CurrentStaff,
    CurrentStore,
    LookingStaff,
    LookupStore,
    ManagerOrAdmin,
    SessionToken,
    StoreCode,
    current_principal,
    current_staff,
    current_store,
    optional_principal,
    store_for_unlock,
)
from app.modules.tenancy.routes.storefront import CurrentCustomer, StorefrontStore
from app.modules.tenancy.types import Principal, PrincipalKind

_ACTORS = {
    PrincipalKind.USER: ActorKind.USER,
    PrincipalKind.ADMIN: ActorKind.USER,
    PrincipalKind.API_KEY: ActorKind.API_KEY,
}
_USER_AGENT_CHARACTERS = 300
_BROWSER_CHARACTERS = 32


def caller_of(
    request: Request, principal: Principal, *, merchant_id: int, store_id: int | None
) -> Caller:
    """The services' word for whoever asks, at one store or (None) at all of the merchant."""
    return Caller(
        merchant_id=merchant_id,
        store_id=store_id,
        kind=_ACTORS[principal.kind],
        actor_id=principal.actor_id,
        terminal_id=principal.terminal_id,
        is_manager=principal.is_manager or principal.kind is PrincipalKind.ADMIN,
        pin_exempt=principal.pin_exempt,
        ip_address=request.state.client_ip,
        user_agent=request.headers.get("user-agent", "")[:_USER_AGENT_CHARACTERS] or None,
        request_id=request.state.request_id,
    )


async def counter_caller(request: Request, db: Db, token: SessionToken, code: StoreCode) -> Caller:
    """Staff, or a till, at one store.

    Put together by hand, since a customer waits: FastAPI walks each branch of nested
    dependencies again, also where it knows the result.
    """
    principal = await current_principal(await optional_principal(request, db, token))
    staff = await current_staff(request, principal)
    store = await current_store(request, db, staff, code)
    return caller_of(request, staff, merchant_id=store.merchant_id, store_id=store.store_id)


async def looking_caller(request: Request, staff: LookingStaff, store: LookupStore) -> Caller:
    """As `counter_caller`, for a POST that changes nothing."""
    return caller_of(request, staff, merchant_id=store.merchant_id, store_id=store.store_id)


async def staff_caller(request: Request, staff: CurrentStaff, merchant: CurrentMerchant) -> Caller:
    """Staff, or a till, of a merchant; `store_id` is the one store they are bound to, if any."""
    return caller_of(request, staff, merchant_id=merchant.merchant_id, store_id=staff.store_id)


async def manager_caller(
    request: Request, manager: CurrentManager, merchant: CurrentMerchant
) -> Caller:
    """An owner or manager; `store_id` as for `staff_caller`."""
    return caller_of(request, manager, merchant_id=merchant.merchant_id, store_id=manager.store_id)


async def manager_at_store(
    request: Request, manager: CurrentManager, store: CurrentStore
) -> Caller:
    """An owner or manager at one store."""
    return caller_of(request, manager, merchant_id=store.merchant_id, store_id=store.store_id)


async def unlock_caller(request: Request, db: Db, who: ManagerOrAdmin, code: StoreCode) -> Caller:
    """An owner or manager, or an admin who names one of the merchant's stores."""
    if who.kind is PrincipalKind.ADMIN:
        store = await store_for_unlock(request, db, who, code)
        return caller_of(request, who, merchant_id=store.merchant_id, store_id=None)
    assert who.merchant_id is not None
    return caller_of(request, who, merchant_id=who.merchant_id, store_id=who.store_id)


CounterCaller = Annotated[Caller, Depends(counter_caller)]
LookingCaller = Annotated[Caller, Depends(looking_caller)]
StaffCaller = Annotated[Caller, Depends(staff_caller)]
ManagerCaller = Annotated[Caller, Depends(manager_caller)]
StoreManagerCaller = Annotated[Caller, Depends(manager_at_store)]
UnlockCaller = Annotated[Caller, Depends(unlock_caller)]


@dataclass(frozen=True, slots=True)
class SignedInMember:
    """The customer whose device this is."""

    merchant_id: int
    customer_id: int


async def signed_in_member(customer: CurrentCustomer) -> SignedInMember:
    """As `CurrentCustomer`, with what a card is found by."""
    assert customer.merchant_id is not None
    assert customer.customer_id is not None
    return SignedInMember(customer.merchant_id, customer.customer_id)


Member = Annotated[SignedInMember, Depends(signed_in_member)]


def by_token(request: Request) -> str:
    """One count for each token, or for each address where there is none."""
    token = request.headers.get("authorization") or web_of(request).cookies.read(request, "session")
    return hash_token(token) if token else by_ip(request)


# Whoever guesses codes misses; whoever works hits (product rule "Rate limits", docs/api.md).
LimitMisses = Depends(rate_limit("lookup_misses", "20/minute", key=by_token, only_status=404))
LimitEnrolmentsByAddress = Depends(rate_limit("enrolments_by_address", "30/hour"))


async def limit_enrolments(request: Request, store: StorefrontStore) -> None:
    """Bound how often somebody tries to join a store.

    Cards that came of it have a stricter limit in the database (`card_service.enroll_self`).
    """

    def by_store(_request: Request) -> str:
        return str(store.store_id)

    await rate_limit("enrolments_by_store", "100/hour", key=by_store)(request)


LimitEnrolmentsByStore = Depends(limit_enrolments)


def browser_key(request: Request, key: str | None) -> str | None:
    """A public idempotency key, bound to the browser that sent it; without a cookie there is none.

    Otherwise the same key from elsewhere would be answered with this person's card.
    """
    browser = web_of(request).cookies.read(request, "browser")
    if key is None or not browser:
        return None
    return f"browser:{hash_token(browser)[:_BROWSER_CHARACTERS]}:{key}"
