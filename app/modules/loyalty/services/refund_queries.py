"""What a refund reads and writes beside the cards: awards of an order, refunds, its key."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from sqlalchemy import CursorResult, Row, Select, func, insert, select, update
from sqlalchemy.orm import Session

from app.modules.loyalty.models import (
    IdempotencyRecord,
    LoyaltyCard,
    MerchantLoyaltySettings,
    OrderAward,
    OrderRefund,
)
from app.modules.loyalty.rules.refunds import Award, Share
from app.modules.loyalty.types import CardStatus, Unit

# An order has one award for each unit; older days may have used its reference as well.
_MOST_ROWS = 4


class EarlierRefund(NamedTuple):
    """A refund that was booked before, and the answer that was given for it."""

    store_id: int
    order_reference: str
    amount_cents: int | None
    facts: dict[str, Any]


def awards_of_order(
    db: Session, *, merchant_id: int, store_id: int, order_reference: str
) -> list[Award]:
    """What the newest order of that reference earned in the store: at most one award a unit.

    A merged card's awards are found on the card that took it over. Voided ones are no longer.
    """
    award = OrderAward
    rows = db.execute(
        _AWARDS.where(
            award.merchant_id == merchant_id,
            award.store_id == store_id,
            award.order_reference == order_reference,
        )
    ).all()
    newest: dict[str, Award] = {}
    for row in rows:
        if not row.restarts_daily or row.business_day == rows[0].business_day:
            newest.setdefault(row.kind, _award_of(row))
    return list(newest.values())


def _awards_select() -> Select[*tuple[Any, ...]]:
    award, card, options = OrderAward, LoyaltyCard, MerchantLoyaltySettings
    return (
        select(
            award.id,
            award.kind,
            award.transaction_id,
            award.basis,
            award.units,
            award.refunded_cents,
            award.taken_back,
            award.business_day,
            func.coalesce(card.merged_into_id, card.id).label("card_id"),
            card.status,
            options.order_references_restart_daily.label("restarts_daily"),
        )
        .join(card, (card.merchant_id == award.merchant_id) & (card.id == award.card_id))
        .outerjoin(options, options.merchant_id == award.merchant_id)
        .where(~award.is_voided)
        .order_by(award.business_day.desc(), award.id.desc())
        .limit(_MOST_ROWS)
    )


_AWARDS = _awards_select()


def _award_of(row: Row[Any]) -> Award:
    return Award(
        id=row.id,
        unit=Unit(row.kind),
        card_id=row.card_id,
        transaction_id=row.transaction_id,
        basis=row.basis,
        units=row.units,
        refunded_cents=row.refunded_cents,
        taken_back=row.taken_back,
        business_day=row.business_day,
        is_gone=row.status == CardStatus.ERASED,
    )


def book_share(db: Session, share: Share, *, merchant_id: int) -> bool:
    """Write into the award what was refunded of it; False where it is no longer as it was read."""
    award = share.award
    done = db.execute(
        update(OrderAward)
        .where(
            OrderAward.merchant_id == merchant_id,
            OrderAward.id == award.id,
            OrderAward.refunded_cents == award.refunded_cents,
            OrderAward.taken_back == award.taken_back,
            ~OrderAward.is_voided,
        )
        .values(
            refunded_cents=award.refunded_cents + share.cents,
            taken_back=award.taken_back + share.units,
        )
        .execution_options(synchronize_session=False)
    )
    return cast(CursorResult[Any], done).rowcount == 1


def earlier_refund(db: Session, *, merchant_id: int, refund_reference: str) -> EarlierRefund | None:
    """The refund that holds the reference, or None."""
    row = db.execute(
        select(
            OrderRefund.store_id,
            OrderRefund.order_reference,
            OrderRefund.amount_cents,
            OrderRefund.facts,
        ).where(
            OrderRefund.merchant_id == merchant_id,
            OrderRefund.refund_reference == refund_reference,
        )
    ).one_or_none()
    return EarlierRefund(*row) if row else None


def hash_of_key(db: Session, *, merchant_id: int, key: str) -> str | None:
    """What an idempotency key stands for already, or None."""
    return db.execute(
        select(IdempotencyRecord.request_hash).where(
            IdempotencyRecord.merchant_id == merchant_id, IdempotencyRecord.key == key
        )
    ).scalar_one_or_none()


def remember_key(db: Session, **values: Any) -> None:
    """Keep an idempotency key with what it stands for."""
    db.execute(insert(IdempotencyRecord).values(**values))


def record_refund(db: Session, **values: Any) -> None:
    """Keep the refund with its answer."""
    db.execute(insert(OrderRefund).values(**values))
