"""A merchant's cards: found by whatever was typed, in lists, and with their ledgers."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Final, TypedDict, cast

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, tuple_
from sqlalchemy.orm import Session, aliased

from app.core.paging import DEFAULT_LIMIT, CursorValue, PageRequest, encode_cursor
from app.modules.customers.models import Customer
from app.modules.customers.rules.names import search_text
from app.modules.loyalty.errors import CardNotFound
from app.modules.loyalty.models import LoyaltyCard, LoyaltyTransaction, StaffPin, TransactionDetail
from app.modules.loyalty.rules.scan import ScanKind, read_scan
from app.modules.loyalty.services import card_views
from app.modules.loyalty.services.card_lookup import GONE, country_of, lookup, phone_of
from app.modules.loyalty.services.card_views import (
    AnyRow,
    AnySelect,
    CardLine,
    CardView,
    CustomerCard,
    card_id_of,
    customer_card,
    customer_card_version,
    get_card,
)
from app.modules.loyalty.types import ActorKind
from app.modules.tenancy.models import AccessToken, Store, User

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

_ENTRY: Final = (
    LoyaltyTransaction.id,
    LoyaltyTransaction.sequence,
    LoyaltyTransaction.type,
    LoyaltyTransaction.stamps_delta,
    LoyaltyTransaction.points_delta,
    LoyaltyTransaction.stamps_after,
    LoyaltyTransaction.points_after,
    LoyaltyTransaction.reward_description,
    LoyaltyTransaction.occurred_at,
    LoyaltyTransaction.business_day,
    LoyaltyTransaction.store_id,
    LoyaltyTransaction.terminal_id,
    LoyaltyTransaction.actor_kind,
    LoyaltyTransaction.voids_id,
)
_FEWEST_DIGITS: Final = 3


class CardSort(StrEnum):
    """The orders a list of cards comes in."""

    RECENT = "recent"
    NAME = "name"


class CardPage(TypedDict):
    """One page of cards; `next_cursor` None: the last one. `total` only where it was asked for."""

    items: list[CardLine]
    next_cursor: str | None
    total: int | None


class EntryView(TypedDict):
    """One line of a ledger with who posted it and where; `voided`: a later one undoes it."""

    id: int
    type: str
    stamps_delta: int
    points_delta: int
    stamps_after: int
    points_after: int
    reward_description: str
    occurred_at: datetime
    business_day: date
    store_id: int
    store_name: str
    terminal_id: int | None
    actor_kind: str
    actor_name: str | None
    notes: str | None
    voided: bool
    voids_id: int | None


class EntryPage(TypedDict):
    """One page of a card's ledger, newest first."""

    items: list[EntryView]
    next_cursor: str | None


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
    wanted = card_views.line_select(merchant_id).where(
        LoyaltyCard.status == status if status else LoyaltyCard.status.not_in(GONE)
    )
    if search and search.strip():
        place = country or country_of(db, merchant_id=merchant_id)
        wanted = wanted.where(_matches(search, place))
    if reward_ready is not None:
        is_ready = LoyaltyCard.stamp_count >= LoyaltyCard.stamps_target
        wanted = wanted.where(is_ready if reward_ready else ~is_ready)
    if inactive_since is not None:
        wanted = wanted.where(LoyaltyCard.last_activity_at < inactive_since)
    total = None
    if include_total:
        total = db.execute(select(func.count()).select_from(wanted.subquery())).scalar_one()
    page = PageRequest(limit=limit, cursor=cursor)
    rows = db.execute(_sorted(wanted, sort, page).limit(limit + 1)).all()
    last = rows[limit - 1] if len(rows) > limit else None
    return CardPage(
        items=[card_views.line(row) for row in rows[:limit]],
        next_cursor=encode_cursor(*_sort_key(last, sort)) if last else None,
        total=total,
    )


