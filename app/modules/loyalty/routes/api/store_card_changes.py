"""/store/loyalty/cards/{id}: what managers do to a card and the person behind it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.core.errors import RateLimited, ValidationFailed
from app.core.web.db import Db
from app.core.web.headers import Id, IdempotencyKey
from app.core.web.problem import answers
from app.modules.customers.errors import CustomerNotFound
from app.modules.loyalty.errors import (
    AmountTooLarge,
    CardInactive,
    CardNotFound,
    IdempotencyKeyReused,
)
from app.modules.loyalty.routes.api.answers import READS, WRITES, json_answer, replayable
from app.modules.loyalty.routes.deps import LimitMisses, ManagerCaller
from app.modules.loyalty.routes.wallet_wording import card_wallets, staff_card_answer
from app.modules.loyalty.schemas.card_changes import (
    CardPatch,
    CustomerPatch,
    EraseRequest,
    ErasureResponse,
    MergeRequest,
    MergeResponse,
    PersonExport,
    ReplaceRequest,
)
from app.modules.loyalty.schemas.cards import StaffCardResponse
from app.modules.loyalty.schemas.wallet import CardWallets
from app.modules.loyalty.services import (
    card_lifecycle,
    card_merge,
    customer_correction,
    privacy_service,
    wallet_views,
)
from app.modules.loyalty.services.card_merge import MergePreview
from app.modules.loyalty.services.ledger_entries import Actor
from app.modules.loyalty.services.privacy_service import Erasure
from app.modules.loyalty.types import Caller

router = APIRouter(prefix="/store/loyalty/cards/{card_id}", tags=["Cards"])
_ON_A_CARD = (*WRITES, CardNotFound, CardInactive, RateLimited)


@router.patch(
    "",
    response_model=StaffCardResponse,
    dependencies=[LimitMisses],
    responses=answers(*_ON_A_CARD),
)
def change_card(
    request: Request, db: Db, caller: ManagerCaller, card_id: Id, body: CardPatch
) -> StaffCardResponse:
    """Put a card on hold or back, and note something about it. What is so already is no fault."""
    changes = body.model_dump(exclude_unset=True)
    card = card_lifecycle.change_card(db, caller=caller, card_id=card_id, **changes)
    return staff_card_answer(request, card)


@router.patch(
    "/customer",
    response_model=StaffCardResponse,
    dependencies=[LimitMisses],
    responses=answers(*_ON_A_CARD, CustomerNotFound),
)
def correct_customer(
    request: Request, db: Db, caller: ManagerCaller, card_id: Id, body: CustomerPatch
) -> StaffCardResponse:
    """Correct the person's names, contacts or language.

    A new e-mail address gets a code and is pending until it is confirmed. A contact that another
    customer has is refused (`contact_in_use`); `params.card_id` is then the card to merge with.
    """
    changes = body.model_dump(exclude_unset=True)
    card = customer_correction.correct_customer(db, caller=caller, card_id=card_id, changes=changes)
    return staff_card_answer(request, card)


@router.post(
    "/replace",
    response_model=StaffCardResponse,
    dependencies=[LimitMisses],
    responses=answers(*_ON_A_CARD, IdempotencyKeyReused),
)
def replace_card(
    request: Request,
    db: Db,
    caller: ManagerCaller,
    card_id: Id,
    body: ReplaceRequest,
    key: IdempotencyKey = None,
) -> StaffCardResponse:
    """Give a lost or stolen card a new number and code; every old one is dead from now on.

    The same key replaces once.
    """
    card = card_lifecycle.replace_card(
        db, caller=caller, card_id=card_id, idempotency_key=key, **body.model_dump()
    )
    return staff_card_answer(request, card)


@router.post(
    "/sync",
    response_model=CardWallets,
    dependencies=[LimitMisses],
    responses=answers(*WRITES, CardNotFound, RateLimited),
)
def sync_card(request: Request, db: Db, caller: ManagerCaller, card_id: Id) -> CardWallets:
    """Send the card's passes to the wallets again, parked ones too; in the background."""
    standings = wallet_views.sync_now(db, merchant_id=caller.merchant_id, card_id=card_id)
    return CardWallets(wallets=card_wallets(request, standings))


@router.post(
    "/merge",
    response_model=MergeResponse,
    dependencies=[LimitMisses],
    responses={
        **replayable(200),
        **answers(*_ON_A_CARD, AmountTooLarge, IdempotencyKeyReused),
    },
)
def merge_cards(
    db: Db, caller: ManagerCaller, card_id: Id, body: MergeRequest, key: IdempotencyKey = None
) -> Response:
    """Fold `other_card_id` into this card: sums, codes, history and person; or preview it."""
    cards: dict[str, Any] = {"survivor_card_id": card_id, "other_card_id": body.other_card_id}
    if body.dry_run:
        preview = card_merge.preview(db, merchant_id=caller.merchant_id, **cards)
        return json_answer(_would_be(preview))
    merged = card_merge.merge(
        db, reason=body.reason, idempotency_key=key, **cards, **_asked_by(caller)
    )
    answer = MergeResponse.model_validate({**merged, "dry_run": False})
    return json_answer(answer.model_dump(), replayed=merged["replayed"])


@router.post(
    "/erase",
    response_model=ErasureResponse,
    dependencies=[LimitMisses],
    responses=answers(*WRITES, CardNotFound, CustomerNotFound, RateLimited),
)
def erase_person(db: Db, caller: ManagerCaller, card_id: Id, body: EraseRequest) -> Erasure:
    """Erase the person behind the card for good. Asked again, it says since when."""
    customer_id = privacy_service.customer_of(db, merchant_id=caller.merchant_id, card_id=card_id)
    return privacy_service.erase(
        db,
        merchant_id=caller.merchant_id,
        customer_id=customer_id,
        actor=Actor(caller.kind, caller.actor_id),
        reason=body.reason,
        ip_address=caller.ip_address,
        request_id=caller.request_id,
    )


@router.get(
    "/export",
    response_model=PersonExport,
    dependencies=[LimitMisses],
    responses=answers(*READS, ValidationFailed, CardNotFound, CustomerNotFound, RateLimited),
)
def export_person(db: Db, caller: ManagerCaller, card_id: Id) -> Response:
    """Everything that is known of the person behind the card. Who took it stands in the audit."""
    customer_id = privacy_service.customer_of(db, merchant_id=caller.merchant_id, card_id=card_id)
    data = privacy_service.export(
        db,
        merchant_id=caller.merchant_id,
        customer_id=customer_id,
        actor=Actor(caller.kind, caller.actor_id),
        ip_address=caller.ip_address,
        request_id=caller.request_id,
    )
    return json_answer(data)


def _asked_by(caller: Caller) -> dict[str, Any]:
    """The caller as the keywords of a merge."""
    return {
        "merchant_id": caller.merchant_id,
        "actor": Actor(caller.kind, caller.actor_id),
        "store_id": caller.store_id,
        "terminal_id": caller.terminal_id,
        "ip_address": caller.ip_address,
        "user_agent": caller.user_agent,
        "request_id": caller.request_id,
    }


def _would_be(preview: MergePreview) -> dict[str, Any]:
    """A preview as the answer to a merge."""
    answer = MergeResponse.model_validate(
        {
            **preview,
            "dry_run": True,
            "transaction_id": None,
            "card_id": preview["survivor"]["card_id"],
            "other_card_id": preview["other"]["card_id"],
            "preview": preview,
        }
    )
    return answer.model_dump()
