"""The page of one card for staff: as its holder sees it, in wallets, and its ledger."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.core.clock import utc_now
from app.core.paging import MAX_CURSOR_CHARACTERS
from app.core.web.context import is_htmx, timezone_of, translator_of
from app.core.web.db import Db
from app.core.web.headers import Id
from app.core.web.templates import page
from app.modules.loyalty.errors import CardNotFound
from app.modules.loyalty.routes.deps import LimitMisses
from app.modules.loyalty.routes.pages import card_ledger, card_page
from app.modules.loyalty.routes.pages.activity import Place
from app.modules.loyalty.routes.pages.store import PageStore
from app.modules.loyalty.routes.wallet_wording import card_wallets
from app.modules.loyalty.services import (
    card_lists,
    own_card,
    staff_card,
    wallet_service,
    wallet_views,
)
from app.modules.loyalty.services.wallet_views import PassStanding
from app.modules.loyalty.types import PassState
from app.modules.tenancy.routes.deps import CurrentManager, CurrentStaff
from app.modules.tenancy.routes.signed_in_page import SignedInPage
from app.modules.tenancy.services import store_service
from app.modules.tenancy.types import Principal

router = APIRouter(prefix="/store/loyalty/cards/{card_id}", route_class=SignedInPage)
_LINES_A_PAGE: Final = 20
# Sending again is of use where a pass stands for the card.
_STANDING: Final = (PassState.WAITING, PassState.CURRENT, PassState.PARKED)
Cursor = Annotated[str, Query(min_length=1, max_length=MAX_CURSOR_CHARACTERS)]


@router.get("", dependencies=[LimitMisses])
def show_card(
    request: Request,
    db: Db,
    staff: CurrentStaff,
    _store: PageStore,
    card_id: Id,
    cursor: Cursor | None = None,
    sent: bool = False,
) -> Response:
    """The card; `sent`: its passes were marked to be sent a moment ago."""
    try:
        context = _card(request, db, staff, card_id) | _ledger(request, db, staff, card_id, cursor)
    except CardNotFound:
        return page(request, "loyalty/store/card_missing.html", status_code=404)
    return page(request, "loyalty/store/card.html", is_sent=sent, **context)


@router.get("/ledger", dependencies=[LimitMisses])
def show_ledger(
    request: Request, db: Db, staff: CurrentStaff, card_id: Id, cursor: Cursor, day: date
) -> Response:
    """More of the ledger; `day` is the last one shown before."""
    context = _ledger(request, db, staff, card_id, cursor)
    return page(request, "loyalty/store/_card_ledger.html", **context | {"day_before": day})


@router.post("/sync", dependencies=[LimitMisses])
def sync_card(
    request: Request, db: Db, manager: CurrentManager, _store: PageStore, card_id: Id
) -> Response:
    """Have the card's passes sent again."""
    merchant_id = _merchant_of(manager)
    standings = wallet_views.sync_now(db, merchant_id=merchant_id, card_id=card_id)
    if not is_htmx(request):
        return RedirectResponse(f"/store/loyalty/cards/{card_id}?sent=1", status_code=303)
    context = _wallets(request, manager, standings)
    return page(request, "loyalty/store/_card_wallets.html", is_sent=True, **context)


def _card(request: Request, db: Db, staff: Principal, card_id: int) -> dict[str, Any]:
    merchant_id = _merchant_of(staff)
    card = staff_card.staff_card(db, merchant_id=merchant_id, card_id=card_id)
    face = own_card.program_face(db, merchant_id=merchant_id)
    wallets = _wallets(request, staff, card["wallets"])
    return card_page.card_in_its_looks(card, face) | wallets


def _wallets(request: Request, staff: Principal, standings: list[PassStanding]) -> dict[str, Any]:
    """Wallets that are on offer, or where the card once got to."""
    offered = wallet_service.available()
    shown = [
        wallet
        for wallet in card_wallets(request, standings)
        if offered[wallet.provider.value] or wallet.state is not PassState.NONE
    ]
    return {
        "wallets": shown,
        "offered": offered,
        "can_sync": staff.is_manager
        and any(one.state in _STANDING and offered[one.provider.value] for one in shown),
        "is_manager": staff.is_manager,
    }


def _ledger(
    request: Request, db: Db, staff: Principal, card_id: int, cursor: str | None = None
) -> dict[str, Any]:
    merchant_id = _merchant_of(staff)
    found = card_lists.list_transactions(
        db, merchant_id=merchant_id, card_id=card_id, limit=_LINES_A_PAGE, cursor=cursor
    )
    stores = {
        store.id: Place(store.name, store.city, store.timezone)
        for store in store_service.list_stores(db, merchant_id=merchant_id)
    }
    today = utc_now().astimezone(timezone_of(request)).date()
    return {
        "card_id": card_id,
        "days": card_ledger.staff_days(found["items"], stores, translator_of(request), today=today),
        "day_before": None,
        "is_first": cursor is None,
        "next_cursor": found["next_cursor"],
    }


def _merchant_of(staff: Principal) -> int:
    assert staff.merchant_id is not None
    return staff.merchant_id
