"""A shop and its model side by side: the same is done to both, and they must agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

from app.core.db import atomic
from app.core.errors import AppError
from app.modules.loyalty.models import (
    LoyaltyCard,
    LoyaltyProgram,
    LoyaltyReward,
    LoyaltyTransaction,
    OrderAward,
)
from app.modules.loyalty.services import card_service, ledger_verify
from app.modules.loyalty.types import ActorKind, Caller
from tests.factories import NOW, PIN, make_pin, make_shop, make_terminal, save
from tests.modules.loyalty.model.shop_model import REWARD_COST, ModelCard, Refused, ShopModel

OVERRIDES = {"manager": "715093", "cashier": "8137"}
TARGET = 4  # small, so that cards are often full, empty or in debt


@dataclass
class Sent:
    """A request with its key, as a client keeps it for a retry, and what was answered."""

    send: Callable[..., dict[str, Any]]
    arguments: dict[str, Any]
    answer: dict[str, Any]


class Machine(RuleBasedStateMachine):
    """A shop with a few cards, and how to do the same to the service and to the model."""

    sessions: sessionmaker[Session]

    @initialize()
    def open_the_shop(self) -> None:
        with self.sessions() as db:
            self.shop = make_shop(
                db, loyalty_type="hybrid", stamps_target=TARGET, welcome_bonus_stamps=1,
                welcome_bonus_points=5, pin_session_minutes=0,
            )  # fmt: skip
            self.merchant_id = self.shop.merchant_id
            self.pin = make_pin(db, merchant_id=self.merchant_id, role="manager")
            for role, pin in OVERRIDES.items():
                make_pin(db, merchant_id=self.merchant_id, pin=pin, role=role)
            till = make_terminal(db, merchant_id=self.merchant_id, store_id=self.shop.store.id)
            reward = LoyaltyReward(
                merchant_id=self.merchant_id, name="Bread", cost_points=REWARD_COST, created_at=NOW
            )
            self.reward_id = save(db, reward).id
            self.caller = Caller(
                self.merchant_id, store_id=self.shop.store.id, kind=ActorKind.USER,
                is_manager=True, terminal_id=till.id,
            )  # fmt: skip
            db.expunge_all()
        self.model = ShopModel(now=NOW, target=TARGET)
        self.card_ids: list[int] = []
        self.sent: list[Sent] = []
        self.refunds = 0
        self.enroll_somebody()

    def enroll_somebody(self) -> None:
        email = f"person-{len(self.card_ids)}@example.com"
        answer = self.both(
            self.model.enroll,
            card_service.enroll,
            caller=self.caller,
            store_id=self.shop.store.id,
            email=email,
        )
        if answer is not None:
            self.card_ids.append(answer["card_id"])

    @invariant()
    def cards_are_what_the_model_says(self) -> None:
        entry, own = LoyaltyTransaction, LoyaltyTransaction.merchant_id == self.merchant_id
        with self.sessions() as db:
            cards = db.execute(
                select(LoyaltyCard)
                .where(LoyaltyCard.merchant_id == self.merchant_id)
                .order_by(LoyaltyCard.id)
            ).scalars()
            stored = [
                (c.stamp_count, c.points_balance, c.stamps_target, c.total_stamps_earned,
                 c.last_stamp_at, c.last_collected_at, c.status == "active")
                for c in cards
            ]  # fmt: skip
            entries = db.execute(
                select(
                    func.count(),
                    func.coalesce(func.sum(entry.stamps_delta), 0),
                    func.coalesce(func.sum(entry.points_delta), 0),
                ).where(own)
            ).one()
            awards = db.execute(
                select(OrderAward.kind, OrderAward.refunded_cents, OrderAward.taken_back)
                .where(OrderAward.merchant_id == self.merchant_id, ~OrderAward.is_voided)
                .order_by(OrderAward.id)
            ).all()
        told = self.model.cards
        assert stored == [c.shown for c in told]
        assert tuple(entries) == (
            sum(len(c.entries) for c in told),
            sum(c.stamps for c in told),
            sum(c.points for c in told),
        )
        assert [tuple(award) for award in awards] == [
            (order.unit, order.refunded, order.taken_back) for order in self.model.orders
        ]

    def teardown(self) -> None:
        if not hasattr(self, "shop"):
            return
        with self.sessions() as db:
            assert list(ledger_verify.verify(db, merchant_id=self.merchant_id)) == []
            with atomic(db):  # the next shop's expiry need not look at this one
                db.execute(
                    update(LoyaltyProgram)
                    .where(LoyaltyProgram.merchant_id == self.merchant_id)
                    .values(points_expiration_days=None)
                )

    def at_counter(
        self, tell: Callable[[], bool | None], send: Callable[..., Any], **arguments: Any
    ) -> None:
        """Do what asks for the manager's PIN."""
        self.both(tell, send, staff_pin=PIN, staff_pin_id=self.pin.id, **arguments)

    def both(
        self, tell: Callable[[], bool | None], send: Callable[..., Any], **arguments: Any
    ) -> dict[str, Any] | None:
        """Do it to the model and, under a new key, to the service: the same refusal, or none."""
        arguments |= {"caller": self.caller, "idempotency_key": f"key-{len(self.sent)}"}
        expected, is_duplicate = outcome_of(tell)
        answers: list[dict[str, Any]] = []
        with self.sessions() as db:
            code = code_of(lambda: answers.append(send(db, **arguments, now=self.model.now)))
        assert code == expected
        if code is not None:
            return None
        assert answers[0]["replayed"] is False
        assert answers[0].get("duplicate", False) is is_duplicate
        if not is_duplicate:  # an order's first answer belongs to the key it came under
            self.sent.append(Sent(send, arguments, answers[0]))
        return answers[0]

    def code_of(self, send: Callable[..., Any], **arguments: Any) -> str | None:
        """What the service refuses with, without a key."""
        with self.sessions() as db:
            return code_of(lambda: send(db, **arguments, now=self.model.now))

    def card(self, card: int) -> ModelCard:
        return self.model.cards[card % len(self.card_ids)]

    def card_id(self, card: int) -> int:
        return self.card_ids[card % len(self.card_ids)]

    def entry_id(self, card: int, number: int) -> int:
        with self.sessions() as db:
            return db.execute(
                select(LoyaltyTransaction.id).where(
                    LoyaltyTransaction.merchant_id == self.merchant_id,
                    LoyaltyTransaction.card_id == self.card_id(card),
                    LoyaltyTransaction.sequence == number + 1,
                )
            ).scalar_one()


def outcome_of(tell: Callable[[], bool | None]) -> tuple[str | None, bool]:
    """The model's refusal, and whether it tells of an order that had earned before."""
    try:
        return None, bool(tell())
    except Refused as refusal:
        return str(refusal), False


def code_of(send: Callable[[], Any]) -> str | None:
    try:
        send()
    except AppError as refusal:
        return refusal.code
    return None


def facts_of(answer: dict[str, Any]) -> dict[str, Any]:
    """What must not change when asked again; a card that was replaced has another number."""
    rendered = ("replayed", "card_number", "staff_name", "customer_name", "staff_session",
                "staff_session_expires_at")  # fmt: skip
    return {name: value for name, value in answer.items() if name not in rendered}
