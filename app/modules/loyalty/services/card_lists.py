"""A merchant's cards: found by whatever was typed, in lists, and with their ledgers."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TypedDict

from sqlalchemy.orm import Session

from app.core.paging import DEFAULT_LIMIT
from app.modules.loyalty.services import card_pages, card_views
from app.modules.loyalty.services.card_lookup import lookup
from app.modules.loyalty.services.card_pages import Wanted
from app.modules.loyalty.services.card_search import read_search
from app.modules.loyalty.services.card_views import (
    CardLine,
    CardView,
    card_id_of,
    get_card,
)
from app.modules.loyalty.services.ledger_lists import EntryPage, EntryView, list_transactions
from app.modules.loyalty.services.own_card import (
    CustomerCard,
    customer_card,
    customer_card_version,
)

__all__ = [
    "CardLine",
    "CardPage",
    "CardSort",
    "CardView",
    "CustomerCard",
    "EntryPage",
    "EntryView",
    "card_id_of",
    "customer_card",
    "customer_card_version",
    "get_card",
    "list_cards",
    "list_transactions",
    "lookup",
]


class CardSort(StrEnum):
    """The orders a list of cards comes in."""

    RECENT = "recent"
    NAME = "name"


class CardPage(TypedDict):
    """One page of cards; `next_cursor` None: the last one. `total` only where it was asked for."""

    items: list[CardLine]
    next_cursor: str | None
    total: int | None


def list_cards(  # noqa: PLR0913 - one optional keyword for each filter
    db: Session,
    *,
    merchant_id: int,
    search: str | None = None,
    status: str | None = None,
    reward_ready: bool | None = None,
    inactive_since: datetime | None = None,
    sort: CardSort = CardSort.RECENT,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
    include_total: bool = False,
    country: str | None = None,
) -> CardPage:
    """A merchant's cards, the last used first or by name; merged and erased ones only by `status`.

    `search` finds names, e-mail addresses, phone and card numbers however they are spelled.
    `inactive_since`: without any activity since then. `country`: as for `lookup`.

    Raises:
        ValidationFailed: the cursor is another list's.
    """
    order = card_pages.BY_NAME if sort is CardSort.NAME else card_pages.RECENT
    typed = None
    if search and search.strip():
        typed = read_search(db, merchant_id=merchant_id, text=search, country=country)
    wanted = Wanted(merchant_id, typed, status, reward_ready, inactive_since)
    rows, following = card_pages.read_page(db, wanted, order, limit=limit, cursor=cursor)
    return CardPage(
        items=[card_views.line(row) for row in rows],
        next_cursor=following,
        total=card_pages.count(db, wanted) if include_total else None,
    )
