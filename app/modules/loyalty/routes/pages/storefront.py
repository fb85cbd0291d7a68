"""The customer's pages: joining from the poster's code, and the card on the phone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.core.clock import utc_now
from app.core.currencies import exponent_of
from app.core.errors import AppError
from app.core.paging import MAX_CURSOR_CHARACTERS
from app.core.web.context import is_htmx, timezone_of, translator_of, web_of
from app.core.web.db import Db
from app.core.web.headers import IfNoneMatch, etag_of, is_known
from app.core.web.templates import page
from app.modules.loyalty.errors import (
    ProgramInactive,
    ProgramNotFound,
    QuotaExceeded,
    SelfEnrollmentDisabled,
)
from app.modules.loyalty.routes.deps import LimitEnrolmentsByAddress, LimitEnrolmentsByStore
from app.modules.loyalty.routes.pages import activity, card_page, join_page
from app.modules.loyalty.routes.pages.activity import Place, Stores
from app.modules.loyalty.routes.pages.join_page import JoinFault, JoinForm
from app.modules.loyalty.routes.pages.sign_in import protect_part
from app.modules.loyalty.routes.pages.wallet_part import wallet_facts, wallet_part
from app.modules.loyalty.rules.catalogue import RewardLine
from app.modules.loyalty.rules.looks import stamp_grid
from app.modules.loyalty.rules.points_view import expires_soon, points_view
from app.modules.loyalty.services import card_lists, program_service
from app.modules.loyalty.services.card_lists import CustomerCard, EntryPage
from app.modules.loyalty.services.program_service import PublicProgram
from app.modules.tenancy.errors import MerchantSuspended
from app.modules.tenancy.routes.storefront import (
    NamedStore,
    OptionalCustomer,
    StorefrontRoute,
    StorefrontStore,
    keep_customer,
    leave_customer,
)
from app.modules.tenancy.services import auth_service, store_service
from app.modules.tenancy.types import Principal, StoreContext

router = APIRouter(route_class=StorefrontRoute)
_DASHBOARD, _SUCCESS, _LEFT = "/loyalty/dashboard", "/loyalty/enroll/success", "/loyalty/signed-out"
_HISTORY: Final = "/loyalty/history"
_LINES_SHOWN: Final = 5
_LINES_A_PAGE: Final = 30
Cursor = Annotated[str | None, Query(min_length=1, max_length=MAX_CURSOR_CHARACTERS)]


@dataclass(frozen=True)
class Notice:
    """A page with one thing to say: the texts `<words>.title` and `<words>.text`."""

    words: str
    icon: str
    has_hint: bool = False


_SIGNED_OUT: Final = Notice("loyalty.storefront.notice.signed_out", icon="ticket", has_hint=True)
_LEFT_NOW: Final = Notice("loyalty.storefront.notice.left", icon="log-out")
_ERASED: Final = Notice("loyalty.storefront.notice.erased", icon="trash-2")
_REFUSALS: Final[dict[type[AppError], Notice]] = {
    ProgramNotFound: Notice("loyalty.storefront.notice.no_program", icon="store"),
    ProgramInactive: Notice("loyalty.storefront.notice.inactive", icon="moon-star"),
    MerchantSuspended: Notice("loyalty.storefront.notice.inactive", icon="moon-star"),
    SelfEnrollmentDisabled: Notice("loyalty.storefront.notice.counter_only", icon="hand-heart"),
    QuotaExceeded: Notice("loyalty.storefront.notice.full", icon="tickets"),
}


@router.get("/loyalty/enroll")
def show_join_form(
    request: Request, db: Db, store: StorefrontStore, customer: OptionalCustomer
) -> Response:
    """The form; who has a card on this device already gets to see that."""
    if _is_of(customer, store):
        return _to(_DASHBOARD)
    try:
        program = _joinable_program(db, store)
    except tuple(_REFUSALS) as refusal:
        return _refusal(request, db, store, refusal)
    return _join_page(request, program, JoinForm(attempt=join_page.fresh_attempt(request)))


@router.post("/loyalty/enroll", dependencies=[LimitEnrolmentsByAddress, LimitEnrolmentsByStore])
def join(
    request: Request,
    db: Db,
    store: StorefrontStore,
    customer: OptionalCustomer,
    form: Annotated[JoinForm, Form()],
) -> Response:
    """Make the card and sign this device in; one page view makes one card, however often sent."""
    if _is_of(customer, store):
        return _to(_SUCCESS)
    try:
        program = _joinable_program(db, store)
        enrolment = join_page.enroll(request, db, store, form)
    except JoinFault as fault:
        return _join_page(request, program, form, fault)
    except tuple(_REFUSALS) as refusal:
        return _refusal(request, db, store, refusal)
    return _sign_in(request, db, store, enrolment["customer_id"])


@router.get(_SUCCESS)
def show_success(request: Request, db: Db, customer: OptionalCustomer) -> Response:
    """The fresh card with its code, and where its address is confirmed."""
    if customer is None:
        return _to(_DASHBOARD)
    context = _own_card(request, db, customer) | protect_part(db, customer)
    return page(request, "loyalty/storefront/success.html", **context)


@router.get(_DASHBOARD)
def show_dashboard(
    request: Request, db: Db, customer: OptionalCustomer, store: NamedStore
) -> Response:
    """The card of this device's customer."""
    if customer is None:
        return _notice(request, db, store, _SIGNED_OUT)
    return page(request, "loyalty/storefront/dashboard.html", **_own_card(request, db, customer))


