"""What folding one card into another does to both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.modules.loyalty.errors import CardInactive
from app.modules.loyalty.rules.bounds import check_balance
from app.modules.loyalty.rules.rewards import cycle_applies
from app.modules.loyalty.types import CardState, CardStatus, Cycle, Draft, EntryType

_GONE = frozenset({CardStatus.MERGED, CardStatus.ERASED})


@dataclass(frozen=True, slots=True)
class Merger:
    """The survivor as it will be, apart from its ledger's chain."""

    stamp_count: int
    points_balance: int
    total_stamps_earned: int
    welcome_bonus_due: int
    welcome_points_due: int
    cycle: Cycle
    status: CardStatus
    last_stamp_at: datetime | None
    last_collected_at: datetime


def merge(survivor: CardState, other: CardState, *, was_welcomed: bool) -> Merger:
    """What `survivor` is once it has taken `other` over.

    Balances add up, debts too. The lower target counts with its reward text, unless the
    program's own rule gives the card a newer one. The later last stamp keeps the cooldown,
    the later use keeps the points alive. A suspended card brings its suspension along.
    A person is welcomed once: a bonus that is still due to either card stays due, the larger
    of two, and none where one of the cards got one (`was_welcomed`).

    Raises:
        CardInactive: one of them is merged or erased.
        AmountTooLarge: no card may hold the sum.

    Source: product rule "Two cards become one", docs/rules.md.
    """
    if survivor.status in _GONE or other.status in _GONE:
        raise CardInactive
    stamps = survivor.stamp_count + other.stamp_count
    points = survivor.points_balance + other.points_balance
    for balance in (stamps, points):
        check_balance(balance)
    states = (survivor, other)
    return Merger(
        stamp_count=stamps,
        points_balance=points,
        total_stamps_earned=sum(state.total_stamps_earned for state in states),
        welcome_bonus_due=0 if was_welcomed else max(state.welcome_bonus_due for state in states),
        welcome_points_due=0 if was_welcomed else max(state.welcome_points_due for state in states),
        cycle=_cycle(survivor, other, stamps),
        status=_status(states),
        last_stamp_at=max(
            (state.last_stamp_at for state in states if state.last_stamp_at), default=None
        ),
        last_collected_at=max(state.last_collected_at or state.created_at for state in states),
    )


def give(other: CardState) -> list[Draft]:
    """The entry that leaves nothing on the card that goes."""
    return [
        Draft(
            EntryType.CARDS_MERGED,
            stamps_delta=-other.stamp_count,
            points_delta=-other.points_balance,
        )
    ]


def take(survivor: CardState, merger: Merger, *, related_id: int) -> list[Draft]:
    """The entries that make `survivor` what `merger` says; `related_id` is the other's."""
    taken = Draft(
        EntryType.CARDS_MERGED,
        stamps_delta=merger.stamp_count - survivor.stamp_count,
        points_delta=merger.points_balance - survivor.points_balance,
        cycle=merger.cycle,
        sets_last_stamp=True,
        last_stamp_at=merger.last_stamp_at,
        related_id=related_id,
    )
    if merger.status is survivor.status:
        return [taken]
    return [Draft(EntryType.CARD_SUSPENDED), taken]


def _cycle(survivor: CardState, other: CardState, stamps: int) -> Cycle:
    lower = min((survivor.cycle, other.cycle), key=lambda cycle: cycle.target)
    program = survivor.program_cycle
    applies = cycle_applies(card_cycle=lower, stamp_count=stamps, program_cycle=program)
    return program if applies else lower


def _status(states: Sequence[CardState]) -> CardStatus:
    is_suspended = any(state.status is CardStatus.SUSPENDED for state in states)
    return CardStatus.SUSPENDED if is_suspended else CardStatus.ACTIVE
