"""/loyalty/passes/apple: a card as the file that Apple Wallet takes."""

from __future__ import annotations

from email.utils import format_datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from app.core.errors import NotFound, RateLimited, Unavailable, ValidationFailed
from app.core.web.db import Db
from app.core.web.problem import answers
from app.modules.loyalty.errors import WalletNotConfigured
from app.modules.loyalty.routes.deps import LimitMisses
from app.modules.loyalty.services import apple_wallet_service
from app.modules.loyalty.services.apple_wallet_service import MEDIA_TYPE
from app.modules.tenancy.errors import StoreNotFound
from app.modules.tenancy.routes.storefront import OptionalCustomer

router = APIRouter(prefix="/loyalty/passes/apple", tags=["Public"])
Serial = Annotated[str, Path(description="As in the address that was given out.")]
Token = Annotated[str | None, Query(description="Good for an hour. Or sign the customer in.")]
_FILE: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The pass, signed",
        "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.get(
    "/{serial}.pkpass",
    response_class=Response,
    dependencies=[LimitMisses],
    responses={
        **_FILE,
        **answers(
            NotFound, StoreNotFound, ValidationFailed, RateLimited, WalletNotConfigured, Unavailable
        ),
    },
)
def download_pass(
    db: Db, customer: OptionalCustomer, serial: Serial, token: Token = None
) -> Response:
    """The pass, for whoever holds its address, or for the customer whose card it is."""
    found = apple_wallet_service.open_download(db, serial, token=token, customer=customer)
    headers = {
        "Cache-Control": "private, no-store",
        "Last-Modified": format_datetime(found.last_modified, usegmt=True),
    }
    return Response(found.content, headers=headers, media_type=MEDIA_TYPE)