@router.get(f"{_DASHBOARD}/card")
def show_live_card(
    request: Request, db: Db, customer: OptionalCustomer, if_none_match: IfNoneMatch = None
) -> Response:
    """The changing part of the dashboard; 304 while nothing changed, 401 once signed out."""
    if customer is None:
        return Response(status_code=401)
    etag = _etag(request, db, customer)
    if is_known(if_none_match, etag):
        return Response(status_code=304, headers={"ETag": etag})
    context = _own_card(request, db, customer)
    return page(request, "loyalty/storefront/_live_card.html", headers={"ETag": etag}, **context)


@router.get(_HISTORY)
def show_history(
    request: Request,
    db: Db,
    customer: OptionalCustomer,
    cursor: Cursor = None,
    day: date | None = None,
) -> Response:
    """Everything that happened on the card, day by day; more of it for htmx."""
    if customer is None:
        return _to_dashboard(request)
    context = _history(request, db, customer, cursor, day)
    part = "_history_days" if is_htmx(request) else "history"
    return page(request, f"loyalty/storefront/{part}.html", **context)


@router.post("/loyalty/sign-out")
def sign_out(request: Request, db: Db, customer: OptionalCustomer) -> Response:
    """Forget this card on this device; the card itself stays."""
    response = _to(_LEFT)
    if customer is not None:
        leave_customer(request, db, response, customer)
    return response


@router.get(_LEFT)
def show_signed_out(request: Request, db: Db, store: NamedStore) -> Response:
    """What signing out means for the card."""
    return _notice(request, db, store, _LEFT_NOW)


@router.get("/loyalty/left")
def show_erased(request: Request, db: Db, store: NamedStore) -> Response:
    """What leaving the program did."""
    return _notice(request, db, store, _ERASED)


def _is_of(customer: Principal | None, store: StoreContext) -> bool:
    return customer is not None and customer.merchant_id == store.merchant_id


def _to_dashboard(request: Request) -> Response:
    """To the page that says what to do without a card, also from within a page."""
    if is_htmx(request):
        return Response(status_code=204, headers={"HX-Redirect": _DASHBOARD})
    return _to(_DASHBOARD)


def _to(path: str) -> RedirectResponse:
    return RedirectResponse(path, status_code=303)


def _joinable_program(db: Db, store: StoreContext) -> PublicProgram:
    program = program_service.public_program(db, store_code=store.code)
    if not program["is_active"]:
        raise ProgramInactive
    if not program["self_enrollment"]:
        raise SelfEnrollmentDisabled
    return program


def _join_page(
    request: Request, program: PublicProgram, form: JoinForm, fault: JoinFault | None = None
) -> Response:
    looks = card_page.looks_of(
        program,
        merchant_name=program["merchant_name"],
        reward=program["stamps_reward_description"],
    )
    part = "_join_form" if is_htmx(request) else "enroll"
    return page(
        request,
        f"loyalty/storefront/{part}.html",
        status_code=fault.status if fault else 200,
        program=program,
        grid=stamp_grid(0, program["stamps_target"]),
        points=points_view(0, _as_new(program)),
        unit_amount=translator_of(request).money(
            10 ** exponent_of(program["currency"]), program["currency"]
        ),
        attempt=fault.attempt if fault else form.attempt,
        sent=form,
        error=fault.sentence if fault else None,
        error_field=fault.field if fault else None,
        **looks,
        **card_page.units_of(program["loyalty_type"]),
    )


