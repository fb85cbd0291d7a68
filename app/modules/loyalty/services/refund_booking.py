"""A refund inside its one transaction: entries on the cards, the awards, the refund itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypedDict

from sqlalchemy.orm import Session

from app.core.errors import Forbidden
from app.modules.loyalty.errors import IdempotencyKeyReused, OrderNotFound, StaffPinRequired
from app.modules.loyalty.rules import refunds
from app.modules.loyalty.rules.refund_rights import check_may_refund
from app.modules.loyalty.rules.refunds import Award, Share
from app.modules.loyalty.services import ledger, refund_queries, staff_auth
from app.modules.loyalty.services.counter_request import Counter, Operation, Serving
from app.modules.loyalty.services.ledger import Moved, StaffPinChanged
from app.modules.loyalty.services.staff_auth import Authenticated
from app.modules.loyalty.types import ActorKind, Caller, CardState, CardStatus, Draft, Unit

_GONE = frozenset({CardStatus.MERGED, CardStatus.ERASED})


class RefundedCard(TypedDict):
    """A card that something was taken from, as it was left; below zero it owes."""

    card_id: int
    stamp_count: int
    points_balance: int


@dataclass(frozen=True, slots=True)
class Asked:
    """One refund as it is asked for. The key is kept with the refund, not with its entries."""

    counter: Counter
    caller: Caller
    store_id: int
    order_reference: str
    refund_reference: str
    amount_cents: int | None
    idempotency_key: str | None

    @property
    def merchant_id(self) -> int:
        """Whose order it is."""
        return self.caller.merchant_id

    @property
    def content(self) -> tuple[int, str, int | None]:
        """What makes two refunds of one reference the same."""
        return self.store_id, self.order_reference, self.amount_cents

    @property
    def hash(self) -> str:
        """What an idempotency key stands for."""
        return self.counter.request(self.operation(), Serving(None)).hash

    def operation(self, *shares: Share) -> Operation:
        """The refund as an operation at the counter, which takes these shares."""

        def decide(state: CardState, _serving: Serving) -> list[Draft]:
            if state.status in _GONE:
                raise Moved  # since the awards were read
            reference = self.order_reference
            return [refunds.take_back(state, share, order_reference=reference) for share in shares]

        return Operation("refund_order", (*self.content, self.refund_reference), decide)


def book(
    db: Session, asked: Asked, state: CardState, who: Authenticated | None, *, now: datetime
) -> dict[str, Any] | None:
    """The whole refund inside one transaction; None where it has been booked meanwhile.

    Raises:
        Moved: to be tried again. StaffPinChanged: `who` no longer stands.
        What `refund_service.refund_order` refuses with.
    """
    # Before the refunds: what a twin books in between is then seen here, or stops the posting.
    awards = _read_awards(db, asked)
    if facts_of_earlier(db, asked) is not None:
        return None
    if not awards:
        raise OrderNotFound
    if who is not None and not staff_auth.stands(
        db, who.staff, merchant_id=asked.merchant_id, now=now
    ):
        raise StaffPinChanged
    _check_rights(awards, asked, state, who, now=now)
    shares = refunds.shares_of(awards, amount_cents=asked.amount_cents, currency=state.currency)
    posted = _post(db, asked, shares, Serving(who), now=now)
    for share in shares:
        if not refund_queries.book_share(db, share, merchant_id=asked.merchant_id):
            raise Moved
    facts = _facts(asked, shares, posted, currency=state.currency, who=who)
    _keep(db, asked, facts, card_id=awards[0].card_id, now=now)
    return facts


def _check_rights(
    awards: Sequence[Award],
    asked: Asked,
    state: CardState,
    who: Authenticated | None,
    *,
    now: datetime,
) -> None:
    staff = who.staff if who else None
    by_session = who is not None and who.by_session
    try:
        check_may_refund(
            [award.business_day for award in awards],
            store=state.store,
            staff=staff.as_cashier() if staff and by_session else staff,
            is_user_manager=asked.caller.is_manager,
            is_api_key=asked.caller.kind is ActorKind.API_KEY,
            window_days=state.void_window_days,
            now=now,
        )
    except Forbidden:
        if by_session and staff is not None and (staff.is_manager or staff.can_void):
            raise StaffPinRequired from None
        raise


def _post(
    db: Session,
    asked: Asked,
    shares: Sequence[Share],
    serving: Serving,
    *,
    now: datetime,
) -> list[ledger.Posted]:
    """One entry for each share, in the order of the cards' ids."""
    in_order = sorted(shares, key=lambda share: share.award.card_id)
    return [
        _post_share(db, asked, share, serving, now=now)
        for share in in_order
        if not share.award.is_gone
    ]


