"""Compare-and-set: what happens when something moves between the read and the write."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from app.core.db import atomic
from app.core.errors import Unavailable
from app.modules.loyalty.errors import IdempotencyKeyReused, StampCooldown
from app.modules.loyalty.models import (
    IdempotencyRecord,
    LoyaltyCard,
    LoyaltyProgram,
    PinEntryLock,
    StaffPin,
)
from app.modules.loyalty.rules import stamps
from app.modules.loyalty.services import card_queries, ledger
from app.modules.loyalty.services.card_queries import Question
from app.modules.loyalty.services.ledger import StaffPinChanged
from app.modules.loyalty.services.ledger_entries import Request
from app.modules.loyalty.types import CardState, Draft, EntryType
from tests.factories import NOW, Shop, make_card, make_pin, make_shop, post, staff_of
from tests.reads import card_now, count_of, entries_of, ledger_of

ADJUST = Draft(EntryType.STAMPS_ADJUSTED, stamps_delta=1)


def earn(state: CardState) -> list[Draft]:
    return [stamps.earn(state, quantity=1, now=NOW)]


def question(card: LoyaltyCard, key: str | None = None) -> Question:
    return Question(merchant_id=card.merchant_id, card_id=card.id, idempotency_key=key)


def read(db: Session, card: LoyaltyCard, key: str | None = None) -> CardState:
    with atomic(db):
        return card_queries.read_states(db.connection(), question(card, key), now=NOW)[0]


def change_program(db: Session, shop: Shop, **columns: object) -> None:
    with atomic(db):
        db.execute(
            update(LoyaltyProgram)
            .where(LoyaltyProgram.merchant_id == shop.merchant_id)
            .values(**columns, revision=LoyaltyProgram.revision + 1)
            .execution_options(synchronize_session=False)
        )


def test_given_a_stale_read_when_posting_then_it_decides_again_on_what_is_there_now(
    db: Session,
) -> None:
    # given
    card = make_card(db)
    stale = read(db, card)
    post(db, card, [ADJUST])
    seen: list[int] = []

    def decide(state: CardState) -> list[Draft]:
        seen.append(state.stamp_count)
        return earn(state)

    # when
    request = Request("add_stamp", (card.id,))
    posted = ledger.apply(db, question(card), request, decide, first=stale, now=NOW)
    # then
    assert seen == [0, 1]
    assert posted.facts["stamp_count"] == 2
    assert ledger_of(db, card) == [("stamps_adjusted", 1, 1), ("stamp_earned", 1, 2)]


def test_given_a_stamp_since_the_read_when_posting_then_the_cooldown_counts_it(
    db: Session,
) -> None:
    card = make_card(db)
    stale = read(db, card)
    request = Request("add_stamp", (card.id,))
    ledger.apply(db, question(card), request, earn, now=NOW)
    with pytest.raises(StampCooldown):
        ledger.apply(db, question(card), request, earn, first=stale, now=NOW)
    assert len(ledger_of(db, card)) == 1


def test_given_the_program_changes_while_deciding_then_the_decision_is_made_under_the_new_rules(
    db: Session, session_factory: sessionmaker[Session]
) -> None:
    shop = make_shop(db, cooldown_minutes=0)
    card = make_card(db, shop=shop)
    seen: list[int] = []

    def decide(state: CardState) -> list[Draft]:
        seen.append(state.program_cycle.target)
        if len(seen) == 1:
            with session_factory() as owner:
                change_program(owner, shop, stamps_target=8)
        return earn(state)

    ledger.apply(db, question(card), Request("add_stamp", (card.id,)), decide, now=NOW)
    assert seen == [10, 8]
    assert entries_of(db, card)[-1].program_revision == 2
    assert card_now(db, card).stamps_target == 8  # the card was empty


def test_given_the_card_moves_all_the_time_when_posting_then_it_gives_up(
    db: Session, session_factory: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "_ATTEMPTS", 3)
    card = make_card(db)

    def decide(_state: CardState) -> list[Draft]:
        with session_factory() as other:
            post(other, card, [ADJUST])
        return [ADJUST]

    with pytest.raises(Unavailable):
        ledger.apply(db, question(card), Request("adjust", (card.id,)), decide, now=NOW)
    assert ledger_of(db, card) == [("stamps_adjusted", 1, n) for n in (1, 2, 3)]


def test_given_the_caller_own_transaction_when_the_program_moved_then_one_try_and_no_more(
    db: Session,
) -> None:
    shop = make_shop(db)
    card = make_card(db, shop=shop)

    def decide(_state: CardState) -> list[Draft]:
        change_program(db, shop)
        return [ADJUST]

    asked, request = question(card), Request("adjust", (card.id,))
    db.expunge(card)  # the rollback would send the test back to the database for it
    with pytest.raises(ledger.Moved), atomic(db):
        ledger.post_within(db, asked, request, decide, now=NOW)
    assert ledger_of(db, card) == []


def _bump(pin: StaffPin) -> dict[str, object]:
    return {"version": pin.version + 1}


def _switch_off(_pin: StaffPin) -> dict[str, object]:
    return {"is_active": False}


def _delete(_pin: StaffPin) -> dict[str, object]:
    return {"deleted_at": NOW}


@pytest.mark.parametrize("change", [_bump, _switch_off, _delete])
def test_given_a_pin_that_changed_since_it_was_typed_when_posting_then_nothing_is_written(
    db: Session, change: Callable[[StaffPin], dict[str, object]]
) -> None:
    card = make_card(db)
    pin = make_pin(db, merchant_id=card.merchant_id)
    staff = staff_of(pin)
    with atomic(db):
        db.execute(
            update(StaffPin)
            .where(StaffPin.merchant_id == card.merchant_id, StaffPin.id == pin.id)
            .values(**change(pin))
            .execution_options(synchronize_session=False)
        )
    with pytest.raises(StaffPinChanged):
        ledger.apply(
            db, question(card), Request("add_stamp", (card.id,), staff=staff), earn, now=NOW
        )
    assert ledger_of(db, card) == []
    assert card_now(db, card).revision == 1


@pytest.mark.parametrize(("seconds", "stands"), [(1, False), (0, True), (-1, True)])
def test_given_a_lock_of_the_person_when_posting_then_the_pin_stands_from_its_end_on(
    db: Session, seconds: int, stands: bool
) -> None:
    card = make_card(db)
    pin = make_pin(db, merchant_id=card.merchant_id)
    with atomic(db):
        db.add(
            PinEntryLock(
                merchant_id=card.merchant_id,
                scope="person",
                subject_id=pin.id,
                failed_attempts=5,
                locked_until=NOW + timedelta(seconds=seconds),
            )
        )
    request = Request("add_stamp", (card.id,), staff=staff_of(pin))
    if stands:
        ledger.apply(db, question(card), request, earn, now=NOW)
        assert ledger_of(db, card) == [("stamp_earned", 1, 1)]
    else:
        with pytest.raises(StaffPinChanged):
            ledger.apply(db, question(card), request, earn, now=NOW)
        assert ledger_of(db, card) == []


def test_given_another_merchants_pin_when_posting_then_it_does_not_stand(db: Session) -> None:
    card = make_card(db)
    foreign = make_pin(db, merchant_id=make_card(db).merchant_id)
    request = Request("add_stamp", (card.id,), staff=staff_of(foreign))
    with pytest.raises(StaffPinChanged):
        ledger.apply(db, question(card), request, earn, now=NOW)
    assert ledger_of(db, card) == []


def test_given_a_twin_took_the_key_since_the_read_when_posting_then_its_answer_comes_back(
    db: Session,
) -> None:
    card = make_card(db)
    stale = read(db, card, "till-1")
    request = Request("add_stamp", (card.id,), idempotency_key="till-1")
    first = ledger.apply(db, question(card, "till-1"), request, earn, now=NOW)
    twin = ledger.apply(db, question(card, "till-1"), request, earn, first=stale, now=NOW)
    assert twin.replayed
    assert twin.facts == first.facts
    assert ledger_of(db, card) == [("stamp_earned", 1, 1)]


def test_given_another_card_took_the_key_since_the_read_when_posting_then_it_is_refused(
    db: Session,
) -> None:
    shop = make_shop(db)
    card, other = make_card(db, shop=shop), make_card(db, shop=shop)
    stale = read(db, card, "till-1")
    there = Request("add_stamp", (other.id,), idempotency_key="till-1")
    ledger.apply(db, question(other, "till-1"), there, earn, now=NOW)
    here = Request("add_stamp", (card.id,), idempotency_key="till-1")
    with pytest.raises(IdempotencyKeyReused):
        ledger.apply(db, question(card, "till-1"), here, earn, first=stale, now=NOW)
    assert ledger_of(db, card) == []
    assert card_now(db, card).revision == 1
    assert count_of(db, IdempotencyRecord, merchant_id=shop.merchant_id) == 1


def test_given_an_entry_that_was_voided_when_it_is_voided_again_then_the_database_refuses(
    db: Session,
) -> None:
    card = make_card(db, stamps=2)
    entry_id = entries_of(db, card)[-1].id
    void = Draft(EntryType.STAMP_VOIDED, stamps_delta=-2, voids_id=entry_id)
    post(db, card, [void])
    request = Request("void", (card.id,))
    with pytest.raises(IntegrityError):
        ledger.apply(db, question(card), request, lambda _state: [void], now=NOW)
    assert ledger_of(db, card) == [("stamps_adjusted", 2, 2), ("stamp_voided", -2, 0)]
