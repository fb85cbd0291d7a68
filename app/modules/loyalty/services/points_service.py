"""Points: earning, previewing, redeeming, undoing and correcting them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TypedDict, Unpack

from sqlalchemy.orm import Session

from app.core import clock
from app.core.currencies import exponent_of
from app.core.errors import FieldError, ValidationFailed
from app.modules.loyalty.errors import RewardNotFound
from app.modules.loyalty.rules import orders, points, welcome
from app.modules.loyalty.rules.card_state import check_active
from app.modules.loyalty.rules.own_card import check_not_own_card
from app.modules.loyalty.services import card_finder, corrections, counter, results
from app.modules.loyalty.services.card_finder import CardRef
from app.modules.loyalty.services.card_queries import Question
from app.modules.loyalty.services.counter_request import (
    CounterOptions,
    Operation,
    Serving,
)
from app.modules.loyalty.types import (
    Caller,
    CardState,
    Draft,
    Order,
    Override,
    PointsResult,
    Unit,
)


class PointsPreview(TypedDict):
    """What a purchase would earn, and the balance it would lead to (points)."""

    points_earned: int
    points_balance: int


def earn_points(
    db: Session,
    *,
    purchase_amount_cents: int,
    order_reference: str | None = None,
    override: Override | None = None,
    occurred_at: datetime | None = None,
    now: datetime | None = None,
    **options: Unpack[CounterOptions],
) -> PointsResult:
    """Book the points of a purchase (minor units). Commits once, or changes nothing.

    For the other keywords see `CounterOptions`. The same `idempotency_key`, or the same
    `order_reference` for the same card and amount, returns the first answer again.
    `override` is for a manager who serves somebody's own card. `occurred_at` (UTC, at most 24
    hours ago) is for tills that were offline.

    Raises:
        CardNotFound, CardReplaced, StaffPinRequired, InvalidStaffPin, StaffPinLocked,
        TerminalLocked, OwnCard, Forbidden, IdempotencyKeyReused, OrderAlreadyEarned,
        OrderReferenceRequired, MerchantSuspended, ValidationFailed, and what
        `rules.points.earn` refuses with.
    """
    now = now or clock.utc_now()
    _check_at_least(purchase_amount_cents, "purchase_amount_cents", minimum=0)
    reference = None if order_reference is None else orders.clean_reference(order_reference)

    def decide(state: CardState, serving: Serving) -> list[Draft]:
        orders.check_reference(state, reference)
        own_card = check_not_own_card(state, serving.staff, override=serving.override)
        earned = points.earn(
            state,
            amount_cents=purchase_amount_cents,
            exponent=exponent_of(state.currency),
            order_reference=reference,
        )
        return [*welcome.due(state), replace(earned, overrides_limits=own_card)]

    operation = Operation(
        "earn_points",
        (purchase_amount_cents, reference),
        decide,
        order=Order(Unit.POINTS, reference, purchase_amount_cents) if reference else None,
        override=override,
        occurred_at=occurred_at,
    )
    return results.points(counter.serve(db, options, operation, now=now))


def preview_points(
    db: Session,
    *,
    caller: Caller,
    purchase_amount_cents: int,
    qr_code: str | None = None,
    card_number: str | None = None,
    card_id: int | None = None,
    now: datetime | None = None,
) -> PointsPreview:
    """What a purchase (minor units) would earn on a card. Nothing is written.

    Raises:
        CardNotFound, CardReplaced, ValidationFailed, and what `rules.points.earn` refuses with.
    """
    now = now or clock.utc_now()
    _check_at_least(purchase_amount_cents, "purchase_amount_cents", minimum=0)
    question = Question(merchant_id=caller.merchant_id, store_id=caller.store_id)
    card = CardRef(qr_code, card_number, card_id)
    _, state = card_finder.find_state(db, card, question, now=now)
    check_active(state)
    earned = points.preview(
        state, amount_cents=purchase_amount_cents, exponent=exponent_of(state.currency)
    )
    balance = state.points_balance + state.welcome_points_due + earned
    return PointsPreview(points_earned=earned, points_balance=balance)


def redeem_points(
    db: Session,
    *,
    reward_id: int | None = None,
    points_to_redeem: int | None = None,
    now: datetime | None = None,
    **options: Unpack[CounterOptions],
) -> PointsResult:
    """Take the points of a catalogue reward, or a number of points, from a card.

    Exactly one of `reward_id` and `points_to_redeem` says what is taken.

    Raises:
        RewardNotFound, and as `earn_points`, with what `rules.points.redeem` refuses with.
    """
    now = now or clock.utc_now()
    if (reward_id is None) == (points_to_redeem is None):
        raise ValidationFailed(FieldError(("reward_id",), "reward_or_points"))
    if points_to_redeem is not None:
        _check_at_least(points_to_redeem, "points", minimum=1)

    def decide(state: CardState, serving: Serving) -> list[Draft]:
        check_not_own_card(state, serving.staff)
        if reward_id is not None and state.reward is None:
            raise RewardNotFound
        cost = state.reward.cost_points if state.reward else points_to_redeem
        assert cost is not None
        return [points.redeem(state, points=cost, reward_id=reward_id)]

    operation = Operation(
        "redeem_points", (reward_id, points_to_redeem), decide, reward_id=reward_id
    )
    return results.points(counter.serve(db, options, operation, now=now))


def void_points(
    db: Session,
    *,
    transaction_id: int,
    reason: str,
    now: datetime | None = None,
    **options: Unpack[CounterOptions],
) -> PointsResult:
    """Undo one earlier entry (earned or redeemed points) with an entry that points at it.

    Raises:
        As `stamp_service.void_stamp`.
    """
    now = now or clock.utc_now()
    served = corrections.void(
        db, options, "void_points", unit=Unit.POINTS, transaction_id=transaction_id,
        reason=reason, now=now,
    )  # fmt: skip
    return results.points(served)


def adjust_points(
    db: Session,
    *,
    delta: int,
    reason: str,
    now: datetime | None = None,
    **options: Unpack[CounterOptions],
) -> PointsResult:
    """Correct a card by `delta` points (signed, not zero). For owners and managers.

    Raises:
        Forbidden, CardNotFound, CardReplaced, IdempotencyKeyReused, ValidationFailed, and
        what `rules.points.adjust` refuses with.
    """
    now = now or clock.utc_now()
    served = corrections.adjust(
        db, options, "adjust_points", rule=points.adjust, delta=delta, reason=reason, now=now
    )
    return results.points(served)


def _check_at_least(number: int, field: str, *, minimum: int) -> None:
    if number < minimum:
        raise ValidationFailed(FieldError((field,), "at_least", {"minimum": minimum}))
