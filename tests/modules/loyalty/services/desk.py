"""A counter to stand at: a shop, a till, and somebody with a PIN."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.modules.loyalty.errors import (
    InvalidStaffPin,
)
from app.modules.loyalty.models import LoyaltyCard, StaffPin
from app.modules.loyalty.services import stamp_service
from app.modules.loyalty.types import ActorKind, Caller, StampResult
from app.modules.tenancy.models import Terminal
from tests.factories import (
    NOW,
    PIN,
    Shop,
    make_card,
    make_pin,
    make_shop,
    make_terminal,
)

WRONG = "9174"
LOCK = timedelta(minutes=30)


class Counter:
    """A shop with one member of staff, a till, and a fresh card for every try."""

    def __init__(self, db: Session) -> None:
        self.db = db
        self.shop: Shop = make_shop(db)
        self.pin: StaffPin = make_pin(db, merchant_id=self.shop.merchant_id, name="Anna")
        self.till = self.new_till()

    def new_till(self, store_id: int | None = None) -> Caller:
        store_id = store_id or self.shop.store.id
        terminal: Terminal = make_terminal(
            self.db, merchant_id=self.shop.merchant_id, store_id=store_id
        )
        return Caller(
            self.shop.merchant_id,
            store_id=store_id,
            kind=ActorKind.USER,
            actor_id=1,
            terminal_id=terminal.id,
            ip_address="192.0.2.9",
        )

    def card(self) -> LoyaltyCard:
        return make_card(self.db, shop=self.shop)

    def stamp(self, pin: str | None, **changes: object) -> StampResult:
        asked: dict[str, object] = {"caller": self.till, "staff_pin": pin, "now": NOW}
        if "card_id" not in changes:
            asked["card_id"] = self.card().id
        return stamp_service.add_stamp(self.db, **asked | changes)  # type: ignore[arg-type]

    def fail(self, times: int, **changes: object) -> None:
        for _ in range(times):
            with pytest.raises(InvalidStaffPin):
                self.stamp(WRONG, **changes)


def stamp(db: Session, card: LoyaltyCard, **changes: object) -> StampResult:
    """What a cashier does with a scanned card."""
    asked: dict[str, object] = {"qr_code": card.qr_code_data, "staff_pin": PIN, "now": NOW}
    return stamp_service.add_stamp(db, **asked | changes)  # type: ignore[arg-type]
