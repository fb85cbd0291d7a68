"""Two cards become one: what one person takes over from the other."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.core.db import atomic
from app.core.mail import outbox
from app.core.mail.models import OutboxEmail
from app.modules.customers.models import Consent, Customer
from app.modules.customers.services import customer_service
from app.modules.loyalty.models import LoyaltyCard, StaffPin
from app.modules.loyalty.services import card_merge
from app.modules.loyalty.services.ledger_entries import Actor
from app.modules.loyalty.types import ActorKind
from app.modules.tenancy.services import auth_service, principal_service
from tests.factories import NOW, Shop, make_card, make_customer, make_pin, make_shop
from tests.reads import card_now, rows_of


@pytest.fixture
def shop(db: Session) -> Shop:
    return make_shop(db)


def merge(db: Session, survivor: LoyaltyCard, other: LoyaltyCard, **more: Any) -> None:
    defaults: dict[str, Any] = {"actor": Actor(ActorKind.USER, 7), "now": NOW}
    card_merge.merge(
        db, merchant_id=survivor.merchant_id, survivor_card_id=survivor.id,
        other_card_id=other.id, reason="Same person", **defaults | more,
    )  # fmt: skip


def customer_of(db: Session, card: LoyaltyCard) -> Customer:
    rows: list[Customer] = rows_of(db, Customer, merchant_id=card.merchant_id)
    return next(row for row in rows if row.id == card.customer_id)


def test_given_two_people_when_merged_then_missing_facts_and_proofs_are_taken_over(
    db: Session, shop: Shop
) -> None:
    fresh = make_customer(
        db, merchant_id=shop.merchant_id, first_name="Zoe", last_name="", email="zoe@example.com",
        email_pending=True, locale=None,
    )  # fmt: skip
    known = make_customer(
        db, merchant_id=shop.merchant_id, first_name="Zoé", last_name="Muller",
        email="muller@example.com", phone="+352621000001", locale="fr",
    )  # fmt: skip
    survivor = make_card(db, shop=shop, customer_id=fresh.id)
    other = make_card(db, shop=shop, customer_id=known.id)
    token = auth_service.issue_customer_token(
        db, merchant_id=shop.merchant_id, customer_id=known.id, now=NOW
    )
    # when
    merge(db, survivor, other)
    # then
    person, nobody = customer_of(db, survivor), customer_of(db, other)
    assert (person.first_name, person.last_name, person.locale) == ("Zoe", "Muller", "fr")
    assert (person.email, person.email_pending) == ("muller@example.com", False)
    assert (person.phone, person.phone_pending) == ("+352621000001", False)
    assert person.search_text == "zoe muller muller@example.com +352621000001"
    assert (nobody.full_name, nobody.email, nobody.phone, nobody.search_text) == (
        "",
        None,
        None,
        "",
    )
    assert nobody.erased_at == NOW
    assert principal_service.principal_of(db, token=token, now=NOW) is None


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [(True, True, True), (True, None, False), (True, False, False), (None, True, False)],
)
def test_given_consents_when_merged_then_the_weaker_wins(
    db: Session, shop: Shop, mine: bool | None, theirs: bool | None, expected: bool
) -> None:
    survivor, other = make_card(db, shop=shop), make_card(db, shop=shop)
    for card, granted in ((survivor, mine), (other, theirs)):
        if granted is not None:
            with atomic(db):
                customer_service.record_consent(
                    db, merchant_id=shop.merchant_id, customer_id=card.customer_id,
                    granted=granted, locale="fr", channel="staff", ip_address=None, now=NOW,
                )  # fmt: skip
    preview = card_merge.preview(
        db, merchant_id=shop.merchant_id, survivor_card_id=survivor.id, other_card_id=other.id
    )
    merge(db, survivor, other)
    said = [
        row.granted
        for row in rows_of(db, Consent, merchant_id=shop.merchant_id)
        if row.customer_id == survivor.customer_id
    ]
    assert (said[-1] if said else False) is expected
    assert preview["marketing_consent"] is expected


def test_given_a_members_own_card_when_merged_then_the_survivor_is_their_own_card(
    db: Session, shop: Shop
) -> None:
    survivor, other = make_card(db, shop=shop), make_card(db, shop=shop)
    pin = make_pin(db, merchant_id=shop.merchant_id, pin="7295", own_card_id=other.id)
    db.expunge_all()
    merge(db, survivor, other)
    (row,) = [r for r in rows_of(db, StaffPin, merchant_id=shop.merchant_id) if r.id == pin.id]
    assert (row.own_card_id, row.version) == (survivor.id, pin.version + 1)


def test_given_notes_and_later_use_when_merged_then_the_survivor_keeps_both_and_the_later(
    db: Session, shop: Shop
) -> None:
    survivor = make_card(db, shop=shop, note="Oat milk", last_collected_at=NOW)
    other = make_card(db, shop=shop, note="Window seat", last_collected_at=NOW + timedelta(days=1))
    merge(db, survivor, other, now=NOW + timedelta(days=2))
    kept = card_now(db, survivor)
    assert kept.note == "Oat milk\nWindow seat"
    assert kept.last_collected_at == NOW + timedelta(days=1)


def test_given_an_address_that_is_given_up_when_merged_then_nothing_is_sent_there_any_more(
    db: Session, shop: Shop
) -> None:
    survivor, other = make_card(db, shop=shop), make_card(db, shop=shop)
    kept, given_up = customer_of(db, survivor).email, customer_of(db, other).email
    for address in (kept, given_up):
        assert address is not None
        with atomic(db):
            outbox.enqueue(
                db, to=address, subject="News", text="Soon", purpose="news", now=NOW,
                merchant_id=shop.merchant_id,
            )  # fmt: skip
    merge(db, survivor, other)
    waiting = rows_of(db, OutboxEmail, merchant_id=shop.merchant_id)
    assert [mail.to_address for mail in waiting] == [kept]
