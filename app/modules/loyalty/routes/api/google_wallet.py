"""/loyalty: where a card is put into Google Wallet, and what Google says of it."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.core.errors import (
    Forbidden,
    NotFound,
    PayloadTooLarge,
    RateLimited,
    Unavailable,
    ValidationFailed,
)
from app.core.web.db import Db
from app.core.web.problem import answers
from app.core.web.rate_limits import rate_limit
from app.modules.loyalty.errors import WalletNotConfigured
from app.modules.loyalty.services import google_holders, google_wallet_service

router = APIRouter(prefix="/loyalty", tags=["Wallets"])
# Nobody keeps where the address of a card leads. (No answer of ours is ever a referrer.)
_NOT_KEPT: Final = {"Cache-Control": "no-store"}
_MOST_CALLBACK_BYTES: Final = 20_000
Link = Annotated[str, Path(min_length=1, max_length=100)]


@router.get(
    "/passes/google/{link}",
    status_code=302,
    response_class=RedirectResponse,
    dependencies=[Depends(rate_limit("google_links", "60/minute"))],
    responses=answers(NotFound, ValidationFailed, RateLimited, WalletNotConfigured, Unavailable),
)
def open_google_link(db: Db, link: Link) -> RedirectResponse:
    """Our link in pages and e-mails: leads to Google's page that adds the card as it is now."""
    url = google_wallet_service.open_link(db, link=link)
    return RedirectResponse(url, status_code=302, headers=_NOT_KEPT)


@router.post(
    "/google/callback",
    status_code=204,
    response_class=Response,
    responses=answers(NotFound, Forbidden, PayloadTooLarge, ValidationFailed, Unavailable),
)
def hear_google(db: Db, request: Request) -> Response:
    """Google says that a pass was saved or removed (signed, ECv2SigningOnly)."""
    body: bytes = request.state.body
    if len(body) > _MOST_CALLBACK_BYTES:
        raise PayloadTooLarge(max_bytes=_MOST_CALLBACK_BYTES)
    google_holders.hear_callback(db, body=body)
    return Response(status_code=204)
