"""Staff and their own cards: what gives something back is serving, too."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.modules.loyalty.errors import OwnCard
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.services import stamp_service
from tests.factories import NOW, PIN, make_pin
from tests.modules.loyalty.services.points_desk import MANAGER_PIN, Desk, refused


def redeem(desk: Desk, card: LoyaltyCard, unit: str) -> int:
    """Everything on the card is taken; the entry's id."""
    if unit == "points":
        return desk.redeem(card, 100)["transaction_id"]
    redeemed = stamp_service.redeem_stamps(
        desk.db, card_id=card.id, caller=desk.till, staff_pin=PIN, now=NOW
    )
    return redeemed["transaction_id"]


def undo(desk: Desk, transaction_id: int, unit: str, pin: str) -> Any:
    if unit == "points":
        return desk.void(transaction_id, staff_pin=pin)
    return stamp_service.void_stamp(
        desk.db, transaction_id=transaction_id, reason="wrong_card", caller=desk.till,
        staff_pin=pin, now=NOW,
    )  # fmt: skip


@pytest.mark.parametrize("unit", ["stamps", "points"])
def test_given_a_managers_own_card_when_they_undo_what_it_redeemed_then_another_must(
    db: Session, unit: str
) -> None:
    desk = Desk(db)
    card = desk.card(points=100, stamps=10)
    desk.change(desk.manager, own_card_id=card.id)
    taken = redeem(desk, card, unit)
    left = desk.balances(card)
    refused(OwnCard, undo, desk, taken, unit, MANAGER_PIN)
    assert desk.balances(card) == left
    make_pin(db, merchant_id=desk.merchant_id, pin="6049", role="manager")
    undo(desk, taken, unit, "6049")
    assert desk.balances(card) == (10, 100)
