"""The SELECT behind lists of entries: which are wanted, and all that is known of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    Subquery,
    UnaryExpression,
    and_,
    bindparam,
    func,
    select,
)
from sqlalchemy.orm import aliased

from app.modules.loyalty.models import (
    LoyaltyCard,
    LoyaltyReward,
    LoyaltyTransaction,
    StaffPin,
    TransactionDetail,
)
from app.modules.loyalty.services.card_views import AnySelect
from app.modules.loyalty.types import ActorKind, EntryType
from app.modules.tenancy.models import AccessToken, Store, User

# An entry is recorded at most a day after it happened, wherever on earth the store stands.
_EARLIEST, _LATEST = timedelta(days=1), timedelta(days=3)
_ENTRY: Final = (
    LoyaltyTransaction.id,
    LoyaltyTransaction.card_id,
    LoyaltyTransaction.sequence,
    LoyaltyTransaction.type,
    LoyaltyTransaction.stamps_delta,
    LoyaltyTransaction.points_delta,
    LoyaltyTransaction.stamps_after,
    LoyaltyTransaction.points_after,
    LoyaltyTransaction.reward_description,
    LoyaltyTransaction.amount_cents,
    LoyaltyTransaction.currency,
    LoyaltyTransaction.order_reference,
    LoyaltyTransaction.occurred_at,
    LoyaltyTransaction.recorded_at,
    LoyaltyTransaction.business_day,
    LoyaltyTransaction.store_id,
    LoyaltyTransaction.terminal_id,
    LoyaltyTransaction.actor_kind,
    LoyaltyTransaction.overrides_limits,
    LoyaltyTransaction.voids_id,
    LoyaltyTransaction.related_id,
)


@dataclass(frozen=True, slots=True)
class LedgerFilter:
    """Which entries are wanted; None: all. The days are business days, both included."""

    type: EntryType | None = None
    store_id: int | None = None
    card_id: int | None = None
    staff_pin_id: int | None = None
    first_day: date | None = None
    last_day: date | None = None
    order_reference: str | None = None

    def facts(self) -> dict[str, Any]:
        """What was asked for, as it stands in the audit log."""
        asked = {name: value for name, value in asdict(self).items() if value is not None}
        return {
            name: value.isoformat() if isinstance(value, date) else value
            for name, value in asked.items()
        }


def conditions(wanted: LedgerFilter) -> Iterator[ColumnElement[bool]]:
    """What the filter says about entries."""
    entry = LoyaltyTransaction
    for column, value in (
        (entry.type, wanted.type.value if wanted.type else None),
        (entry.store_id, wanted.store_id),
        (entry.card_id, wanted.card_id),
        (entry.order_reference, wanted.order_reference),
    ):
        if value is not None:
            yield column == value
    if wanted.staff_pin_id is not None:
        yield entry.actor_kind == ActorKind.PIN.value
        yield entry.actor_id == wanted.staff_pin_id
    if wanted.first_day is not None:
        since = _midnight(wanted.first_day) - _EARLIEST
        yield entry.business_day >= known(wanted.first_day, entry.business_day)
        yield entry.recorded_at >= known(since, entry.recorded_at)
    if wanted.last_day is not None:
        until = _midnight(wanted.last_day) + _LATEST
        yield entry.business_day <= known(wanted.last_day, entry.business_day)
        yield entry.recorded_at < known(until, entry.recorded_at)


def known(value: Any, column: Any) -> BindParameter[Any]:
    """A value that PostgreSQL sees when it plans: a page of one day is read otherwise than all."""
    return bindparam(None, value, type_=column.type, literal_execute=True)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)


def page_of(
    chosen: Select[int], merchant_id: int, order: Sequence[UnaryExpression[Any]], limit: int
) -> AnySelect:
    """The entries are chosen first, alone; names and notes are then read for those few."""
    page = chosen.order_by(*order).limit(known(limit, LoyaltyTransaction.id)).subquery()
    return _entries(merchant_id, page).order_by(*order)


def _entries(merchant_id: int, page: Subquery) -> AnySelect:
    entry, void, lifting = LoyaltyTransaction, aliased(LoyaltyTransaction), aliased(StaffPin)
    card, detail, token, reward = LoyaltyCard, TransactionDetail, AccessToken, LoyaltyReward
    return (
        select(
            *_ENTRY,
            card.card_number,
            Store.name.label("store_name"),
            func.coalesce(StaffPin.name, User.name, token.name).label("actor_name"),
            lifting.name.label("override_name"),
            reward.name.label("reward_name"),
            detail.notes,
            void.id.label("voided_by_id"),
        )
        .select_from(page)  # first: PostgreSQL keeps to the order of so many joins
        .join(entry, entry.id == page.c.id)
        .join(card, (card.merchant_id == entry.merchant_id) & (card.id == entry.card_id))
        .join(Store, (Store.merchant_id == entry.merchant_id) & (Store.id == entry.store_id))
        .outerjoin(
            detail, (detail.merchant_id == entry.merchant_id) & (detail.transaction_id == entry.id)
        )
        .outerjoin(void, (void.merchant_id == entry.merchant_id) & (void.voids_id == entry.id))
        .outerjoin(
            reward, (reward.merchant_id == entry.merchant_id) & (reward.id == entry.reward_id)
        )
        .outerjoin(
            lifting,
            (lifting.merchant_id == entry.merchant_id) & (lifting.id == entry.override_pin_id),
        )
        .outerjoin(
            StaffPin,
            (StaffPin.merchant_id == entry.merchant_id) & _is_actor(ActorKind.PIN, StaffPin.id),
        )
        .outerjoin(User, _is_actor(ActorKind.USER, User.id))
        .outerjoin(
            token, (token.merchant_id == entry.merchant_id) & _is_actor(ActorKind.API_KEY, token.id)
        )
        .where(entry.merchant_id == merchant_id)
    )


def _is_actor(kind: ActorKind, actor_id: Any) -> ColumnElement[bool]:
    entry = LoyaltyTransaction
    return and_(entry.actor_id == actor_id, entry.actor_kind == kind.value)
