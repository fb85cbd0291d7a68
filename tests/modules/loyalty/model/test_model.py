"""Any order of operations: the service and a plain model agree after each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session, sessionmaker

from app.core.errors import AppError
from app.modules.loyalty.models import LoyaltyCard, LoyaltyTransaction
from app.modules.loyalty.schemas.program import ProgramUpdate
from app.modules.loyalty.services import (
    card_service,
    ledger_verify,
    pin_service,
    program_service,
    stamp_service,
)
from app.modules.loyalty.types import ActorKind, Caller
from tests.factories import NOW, PIN, make_pin, make_shop
from tests.modules.loyalty.model.shop_model import Refused, ShopModel

WRONG_PIN = "7193"
MOST_CARDS = 3
TARGET = 4  # small, so that cards are often full, empty or in debt
# Enough for every pair of operations to meet, in two minutes on each.
EXAMPLES = {"sqlite": 200, "postgresql": 200}
CARDS = st.integers(0, MOST_CARDS - 1)


@dataclass
class Sent:
    """A request with its key, as a client keeps it for a retry, and what was answered."""

    send: Callable[..., dict[str, Any]]
    arguments: dict[str, Any]
    answer: dict[str, Any]


class Counter(RuleBasedStateMachine):
    """A shop with a few cards; each rule does the same to the service and to the model."""

    sessions: sessionmaker[Session]

    @initialize()
    def open_the_shop(self) -> None:
        with self.sessions() as db:
            self.shop = make_shop(
                db, stamps_target=TARGET, welcome_bonus_stamps=1, pin_session_minutes=0
            )
            self.pin = make_pin(db, merchant_id=self.shop.merchant_id, role="manager")
            db.expunge_all()
        self.merchant_id = self.shop.merchant_id
        self.caller = Caller(
            self.merchant_id, store_id=self.shop.store.id, kind=ActorKind.USER, is_manager=True
        )
        self.model = ShopModel(now=NOW, target=TARGET)
        self.card_ids: list[int] = []
        self.sent: list[Sent] = []
        self.enroll()

    @precondition(lambda self: len(self.card_ids) < MOST_CARDS)
    @rule()
    def enroll(self) -> None:
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

    @rule(card=CARDS, quantity=st.sampled_from([1, 1, 1, 2, 3, 5, 6]))
    def stamp(self, card: int, quantity: int) -> None:
        self.at_counter(stamp_service.add_stamp, self.model.earn, card, quantity)

    @rule(card=CARDS, quantity=st.sampled_from([1, 1, 2]))
    def redeem(self, card: int, quantity: int) -> None:
        self.at_counter(stamp_service.redeem_stamps, self.model.redeem, card, quantity)

    @rule(card=CARDS, delta=st.integers(-5, 8).filter(bool))
    def adjust(self, card: int, delta: int) -> None:
        self.both(
            lambda: self.model.adjust(self.card(card), delta),
            stamp_service.adjust_stamps,
            card_id=self.card_id(card),
            delta=delta,
            reason="a correction",
            caller=self.caller,
        )

    @rule(card=CARDS, number=st.integers(0, 30), is_last=st.booleans())
    def void(self, card: int, number: int, is_last: bool) -> None:
        model = self.card(card)
        number = len(model.entries) - 1 if is_last else number % len(model.entries)
        with self.sessions() as db:
            transaction_id = db.execute(
                select(LoyaltyTransaction.id).where(
                    LoyaltyTransaction.merchant_id == self.merchant_id,
                    LoyaltyTransaction.card_id == self.card_id(card),
                    LoyaltyTransaction.sequence == number + 1,
                )
            ).scalar_one()
        self.both(
            lambda: self.model.void(model, number),
            stamp_service.void_stamp,
            transaction_id=transaction_id,
            reason="mistake",
            caller=self.caller,
            staff_pin=PIN,
            staff_pin_id=self.pin.id,
        )

    @rule(
        values=st.fixed_dictionaries(
            {},
            optional={
                "target": st.sampled_from([2, 3, 4, 6]),
                "cooldown_minutes": st.sampled_from([0, 15, 60]),
                "max_daily": st.integers(1, 12),
                "is_active": st.booleans(),
            },
        )
    )
    def change_program(self, values: dict[str, Any]) -> None:
        self.model.change_program(**values)
        names = {"target": "stamps_target", "max_daily": "max_daily_stamps"}
        data = ProgramUpdate(**{names.get(name, name): value for name, value in values.items()})
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
                caller=self.caller,
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
        assert facts_of(again) == facts_of(sent.answer)

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 999))
    def use_an_earlier_key_for_something_else(self, which: int) -> None:
        sent = self.sent[which % len(self.sent)]
        amount = next((name for name in ("quantity", "delta") if name in sent.arguments), None)
        if amount is None:
            return
        other = sent.arguments | {amount: sent.arguments[amount] + 20}
        with self.sessions() as db:
            code = code_of(lambda: sent.send(db, **other, now=self.model.now))
        assert code == "idempotency_key_reused"

    @invariant()
    def cards_are_what_the_model_says(self) -> None:
        with self.sessions() as db:
            cards = db.execute(
                select(LoyaltyCard)
                .where(LoyaltyCard.merchant_id == self.merchant_id)
                .order_by(LoyaltyCard.id)
            ).scalars()
            stored = [(c.stamp_count, c.stamps_target, c.total_stamps_earned, c.last_stamp_at)
                      for c in cards]  # fmt: skip
            entries = db.execute(
                select(func.count(), func.coalesce(func.sum(LoyaltyTransaction.stamps_delta), 0))
                .select_from(LoyaltyTransaction)
                .where(LoyaltyTransaction.merchant_id == self.merchant_id)
            ).one()
        told = self.model.cards
        assert stored == [(c.stamps, c.target, c.total, c.last_stamp_at) for c in told]
        assert tuple(entries) == (sum(len(c.entries) for c in told), sum(c.stamps for c in told))

    def teardown(self) -> None:
        if not hasattr(self, "shop"):
            return
        with self.sessions() as db:
            assert list(ledger_verify.verify(db, merchant_id=self.merchant_id)) == []

    def at_counter(
        self, send: Callable[..., Any], tell: Callable[..., None], card: int, quantity: int
    ) -> None:
        before = self.card(card).stamps
        self.both(
            lambda: tell(self.card(card), quantity),
            send,
            card_id=self.card_id(card),
            quantity=quantity,
            caller=self.caller,
            staff_pin=PIN,
            staff_pin_id=self.pin.id,
        )
        if tell == self.model.redeem and self.card(card).stamps != before:
            assert self.card(card).stamps >= 0, "no redemption makes a debt"

    def both(
        self, tell: Callable[[], None], send: Callable[..., Any], **arguments: Any
    ) -> dict[str, Any] | None:
        """Do it to the model and, under a new key, to the service: the same refusal, or none."""
        arguments["idempotency_key"] = f"key-{len(self.sent)}"
        expected = refusal_of(tell)
        answers: list[dict[str, Any]] = []
        with self.sessions() as db:
            code = code_of(lambda: answers.append(send(db, **arguments, now=self.model.now)))
        assert code == expected
        if code is not None:
            return None
        assert answers[0]["replayed"] is False
        self.sent.append(Sent(send, arguments, answers[0]))
        return answers[0]

    def card(self, card: int) -> Any:
        return self.model.cards[card % len(self.card_ids)]

    def card_id(self, card: int) -> int:
        return self.card_ids[card % len(self.card_ids)]


def refusal_of(tell: Callable[[], None]) -> str | None:
    try:
        tell()
    except Refused as refusal:
        return str(refusal)
    return None


def code_of(send: Callable[[], Any]) -> str | None:
    try:
        send()
    except AppError as refusal:
        return refusal.code
    return None


def facts_of(answer: dict[str, Any]) -> dict[str, Any]:
    """What must not change when asked again."""
    rendered = ("replayed", "staff_name", "customer_name")
    return {name: value for name, value in answer.items() if name not in rendered}


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
