"""A ledger written by hand: any entry, at any time, recorded whenever. No rule is asked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count as counter
from random import Random
from typing import Any

from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from app.core.db import atomic
from app.modules.customers.models import Customer
from app.modules.loyalty.models import LoyaltyCard, LoyaltyTransaction
from app.modules.loyalty.rules.business_day import business_day
from app.modules.loyalty.types import EntryType, StoreFacts
from app.modules.tenancy.models import Store
from tests import factories
from tests.factories import Shop

E = EntryType
_NUMBERS = counter(1)
# What happens in a shop, and how often.
_LIFE = {
    E.STAMP_EARNED: 40, E.POINTS_EARNED: 30, E.STAMP_REDEEMED: 8, E.POINTS_REDEEMED: 6,
    E.STAMP_VOIDED: 4, E.POINTS_VOIDED: 3, E.STAMP_REFUNDED: 2, E.POINTS_REFUNDED: 3,
    E.STAMPS_ADJUSTED: 2, E.POINTS_ADJUSTED: 2, E.POINTS_EXPIRED: 3, E.POINTS_REINSTATED: 1,
    E.WELCOME_BONUS: 2, E.IMPORTED: 1, E.CARD_SUSPENDED: 1,
}  # fmt: skip
_TAKING = {
    E.STAMP_REDEEMED, E.POINTS_REDEEMED, E.STAMP_REFUNDED, E.POINTS_REFUNDED, E.POINTS_EXPIRED,
}  # fmt: skip
_BOTH_WAYS = {E.STAMP_VOIDED, E.POINTS_VOIDED, E.STAMPS_ADJUSTED, E.POINTS_ADJUSTED}
_ACTORS = (("pin", 1), ("pin", 2), ("pin", 3), ("user", 1), ("api_key", 1), ("service", None))


def facts_of(store: Store) -> StoreFacts:
    return StoreFacts(store.id, store.code, store.name, store.timezone, store.day_starts_at)


@dataclass
class Book:
    """The ledger of one shop. `write` stores what was noted, with the balances it leads to."""

    db: Session
    shop: Shop
    stores: list[Store]
    cards: list[LoyaltyCard] = field(default_factory=list)
    _rows: list[dict[str, Any]] = field(default_factory=list)
    _last: Counter[int] = field(default_factory=Counter)
    _stamps: Counter[int] = field(default_factory=Counter)
    _points: Counter[int] = field(default_factory=Counter)

    def card(self, at: datetime, store: Store | None = None) -> LoyaltyCard:
        """A new card, enrolled at `at`."""
        (card,) = self.open_cards(1, at, store)
        return card

    def open_cards(self, count: int, at: datetime, store: Store | None = None) -> list[LoyaltyCard]:
        """New cards of new people, all at once."""
        merchant_id, store = self.shop.merchant_id, store or self.stores[0]
        numbers = [next(_NUMBERS) for _ in range(count)]
        customers = [Customer(merchant_id=merchant_id, created_at=at) for _ in numbers]
        with atomic(self.db):
            self.db.add_all(customers)
            self.db.flush()
            cards = [
                LoyaltyCard(
                    merchant_id=merchant_id, program_id=self.shop.program.id,
                    customer_id=customer.id, enrolled_store_id=store.id, uid=f"b{n:031x}",
                    card_number=f"{n:012d}", qr_code_data=f"B{n:029d}",
                    stamps_target=self.shop.program.stamps_target, head_hash="0" * 64,
                    last_activity_at=at, created_at=at,
                )
                for n, customer in zip(numbers, customers, strict=True)
            ]  # fmt: skip
            self.db.add_all(cards)
            self.db.flush()
        self.cards += cards
        for card in cards:
            self.note(card, E.CARD_CREATED, at, store=store)
        return cards

    def note(
        self,
        card: LoyaltyCard,
        entry_type: EntryType,
        at: datetime,
        *,
        stamps: int = 0,
        points: int = 0,
        store: Store | None = None,
        actor: tuple[str, int | None] = ("pin", 1),
        recorded_at: datetime | None = None,
        amount_cents: int | None = None,
        overrides: bool = False,
    ) -> None:
        store = store or self.stores[0]
        self._last[card.id] += 1
        self._stamps[card.id] += stamps
        self._points[card.id] += points
        self._rows.append(
            {
                "merchant_id": card.merchant_id, "card_id": card.id,
                "sequence": self._last[card.id], "type": entry_type.value,
                "stamps_delta": stamps, "points_delta": points,
                "stamps_after": self._stamps[card.id], "points_after": self._points[card.id],
                "stamps_target": card.stamps_target, "reward_description": "",
                "store_id": store.id, "actor_kind": actor[0], "actor_id": actor[1],
                "amount_cents": amount_cents, "overrides_limits": overrides,
                "program_revision": 1, "business_day": business_day(at, store=facts_of(store)),
                "occurred_at": at, "recorded_at": recorded_at or at, "key_id": "test",
                "hash": "0" * 64,
            }
        )  # fmt: skip

    def live(
        self, draw: Random, *, entries: int, since: datetime, until: datetime, late: float = 0.05
    ) -> None:
        """Random life between two instants; a few entries were told of up to a day later."""
        times = sorted(draw.uniform(0, (until - since).total_seconds()) for _ in range(entries))
        for seconds in times:
            recorded_at = since + timedelta(seconds=seconds)
            at = recorded_at
            if draw.random() < late:
                at -= timedelta(seconds=draw.uniform(0, 86_400))
            self._event(draw, at, recorded_at)

    def _event(self, draw: Random, at: datetime, recorded_at: datetime) -> None:
        entry_type = draw.choices(list(_LIFE), list(_LIFE.values()))[0]
        size = draw.randint(1, 4) if "stamp" in entry_type else draw.randint(10, 500)
        takes = entry_type in _TAKING or (entry_type in _BOTH_WAYS and draw.random() < 0.6)
        units = "stamps" if "stamp" in entry_type or entry_type is E.IMPORTED else "points"
        delta = {units: -size if takes else size}
        self.note(
            draw.choice(self.cards), entry_type, at,
            store=draw.choice(self.stores), actor=draw.choice(_ACTORS), recorded_at=recorded_at,
            amount_cents=size * 10 if entry_type is E.POINTS_EARNED else None,
            overrides=draw.random() < 0.05,
            **{} if entry_type is E.CARD_SUSPENDED else delta,
        )  # fmt: skip

    def write(self) -> None:
        with atomic(self.db):
            if self._rows:
                self.db.execute(insert(LoyaltyTransaction), self._rows)
            for card_id in {row["card_id"] for row in self._rows}:
                self.db.execute(
                    update(LoyaltyCard)
                    .where(
                        LoyaltyCard.merchant_id == self.shop.merchant_id, LoyaltyCard.id == card_id
                    )
                    .values(
                        stamp_count=self._stamps[card_id],
                        points_balance=self._points[card_id],
                        last_sequence=self._last[card_id],
                    )
                    .execution_options(synchronize_session=False)
                )
        self._rows.clear()


def open_book(db: Session, *, stores: list[dict[str, Any]] | None = None, **program: Any) -> Book:
    """A shop with an empty ledger; `stores` are columns of further ones."""
    shop = factories.make_shop(db, loyalty_type="hybrid", **program)
    more = [
        factories.make_store(db, merchant_id=shop.merchant_id, **columns)
        for columns in stores or ()
    ]
    return Book(db, shop, [shop.store, *more])
