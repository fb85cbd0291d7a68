"""Scans of passes whose code changes: fresh ones count, photos do not, retries always do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.modules.loyalty.errors import CardReplaced, CodeExpired
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.rules.rotating_code import digits_at
from app.modules.loyalty.services import card_lifecycle, card_lookup, rotating_codes, stamp_service
from app.modules.loyalty.types import ActorKind, Caller
from tests.factories import NOW, Shop, make_card, make_pass, make_shop


@pytest.fixture
def shop(db: Session) -> Shop:
    return make_shop(db, require_staff_pin=False, cooldown_minutes=0, rotating_barcode=True)


@pytest.fixture
def card(db: Session, shop: Shop) -> LoyaltyCard:
    card = make_card(db, shop=shop)
    make_pass(db, card=card, serial=f"5e{card.id:030x}")
    return card


def shown(card: LoyaltyCard, seconds: int = 0) -> str:
    """What a scanner reads off the phone so many seconds from now."""
    secret = rotating_codes.secret_of(f"5e{card.id:030x}")
    return card.qr_code_data + digits_at(secret, NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-30, 0, 30])
def test_given_a_code_of_this_minute_when_scanned_then_it_is_the_card(
    db: Session, shop: Shop, card: LoyaltyCard, seconds: int
) -> None:
    text = shown(card, seconds)
    found = card_lookup.lookup(db, merchant_id=shop.merchant_id, query=text, now=NOW)
    assert found["card_id"] == card.id
    assert stamp_service.add_stamp(db, qr_code=text.lower(), now=NOW)["stamp_count"] == 1


@pytest.mark.parametrize("seconds", [-90, 90])
def test_given_a_photo_of_a_pass_when_scanned_then_refused_and_nothing_given(
    db: Session, shop: Shop, card: LoyaltyCard, seconds: int
) -> None:
    with pytest.raises(CodeExpired):
        stamp_service.add_stamp(db, qr_code=shown(card, seconds), now=NOW)
    with pytest.raises(CodeExpired):
        card_lookup.lookup(db, merchant_id=shop.merchant_id, qr_code=shown(card, seconds), now=NOW)
    assert stamp_service.add_stamp(db, qr_code=card.qr_code_data, now=NOW)["stamp_count"] == 1


def test_given_a_lost_answer_when_the_till_retries_later_then_the_first_answer(
    db: Session, card: LoyaltyCard
) -> None:
    first = stamp_service.add_stamp(db, qr_code=shown(card), idempotency_key="t-1", now=NOW)
    later = NOW + timedelta(minutes=10)
    again = stamp_service.add_stamp(db, qr_code=shown(card), idempotency_key="t-1", now=later)
    assert (again["replayed"], again["transaction_id"]) == (True, first["transaction_id"])


def test_given_a_scan_that_waited_for_the_line_when_sent_then_judged_by_when_it_was_read(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    later = NOW + timedelta(minutes=10)
    caller = Caller(shop.merchant_id, kind=ActorKind.API_KEY, actor_id=1)
    given = stamp_service.add_stamp(
        db, qr_code=shown(card), occurred_at=NOW, caller=caller, idempotency_key="q-1", now=later
    )
    assert given["stamp_count"] == 1


def test_given_a_replaced_card_when_its_old_pass_is_scanned_then_replaced_it_says(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    text = shown(card)
    manager = Caller(shop.merchant_id, is_manager=True)
    card_lifecycle.replace_card(db, caller=manager, card_id=card.id, now=NOW)
    with pytest.raises(CardReplaced):
        card_lookup.lookup(db, merchant_id=shop.merchant_id, query=text, now=NOW)
