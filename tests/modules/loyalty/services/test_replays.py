"""A till repeats what it asked for before: the first answer, whatever became of the card since."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.modules.loyalty.errors import IdempotencyKeyReused
from app.modules.loyalty.models import LoyaltyCard, LoyaltyProgram
from app.modules.loyalty.services import (
    card_lifecycle,
    card_merge,
    pin_service,
    points_service,
    privacy_service,
    stamp_service,
)
from app.modules.loyalty.services.ledger_entries import Actor
from app.modules.loyalty.types import ActorKind, PointsResult
from app.modules.tenancy.models import Merchant
from tests import reads
from tests.factories import NOW, PIN
from tests.modules.loyalty.services.points_desk import Desk, refused

Change = Callable[[Desk, LoyaltyCard], Any]


def suspend(desk: Desk, card: LoyaltyCard) -> None:
    card_lifecycle.change_card(
        desk.db, caller=desk.office, card_id=card.id, status="suspended", now=NOW
    )


def erase(desk: Desk, card: LoyaltyCard) -> None:
    privacy_service.erase(
        desk.db, merchant_id=desk.merchant_id, customer_id=card.customer_id,
        actor=Actor(ActorKind.USER, 2), reason="asked for it", now=NOW,
    )  # fmt: skip


def replace(desk: Desk, card: LoyaltyCard) -> None:
    card_lifecycle.replace_card(desk.db, caller=desk.office, card_id=card.id, reason="lost it")


def fold(desk: Desk, card: LoyaltyCard) -> None:
    """Twice: into another card, and that one into a third."""
    for other in (card, first := desk.card()), (first, desk.card()):
        card_merge.merge(
            desk.db, merchant_id=desk.merchant_id, survivor_card_id=other[1].id,
            other_card_id=other[0].id, reason="joined twice", actor=Actor(ActorKind.USER, 2),
            now=NOW,
        )  # fmt: skip


def switch_off(desk: Desk, _card: LoyaltyCard) -> None:
    desk.change(desk.shop.program, is_active=False)


def suspend_merchant(desk: Desk, _card: LoyaltyCard) -> None:
    where = Merchant.id == desk.merchant_id
    desk.db.execute(update(Merchant).where(where).values(status="closed"))
    desk.db.commit()


def delete_pin(desk: Desk, _card: LoyaltyCard) -> None:
    pin_service.delete_pin(desk.db, merchant_id=desk.merchant_id, pin_id=desk.cashier.id)


def stop_points(desk: Desk, _card: LoyaltyCard) -> None:
    where = LoyaltyProgram.merchant_id == desk.merchant_id
    desk.db.execute(update(LoyaltyProgram).where(where).values(loyalty_type="stamps"))
    desk.db.commit()


CHANGES: list[Change] = [
    suspend, erase, replace, fold, switch_off, suspend_merchant, delete_pin, stop_points,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_given_what_was_asked_before_when_the_world_has_changed_then_the_first_answers(
    db: Session, change: Change
) -> None:
    desk = Desk(db)
    card = desk.card(points=100, stamps=10)
    asked: list[Callable[[], Any]] = [
        lambda: desk.earn(card, 2500, order_reference="ORD-1", idempotency_key="earn"),
        lambda: desk.stamp(card, 2, idempotency_key="stamp"),
        lambda: desk.redeem(card, 50, idempotency_key="redeem"),
        lambda: stamp_service.redeem_stamps(
            db, card_id=card.id, caller=desk.till, staff_pin=PIN, idempotency_key="reward", now=NOW
        ),
        lambda: desk.void(entries[2], idempotency_key="void"),
        lambda: desk.adjust(card, 7, idempotency_key="adjust"),
    ]
    entries: list[int] = []
    first: list[dict[str, Any]] = []
    for ask in asked:
        first.append(ask())
        entries.append(first[-1]["transaction_id"])
    change(desk, card)
    count = len(reads.entries_of(db, card))
    for ask, answer in zip(asked, first, strict=True):
        again = ask()
        assert again["replayed"] is True
        assert facts_of(again) == facts_of(answer)
    assert len(reads.entries_of(db, card)) == count


def test_given_a_scan_when_the_card_was_merged_then_its_code_still_finds_the_first_answer(
    db: Session,
) -> None:
    desk = Desk(db)
    card = desk.card()
    first = scan(desk, card, 1000)
    fold(desk, card)
    again = scan(desk, card, 1000)
    assert (again["replayed"], facts_of(again)) == (True, facts_of(first))
    refused(IdempotencyKeyReused, scan, desk, card, 999)
    refused(IdempotencyKeyReused, scan, desk, desk.card(), 1000)


def scan(desk: Desk, card: LoyaltyCard, cents: int) -> PointsResult:
    """A purchase with the card's code, always under the same key."""
    return points_service.earn_points(
        desk.db, qr_code=card.qr_code_data, purchase_amount_cents=cents, caller=desk.till,
        staff_pin=PIN, idempotency_key="till-1", now=NOW,
    )  # fmt: skip


def facts_of(answer: Any) -> dict[str, Any]:
    """The answer without what is rendered anew: names, and the number a card has now."""
    anew = {
        "replayed", "customer_name", "card_number", "staff_session", "staff_session_expires_at",
    }  # fmt: skip
    return {name: value for name, value in answer.items() if name not in anew}
