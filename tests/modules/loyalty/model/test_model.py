"""Any order of operations: the service and a plain model agree after each of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from app.modules.loyalty.schemas.program import ProgramUpdate
from app.modules.loyalty.services import (
    card_lifecycle,
    card_merge,
    card_service,
    pin_service,
    points_expiry,
    points_service,
    program_service,
    refund_service,
    stamp_service,
)
from app.modules.loyalty.services.ledger_entries import Actor
from app.modules.loyalty.types import ActorKind
from tests.modules.loyalty.model.machine import (
    OVERRIDES,
    Machine,
    code_of,
    facts_of,
    outcome_of,
)
from tests.modules.loyalty.model.shop_model import Unit

WRONG_PIN = "7193"
MOST_CARDS = 4
# Enough for every pair of operations to meet, in two minutes on each.
EXAMPLES = {"sqlite": 200, "postgresql": 200}
CARDS = st.integers(0, MOST_CARDS - 1)
# Few, so that they meet again.
ORDERS = st.sampled_from([None, "1", "2", "3"])
UNITS: st.SearchStrategy[Unit] = st.sampled_from(["stamps", "points"])
MINUTES_AGO = st.sampled_from([0, 0, 0, 0, 5, 20, 600, 1440])
AMOUNTS = ("quantity", "delta", "purchase_amount_cents", "points_to_redeem", "amount_cents")
PROGRAM = {
    "loyalty_type": "loyalty_type",
    "target": "stamps_target",
    "cooldown_minutes": "cooldown_minutes",
    "max_daily": "max_daily_stamps",
    "is_active": "is_active",
    "points_per_euro": "points_per_euro",
    "minimum_purchase": "minimum_purchase_cents",
    "minimum_redemption": "minimum_redemption_points",
    "expiration_days": "points_expiration_days",
}


class Counter(Machine):
    """Each rule does the same to the service and to the model."""

    @precondition(lambda self: len(self.card_ids) < MOST_CARDS)
    @rule()
    def enroll(self) -> None:
        self.enroll_somebody()

    @rule(
        card=CARDS,
        quantity=st.sampled_from([1, 1, 1, 2, 3, 5, 6]),
        order=ORDERS,
        override=st.sampled_from([None, None, None, "manager", "cashier"]),
        minutes_ago=MINUTES_AGO,
    )
    def stamp(
        self, card: int, quantity: int, order: str | None, override: str | None, minutes_ago: int
    ) -> None:
        at = self.model.now - timedelta(minutes=minutes_ago)
        lifting = {"pin": OVERRIDES[override], "reason": "why not"} if override else None
        self.at_counter(
            lambda: self.model.earn_stamps(self.card(card), quantity, at, order, override),
            stamp_service.add_stamp,
            card_id=self.card_id(card),
            quantity=quantity,
            order_reference=order,
            override=lifting,
            occurred_at=at if minutes_ago else None,
        )

    @rule(
        card=CARDS,
        cents=st.sampled_from([0, 9, 33, 100, 250, 999]),
        order=ORDERS,
        minutes_ago=MINUTES_AGO,
    )
    def buy(self, card: int, cents: int, order: str | None, minutes_ago: int) -> None:
        at = self.model.now - timedelta(minutes=minutes_ago)
        self.at_counter(
            lambda: self.model.earn_points(self.card(card), cents, at, order),
            points_service.earn_points,
            card_id=self.card_id(card),
            purchase_amount_cents=cents,
            order_reference=order,
            occurred_at=at if minutes_ago else None,
        )

    @rule(card=CARDS, quantity=st.sampled_from([1, 1, 2]))
    def redeem_stamps(self, card: int, quantity: int) -> None:
        before = self.card(card).stamps
        self.at_counter(
            lambda: self.model.redeem_stamps(self.card(card), quantity),
            stamp_service.redeem_stamps,
            card_id=self.card_id(card),
            quantity=quantity,
        )
        assert self.card(card).stamps in (before, max(0, self.card(card).stamps))

    @rule(card=CARDS, points=st.sampled_from([1, 10, 30, None, None]))
    def redeem_points(self, card: int, points: int | None) -> None:
        before = self.card(card).points
        self.at_counter(
            lambda: self.model.redeem_points(self.card(card), points),
            points_service.redeem_points,
            card_id=self.card_id(card),
            points_to_redeem=points,
            reward_id=self.reward_id if points is None else None,
        )
        assert self.card(card).points in (before, max(0, self.card(card).points))

    @rule(card=CARDS, unit=UNITS, delta=st.integers(-5, 8).filter(bool))
    def adjust(self, card: int, unit: Unit, delta: int) -> None:
        adjust: Any = {
            "stamps": stamp_service.adjust_stamps, "points": points_service.adjust_points,
        }[unit]  # fmt: skip
        self.both(
            lambda: self.model.adjust(self.card(card), unit, delta),
            adjust,
            card_id=self.card_id(card),
            delta=delta,
            reason="a correction",
        )

    @rule(card=CARDS, unit=UNITS, number=st.integers(0, 30), is_last=st.booleans())
    def void(self, card: int, unit: Unit, number: int, is_last: bool) -> None:
        model = self.card(card)
        number = len(model.entries) - 1 if is_last else number % len(model.entries)
        void: Any = {
            "stamps": stamp_service.void_stamp, "points": points_service.void_points,
        }[unit]  # fmt: skip
        self.at_counter(
            lambda: self.model.void(model, number, unit),
            void,
            transaction_id=self.entry_id(card, number),
            reason="mistake",
        )

    @rule(order=ORDERS.filter(bool), cents=st.sampled_from([1, 33, 50, 250, None, None]))
    def refund(self, order: str, cents: int | None) -> None:
        self.refunds += 1
        self.at_counter(
            lambda: self.model.refund(order, cents),
            refund_service.refund_order,
            order_reference=order,
            refund_reference=f"refund-{self.refunds}",
            amount_cents=cents,
        )

    @rule(card=CARDS)
    def reinstate(self, card: int) -> None:
        self.both(
            lambda: self.model.reinstate(self.card(card)),
            points_expiry.reinstate_points,
            card_id=self.card_id(card),
            reason="a regular",
        )

    @rule()
    def expire(self) -> None:
        self.model.expire()
        with self.sessions() as db:
            points_expiry.expire_points(db, now=self.model.now, keep_alive=lambda: None)

    @rule(card=CARDS, is_active=st.booleans())
    def suspend(self, card: int, is_active: bool) -> None:
        expected, _ = outcome_of(lambda: self.model.suspend(self.card(card), is_active))
        status = "active" if is_active else "suspended"
        assert expected == self.code_of(
            card_lifecycle.change_card,
            caller=self.caller,
            card_id=self.card_id(card),
            status=status,
        )

    @rule(card=CARDS)
    def replace(self, card: int) -> None:
        expected, _ = outcome_of(lambda: self.model.replace(self.card(card)))
        assert expected == self.code_of(
            card_lifecycle.replace_card, caller=self.caller, card_id=self.card_id(card)
        )

    @precondition(lambda self: len(self.card_ids) > 1)
    @rule(card=CARDS, other=CARDS)
    def merge(self, card: int, other: int) -> None:
        if self.card_id(card) == self.card_id(other):
            other = card + 1
        expected, _ = outcome_of(lambda: self.model.merge(self.card(card), self.card(other)))
        assert expected == self.code_of(
            card_merge.merge,
            merchant_id=self.merchant_id,
            survivor_card_id=self.card_id(card),
            other_card_id=self.card_id(other),
            reason="one person",
            actor=Actor(ActorKind.USER),
        )

    @rule(
        values=st.fixed_dictionaries(
            {},
            optional={
                "loyalty_type": st.sampled_from(["stamps", "points", "hybrid", "hybrid"]),
                "target": st.sampled_from([2, 3, 4, 6]),
                "cooldown_minutes": st.sampled_from([0, 15, 60]),
                "max_daily": st.integers(1, 12),
                "is_active": st.booleans(),
                "points_per_euro": st.sampled_from([1, 10, 100]),
                "minimum_purchase": st.sampled_from([0, 50]),
                "minimum_redemption": st.sampled_from([0, 5]),
                "expiration_days": st.sampled_from([None, 30, 60]),
            },
        )
    )
    def change_program(self, values: dict[str, Any]) -> None:
        self.model.change_program(**values)
        data = ProgramUpdate(**{PROGRAM[name]: value for name, value in values.items()})
        with self.sessions() as db:
            program_service.update_program(
                db, merchant_id=self.merchant_id, data=data, now=self.model.now
            )

    @rule(minutes=st.sampled_from([1, 14, 15, 30, 60, 300, 1440, 40 * 1440]))
    def wait(self, minutes: int) -> None:
        self.model.now += timedelta(minutes=minutes)

    @rule(card=CARDS, tries=st.integers(1, 6))
    def type_a_wrong_pin(self, card: int, tries: int) -> None:
        for _ in range(tries):
            self.both(
                lambda: self.model.type_pin(is_right=False),
                stamp_service.add_stamp,
                card_id=self.card_id(card),
                staff_pin=WRONG_PIN,
                staff_pin_id=self.pin.id,
            )

    @rule()
    def unlock(self) -> None:
        self.model.unlock()
        with self.sessions() as db:
            pin_service.unlock_pin(
                db, merchant_id=self.merchant_id, pin_id=self.pin.id, now=self.model.now
            )

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 999))
    def retry_an_earlier_key(self, which: int) -> None:
        sent = self.sent[which % len(self.sent)]
        with self.sessions() as db:
            again = sent.send(db, **sent.arguments, now=self.model.now)
        assert again["replayed"] is True
        if sent.send is card_service.enroll:  # the card that the person has by now
            first = self.model.cards[self.card_ids.index(sent.answer["card_id"])]
            holder = self.model.cards.index(first.merged_into or first)
            assert again["card_id"] == self.card_ids[holder]
            return
        assert facts_of(again) == facts_of(sent.answer)

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 999))
    def use_an_earlier_key_for_something_else(self, which: int) -> None:
        sent = self.sent[which % len(self.sent)]
        amount = next((name for name in AMOUNTS if sent.arguments.get(name) is not None), None)
        if amount is None:
            return
        other = sent.arguments | {amount: sent.arguments[amount] + 20}
        with self.sessions() as db:
            code = code_of(lambda: sent.send(db, **other, now=self.model.now))
        assert code == "idempotency_key_reused"


def test_given_any_operations_when_done_in_any_order_then_model_and_service_agree(
    session_factory: sessionmaker[Session], engine: Engine
) -> None:
    dialect = engine.dialect.name

    class Here(Counter):
        sessions = session_factory

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=EXAMPLES[dialect],
            stateful_step_count=50,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