def _as_new(program: PublicProgram) -> list[RewardLine]:
    """The catalogue as somebody sees it who has no points yet."""
    return [
        RewardLine(id=0, affordable=False, points_missing=reward["cost_points"], **reward)
        for reward in program["rewards"]
    ]


def _sign_in(request: Request, db: Db, store: StoreContext, customer_id: int) -> Response:
    token = auth_service.issue_customer_token(
        db, merchant_id=store.merchant_id, customer_id=customer_id
    )
    response = _to(_SUCCESS)
    keep_customer(request, response, token)
    return response


def _own_card(request: Request, db: Db, customer: Principal) -> dict[str, Any]:
    card, entries, stores = _card_and_entries(request, db, customer, limit=_LINES_SHOWN)
    today = utc_now().astimezone(timezone_of(request)).date()
    merchant_id, card_id = _ids(customer)[0], card["card_id"]
    wallets = wallet_part(request, db, merchant_id=merchant_id, card_id=card_id)
    return (
        card_page.card_context(card)
        | wallets
        | {
            "entries": activity.lines(entries["items"], stores, translator_of(request)),
            "expires_soon": expires_soon(card["points_expire_on"], today=today),
            "etag": _etag(request, db, customer),
        }
    )


def _history(
    request: Request, db: Db, customer: Principal, cursor: str | None, day: date | None
) -> dict[str, Any]:
    """A page of the card's history; `day` is the last one that the page before has shown."""
    card, found, stores = _card_and_entries(
        request, db, customer, limit=_LINES_A_PAGE, cursor=cursor
    )
    today = utc_now().astimezone(timezone_of(request)).date()
    return card_page.card_context(card) | {
        "days": activity.days(found["items"], stores, translator_of(request), today=today),
        "day_before": day,
        "is_first": cursor is None,
        "next_cursor": found["next_cursor"],
    }


def _card_and_entries(
    request: Request, db: Db, customer: Principal, *, limit: int, cursor: str | None = None
) -> tuple[CustomerCard, EntryPage, Stores]:
    merchant_id, customer_id = _ids(customer)
    card = card_lists.customer_card(db, merchant_id=merchant_id, customer_id=customer_id)
    entries = card_lists.list_transactions(
        db, merchant_id=merchant_id, card_id=card["card_id"], limit=limit, cursor=cursor
    )
    stores = {
        store.id: Place(store.name, store.city, store.timezone)
        for store in store_service.list_stores(db, merchant_id=merchant_id)
    }
    # Today is what it is in the store where something last happened.
    for entry in entries["items"][:1]:
        request.state.timezone = stores[entry["store_id"]].timezone
    request.state.language = card["customer"]["locale"]
    return card, entries, stores


def _etag(request: Request, db: Db, customer: Principal) -> str:
    merchant_id, customer_id = _ids(customer)
    version = card_lists.customer_card_version(db, merchant_id=merchant_id, customer_id=customer_id)
    card_id = version[0]
    assert isinstance(card_id, int)
    wallets = wallet_facts(db, merchant_id=merchant_id, card_id=card_id)
    # Whatever decides the language counts as well: the words are part of the answer.
    chosen = web_of(request).cookies.read(request, "lang")
    return etag_of(*version, *wallets, chosen, request.headers.get("accept-language"))


def _ids(customer: Principal) -> tuple[int, int]:
    assert customer.merchant_id is not None, "a customer belongs to a merchant"
    assert customer.customer_id is not None, "asked for by signed_in_customer"
    return customer.merchant_id, customer.customer_id


def _refusal(request: Request, db: Db, store: StoreContext, refusal: AppError) -> Response:
    return _notice(request, db, store, _REFUSALS[type(refusal)], status_code=refusal.status)


def _notice(
    request: Request,
    db: Db,
    store: StoreContext | None,
    notice: Notice,
    *,
    status_code: int = 200,
) -> Response:
    program = card_page.program_behind(db, store)
    return page(
        request,
        "loyalty/storefront/notice.html",
        status_code=status_code,
        notice=notice,
        can_join=status_code == 200 and bool(program and program["self_enrollment"]),
        store_code=store.code if store else "",
        **card_page.looks_of(
            program,
            merchant_name=store.merchant_name if store else web_of(request).settings.brand_name,
        ),
    )
