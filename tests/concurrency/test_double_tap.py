"""However often and from wherever something is sent at once, it counts once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.core.errors import AppError
from app.modules.loyalty.errors import (
    AlreadyVoided,
    DailyStampLimit,
    InsufficientStamps,
    StampCooldown,
)
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.services import ledger_verify, stamp_service
from app.modules.loyalty.types import Caller
from tests.concurrency.together import (
    ROUNDS,
    THREADS,
    Crowd,
    Operation,
    Outcomes,
    Work,
    ledger_earn,
    ledger_redeem,
    service_earn,
    service_redeem,
)
from tests.factories import NOW, PIN, Shop, make_card, make_pin, make_shop, make_terminal
from tests.reads import card_now, ledger_of

EARN = pytest.mark.parametrize("earn", [ledger_earn, service_earn])


def make_counter(db: Session, **program: Any) -> Shop:
    """A shop whose PIN this process has seen before, so that nobody waits for a hash."""
    shop = make_shop(db, **program)
    make_pin(db, merchant_id=shop.merchant_id)
    service_earn(make_card(db, shop=shop))(db)
    return shop


def check(db: Session, card: LoyaltyCard, outcomes: Outcomes, refusal: type[AppError]) -> None:
    """Exactly one got through, and the others were told why not."""
    assert len(outcomes.written) == len(outcomes.answers) == 1
    assert {type(one) for one in outcomes.refusals} == {refusal}
    assert len(outcomes.refusals) == THREADS - 1
    assert card_now(db, card).stamp_count == ledger_of(db, card)[-1][2]


def check_ledger(db: Session, shop: Shop) -> None:
    assert list(ledger_verify.verify(db, merchant_id=shop.merchant_id)) == []


@EARN
def test_given_one_key_when_sent_twenty_times_at_once_then_one_stamp_and_one_answer(
    db: Session, crowd: Crowd, earn: Operation
) -> None:
    shop = make_counter(db)
    for n in range(ROUNDS):
        card = make_card(db, shop=shop)
        outcomes = crowd.do([earn(card, f"tap-{n}")] * THREADS)
        assert outcomes.refusals == []
        assert len(outcomes.written) == 1
        first = outcomes.written[0]
        for answer in outcomes.answers:
            same = {name for name in first if answer[name] == first[name]}
            assert first.keys() - same <= {
                "replayed", "staff_name", "staff_session", "staff_session_expires_at",
            }  # fmt: skip
        assert ledger_of(db, card) == [("stamp_earned", 1, 1)]
    check_ledger(db, shop)


@EARN
def test_given_different_keys_when_sent_at_once_then_the_cooldown_lets_one_through(
    db: Session, crowd: Crowd, earn: Operation
) -> None:
    shop = make_counter(db)
    for n in range(ROUNDS):
        card = make_card(db, shop=shop)
        outcomes = crowd.do([earn(card, f"tap-{n}-{thread}") for thread in range(THREADS)])
        check(db, card, outcomes, StampCooldown)
        assert ledger_of(db, card) == [("stamp_earned", 1, 1)]
    check_ledger(db, shop)


@pytest.mark.parametrize("redeem", [ledger_redeem, service_redeem])
def test_given_one_reward_when_twenty_redeem_it_at_once_then_one_gets_it(
    db: Session, crowd: Crowd, redeem: Operation
) -> None:
    """C66."""
    shop = make_counter(db)
    for n in range(ROUNDS):
        card = make_card(db, shop=shop, stamps=13)
        outcomes = crowd.do([redeem(card, f"tap-{n}-{thread}") for thread in range(THREADS)])
        check(db, card, outcomes, InsufficientStamps)
        assert ledger_of(db, card)[1:] == [("stamp_redeemed", -10, 3)]
    check_ledger(db, shop)


@EARN
def test_given_one_stamp_left_today_when_two_terminals_give_it_at_once_then_one_does(
    db: Session, crowd: Crowd, earn: Operation
) -> None:
    shop = make_counter(db, cooldown_minutes=0)
    place = (shop.merchant_id, shop.store.id)
    tills = [make_terminal(db, merchant_id=place[0], store_id=place[1]).id for _ in range(2)]
    for _ in range(ROUNDS):
        card = make_card(db, shop=shop)
        for _ in range(4):
            ledger_earn(card)(db)
        works: list[Work] = [earn(card, terminal_id=tills[n % 2]) for n in range(THREADS)]
        check(db, card, crowd.do(works), DailyStampLimit)
        assert len(ledger_of(db, card)) == 5
    check_ledger(db, shop)


@EARN
def test_given_room_for_five_when_twenty_stamp_at_once_then_five_do(
    db: Session, crowd: Crowd, earn: Operation
) -> None:
    shop = make_counter(db, cooldown_minutes=0)
    for _ in range(ROUNDS):
        card = make_card(db, shop=shop)
        outcomes = crowd.do([earn(card)] * THREADS)
        assert len(outcomes.written) == 5
        assert {type(one) for one in outcomes.refusals} == {DailyStampLimit}
        assert ledger_of(db, card) == [("stamp_earned", 1, n) for n in (1, 2, 3, 4, 5)]
    check_ledger(db, shop)


def test_given_one_entry_when_twenty_void_it_at_once_then_one_does(
    db: Session, crowd: Crowd
) -> None:
    shop = make_counter(db)
    caller = Caller(shop.merchant_id)
    for _ in range(ROUNDS):
        card = make_card(db, shop=shop)
        entry_id: int = service_earn(card)(db)["transaction_id"]
        outcomes = crowd.do([_void(entry_id, caller)] * THREADS)
        check(db, card, outcomes, AlreadyVoided)
        assert ledger_of(db, card) == [("stamp_earned", 1, 1), ("stamp_voided", -1, 0)]
    check_ledger(db, shop)


def _void(entry_id: int, caller: Caller) -> Callable[[Session], dict[str, object]]:
    return lambda db: dict(
        stamp_service.void_stamp(
            db, transaction_id=entry_id, reason="mistake", caller=caller, staff_pin=PIN, now=NOW
        )
    )
