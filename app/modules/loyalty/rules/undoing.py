"""What undoing an entry does to a card, once it is allowed."""

from __future__ import annotations

from dataclasses import replace

from app.modules.loyalty.rules.bounds import check_balance
from app.modules.loyalty.rules.rewards import cycle_applies, cycle_when_empty
from app.modules.loyalty.types import CardState, Cycle, Draft, EntryFacts, EntryType


def undo_points(state: CardState, entry: EntryFacts) -> Draft:
    """The draft that takes earned points back, or gives redeemed ones.

    Raises:
        AmountTooLarge: for a balance that nothing could hold.
    """
    check_balance(state.points_balance - entry.points_delta)
    return Draft(
        EntryType.POINTS_VOIDED,
        points_delta=-entry.points_delta,
        amount_cents=0,  # a purchase that was worth no point can be undone as well
        order_reference=entry.order_reference,
        voids_id=entry.id,
    )


def undo_stamps(state: CardState, entry: EntryFacts) -> Draft:
    """The same for stamps: with the cycle, and the cooldown of the newest other stamp.

    Raises:
        AmountTooLarge: for a balance that nothing could hold.
    """
    stamp_count_after = state.stamp_count - entry.stamps_delta
    check_balance(stamp_count_after)
    undone = Draft(
        EntryType.STAMP_VOIDED,
        stamps_delta=-entry.stamps_delta,
        order_reference=entry.order_reference,
        voids_id=entry.id,
    )
    if entry.type is EntryType.STAMP_REDEEMED:
        return replace(undone, cycle=_restored_cycle(state, entry, stamp_count_after))
    return replace(
        undone,
        cycle=cycle_when_empty(state, stamp_count_after),
        sets_last_stamp=True,
        last_stamp_at=entry.newest_other_stamp_at,
    )


def _restored_cycle(state: CardState, entry: EntryFacts, stamp_count_after: int) -> Cycle:
    # A target lowered since the redemption would have reached the card: it counts here too.
    lowered = cycle_applies(
        card_cycle=entry.cycle, stamp_count=stamp_count_after, program_cycle=state.program_cycle
    )
    return state.program_cycle if lowered else entry.cycle