def list_transactions(
    db: Session,
    *,
    merchant_id: int,
    card_id: int,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> EntryPage:
    """A card's ledger, newest first.

    Raises:
        CardNotFound.
        ValidationFailed: the cursor is another list's.
    """
    known = db.execute(
        select(LoyaltyCard.id).where(
            LoyaltyCard.merchant_id == merchant_id, LoyaltyCard.id == card_id
        )
    ).one_or_none()
    if known is None:
        raise CardNotFound(mistyped=False)
    wanted = _entries(merchant_id, card_id)
    after = PageRequest(cursor=cursor).after(int)
    if after is not None:
        wanted = wanted.where(LoyaltyTransaction.sequence < after[0])
    wanted = wanted.order_by(LoyaltyTransaction.sequence.desc()).limit(limit + 1)
    rows = db.execute(wanted).all()
    return EntryPage(
        items=[_entry(row) for row in rows[:limit]],
        next_cursor=encode_cursor(rows[limit - 1].sequence) if len(rows) > limit else None,
    )


def _matches(search: str, country: str) -> ColumnElement[bool]:
    words = search_text([search]).split()
    options = [and_(*(Customer.search_text.contains(word, autoescape=True) for word in words))]
    scan = read_scan(search)
    if scan.kind is ScanKind.QR:
        options.append(LoyaltyCard.qr_code_data == scan.candidates[0])
    if scan.kind is ScanKind.NUMBER and len(scan.candidates[0]) >= _FEWEST_DIGITS:
        digits = scan.candidates[0]
        options += [LoyaltyCard.card_number.startswith(digits), Customer.phone.contains(digits)]
    number = phone_of(search, country)
    if number is not None:
        options.append(Customer.phone == number)
    return or_(*options)


def _sorted(wanted: AnySelect, sort: CardSort, page: PageRequest) -> AnySelect:
    card, name = LoyaltyCard, Customer.search_text
    if sort is CardSort.NAME:
        after = page.after(str, int)
        if after is not None:
            wanted = wanted.where(tuple_(name, card.id) > after)
        return wanted.order_by(name, card.id)
    after = page.after(datetime, int)
    if after is not None:
        wanted = wanted.where(tuple_(card.last_activity_at, card.id) < after)
    return wanted.order_by(card.last_activity_at.desc(), card.id.desc())


def _sort_key(row: AnyRow, sort: CardSort) -> tuple[CursorValue, CursorValue]:
    first = row.search_text if sort is CardSort.NAME else row.last_activity_at
    return first, row.card_id


def _entries(merchant_id: int, card_id: int) -> AnySelect:
    entry, void = LoyaltyTransaction, aliased(LoyaltyTransaction)
    kind = entry.actor_kind
    return (
        select(
            *_ENTRY,
            Store.name.label("store_name"),
            func.coalesce(StaffPin.name, User.name, AccessToken.name).label("actor_name"),
            TransactionDetail.notes,
            exists()
            .where(void.merchant_id == entry.merchant_id, void.voids_id == entry.id)
            .label("voided"),
        )
        .join(Store, (Store.merchant_id == entry.merchant_id) & (Store.id == entry.store_id))
        .outerjoin(
            TransactionDetail,
            (TransactionDetail.merchant_id == entry.merchant_id)
            & (TransactionDetail.transaction_id == entry.id),
        )
        .outerjoin(
            StaffPin,
            (StaffPin.merchant_id == entry.merchant_id)
            & (StaffPin.id == entry.actor_id)
            & (kind == ActorKind.PIN.value),
        )
        .outerjoin(User, (User.id == entry.actor_id) & (kind == ActorKind.USER.value))
        .outerjoin(
            AccessToken,
            (AccessToken.merchant_id == entry.merchant_id)
            & (AccessToken.id == entry.actor_id)
            & (kind == ActorKind.API_KEY.value),
        )
        .where(entry.merchant_id == merchant_id, entry.card_id == card_id)
    )


def _entry(row: AnyRow) -> EntryView:
    facts = dict(row._mapping)
    del facts["sequence"]
    return cast(EntryView, facts | {"voided": bool(row.voided)})
