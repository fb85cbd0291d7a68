"""/store/loyalty/cards/{id}/send-code: helping a customer back in."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from app.core.errors import RateLimited
from app.core.web.db import Db
from app.core.web.headers import Id
from app.core.web.problem import answers
from app.modules.loyalty.errors import CardNotFound
from app.modules.loyalty.routes.api.answers import WRITES
from app.modules.loyalty.routes.deps import LimitMisses, ManagerCaller
from app.modules.loyalty.services import code_sending

router = APIRouter(prefix="/store/loyalty/cards", tags=["Cards"])


@router.post(
    "/{card_id}/send-code",
    status_code=204,
    dependencies=[LimitMisses],
    responses=answers(*WRITES, CardNotFound, RateLimited),
)
def send_code(db: Db, caller: ManagerCaller, card_id: Id) -> Response:
    """Send a sign-in code to the card's confirmed e-mail address."""
    code_sending.send_code_to_card(db, card_id=card_id, caller=caller)
    return Response(status_code=204)
