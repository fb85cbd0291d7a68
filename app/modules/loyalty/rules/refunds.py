"""What a refund of an order takes back, from what the order earned and never from today's rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from app.modules.loyalty.errors import RefundExceedsOrder
from app.modules.loyalty.rules.bounds import check_balance
from app.modules.loyalty.rules.rewards import cycle_when_empty
from app.modules.loyalty.types import CardState, Draft, EntryType, Unit


@dataclass(frozen=True, slots=True)
class Award:
    """What an order earned in one unit by entry `transaction_id`, and what is left of it.

    `basis` is the purchase in minor units (points) or the number of stamps. `is_gone`: its
    card's holder has been erased, and there is nothing to take from.
    """

    id: int
    unit: Unit
    card_id: int
    transaction_id: int
    basis: int
    units: int
    refunded_cents: int
    taken_back: int
    business_day: date
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class Share:
    """What one refund takes from one award: of its purchase (minor units) and of its units."""

    award: Award
    cents: int
    units: int


def shares_of(
    awards: Sequence[Award], *, amount_cents: int | None, currency: str | None = None
) -> list[Share]:
    """What refunding `amount_cents` (minor units; None: all that is left) takes from each award.

    Stamps go back only with the whole order. A part of an order that earned stamps alone
    takes nothing.

    Raises:
        RefundExceedsOrder: with what is left of the order.

    Source: product rule "Refund", docs/rules.md.
    """
    points = _of(awards, Unit.POINTS)
    stamps = _of(awards, Unit.STAMPS)
    stamps_left = stamps.units - stamps.taken_back if stamps and not stamps.is_gone else 0
    left = points.basis - points.refunded_cents if points else 0
    if points is None and amount_cents is not None and stamps_left:
        return []
    cents = left if amount_cents is None else amount_cents
    if cents > left or not (cents or stamps_left):
        raise RefundExceedsOrder(left=left, currency=currency)
    shares = [Share(points, cents, _points_of(points, cents))] if points and cents else []
    if stamps and stamps_left and cents == left:
        shares.append(Share(stamps, 0, stamps_left))
    return shares


def _of(awards: Sequence[Award], unit: Unit) -> Award | None:
    return next((award for award in awards if award.unit is unit), None)


def _points_of(award: Award, cents: int) -> int:
    """What the customer may keep is rounded down, so parts never add up to more or less."""
    if award.is_gone:
        return 0
    kept_cents = award.basis - award.refunded_cents - cents
    kept = award.units * kept_cents // award.basis
    return award.units - kept - award.taken_back


def take_back(state: CardState, share: Share, *, order_reference: str) -> Draft:
    """The entry that takes `share` from the card, even where that leaves a debt.

    Raises:
        AmountTooLarge: for a balance that nothing could hold.
    """
    award, is_points = share.award, share.award.unit is Unit.POINTS
    balance = state.points_balance if is_points else state.stamp_count
    check_balance(balance - share.units)
    if is_points:
        return Draft(
            EntryType.POINTS_REFUNDED,
            points_delta=-share.units,
            related_id=award.transaction_id,
            amount_cents=share.cents,
            order_reference=order_reference,
        )
    return Draft(
        EntryType.STAMP_REFUNDED,
        stamps_delta=-share.units,
        cycle=cycle_when_empty(state, balance - share.units),
        related_id=award.transaction_id,
        order_reference=order_reference,
    )
