"""What giving, redeeming and correcting stamps does to a card."""

from __future__ import annotations

from datetime import datetime

from app.modules.loyalty.errors import (
    AmountTooLarge,
    CrossStoreRedemptionDisabled,
    InsufficientStamps,
    ProgramInactive,
    ProgramTypeMismatch,
)
from app.modules.loyalty.rules.bounds import check_balance
from app.modules.loyalty.rules.card_state import check_active
from app.modules.loyalty.rules.rewards import cycle_after, cycle_when_empty
from app.modules.loyalty.rules.stamp_limits import exceeds_limits
from app.modules.loyalty.types import CardState, Draft, EntryType


def earn(
    state: CardState,
    *,
    quantity: int,
    now: datetime,
    may_override: bool = False,
    order_reference: str | None = None,
) -> Draft:
    """What `quantity` stamps at `now` do to the card, or the refusal.

    With `may_override` cooldown and daily limit do not refuse; the draft says if they would.

    Raises:
        CardInactive, ProgramInactive, ProgramTypeMismatch, StampCooldown, DailyStampLimit.
        AmountTooLarge: for more stamps than one operation may give, or a card may hold.

    Source: product rule "Earning stamps", docs/rules.md.
    """
    assert quantity >= 1, quantity
    check_active(state)
    if not state.program_is_active:
        raise ProgramInactive
    if not state.loyalty_type.has_stamps:
        raise ProgramTypeMismatch
    if quantity > state.max_stamps_per_operation:
        raise AmountTooLarge(maximum=state.max_stamps_per_operation)
    overrides = exceeds_limits(state, quantity=quantity, now=now, may_override=may_override)
    stamp_count_after = state.stamp_count + quantity
    check_balance(stamp_count_after)
    return Draft(
        EntryType.STAMP_EARNED,
        stamps_delta=quantity,
        cycle=cycle_when_empty(state, stamp_count_after),
        sets_last_stamp=True,
        # What a till kept while it was offline may be older than the newest stamp.
        last_stamp_at=max(now, state.last_stamp_at or now),
        order_reference=order_reference,
        overrides_limits=overrides,
    )


def redeem(state: CardState, *, quantity: int, store_id: int) -> Draft:
    """What taking `quantity` rewards in store `store_id` does to the card, or the refusal.

    Each costs the open cycle's target. Neither the cooldown nor a program that is switched
    off or no longer collects stamps stands in the way: what people have stays theirs.

    Raises:
        CardInactive, CrossStoreRedemptionDisabled, InsufficientStamps.
    """
    assert quantity >= 1, quantity
    check_active(state)
    if store_id != state.enrolled_store_id and not state.allow_cross_store_redemption:
        raise CrossStoreRedemptionDisabled
    needed = quantity * state.cycle.target
    if state.stamp_count < needed:
        raise InsufficientStamps(balance=state.stamp_count, needed=needed)
    return Draft(
        EntryType.STAMP_REDEEMED,
        stamps_delta=-needed,
        cycle=cycle_after(state, state.stamp_count - needed),
    )


def adjust(state: CardState, delta: int) -> Draft:
    """What a correction by hand of `delta` stamps (signed, not zero) does to the card.

    It takes at most what is there; on a card that is in debt it can only add.

    Raises:
        CardInactive, InsufficientStamps.
        AmountTooLarge: for more stamps than a card may hold.
    """
    assert delta != 0
    check_active(state)
    stamp_count_after = state.stamp_count + delta
    if delta < 0 and stamp_count_after < 0:
        raise InsufficientStamps(balance=state.stamp_count, needed=-delta)
    check_balance(stamp_count_after)
    return Draft(
        EntryType.STAMPS_ADJUSTED,
        stamps_delta=delta,
        cycle=cycle_when_empty(state, stamp_count_after),
    )
