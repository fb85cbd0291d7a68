"""A customer's own card for API clients, with the links that put it into a wallet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.core.clock import utc_now
from app.core.web.db import Db
from app.modules.loyalty.schemas.cards import CustomerCardResponse
from app.modules.loyalty.schemas.wallet import WalletUrls
from app.modules.loyalty.services import wallet_service
from app.modules.loyalty.services.card_lists import CustomerCard

# Links are good for an hour: whoever keeps an answer by its ETag has half of it left.
_KEPT_S: Final = 1800


@dataclass(frozen=True, slots=True)
class _Card:
    id: int
    merchant_id: int


def own_card_answer(db: Db, card: CustomerCard, *, merchant_id: int) -> CustomerCardResponse:
    """The card with `wallet_urls`, made for this answer."""
    urls = wallet_service.get_add_to_wallet_urls(db, _Card(card["card_id"], merchant_id))
    answer = CustomerCardResponse.model_validate(card)
    return answer.model_copy(update={"wallet_urls": WalletUrls.model_validate(urls)})


def links_version() -> tuple[object, ...]:
    """Changes in time for the links of a kept answer to be made anew, and with what is offered."""
    offered = tuple(wallet_service.available().values())
    return (*offered, int(utc_now().timestamp()) // _KEPT_S) if any(offered) else ()
