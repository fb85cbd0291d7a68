"""What earning, redeeming and correcting points does to a card."""

from __future__ import annotations

from app.modules.loyalty.errors import (
    AmountTooLarge,
    BelowMinimumPurchase,
    BelowMinimumRedemption,
    CrossStoreRedemptionDisabled,
    InsufficientPoints,
    ProgramInactive,
    ProgramTypeMismatch,
)
from app.modules.loyalty.rules.bounds import MAXIMUM_AMOUNT_CENTS, check_balance
from app.modules.loyalty.rules.card_state import check_active
from app.modules.loyalty.types import CardState, Draft, EntryType


def points_for(*, amount_cents: int, points_per_euro: int, exponent: int) -> int:
    """The points a purchase of `amount_cents` (minor units) earns, always rounded down.

    `exponent` is the number of decimals of the currency (ISO 4217): 2 for euro, 0 for yen.

    Source: product rule "Points", docs/rules.md.
    """
    assert amount_cents >= 0, amount_cents
    unit: int = 10**exponent
    return amount_cents * points_per_euro // unit


def preview(state: CardState, *, amount_cents: int, exponent: int) -> int:
    """The points a purchase would earn on this card, or the refusal.

    Raises:
        ProgramInactive, ProgramTypeMismatch.
        BelowMinimumPurchase: with the minimum. AmountTooLarge: with the maximum.
    """
    if not state.program_is_active:
        raise ProgramInactive
    if not state.loyalty_type.has_points:
        raise ProgramTypeMismatch
    if amount_cents > MAXIMUM_AMOUNT_CENTS:
        raise AmountTooLarge(maximum=MAXIMUM_AMOUNT_CENTS)
    if amount_cents < state.minimum_purchase_cents:
        raise BelowMinimumPurchase(minimum=state.minimum_purchase_cents, currency=state.currency)
    points = points_for(
        amount_cents=amount_cents, points_per_euro=state.points_per_euro, exponent=exponent
    )
    check_balance(state.points_balance + points)
    return points


def earn(
    state: CardState, *, amount_cents: int, exponent: int, order_reference: str | None
) -> Draft:
    """What a purchase does to the card, or the refusal. It may be worth no point at all.

    Raises:
        CardInactive, and as `preview`.

    Source: product rule "Points", docs/rules.md.
    """
    check_active(state)
    return Draft(
        EntryType.POINTS_EARNED,
        points_delta=preview(state, amount_cents=amount_cents, exponent=exponent),
        amount_cents=amount_cents,
        order_reference=order_reference,
    )


def redeem(state: CardState, *, points: int, reward_id: int | None) -> Draft:
    """What taking `points` for a reward (or freely, `reward_id` None) does, or the refusal.

    A program that is switched off or no longer collects points does not stand in the way. The
    least number that may be redeemed does not bind rewards: they have a price of their own.

    Raises:
        CardInactive, CrossStoreRedemptionDisabled, BelowMinimumRedemption, InsufficientPoints.
    """
    assert points >= 1, points
    check_active(state)
    if state.store.id != state.enrolled_store_id and not state.allow_cross_store_redemption:
        raise CrossStoreRedemptionDisabled
    if reward_id is None and points < state.minimum_redemption_points:
        raise BelowMinimumRedemption(minimum=state.minimum_redemption_points)
    if state.points_balance < points:
        raise InsufficientPoints(balance=state.points_balance, needed=points)
    return Draft(EntryType.POINTS_REDEEMED, points_delta=-points, reward_id=reward_id)


def adjust(state: CardState, delta: int) -> Draft:
    """What a correction by hand of `delta` points (signed, not zero) does to the card.

    It takes at most what is there; on a card that is in debt it can only add.

    Raises:
        CardInactive, InsufficientPoints.
        AmountTooLarge: for more points than a card may hold.
    """
    assert delta != 0
    check_active(state)
    balance = state.points_balance + delta
    if delta < 0 and balance < 0:
        raise InsufficientPoints(balance=state.points_balance, needed=-delta)
    check_balance(balance)
    return Draft(EntryType.POINTS_ADJUSTED, points_delta=delta)
