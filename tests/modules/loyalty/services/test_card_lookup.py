"""Finding one card by whatever a customer can tell or show."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.core.errors import ValidationFailed
from app.modules.loyalty.errors import CardNotFound
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.services import card_lists
from app.modules.loyalty.types import Draft, EntryType
from tests import factories
from tests.factories import NOW, Shop


def make_member(db: Session, shop: Shop, **person: Any) -> LoyaltyCard:
    customer = factories.make_customer(db, merchant_id=shop.merchant_id, **person)
    return factories.make_card(db, shop=shop, customer_id=customer.id)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("qr_code", "{qr}"), ("qr_code", "{lower_qr}\r\n"), ("card_number", " {spaced} "),
        ("query", "{number}"), ("query", "]Q1{number}"), ("query", "{qr}"),
        ("email", " Zoe@Example.com "), ("query", "ZOE@example.com"),
        ("phone", "621 000 001"), ("query", "+352 621 000 001"), ("query", "621000001"),
    ],
)  # fmt: skip
def test_given_a_card_when_looked_up_by_anything_then_found(
    db: Session, field: str, text: str
) -> None:
    shop = factories.make_shop(db)
    card = make_member(db, shop, email="zoe@example.com", phone="+352621000001")
    make_member(db, shop)
    number, code = card.card_number, card.qr_code_data
    spaced = f"{number[:4]}-{number[4:8]} {number[8:]}"
    said = text.format(qr=code, lower_qr=code.lower(), number=number, spaced=spaced)
    ways: dict[str, Any] = {field: said}
    found = card_lists.lookup(db, merchant_id=shop.merchant_id, **ways)
    assert (found["card_id"], found["customer"]["email"]) == (card.id, "zoe@example.com")


@pytest.mark.parametrize(
    ("field", "text", "mistyped"),
    [
        ("query", "123456789012", True), ("query", "nobody@example.com", False),
        ("query", "???", False), ("query", "привет", True), ("query", "a@b@c", False),
        ("phone", "621 000 009", False),
        ("query", "691 000 009", False),
    ],
)  # fmt: skip
def test_given_no_card_that_fits_when_looked_up_then_not_found_and_maybe_mistyped(
    db: Session, field: str, text: str, mistyped: bool
) -> None:
    shop = factories.make_shop(db)
    make_member(db, shop)
    ways: dict[str, Any] = {field: text}
    with pytest.raises(CardNotFound) as refused:
        card_lists.lookup(db, merchant_id=shop.merchant_id, **ways)
    assert refused.value.params == {"mistyped": mistyped}


def test_given_a_malformed_address_when_asked_for_as_such_then_a_field_error(db: Session) -> None:
    shop = factories.make_shop(db)
    with pytest.raises(ValidationFailed) as refused:
        card_lists.lookup(db, merchant_id=shop.merchant_id, email="nobody")
    assert [fault.code for fault in refused.value.errors] == ["email_invalid"]


def test_given_unproved_claims_on_an_address_when_looked_up_then_the_proved_one_is_meant(
    db: Session,
) -> None:
    shop = factories.make_shop(db)
    make_member(db, shop, email="zoe@example.com", email_pending=True)
    proved = make_member(db, shop, email="zoe@example.com")
    make_member(db, shop, email="zoe@example.com", email_pending=True)
    found = card_lists.lookup(db, merchant_id=shop.merchant_id, email="zoe@example.com")
    assert found["card_id"] == proved.id


def test_given_only_unproved_claims_when_looked_up_then_one_is_found_and_two_are_nobodys(
    db: Session,
) -> None:
    shop = factories.make_shop(db)
    only = make_member(db, shop, email="zoe@example.com", email_pending=True)
    found = card_lists.lookup(db, merchant_id=shop.merchant_id, email="zoe@example.com")
    assert (found["card_id"], found["customer"]["contact_pending"]) == (only.id, True)
    make_member(db, shop, email="zoe@example.com", email_pending=True)
    with pytest.raises(CardNotFound):
        card_lists.lookup(db, merchant_id=shop.merchant_id, email="zoe@example.com")


def test_given_stamps_of_today_when_a_card_is_read_then_it_says_what_is_left_and_when(
    db: Session,
) -> None:
    shop = factories.make_shop(db, cooldown_minutes=15, max_daily_stamps=5, stamps_target=10)
    card = make_member(db, shop)
    given = Draft(EntryType.STAMP_EARNED, 3, sets_last_stamp=True, last_stamp_at=NOW)
    factories.post(db, card, [given])
    shown = card_lists.get_card(
        db, merchant_id=shop.merchant_id, card_id=card.id, now=NOW + timedelta(minutes=14)
    )
    assert (shown["stamp_count"], shown["stamps_until_reward"]) == (3, 7)
    assert shown["stamps_remaining_today"] == 2
    assert shown["next_stamp_available_at"] == NOW + timedelta(minutes=15)
    later = card_lists.get_card(
        db, merchant_id=shop.merchant_id, card_id=card.id, now=NOW + timedelta(minutes=15)
    )
    assert later["next_stamp_available_at"] is None


def test_given_a_customer_when_their_card_is_read_then_its_version_follows_every_change(
    db: Session,
) -> None:
    shop = factories.make_shop(db, cooldown_minutes=15)
    card = make_member(db, shop)
    who = {"merchant_id": shop.merchant_id, "customer_id": card.customer_id}
    first = card_lists.customer_card_version(db, **who, now=NOW)
    assert card_lists.customer_card_version(db, **who, now=NOW + timedelta(minutes=1)) == first
    stamped = Draft(EntryType.STAMP_EARNED, 1, sets_last_stamp=True, last_stamp_at=NOW)
    factories.post(db, card, [stamped])
    second = card_lists.customer_card_version(db, **who, now=NOW)
    third = card_lists.customer_card_version(db, **who, now=NOW + timedelta(minutes=15))
    next_day = card_lists.customer_card_version(db, **who, now=NOW + timedelta(days=1))
    assert len({first, second, third, next_day}) == 4
    assert card_lists.customer_card(db, **who, now=NOW)["program"]["card_name"] == "Stamp card"


def test_given_nobody_when_their_card_is_read_then_not_found(db: Session) -> None:
    shop, other = factories.make_shop(db), factories.make_shop(db)
    foreign = make_member(db, other)
    for read in (card_lists.customer_card, card_lists.customer_card_version):
        with pytest.raises(CardNotFound):
            read(db, merchant_id=shop.merchant_id, customer_id=foreign.customer_id)
