"""The customer's pages: joining from the poster's code, and the card on the phone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.core.errors import AppError
from app.core.web.context import is_htmx, web_of
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
from app.modules.loyalty.routes.pages import card_page, join_page
from app.modules.loyalty.routes.pages.join_page import JoinFault, JoinForm
from app.modules.loyalty.rules.looks import stamp_grid
from app.modules.loyalty.services import card_lists, program_service
from app.modules.loyalty.services.program_service import PublicProgram
from app.modules.tenancy.errors import MerchantSuspended
from app.modules.tenancy.routes.storefront import (
    NamedStore,
    OptionalCustomer,
    StorefrontRoute,
    StorefrontStore,
    keep_customer,
)
from app.modules.tenancy.services import auth_service, principal_service, store_service
from app.modules.tenancy.types import Principal, StoreContext

router = APIRouter(route_class=StorefrontRoute)
_DASHBOARD, _SUCCESS, _LEFT = "/loyalty/dashboard", "/loyalty/enroll/success", "/loyalty/signed-out"
_LINES_SHOWN: Final = 5


@dataclass(frozen=True)
class Notice:
    """A page with one thing to say: the texts `<words>.title` and `<words>.text`."""

    words: str
    icon: str
    has_hint: bool = False


_SIGNED_OUT: Final = Notice("loyalty.storefront.notice.signed_out", icon="ticket", has_hint=True)
_LEFT_NOW: Final = Notice("loyalty.storefront.notice.left", icon="log-out")
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
    """The fresh card with its code."""
    if customer is None:
        return _to(_DASHBOARD)
    return page(request, "loyalty/storefront/success.html", **_own_card(request, db, customer))


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


@router.post("/loyalty/sign-out")
def sign_out(request: Request, db: Db, customer: OptionalCustomer) -> Response:
    """Forget this card on this device; the card itself stays."""
    cookies = web_of(request).cookies
    response = _to(_LEFT)
    tokens = (cookies.read(request, "customer") or "").split(".")
    ended = [
        t for t in tokens if customer and principal_service.principal_of(db, token=t) == customer
    ]
    for token in ended:
        auth_service.sign_out(db, token=token)
    cookies.set(response, "customer", ".".join(t for t in tokens if t not in ended))
    return response


@router.get(_LEFT)
def show_signed_out(request: Request, db: Db, store: NamedStore) -> Response:
    """What signing out means for the card."""
    return _notice(request, db, store, _LEFT_NOW)


def _is_of(customer: Principal | None, store: StoreContext) -> bool:
    return customer is not None and customer.merchant_id == store.merchant_id


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
        attempt=fault.attempt if fault else form.attempt,
        sent=form,
        error=fault.sentence if fault else None,
        error_field=fault.field if fault else None,
        **looks,
    )


def _sign_in(request: Request, db: Db, store: StoreContext, customer_id: int) -> Response:
    token = auth_service.issue_customer_token(
        db, merchant_id=store.merchant_id, customer_id=customer_id
    )
    response = _to(_SUCCESS)
    keep_customer(request, response, token)
    return response


def _own_card(request: Request, db: Db, customer: Principal) -> dict[str, Any]:
    merchant_id, customer_id = _ids(customer)
    card = card_lists.customer_card(db, merchant_id=merchant_id, customer_id=customer_id)
    entries = card_lists.list_transactions(
        db, merchant_id=merchant_id, card_id=card["card_id"], limit=_LINES_SHOWN
    )["items"]
    # Times are told as in the store where something last happened; every card has an entry.
    store = store_service.find_store(db, merchant_id=merchant_id, store_id=entries[0]["store_id"])
    request.state.timezone = store.timezone
    request.state.language = card["customer"]["locale"]
    return card_page.card_context(card) | {
        "entries": card_page.activity(entries),
        "etag": _etag(request, db, customer),
    }


def _etag(request: Request, db: Db, customer: Principal) -> str:
    merchant_id, customer_id = _ids(customer)
    version = card_lists.customer_card_version(db, merchant_id=merchant_id, customer_id=customer_id)
    # Whatever decides the language counts as well: the words are part of the answer.
    chosen = web_of(request).cookies.read(request, "lang")
    return etag_of(*version, chosen, request.headers.get("accept-language"))


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
    program = _program_behind(db, store)
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


def _program_behind(db: Db, store: StoreContext | None) -> PublicProgram | None:
    try:
        return program_service.public_program(db, store_code=store.code) if store else None
    except ProgramNotFound:
        return None
