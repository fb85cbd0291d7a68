"""/admin/loyalty/wallet: how the wallets are doing, and another try for what a vendor refused."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request

from app.core.errors import CsrfFailed, Forbidden, Unauthenticated, Unavailable, ValidationFailed
from app.core.web.db import Db
from app.core.web.headers import Id
from app.core.web.pagination import PageQuery
from app.core.web.problem import answers
from app.modules.loyalty.errors import PassNotFound
from app.modules.loyalty.routes.wallet_wording import card_wallets, wallet_status_answer
from app.modules.loyalty.schemas.wallet import CardWallet, WalletStatusResponse
from app.modules.loyalty.services import wallet_parked, wallet_status
from app.modules.loyalty.services.ledger_entries import Actor
from app.modules.loyalty.types import ActorKind
from app.modules.tenancy.routes.deps import CurrentAdmin

router = APIRouter(prefix="/admin/loyalty/wallet", tags=["Administration"])
_READS = (Unauthenticated, Forbidden, Unavailable, ValidationFailed)


@router.get("/status", response_model=WalletStatusResponse, responses=answers(*_READS))
def get_status(
    request: Request, db: Db, _admin: CurrentAdmin, page: PageQuery
) -> WalletStatusResponse:
    """Set-up, pauses, backlog and refusals of both wallets. The page is one of parked passes."""
    return wallet_status_answer(request, wallet_status.status(db, page=page))


@router.post(
    "/parked/{pass_id}/retry",
    response_model=CardWallet,
    responses=answers(*_READS, CsrfFailed, PassNotFound),
)
def retry_parked(request: Request, db: Db, admin: CurrentAdmin, pass_id: Id) -> CardWallet:
    """Try a parked pass again, and its merchant's design. What is not parked stays as it is."""
    standing = wallet_parked.retry(
        db,
        pass_id=pass_id,
        actor=Actor(ActorKind.USER, admin.actor_id),
        ip_address=request.state.client_ip,
        request_id=request.state.request_id,
    )
    return card_wallets(request, [standing])[0]
