"""A counter of a hybrid program: purchases, orders and refunds by a cashier or a manager."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.core.db import atomic
from app.core.errors import AppError
from app.modules.loyalty.models import LoyaltyCard, OrderAward
from app.modules.loyalty.services import points_service, refund_service, stamp_service
from app.modules.loyalty.services.refund_service import RefundResult
from app.modules.loyalty.types import ActorKind, Caller, PointsResult, StampResult
from tests import reads
from tests.factories import NOW, PIN, Shop, make_card, make_pin, make_shop, make_terminal

MANAGER_PIN = "715093"


class Desk:
    """A shop that collects stamps and points, a cashier, a manager and a till."""

    def __init__(self, db: Session, **program: Any) -> None:
        self.db = db
        defaults: dict[str, Any] = {
            "loyalty_type": "hybrid",
            "cooldown_minutes": 0,
            "max_daily_stamps": 100,
        }
        self.shop: Shop = make_shop(db, **defaults | program)
        self.cashier = make_pin(db, merchant_id=self.merchant_id, name="Ana")
        self.manager = make_pin(
            db, merchant_id=self.merchant_id, pin=MANAGER_PIN, name="Mia", role="manager"
        )
        self.till = self.new_till(self.shop.store.id)
        for pin in (self.cashier, self.manager):
            db.expunge(pin)  # a refusal's rollback must not send tests back to the database

    @property
    def merchant_id(self) -> int:
        return self.shop.merchant_id

    def new_till(self, store_id: int) -> Caller:
        """A device at the counter of a store, where nobody has rights without a PIN."""
        terminal = make_terminal(self.db, merchant_id=self.merchant_id, store_id=store_id)
        return Caller(
            self.merchant_id,
            store_id=store_id,
            kind=ActorKind.USER,
            actor_id=1,
            terminal_id=terminal.id,
        )

    @property
    def office(self) -> Caller:
        """A signed-in owner."""
        return Caller(
            self.merchant_id,
            store_id=self.shop.store.id,
            kind=ActorKind.USER,
            actor_id=2,
            is_manager=True,
        )

    def card(self, points: int = 0, **columns: Any) -> LoyaltyCard:
        card = make_card(self.db, shop=self.shop, **columns)
        self.db.expunge(card)
        if points:
            self.adjust(card, points)
        return card

    def earn(self, card: LoyaltyCard, amount_cents: int, **changes: Any) -> PointsResult:
        asked = self._asked() | {"card_id": card.id, "purchase_amount_cents": amount_cents}
        return points_service.earn_points(self.db, **asked | changes)

    def stamp(self, card: LoyaltyCard, quantity: int = 1, **changes: Any) -> StampResult:
        asked = self._asked() | {"card_id": card.id, "quantity": quantity}
        return stamp_service.add_stamp(self.db, **asked | changes)

    def redeem(self, card: LoyaltyCard, points: int | None = None, **changes: Any) -> PointsResult:
        asked = self._asked() | {"card_id": card.id, "points_to_redeem": points}
        return points_service.redeem_points(self.db, **asked | changes)

    def void(self, transaction_id: int, **changes: Any) -> PointsResult:
        asked = self._asked() | {"transaction_id": transaction_id, "reason": "wrong_card"}
        return points_service.void_points(self.db, **asked | changes)

    def adjust(self, card: LoyaltyCard, delta: int, **changes: Any) -> PointsResult:
        asked: dict[str, Any] = {"caller": self.office, "now": NOW, "reason": "a present"}
        return points_service.adjust_points(
            self.db, card_id=card.id, delta=delta, **asked | changes
        )

    def refund(
        self, order: str, refund: str, amount_cents: int | None = None, **changes: Any
    ) -> RefundResult:
        asked = self._asked() | {"order_reference": order, "refund_reference": refund}
        return refund_service.refund_order(self.db, amount_cents=amount_cents, **asked | changes)

    def _asked(self) -> dict[str, Any]:
        return {"caller": self.till, "staff_pin": PIN, "now": NOW}

    def change(self, row: Any, **columns: Any) -> None:
        """Write columns of a merchant's row, behind the services' back."""
        table = type(row)
        with atomic(self.db):
            self.db.execute(
                update(table)
                .where(table.merchant_id == self.merchant_id, table.id == row.id)
                .values(**columns)
                .execution_options(synchronize_session=False)
            )

    def ledger(self, card: LoyaltyCard) -> list[tuple[str, int, int]]:
        """The card's ledger as (type, change in points, points afterwards), first line left out."""
        return [
            (entry.type, entry.points_delta, entry.points_after)
            for entry in reads.entries_of(self.db, card)[1:]
        ]

    def balances(self, card: LoyaltyCard) -> tuple[int, int]:
        """Stamps and points as they are stored."""
        stored = reads.card_now(self.db, card)
        return stored.stamp_count, stored.points_balance

    def awards(self) -> list[OrderAward]:
        return reads.rows_of(self.db, OrderAward, merchant_id=self.merchant_id)


def refused(refusal: type[AppError], ask: Any, *arguments: Any, **changes: Any) -> AppError:
    """Ask for it and be refused."""
    with pytest.raises(refusal) as raised:
        ask(*arguments, **changes)
    return raised.value


def at(hour: int, minute: int = 0, day: int = 10) -> datetime:
    """An instant (UTC) of March 2026, an hour before Luxembourg's clocks."""
    return NOW.replace(day=day, hour=hour, minute=minute)
