"""The pages of staff: the overview, and the terminal at the counter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from app.core.web.context import translator_of, web_of
from app.core.web.db import Db
from app.core.web.templates import page
from app.modules.loyalty.errors import ProgramNotFound
from app.modules.loyalty.services import card_lists, pin_service, program_service
from app.modules.loyalty.services.counter_facts import counter_facts
from app.modules.tenancy.errors import StoreRequired
from app.modules.tenancy.routes.deps import CurrentStaff, StoreCode, current_store
from app.modules.tenancy.routes.signed_in_page import LOGIN_PATH, SignedInPage
from app.modules.tenancy.services import store_service, terminal_service
from app.modules.tenancy.types import Principal, Role, StoreContext

if TYPE_CHECKING:
    from app.modules.loyalty.models import LoyaltyProgram

router = APIRouter(prefix="/store/loyalty", route_class=SignedInPage)
_TERMINAL: Final = "/store/loyalty/terminal"
_ROLE_TEXTS: Final = {
    Role.OWNER: "loyalty.terminal.role_owner",
    Role.MANAGER: "loyalty.terminal.role_manager",
    Role.CASHIER: "loyalty.terminal.role_cashier",
}


async def store_or_none(
    request: Request, db: Db, staff: CurrentStaff, code: StoreCode
) -> StoreContext | None:
    """The store of the device, or None where somebody has to say which."""
    try:
        return await current_store(request, db, staff, code)
    except StoreRequired:
        return None


PageStore = Annotated[StoreContext | None, Depends(store_or_none)]


@router.get("")
def overview(request: Request, db: Db, staff: CurrentStaff, store: PageStore) -> Response:
    """The way to the terminal; for owners and managers also what is left to set up."""
    if store is None:
        return _choose_store(request, db, staff, back_to="/store/loyalty")
    return page(
        request,
        "loyalty/store/overview.html",
        store=store,
        user=staff,
        enrol_url=_enrol_url(request, store),
        has_choice=staff.store_id is None and _number_of_stores(db, staff) > 1,
        setup=_setup(db, staff) if staff.is_manager else None,
    )


@router.get("/stores")
def choose_store(request: Request, db: Db, staff: CurrentStaff) -> Response:
    """Which store this device stands in."""
    return _choose_store(request, db, staff, back_to=_TERMINAL)


@router.get("/terminal")
def terminal(request: Request, db: Db, staff: CurrentStaff, store: PageStore) -> Response:
    """The terminal; the device becomes one of the store's, and keeps that in its cookie."""
    if store is None:
        return _choose_store(request, db, staff, back_to=_TERMINAL)
    web = web_of(request)
    opened = terminal_service.open_terminal(
        db, principal=staff, store=store, terminal_token=web.cookies.read(request, "terminal")
    )
    response = _terminal_page(request, db, staff, store)
    if opened.token is not None:
        web.cookies.set(response, "terminal", opened.token)
    return response


@router.get("/terminal.webmanifest")
def manifest(request: Request) -> Response:
    """What a phone needs to keep the terminal among its apps (W3C Web Application Manifest)."""
    response = page(request, "loyalty/store/terminal.webmanifest", start_url=_TERMINAL)
    response.headers["Content-Type"] = "application/manifest+json"
    return response


def _terminal_page(request: Request, db: Db, staff: Principal, store: StoreContext) -> Response:
    try:
        rules = counter_facts(db, merchant_id=store.merchant_id)
    except ProgramNotFound:
        return page(request, "loyalty/store/no_program.html", store=store, user=staff)
    translator = translator_of(request)
    facts = rules | {
        "scope": f"{store.merchant_id}-{store.store_id}",
        "store": {"code": store.code, "name": store.name, "timezone": store.timezone},
        "sign_in_url": f"{LOGIN_PATH}?next={_TERMINAL}",
        "service_worker_url": "/static/sw.js",
    }
    return page(
        request,
        "loyalty/store/terminal.html",
        store=store,
        user=staff,
        role=translator.t(_ROLE_TEXTS[staff.role]) if staff.role else "",
        facts=facts,
        texts=translator.under("loyalty.terminal."),
        enrol_url=_enrol_url(request, store),
    )


def _choose_store(request: Request, db: Db, staff: Principal, *, back_to: str) -> Response:
    assert staff.merchant_id is not None
    stores = store_service.list_stores(db, merchant_id=staff.merchant_id)
    if staff.store_id is not None:
        stores = [store for store in stores if store.id == staff.store_id]
    return page(request, "loyalty/store/stores.html", stores=stores, back_to=back_to)


def _number_of_stores(db: Db, staff: Principal) -> int:
    assert staff.merchant_id is not None
    return len(store_service.list_stores(db, merchant_id=staff.merchant_id))


def _program_or_none(db: Db, merchant_id: int) -> LoyaltyProgram | None:
    try:
        return program_service.get_program(db, merchant_id=merchant_id)
    except ProgramNotFound:
        return None


def _setup(db: Db, staff: Principal) -> dict[str, Any]:
    """How far the shop has come."""
    assert staff.merchant_id is not None
    cards = card_lists.list_cards(db, merchant_id=staff.merchant_id, limit=1, include_total=True)
    return {
        "program": _program_or_none(db, staff.merchant_id),
        "pins": len(pin_service.list_pins(db, merchant_id=staff.merchant_id)),
        "cards": cards["total"],
    }


def _enrol_url(request: Request, store: StoreContext) -> str:
    return f"{web_of(request).settings.base_url}/loyalty/enroll?store={store.code}"
