"""/store/loyalty/cards: finding, listing and giving out cards."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.core.errors import RateLimited, ValidationFailed
from app.core.web.db import Db
from app.core.web.headers import Id, IdempotencyKey
from app.core.web.pagination import PageQuery
from app.core.web.problem import answers
from app.modules.customers.errors import CustomerNotFound
from app.modules.loyalty.errors import (
    AmountTooLarge,
    CardInactive,
    CardNotFound,
    IdempotencyKeyReused,
    ProgramInactive,
    ProgramNotFound,
    ProgramTypeMismatch,
    QuotaExceeded,
)
from app.modules.loyalty.routes.api.answers import (
    AT_A_STORE,
    ON_A_CARD,
    READS,
    json_answer,
    replayable,
)
from app.modules.loyalty.routes.deps import CounterCaller, LimitMisses, LookingCaller, StaffCaller
from app.modules.loyalty.routes.wallet_wording import staff_card_answer
from app.modules.loyalty.schemas.cards import (
    CardList,
    CardResponse,
    EnrollRequest,
    EnrollResponse,
    LookupRequest,
    StaffCardResponse,
)
from app.modules.loyalty.schemas.fields import Instant
from app.modules.loyalty.schemas.transactions import StaffEntryList
from app.modules.loyalty.services import card_lists, card_service, staff_card
from app.modules.loyalty.services.card_lists import CardPage, CardSort, CardView, EntryPage
from app.modules.tenancy.errors import MerchantSuspended

router = APIRouter(prefix="/store/loyalty/cards", tags=["Cards"])
Search = Annotated[
    str | None, Query(max_length=100, description="Part of a name, contact or card number.")
]
Status = Annotated[
    Literal["active", "suspended", "merged", "erased"] | None,
    Query(description="Without it: active and suspended ones."),
]
RewardReady = Annotated[bool | None, Query(description="Only cards with (without) a reward ready.")]
InactiveSince = Annotated[
    Instant | None, Query(description="Only cards without activity since then.")
]
Sort = Annotated[CardSort, Query(description="`recent`: the last used first; `name`: A to Z.")]


@router.get("", response_model=CardList, responses=answers(*READS, ValidationFailed))
def list_cards(
    db: Db,
    caller: StaffCaller,
    page: PageQuery,
    search: Search = None,
    status: Status = None,
    reward_ready: RewardReady = None,
    inactive_since: InactiveSince = None,
    sort: Sort = CardSort.RECENT,
) -> CardPage:
    """The merchant's cards, in pages; every store sees all of them."""
    return card_lists.list_cards(
        db,
        merchant_id=caller.merchant_id,
        search=search,
        status=status,
        reward_ready=reward_ready,
        inactive_since=inactive_since,
        sort=sort,
        limit=page.limit,
        cursor=page.cursor,
        include_total=page.include_total,
    )


@router.post(
    "/lookup",
    response_model=CardResponse,
    dependencies=[LimitMisses],
    responses=answers(*AT_A_STORE, *ON_A_CARD),
)
def look_up_card(db: Db, caller: LookingCaller, body: LookupRequest) -> CardView:
    """Find one card by what was scanned or typed, however the scanner spelled it."""
    return card_lists.lookup(
        db, merchant_id=caller.merchant_id, store_id=caller.store_id, **body.model_dump()
    )


@router.post(
    "/enroll",
    response_model=EnrollResponse,
    status_code=201,
    responses={
        200: {"model": EnrollResponse, "description": "The person had a card already."},
        **replayable(201),
        **answers(
            *AT_A_STORE, ProgramNotFound, ProgramInactive, QuotaExceeded, CustomerNotFound,
            MerchantSuspended, IdempotencyKeyReused, ProgramTypeMismatch, AmountTooLarge,
            CardInactive,
        ),
    },
)  # fmt: skip
def enroll(
    db: Db, caller: CounterCaller, body: EnrollRequest, key: IdempotencyKey = None
) -> Response:
    """Give somebody at the counter a card, or answer with the one they have."""
    assert caller.store_id is not None
    enrolment = card_service.enroll(
        db, caller=caller, store_id=caller.store_id, idempotency_key=key, **body.model_dump()
    )
    answer = EnrollResponse.model_validate(enrolment).model_dump()
    status = 201 if enrolment["created"] else 200
    return json_answer(answer, status, replayed=enrolment["replayed"])


@router.get(
    "/{card_id}",
    response_model=StaffCardResponse,
    dependencies=[LimitMisses],
    responses=answers(*READS, ValidationFailed, CardNotFound, RateLimited),
)
def get_card(request: Request, db: Db, caller: StaffCaller, card_id: Id) -> StaffCardResponse:
    """One card with its customer, what it can get right now, and where it is in wallets."""
    card = staff_card.staff_card(
        db, merchant_id=caller.merchant_id, card_id=card_id, store_id=caller.store_id
    )
    return staff_card_answer(request, card)


@router.get(
    "/{card_id}/transactions",
    response_model=StaffEntryList,
    dependencies=[LimitMisses],
    responses=answers(*READS, ValidationFailed, CardNotFound, RateLimited),
)
def list_transactions(db: Db, caller: StaffCaller, card_id: Id, page: PageQuery) -> EntryPage:
    """A card's ledger, newest first."""
    return card_lists.list_transactions(
        db,
        merchant_id=caller.merchant_id,
        card_id=card_id,
        limit=page.limit,
        cursor=page.cursor,
        include_total=page.include_total,
    )
