"""Every operation that books something, each with fresh cards of its own to book on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

from sqlalchemy.orm import Session

from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.schemas import ProgramUpdate
from app.modules.loyalty.services import (
    card_merge,
    card_service,
    points_expiry,
    points_service,
    program_service,
    refund_service,
    stamp_service,
)
from app.modules.loyalty.services.ledger_entries import Actor
from app.modules.loyalty.types import ActorKind, Caller, Draft, EntryType
from tests.factories import NOW, PIN, make_card, make_pass, make_pin, make_reward, make_shop, post

LATER = NOW + timedelta(days=31)
_NUMBERS = count(1)

Known = dict[str, Any]
# Does it under an idempotency key; says whether it had been done before.
Act = Callable[[Session, str], bool]


@dataclass(frozen=True)
class Prepared:
    """An operation that is about to be done, and the cards it is about."""

    cards: list[LoyaltyCard]
    act: Act


class Bench:
    """A shop in which an operation is done again and again."""

    def __init__(self, db: Session, **program: Any) -> None:
        self.shop = make_shop(
            db, loyalty_type="hybrid", cooldown_minutes=0, max_daily_stamps=100, **program
        )
        make_pin(db, merchant_id=self.merchant_id)
        self.counter: Known = {"caller": self.caller(), "staff_pin": PIN, "now": NOW}
        self.office: Known = {
            "caller": self.caller(is_manager=True),
            "reason": "a mistake",
            "now": NOW,
        }

    @property
    def merchant_id(self) -> int:
        return self.shop.merchant_id

    def caller(self, **rights: Any) -> Caller:
        place: Known = {
            "store_id": self.shop.store.id,
            "kind": ActorKind.USER,
            "actor_id": 1,
        }
        return Caller(self.merchant_id, **place | rights)

    def card(self, db: Session, *, stamps: int = 0, points: int = 0, **more: Any) -> LoyaltyCard:
        card = make_card(db, shop=self.shop, stamps=stamps, last_collected_at=NOW, **more)
        if points:
            post(db, card, [Draft(EntryType.POINTS_ADJUSTED, points_delta=points)])
        make_pass(db, card=card)
        return card


def add_stamp(db: Session, bench: Bench) -> Prepared:
    """With the welcome bonus, and a PIN that is typed for the first time."""
    card = bench.card(db, welcome_bonus_due=2, welcome_points_due=20)
    pin = f"8{next(_NUMBERS):06d}"
    make_pin(db, merchant_id=bench.merchant_id, pin=pin)
    return _counter(stamp_service.add_stamp, card, **bench.counter | {"staff_pin": pin})


def redeem_stamps(db: Session, bench: Bench) -> Prepared:
    return _counter(stamp_service.redeem_stamps, bench.card(db, stamps=13), **bench.counter)


def void_stamp(db: Session, bench: Bench) -> Prepared:
    card = bench.card(db)
    given = stamp_service.add_stamp(db, card_id=card.id, **bench.counter)
    entry: Known = {"transaction_id": given["transaction_id"], "reason": "wrong_card"}
    return _by_key(stamp_service.void_stamp, [card], **entry, **bench.counter)


def adjust_stamps(db: Session, bench: Bench) -> Prepared:
    return _counter(stamp_service.adjust_stamps, bench.card(db), delta=3, **bench.office)


def earn_points(db: Session, bench: Bench) -> Prepared:
    order: Known = {
        "order_reference": f"E-{next(_NUMBERS)}",
        "purchase_amount_cents": 2599,
    }
    return _counter(points_service.earn_points, bench.card(db), **order, **bench.counter)


def redeem_points(db: Session, bench: Bench) -> Prepared:
    reward = make_reward(db, merchant_id=bench.merchant_id, cost_points=60)
    card = bench.card(db, points=100)
    return _counter(points_service.redeem_points, card, reward_id=reward.id, **bench.counter)


def void_points(db: Session, bench: Bench) -> Prepared:
    """Of an order, whose reference is free again afterwards."""
    card = bench.card(db)
    order: Known = {"order_reference": f"V-{next(_NUMBERS)}", "purchase_amount_cents": 500}
    earned = points_service.earn_points(db, card_id=card.id, **order, **bench.counter)
    entry: Known = {"transaction_id": earned["transaction_id"], "reason": "wrong_card"}
    return _by_key(points_service.void_points, [card], **entry, **bench.counter)


def adjust_points(db: Session, bench: Bench) -> Prepared:
    card = bench.card(db, points=50)
    return _counter(points_service.adjust_points, card, delta=-30, **bench.office)


def reinstate_points(db: Session, bench: Bench) -> Prepared:
    card = bench.card(db, points=70)
    post(db, card, [Draft(EntryType.POINTS_EXPIRED, points_delta=-70)])
    return _counter(points_expiry.reinstate_points, card, **bench.office)


def refund(db: Session, bench: Bench) -> Prepared:
    """Of an order that earned stamps on one card and points on another."""
    cards, order = [bench.card(db), bench.card(db)], f"R-{next(_NUMBERS)}"
    known: Known = {"order_reference": order, **bench.counter}
    stamp_service.add_stamp(db, card_id=cards[0].id, quantity=2, **known)
    points_service.earn_points(db, card_id=cards[1].id, purchase_amount_cents=1000, **known)
    known["refund_reference"] = f"{order}-back"
    return _by_key(refund_service.refund_order, cards, **known)


def enroll(db: Session, bench: Bench) -> Prepared:
    person: Known = {
        "email": f"face.{next(_NUMBERS)}@example.com",
        "marketing_consent": True,
    }
    known: Known = {"store_id": bench.shop.store.id, "paper_stamps": 4, "now": NOW}
    return _by_key(card_service.enroll, [], caller=bench.caller(), **person, **known)


def enroll_self(db: Session, bench: Bench) -> Prepared:
    """With the e-mail that carries the code. An hour takes 50 of them in a store."""
    number = next(_NUMBERS)
    now = NOW + timedelta(hours=number)
    person: Known = {"email": f"poster.{number}@example.com", "locale": "fr", "now": now}
    return _by_key(card_service.enroll_self, [], store_id=bench.shop.store.id, **person)


def merge(db: Session, bench: Bench) -> Prepared:
    survivor, other = bench.card(db, stamps=4, points=10), bench.card(db, stamps=9, points=-3)
    ids = {"survivor_card_id": survivor.id, "other_card_id": other.id}
    known: Known = {
        "reason": "the same person",
        "actor": Actor(ActorKind.USER, 1),
        "now": NOW,
    }
    return _by_key(
        card_merge.merge, [survivor, other], merchant_id=bench.merchant_id, **ids, **known
    )


def expire_points(db: Session, bench: Bench) -> Prepared:
    """The job, with three cards that are due."""

    def act(db: Session, _key: str) -> bool:
        report = points_expiry.expire_points(db, now=LATER, keep_alive=lambda: None)
        return report["cards"] == 0

    return Prepared([bench.card(db, points=50) for _ in range(3)], act)


def change_program(db: Session, bench: Bench) -> Prepared:
    """A new reward, which cards that hold nothing take on at once."""
    reward = f"Cake {next(_NUMBERS)}"

    def act(db: Session, _key: str) -> bool:
        before = program_service.get_program(db, merchant_id=bench.merchant_id).revision
        data = ProgramUpdate(stamps_reward_description=reward)
        program = program_service.update_program(
            db, merchant_id=bench.merchant_id, data=data, now=NOW
        )
        assert program.stamps_reward_description == reward
        return program.revision == before

    return Prepared([bench.card(db)], act)


OPERATIONS: list[Callable[[Session, Bench], Prepared]] = [
    add_stamp, redeem_stamps, void_stamp, adjust_stamps, earn_points, redeem_points, void_points,
    adjust_points, reinstate_points, refund, enroll, enroll_self, merge, expire_points,
    change_program,
]  # fmt: skip


def _counter(service: Callable[..., Any], card: LoyaltyCard, **known: Any) -> Prepared:
    return _by_key(service, [card], card_id=card.id, **known)


def _by_key(service: Callable[..., Any], cards: list[LoyaltyCard], **known: Any) -> Prepared:
    def act(db: Session, key: str) -> bool:
        replayed: bool = service(db, idempotency_key=key, **known)["replayed"]
        return replayed

    return Prepared(cards, act)
