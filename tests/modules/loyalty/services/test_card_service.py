"""Joining a program: at the counter and from a poster."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.core.errors import RateLimited, ValidationFailed
from app.modules.customers.errors import CustomerNotFound
from app.modules.customers.models import Consent, Customer
from app.modules.loyalty.errors import (
    CardInactive,
    CardNotFound,
    CardReplaced,
    IdempotencyKeyReused,
    ProgramInactive,
    ProgramNotFound,
    QuotaExceeded,
    SelfEnrollmentDisabled,
)
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.rules.card_codes import check_digit_ok, is_qr_code
from app.modules.loyalty.services import card_lifecycle, card_merge, card_service
from app.modules.loyalty.services.ledger_entries import Actor
from app.modules.loyalty.types import ActorKind, Caller, Enrolment
from app.modules.tenancy.errors import MerchantSuspended, StoreNotFound
from tests.factories import (
    NOW,
    Shop,
    make_card,
    make_customer,
    make_merchant,
    make_settings,
    make_shop,
    make_store,
)
from tests.reads import count_of, entries_of, rows_of


def enroll(db: Session, shop: Shop, **changes: object) -> Enrolment:
    asked: dict[str, object] = {
        "store_id": shop.store.id,
        "caller": Caller(shop.merchant_id),
        "email": "Anna@Example.com",
        "now": NOW,
    }
    return card_service.enroll(db, **asked | changes)  # type: ignore[arg-type]


def join(db: Session, shop: Shop, **changes: object) -> Enrolment:
    asked: dict[str, object] = {
        "store_id": shop.store.id,
        "email": "anna@example.com",
        "locale": "fr",
        "now": NOW,
    }
    return card_service.enroll_self(db, **asked | changes)  # type: ignore[arg-type]


def test_given_a_known_customer_when_enrolled_then_the_card_is_usable_after_the_commit(
    db: Session,
) -> None:
    # given
    shop = make_shop(db, welcome_bonus_stamps=2)
    customer = make_customer(db, merchant_id=shop.merchant_id)
    # when
    card = card_service.enroll_customer(
        db, customer_id=customer.id, store_id=shop.store.id, now=NOW
    )
    # then
    assert check_digit_ok(card.card_number)
    assert is_qr_code(card.qr_code_data)
    assert (card.stamp_count, card.stamps_target) == (2, 10)
    assert [(e.type, e.stamps_after) for e in entries_of(db, card)] == [
        ("card_created", 0),
        ("welcome_bonus", 2),
    ]


def test_given_a_card_when_its_owner_is_enrolled_again_then_it_is_the_same_card(
    db: Session,
) -> None:
    shop = make_shop(db)
    first = enroll(db, shop)
    second = enroll(db, shop, email="anna@EXAMPLE.com ")
    assert (first["created"], second["created"]) == (True, False)
    assert first["card_id"] == second["card_id"]
    assert count_of(db, LoyaltyCard, merchant_id=shop.merchant_id) == 1


def test_given_one_number_in_many_spellings_when_enrolled_then_it_is_one_customer(
    db: Session,
) -> None:  # C52
    shop = make_shop(db)
    spellings = ("621 000 001", "+352 621 000 001", "00352621000001", "352621000001")
    cards = {enroll(db, shop, email=None, phone=text)["card_id"] for text in spellings}
    assert len(cards) == 1
    (customer,) = rows_of(db, Customer, merchant_id=shop.merchant_id)
    assert customer.phone == "+352621000001"


def test_given_a_lost_answer_when_enrolled_again_with_the_key_then_the_same_card(
    db: Session,
) -> None:
    shop = make_shop(db)
    first = enroll(db, shop, idempotency_key="till-1")
    again = enroll(db, shop, idempotency_key="till-1")
    assert again == {**first, "replayed": True}
    with pytest.raises(IdempotencyKeyReused):
        enroll(db, shop, idempotency_key="till-1", email="ben@example.com")
    assert count_of(db, Customer, merchant_id=shop.merchant_id) == 1


def test_given_a_card_that_was_merged_since_when_its_key_comes_again_then_staff_alone_get_the_other(
    db: Session,
) -> None:
    shop = make_shop(db)
    older = enroll(db, shop, email="zoe@example.com")
    fresh = enroll(db, shop, email="zoe.2@example.com", idempotency_key="till-1")
    person: dict[str, Any] = {"store_id": shop.store.id, "email": "zoe.3@example.com"}
    person |= {"locale": "en", "idempotency_key": "browser-1"}
    joined = card_service.enroll_self(db, **person, now=NOW)
    for card in (fresh, joined):
        card_merge.merge(
            db, merchant_id=shop.merchant_id, survivor_card_id=older["card_id"],
            other_card_id=card["card_id"], reason="same person",
            actor=Actor(ActorKind.USER), now=NOW,
        )  # fmt: skip
    again = enroll(db, shop, email="zoe.2@example.com", idempotency_key="till-1")
    assert (again["card_id"], again["replayed"]) == (older["card_id"], True)
    with pytest.raises(CardInactive):
        card_service.enroll_self(db, **person, now=NOW)


def test_given_a_card_that_was_lost_and_replaced_when_the_lost_browser_asks_again_then_no_new_codes(
    db: Session,
) -> None:
    shop = make_shop(db)
    person: dict[str, Any] = {"store_id": shop.store.id, "email": "zoe@example.com", "now": NOW}
    person |= {"locale": "en", "idempotency_key": "browser-1"}
    joined = card_service.enroll_self(db, **person)
    at_till = enroll(db, shop, email="ben@example.com", idempotency_key="till-1")
    manager = Caller(shop.merchant_id, is_manager=True)
    for card in (joined, at_till):
        card_lifecycle.replace_card(db, caller=manager, card_id=card["card_id"], now=NOW)
    with pytest.raises(CardReplaced):
        card_service.enroll_self(db, **person)
    again = enroll(db, shop, email="ben@example.com", idempotency_key="till-1")
    assert (again["card_id"], again["replayed"]) == (at_till["card_id"], True)
    assert again["qr_code_data"] != at_till["qr_code_data"]


def test_given_the_same_person_enrolled_at_once_when_it_races_then_one_card(
    db: Session, session_factory: sessionmaker[Session]
) -> None:
    # given
    shop = make_shop(db)
    cards: list[int] = []
    start = threading.Barrier(8)

    def at_a_till() -> None:
        start.wait()
        with session_factory() as own:
            cards.append(enroll(own, shop)["card_id"])

    # when
    threads = [threading.Thread(target=at_a_till) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # then
    assert len(cards) == 8
    assert len(set(cards)) == 1
    assert count_of(db, Customer, merchant_id=shop.merchant_id) == 1


@pytest.mark.parametrize(
    "contact",
    [
        {"email": None},
        {"email": ""},
        {"email": "abc"},
        {"email": None, "phone": "abc"},
        {"email": None, "phone": "+49 030 123456"},
        {"first_name": "A" * 101},
    ],
)
def test_given_contacts_that_make_no_sense_when_enrolled_then_refused_and_nobody_is_made(
    db: Session, contact: dict[str, object]
) -> None:
    shop = make_shop(db)
    for enrol in (enroll, join):
        with pytest.raises(ValidationFailed):
            enrol(db, shop, **contact)
    assert count_of(db, Customer, merchant_id=shop.merchant_id) == 0


def test_given_a_stranger_with_a_members_address_when_joining_then_a_fresh_card_tells_nothing(
    db: Session,
) -> None:  # C63
    # given
    shop = make_shop(db, welcome_bonus_stamps=2)
    member = enroll(db, shop)
    # when
    stranger = join(db, shop)
    # then
    assert stranger["created"]
    assert stranger["card_id"] != member["card_id"]
    assert stranger["customer_id"] != member["customer_id"]
    customers = rows_of(db, Customer, merchant_id=shop.merchant_id)
    assert [(c.email, c.email_pending) for c in customers] == [
        ("anna@example.com", False),
        ("anna@example.com", True),
    ]
    cards = rows_of(db, LoyaltyCard, merchant_id=shop.merchant_id)
    assert [(c.stamp_count, c.welcome_bonus_due) for c in cards] == [(2, 0), (0, 2)]


def test_given_a_pending_address_when_its_owner_is_enrolled_then_the_pending_card_is_not_theirs(
    db: Session,
) -> None:
    shop = make_shop(db)
    pending = join(db, shop)
    assert enroll(db, shop)["card_id"] != pending["card_id"]


def test_given_a_yes_to_marketing_when_joining_then_its_proof_is_kept(db: Session) -> None:
    shop = make_shop(db)
    joined = join(db, shop, marketing_consent=True, ip_address="192.0.2.1")
    join(db, shop)
    (consent,) = rows_of(db, Consent, merchant_id=shop.merchant_id)
    assert (consent.customer_id, consent.granted) == (joined["customer_id"], True)
    assert (consent.channel, consent.locale, consent.at) == ("storefront", "fr", NOW)
    assert consent.text_version


def test_given_no_self_enrolment_when_joining_then_refused_but_staff_may(db: Session) -> None:
    shop = make_shop(db)
    make_settings(db, merchant_id=shop.merchant_id, allow_self_enrollment=False)
    with pytest.raises(SelfEnrollmentDisabled):
        join(db, shop)
    assert enroll(db, shop)["created"]


def test_given_a_flood_from_a_sofa_when_the_hour_is_full_then_it_stops_and_staff_go_on(
    db: Session,
) -> None:
    shop = make_shop(db)
    for n in range(50):
        join(db, shop, email=f"p{n}@example.com")
    with pytest.raises(RateLimited):
        join(db, shop, email="p50@example.com")
    assert enroll(db, shop)["created"]
    assert join(db, shop, now=NOW + timedelta(hours=1))["created"]


def test_given_a_full_plan_when_somebody_new_comes_then_refused_and_members_stay(
    db: Session,
) -> None:
    shop = make_shop(db)
    make_settings(db, merchant_id=shop.merchant_id, max_cards=1)
    first = enroll(db, shop)
    with pytest.raises(QuotaExceeded) as refusal:
        enroll(db, shop, email="ben@example.com")
    assert refusal.value.params == {"quota": "max_cards", "limit": 1}
    assert enroll(db, shop)["card_id"] == first["card_id"]
    assert count_of(db, Customer, merchant_id=shop.merchant_id) == 1


def test_given_no_program_or_a_closed_one_when_enrolled_then_the_reason_is_named(
    db: Session,
) -> None:
    closed = make_shop(db, is_active=False)
    with pytest.raises(ProgramInactive):
        enroll(db, closed)
    merchant = make_merchant(db)
    store = make_store(db, merchant_id=merchant.id)
    with pytest.raises(ProgramNotFound):
        card_service.enroll(db, store_id=store.id, email="a@example.com")
    suspended = make_shop(db, merchant=make_merchant(db, status="suspended"))
    for enrol in (enroll, join):
        with pytest.raises(MerchantSuspended):
            enrol(db, suspended)


def test_given_another_merchants_store_or_customer_when_enrolled_then_they_do_not_exist(
    db: Session,
) -> None:
    shop, other = make_shop(db), make_shop(db)
    theirs = make_customer(db, merchant_id=other.merchant_id)
    with pytest.raises(StoreNotFound):
        enroll(db, shop, store_id=other.store.id)
    with pytest.raises(CustomerNotFound):
        enroll(db, shop, customer_id=theirs.id, email=None)


def test_given_a_card_of_another_merchant_when_its_codes_are_looked_up_then_not_found(
    db: Session,
) -> None:
    shop, other = make_shop(db), make_shop(db)
    card = make_card(db, shop=other)
    for text in (card.card_number, card.qr_code_data):
        with pytest.raises(CardNotFound):
            card_service.find_card_id(db, merchant_id=shop.merchant_id, text=text)
        assert card_service.find_card_id(db, merchant_id=other.merchant_id, text=text) == card.id


def test_given_scanners_habits_when_a_card_is_looked_up_then_the_right_one_is_found(
    db: Session,
) -> None:  # C44
    # given
    shop = make_shop(db)
    card = make_card(db, shop=shop)
    with_zero = make_card(db, shop=shop, card_number="012345678905")
    lettered = make_card(db, shop=shop, card_number="A1B2C3")
    number = card.card_number

    def found(text: str) -> int:
        return card_service.find_card_id(db, merchant_id=shop.merchant_id, text=text)

    # when, then
    spaced = f" {number[:4]} {number[4:8]} {number[8:]} "
    for text in (f"0{number}", f"{number}\r\n", f"{number}\t", f"]Q1{number}", spaced):
        assert found(text) == card.id
    assert found("12345678905") == with_zero.id
    assert found("a1B2c3") == lettered.id
    exact = make_card(db, shop=shop, card_number="12345678905")
    assert found("12345678905") == exact.id
    for rubbish in ("", "\0", "x" * 10_000, "🍰", "' OR 1=1 --"):
        with pytest.raises(CardNotFound):
            found(rubbish)
