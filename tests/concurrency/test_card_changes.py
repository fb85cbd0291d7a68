"""Cards are merged, replaced and erased while others work on them: nothing is lost or doubled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from app.core.errors import AppError
from app.modules.loyalty.errors import CardInactive, CardReplaced
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.schemas.program import ProgramUpdate
from app.modules.loyalty.services import (
    card_lifecycle,
    card_merge,
    ledger_verify,
    privacy_service,
    program_service,
    stamp_service,
)
from app.modules.loyalty.services.ledger_entries import Actor
from app.modules.loyalty.types import ActorKind, Caller
from tests.concurrency.together import Crowd, Work
from tests.factories import NOW, Shop, make_card, make_customer, make_shop
from tests.reads import card_now, entries_of

ROUNDS = 5
STAMPING = 8
MANAGER = Actor(ActorKind.USER, 7)


def make_open_shop(db: Session) -> Shop:
    """Neither PIN nor limits: what is proved here is that each answer counts once."""
    return make_shop(db, require_staff_pin=False, cooldown_minutes=0, max_daily_stamps=100)


def stamp(card: LoyaltyCard, *, by_code: bool = False) -> Work:
    named: dict[str, Any] = {"qr_code": card.qr_code_data} if by_code else {"card_id": card.id}
    caller = Caller(card.merchant_id)
    return lambda db: dict(stamp_service.add_stamp(db, **named, caller=caller, now=NOW))


def merge(survivor: LoyaltyCard, other: LoyaltyCard, key: str | None = None) -> Work:
    return lambda db: dict(
        card_merge.merge(
            db,
            merchant_id=survivor.merchant_id,
            survivor_card_id=survivor.id,
            other_card_id=other.id,
            reason="Same person",
            actor=MANAGER,
            idempotency_key=key,
            now=NOW,
        )
    )


def erase(card: LoyaltyCard) -> Work:
    return lambda db: dict(
        privacy_service.erase(
            db, merchant_id=card.merchant_id, customer_id=card.customer_id, actor=MANAGER, now=NOW
        ),
        replayed=False,
    )


def check(db: Session, shop: Shop) -> None:
    assert list(ledger_verify.verify(db, merchant_id=shop.merchant_id)) == []


def given(answers: list[dict[str, Any]]) -> int:
    """How many stamps somebody was told about."""
    return sum(answer.get("type") == "stamp_earned" for answer in answers)


def only(refusals: list[AppError], *kinds: type[AppError]) -> bool:
    return {type(refusal) for refusal in refusals} <= set(kinds)


def test_given_eight_who_stamp_both_cards_when_merged_then_every_stamp_is_on_the_survivor(
    db: Session, crowd: Crowd
) -> None:
    shop = make_open_shop(db)
    for n in range(ROUNDS):
        survivor, other = make_card(db, shop=shop, stamps=2), make_card(db, shop=shop, stamps=3)
        pair = (survivor, other) if n % 2 else (other, survivor)
        db.expunge_all()
        works = [stamp(card, by_code=True) for card in pair * (STAMPING // 2)]
        works.insert(4, merge(survivor, other))
        # when
        outcomes = crowd.do(works)
        # then
        assert only(outcomes.refusals, CardInactive)  # found before it was merged: scan again
        assert card_now(db, survivor).stamp_count == 5 + given(outcomes.answers)
        assert given(outcomes.answers) == STAMPING - len(outcomes.refusals)
        assert card_now(db, other).stamp_count == 0
    check(db, shop)


def test_given_two_who_merge_the_same_cards_both_ways_when_at_once_then_one_of_them_does(
    db: Session, crowd: Crowd
) -> None:
    shop = make_open_shop(db)
    for _ in range(ROUNDS):
        one, two = make_card(db, shop=shop, stamps=2), make_card(db, shop=shop, stamps=3)
        db.expunge_all()
        outcomes = crowd.do([merge(one, two), merge(two, one)] * 3)
        assert len(outcomes.answers) == 1
        assert only(outcomes.refusals, CardInactive)
        kept = [card for card in (one, two) if card_now(db, card).status == "active"]
        assert [card_now(db, card).stamp_count for card in kept] == [5]
    check(db, shop)


def test_given_one_key_when_a_merge_is_sent_six_times_at_once_then_one_merge_and_one_answer(
    db: Session, crowd: Crowd
) -> None:
    shop = make_open_shop(db)
    one, two = make_card(db, shop=shop, stamps=2), make_card(db, shop=shop, stamps=3)
    db.expunge_all()
    outcomes = crowd.do([merge(one, two, "tap-1")] * 6)
    assert outcomes.refusals == []
    assert len(outcomes.written) == 1
    assert {answer["transaction_id"] for answer in outcomes.answers} == {
        outcomes.written[0]["transaction_id"]
    }
    assert [entry.type for entry in entries_of(db, one)].count("cards_merged") == 1


def test_given_a_chain_of_cards_when_all_are_merged_at_once_then_nothing_is_lost(
    db: Session, crowd: Crowd
) -> None:
    """Into each other, whichever comes first: who went before is found again by its codes."""
    shop = make_open_shop(db)
    cards = [make_card(db, shop=shop, stamps=n) for n in (1, 2, 3, 4)]
    db.expunge_all()
    outcomes = crowd.do([merge(one, two) for one in cards for two in cards if one is not two])
    assert only(outcomes.refusals, CardInactive)
    now = [card_now(db, card) for card in cards]
    (living,) = [card for card in now if card.status == "active"]
    assert living.stamp_count == 10
    assert {card.merged_into_id for card in now if card is not living} == {living.id}
    check(db, shop)


def test_given_a_new_target_when_cards_are_merged_at_once_then_both_go_through(
    db: Session, crowd: Crowd
) -> None:
    shop = make_open_shop(db)
    for n in range(ROUNDS):
        survivor, other = make_card(db, shop=shop, stamps=2), make_card(db, shop=shop, stamps=3)
        db.expunge_all()
        change = _new_target(shop, 9 - n)
        outcomes = crowd.do([merge(other, survivor), change, stamp(other), change])
        assert outcomes.refusals == []
        kept = card_now(db, other)
        assert (kept.stamp_count, kept.stamps_target) == (6, 9 - n)
    check(db, shop)


def _new_target(shop: Shop, target: int) -> Callable[[Session], dict[str, Any]]:
    def work(db: Session) -> dict[str, Any]:
        program_service.update_program(
            db, merchant_id=shop.merchant_id, data=ProgramUpdate(stamps_target=target), now=NOW
        )
        return {"replayed": False}

    return work


def test_c62_given_eight_who_stamp_when_the_person_is_erased_then_stamped_before_or_refused(
    db: Session, crowd: Crowd
) -> None:
    shop = make_open_shop(db)
    for _ in range(ROUNDS):
        customer_id = make_customer(db, merchant_id=shop.merchant_id).id
        card = make_card(db, shop=shop, customer_id=customer_id)
        db.expunge_all()
        works = [stamp(card)] * STAMPING
        works[4:4] = [erase(card), erase(card)]
        outcomes = crowd.do(works)
        assert only(outcomes.refusals, CardInactive)
        erasures = [answer for answer in outcomes.answers if "already" in answer]
        assert sorted(answer["already"] for answer in erasures) == [False, True]
        stored = card_now(db, card)
        assert (stored.status, stored.stamp_count) == ("erased", given(outcomes.answers))
        assert entries_of(db, card)[-1].type == "customer_erased"
    check(db, shop)


def test_given_a_person_who_is_erased_when_their_cards_are_merged_at_once_then_one_came_first(
    db: Session, crowd: Crowd
) -> None:
    shop = make_open_shop(db)
    for _ in range(ROUNDS):
        survivor, other = make_card(db, shop=shop, stamps=2), make_card(db, shop=shop, stamps=3)
        db.expunge_all()
        outcomes = crowd.do([merge(survivor, other), erase(other)])
        assert only(outcomes.refusals, CardInactive)
        states = (card_now(db, survivor).status, card_now(db, other).status)
        assert states in [("erased", "merged"), ("active", "erased")]
    check(db, shop)


def test_given_eight_who_stamp_by_the_code_when_it_is_replaced_then_counted_or_told_so(
    db: Session, crowd: Crowd
) -> None:
    shop = make_open_shop(db)
    caller = Caller(shop.merchant_id, kind=ActorKind.USER, actor_id=7, is_manager=True)
    for n in range(ROUNDS):
        card = make_card(db, shop=shop)
        db.expunge_all()

        def replace(db: Session, card_id: int = card.id, key: str = f"new-{n}") -> dict[str, Any]:
            now = NOW + timedelta(seconds=1)
            seen = card_lifecycle.replace_card(
                db, caller=caller, card_id=card_id, reason="Lost", idempotency_key=key, now=now
            )
            return {"card_number": seen["card_number"], "replayed": False}

        works: list[Work] = [stamp(card, by_code=True)] * STAMPING
        works[3:3] = [replace, replace]
        outcomes = crowd.do(works)
        assert only(outcomes.refusals, CardReplaced)
        stored = card_now(db, card)
        assert stored.stamp_count == given(outcomes.answers)
        assert [entry.type for entry in entries_of(db, card)].count("card_replaced") == 1
        numbers = {answer["card_number"] for answer in outcomes.answers if "type" not in answer}
        assert numbers == {stored.card_number}
    check(db, shop)
