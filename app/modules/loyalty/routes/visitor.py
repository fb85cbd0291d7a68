"""Who stands at a storefront, and what a right code makes of their device."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from app.core.web.context import language_of, web_of
from app.core.web.db import Db
from app.core.web.rate_limits import rate_limit
from app.modules.loyalty.services.code_sending import Visitor
from app.modules.loyalty.services.confirmation import Outcome, Verified
from app.modules.tenancy.routes.storefront import (
    OptionalCustomer,
    StorefrontStore,
    keep_customer,
    leave_customer,
)
from app.modules.tenancy.types import Principal

# Slow for one address; what holds for one mailbox and one code is counted in the database.
LimitCodes = Depends(rate_limit("sign_in_codes", "30/hour"))
LimitCodeTries = Depends(rate_limit("sign_in_tries", "60/hour"))


async def storefront_visitor(
    request: Request, store: StorefrontStore, customer: OptionalCustomer
) -> Visitor:
    """Whoever asks, at the storefront of the store that the request names."""
    is_ours = customer is not None and customer.merchant_id == store.merchant_id
    return Visitor(
        store=store,
        language=language_of(request),
        customer_id=customer.customer_id if customer and is_ours else None,
        browser=web_of(request).cookies.read(request, "browser"),
        ip_address=request.state.client_ip,
    )


CurrentVisitor = Annotated[Visitor, Depends(storefront_visitor)]


def keep_verified(
    request: Request, db: Db, response: Response, customer: Principal | None, verified: Verified
) -> None:
    """Put the new token into the device's cookie, in place of the one it makes useless.

    Signing in to another card leaves the fresh one on the device: nothing else leads to it.
    """
    is_theirs = customer is not None and customer.customer_id == verified["customer_id"]
    if customer is None or (verified["outcome"] is Outcome.SIGNED_IN and not is_theirs):
        keep_customer(request, response, verified["token"])
    else:
        leave_customer(request, db, response, customer, token=verified["token"])
