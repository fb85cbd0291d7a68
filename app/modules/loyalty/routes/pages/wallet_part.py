"""The buttons that put a card into a phone's wallet, and the vendors' badges on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from app.core.web.context import language_of
from app.core.web.db import Db
from app.modules.loyalty.rules.wallet_order import wallet_order
from app.modules.loyalty.services import wallet_artwork, wallet_service, wallet_views
from app.modules.loyalty.types import Provider

router = APIRouter()
_BADGES: Final = "/loyalty/wallet-buttons"
_HEADERS: Final = {
    "Cache-Control": "public, max-age=3600",
    # A picture may bring its own style, and nothing else: no script, no other address.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
}
BadgeName = Annotated[str, Path(max_length=40)]


@dataclass(frozen=True, slots=True)
class WalletButton:
    """One wallet that takes the card. `badge` is the path of the vendor's own picture, if any."""

    provider: str
    url: str
    is_held: bool
    badge: str | None


@router.api_route(f"{_BADGES}/{{name}}", methods=["GET", "HEAD"])
def show_badge(name: BadgeName) -> Response:
    """A vendor's badge from the operator's folder."""
    badge = wallet_artwork.read_artwork(name)
    return Response(badge.content, headers=_HEADERS, media_type=badge.content_type)


def wallet_part(request: Request, db: Db, *, merchant_id: int, card_id: int) -> dict[str, Any]:
    """`wallets`: a button for each wallet that takes the card, the device's own first."""
    held = _held(db, merchant_id, card_id)
    if not held:
        return {"wallets": []}
    urls = wallet_service.button_urls(db, merchant_id=merchant_id, card_id=card_id)
    by_provider = {
        Provider.GOOGLE: urls["google_wallet_url"],
        Provider.APPLE: urls["apple_wallet_url"],
    }
    language, buttons = language_of(request), []
    for provider in wallet_order(request.headers.get("user-agent", "")):
        url, badge = by_provider[provider], wallet_artwork.artwork_name(provider, language)
        if url is not None and provider in held:
            path = f"{_BADGES}/{badge}" if badge else None
            buttons.append(WalletButton(provider.value, url, held[provider], path))
    return {"wallets": buttons}


def wallet_facts(db: Db, *, merchant_id: int, card_id: int) -> tuple[object, ...]:
    """What changes the buttons: the wallets that take the card, and those that hold it."""
    held = _held(db, merchant_id, card_id)
    return tuple((provider.value, is_held) for provider, is_held in held.items())


def _held(db: Db, merchant_id: int, card_id: int) -> dict[Provider, bool]:
    """Of each wallet on offer that would take the card: does some phone have it already?"""
    offered = wallet_service.available()
    if not any(offered.values()):
        return {}
    standings = wallet_views.addable(db, merchant_id=merchant_id, card_id=card_id)
    return {one["provider"]: one["held"] for one in standings if offered[one["provider"].value]}
