"""The only writer of balances: what one posting writes, and what a repeated one answers."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.db import TransactionOpen, atomic
from app.modules.loyalty.config import ledger_keys
from app.modules.loyalty.errors import CardNotFound, IdempotencyKeyReused, StampCooldown
from app.modules.loyalty.models import (
    IdempotencyRecord,
    LoyaltyCard,
    LoyaltyTransaction,
    TransactionDetail,
    WalletPass,
)
from app.modules.loyalty.rules import chain, stamps
from app.modules.loyalty.services import ledger
from app.modules.loyalty.services.card_queries import Question
from app.modules.loyalty.services.ledger import Decide, Posted
from app.modules.loyalty.services.ledger_entries import Actor, Request
from app.modules.loyalty.types import ActorKind, CardState, Draft, EntryType
from app.modules.tenancy.models import Merchant
from tests.factories import NOW, make_card, make_pass, make_shop, make_terminal, post
from tests.reads import card_now, count_of, entries_of, ledger_of, rows_of

EARN = Draft(EntryType.STAMP_EARNED, stamps_delta=1, sets_last_stamp=True, last_stamp_at=NOW)
IMPOSSIBLE = Draft(EntryType.STAMP_EARNED)  # an entry of that type has to change something


def earn(state: CardState) -> list[Draft]:
    return [stamps.earn(state, quantity=1, now=NOW)]


def question(card: LoyaltyCard, key: str | None = None) -> Question:
    return Question(merchant_id=card.merchant_id, card_id=card.id, idempotency_key=key)


def apply(
    db: Session, card: LoyaltyCard, decide: Decide = earn, *, key: str | None = None, body: int = 1
) -> Posted:
    request = Request("add_stamp", (card.id, body), idempotency_key=key)
    return ledger.apply(db, question(card, key), request, decide, now=NOW)


def test_given_a_card_when_a_stamp_is_posted_then_card_and_ledger_say_so(db: Session) -> None:
    # given
    card = make_card(db, stamps=9)
    # when
    posted = apply(db, card)
    # then
    stored = card_now(db, card)
    assert ledger_of(db, card) == [("stamps_adjusted", 9, 9), ("stamp_earned", 1, 10)]
    assert (stored.stamp_count, stored.last_sequence, stored.revision) == (10, 3, 2)
    assert (stored.total_stamps_earned, stored.last_stamp_at) == (1, NOW)
    assert (posted.replayed, posted.facts["stamp_count"]) == (False, 10)
    assert (posted.facts["reward_earned"], posted.facts["rewards_available"]) == (True, 1)
    assert posted.facts["transaction_id"] == entries_of(db, card)[-1].id


def test_given_a_posting_when_it_is_stored_then_the_entry_tells_where_when_and_by_whom(
    db: Session,
) -> None:
    shop = make_shop(db)
    card = make_card(db, shop=shop)
    terminal = make_terminal(db, merchant_id=shop.merchant_id, store_id=shop.store.id)
    request = Request(
        "add_stamp",
        (card.id,),
        actor=Actor(ActorKind.USER, 7),
        terminal_id=terminal.id,
        ip_address="192.0.2.1",
        user_agent="Till/1",
        notes="two cups",
        request_id="req-1",
    )
    ledger.apply(db, question(card), request, earn, now=NOW)
    entry = entries_of(db, card)[-1]
    assert (entry.store_id, entry.terminal_id) == (shop.store.id, terminal.id)
    assert (entry.actor_kind, entry.actor_id, entry.request_id) == ("user", 7, "req-1")
    assert (entry.occurred_at, entry.recorded_at) == (NOW, NOW)
    assert entry.business_day == date(2026, 3, 10)
    assert (entry.stamps_target, entry.reward_description) == (10, "A coffee")
    assert entry.program_revision == shop.program.revision
    detail = rows_of(db, TransactionDetail, merchant_id=shop.merchant_id)[-1]
    assert detail.transaction_id == entry.id
    assert (detail.ip_address, detail.user_agent, detail.notes) == (
        "192.0.2.1", "Till/1", "two cups",
    )  # fmt: skip


def test_given_postings_when_the_chain_is_recomputed_then_every_hash_is_the_stored_one(
    db: Session,
) -> None:
    card = make_card(db, stamps=3)
    apply(db, card)
    key = ledger_keys().derive("ledger")
    expected = [chain.genesis_hash(key, card_uid=card.uid)]
    for entry in entries_of(db, card):
        fields = {name: getattr(entry, name) for name in chain.CHAINED_FIELDS}
        expected.append(chain.entry_hash(key, previous=expected[-1], entry=fields))
    assert [entry.hash for entry in entries_of(db, card)] == expected[1:]
    assert card_now(db, card).head_hash == expected[-1]


def test_given_two_drafts_when_posted_then_they_follow_each_other_and_the_last_is_the_answer(
    db: Session,
) -> None:
    card = make_card(db)
    bonus = Draft(EntryType.WELCOME_BONUS, stamps_delta=2)
    posted = apply(db, card, lambda _state: [bonus, EARN], key="till-1")
    assert ledger_of(db, card) == [("welcome_bonus", 2, 2), ("stamp_earned", 1, 3)]
    first, second = entries_of(db, card)[1:]
    assert first.id < second.id
    assert posted.facts["transaction_id"] == second.id
    assert apply(db, card, key="till-1").facts == posted.facts
    assert count_of(db, TransactionDetail, merchant_id=card.merchant_id) == 3


def test_given_a_used_key_when_the_same_request_comes_again_then_the_first_answer_and_no_entry(
    db: Session,
) -> None:
    # given
    card = make_card(db)
    first = apply(db, card, key="till-7-0001")
    # when: inside the cooldown, which would refuse a second stamp
    retry = apply(db, card, key="till-7-0001")
    # then
    assert (first.replayed, retry.replayed) == (False, True)
    assert retry.facts == first.facts
    assert ledger_of(db, card) == [("stamp_earned", 1, 1)]
    with pytest.raises(StampCooldown):
        apply(db, card, key="till-7-0002")


def test_given_a_used_key_when_another_request_uses_it_then_it_is_refused(db: Session) -> None:
    shop = make_shop(db)
    card, other = make_card(db, shop=shop), make_card(db, shop=shop)
    apply(db, card, key="till-7-0001")
    with pytest.raises(IdempotencyKeyReused):
        apply(db, card, key="till-7-0001", body=2)
    with pytest.raises(IdempotencyKeyReused):
        apply(db, other, key="till-7-0001")
    assert (len(ledger_of(db, card)), ledger_of(db, other)) == (1, [])


def test_given_another_merchants_key_when_it_is_used_here_then_it_means_nothing(
    db: Session,
) -> None:
    card, elsewhere = make_card(db), make_card(db)
    apply(db, elsewhere, key="till-7-0001")
    assert apply(db, card, key="till-7-0001").replayed is False
    assert ledger_of(db, card) == [("stamp_earned", 1, 1)]


def test_given_a_refusal_when_it_is_raised_then_nothing_is_stored_not_even_the_key(
    db: Session,
) -> None:
    card = make_card(db)
    apply(db, card)
    with pytest.raises(StampCooldown):
        apply(db, card, key="till-7-0001")
    assert len(ledger_of(db, card)) == 1
    assert count_of(db, IdempotencyRecord, merchant_id=card.merchant_id) == 0


def test_given_drafts_of_which_one_fails_when_posted_then_none_is_stored(db: Session) -> None:
    card = make_card(db)
    make_pass(db, card=card)
    before = card_now(db, card)
    with pytest.raises(IntegrityError):
        apply(db, card, lambda _state: [EARN, IMPOSSIBLE], key="till-1")
    after = card_now(db, card)
    assert ledger_of(db, card) == []
    assert (after.stamp_count, after.revision, after.head_hash) == (0, 1, before.head_hash)
    assert count_of(db, IdempotencyRecord, merchant_id=card.merchant_id) == 0
    assert rows_of(db, WalletPass, merchant_id=card.merchant_id)[0].target_revision == 1
    # and the next one is none the worse for it
    assert apply(db, card).facts["stamp_count"] == 1


def test_given_passes_when_their_card_changes_then_only_they_become_stale(db: Session) -> None:
    shop = make_shop(db)
    card, other = make_card(db, shop=shop), make_card(db, shop=shop)
    for provider in ("google", "apple"):
        make_pass(db, card=card, provider=provider)
    make_pass(db, card=other)
    apply(db, card)
    passes = rows_of(db, WalletPass, merchant_id=shop.merchant_id)
    revisions = [(row.card_id, row.synced_revision, row.target_revision) for row in passes]
    assert revisions == [(card.id, 1, 2), (card.id, 1, 2), (other.id, 1, 1)]


def test_given_another_merchants_card_when_it_is_named_then_it_does_not_exist(db: Session) -> None:
    card, other = make_card(db), make_card(db)
    foreign = Question(merchant_id=other.merchant_id, card_id=card.id)
    with pytest.raises(CardNotFound):
        ledger.apply(db, foreign, Request("add_stamp", (1,)), earn, now=NOW)
    assert ledger_of(db, card) == []


def test_given_a_card_object_in_the_session_when_a_stamp_is_posted_then_it_is_up_to_date(
    db: Session,
) -> None:
    card = make_card(db)
    apply(db, card)
    stored = card_now(db, card)
    assert (card.stamp_count, card.revision, card.head_hash) == (1, 2, stored.head_hash)
    assert not db.dirty


def test_given_uncommitted_writes_when_a_stamp_is_posted_then_the_mistake_shows_at_once(
    db: Session,
) -> None:
    card = make_card(db)
    db.expunge(card)
    db.add(Merchant(name="Half done", created_at=NOW))
    for flush in (False, True):
        if flush:
            db.flush()
        with pytest.raises(TransactionOpen):
            apply(db, card)
    db.rollback()
    assert apply(db, card).facts["stamp_count"] == 1


def test_given_a_transaction_of_the_caller_when_it_fails_later_then_the_posting_goes_with_it(
    db: Session,
) -> None:
    card = make_card(db)
    db.expunge(card)

    def post_and_fail() -> None:
        with atomic(db):
            post(db, card, [EARN])
            raise RuntimeError("afterwards")

    with pytest.raises(RuntimeError, match="afterwards"):
        post_and_fail()
    assert ledger_of(db, card) == []
    assert card_now(db, card).revision == 1


def test_given_a_transaction_of_the_caller_when_a_key_was_used_then_the_first_answer_comes_back(
    db: Session,
) -> None:
    card = make_card(db)
    first = apply(db, card, key="till-1")
    with atomic(db):
        request = Request("add_stamp", (card.id, 1), idempotency_key="till-1")
        again = ledger.post_within(db, question(card, "till-1"), request, earn, now=NOW)
    assert again is not None
    assert again.replayed
    assert again.facts == first.facts


def test_given_no_business_reason_when_the_clock_moves_on_then_the_day_of_the_entry_follows(
    db: Session,
) -> None:
    card = make_card(db)
    night = NOW + timedelta(hours=14)  # 23:00 UTC is the next day in Luxembourg
    request = Request("add_stamp", (card.id,))
    ledger.apply(db, question(card), request, lambda _state: [EARN], now=night)
    entry = entries_of(db, card)[-1]
    assert (entry.business_day, entry.occurred_at) == (date(2026, 3, 11), night)
    assert count_of(db, LoyaltyTransaction, merchant_id=card.merchant_id) == 2