def _post_share(
    db: Session, asked: Asked, share: Share, serving: Serving, *, now: datetime
) -> ledger.Posted:
    operation = asked.operation(share)
    return ledger.post_within(
        db,
        replace(asked.counter.question(operation), card_id=share.award.card_id),
        asked.counter.request(operation, serving),
        lambda state: operation.decide(state, serving),
        now=now,
    )


def _facts(
    asked: Asked,
    shares: Sequence[Share],
    posted: Sequence[ledger.Posted],
    *,
    currency: str,
    who: Authenticated | None,
) -> dict[str, Any]:
    """What is true after the refund, without personal data, ready for JSON."""
    taken = dict.fromkeys(Unit, 0)
    for share in shares:
        taken[share.award.unit] += share.units
    knows_amount = asked.amount_cents is not None or any(share.cents for share in shares)
    cards = {
        one.state.card_id: RefundedCard(
            card_id=one.state.card_id,
            stamp_count=one.state.stamp_count,
            points_balance=one.state.points_balance,
        )
        for one in posted
    }
    return {
        "refunded_cents": (
            (asked.amount_cents or sum(share.cents for share in shares)) if knows_amount else None
        ),
        "currency": currency,
        "points_taken_back": taken[Unit.POINTS],
        "stamps_taken_back": taken[Unit.STAMPS],
        "cards": list(cards.values()),
        "transaction_ids": [one.facts["transaction_id"] for one in posted],
        "staff_pin_id": who.staff.pin_id if who else None,
    }


def _keep(db: Session, asked: Asked, facts: dict[str, Any], *, card_id: int, now: datetime) -> None:
    # Last of all, so that whoever waits here for a twin holds nothing the twin still needs.
    entry_ids = facts["transaction_ids"]
    common = {"merchant_id": asked.merchant_id, "facts": facts, "created_at": now}
    if asked.idempotency_key is not None:
        refund_queries.remember_key(
            db,
            key=asked.idempotency_key,
            request_hash=asked.hash,
            card_id=card_id,
            transaction_id=entry_ids[-1] if entry_ids else None,
            **common,
        )
    refund_queries.record_refund(
        db,
        store_id=asked.store_id,
        order_reference=asked.order_reference,
        refund_reference=asked.refund_reference,
        amount_cents=asked.amount_cents,
        **common,
    )


def awards_of(db: Session, asked: Asked) -> list[Award]:
    """What the order earned.

    Raises:
        OrderNotFound.
    """
    awards = _read_awards(db, asked)
    if not awards:
        raise OrderNotFound
    return awards


def _read_awards(db: Session, asked: Asked) -> list[Award]:
    return refund_queries.awards_of_order(
        db,
        merchant_id=asked.merchant_id,
        store_id=asked.store_id,
        order_reference=asked.order_reference,
    )


def facts_of_earlier(db: Session, asked: Asked) -> dict[str, Any] | None:
    """The first answer, where the same refund was booked before.

    Raises:
        IdempotencyKeyReused: the key or the refund's reference stands for another one.
    """
    merchant_id, key = asked.merchant_id, asked.idempotency_key
    if key is not None:
        known = refund_queries.hash_of_key(db, merchant_id=merchant_id, key=key)
        if known not in (None, asked.hash):
            raise IdempotencyKeyReused
    earlier = refund_queries.earlier_refund(
        db, merchant_id=merchant_id, refund_reference=asked.refund_reference
    )
    if earlier is None:
        return None
    if (earlier.store_id, earlier.order_reference, earlier.amount_cents) != asked.content:
        raise IdempotencyKeyReused
    return earlier.facts
