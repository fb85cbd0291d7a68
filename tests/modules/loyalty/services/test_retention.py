"""What goes by itself after a while, in batches, and what stays."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.core.db import atomic
from app.core.jobs import LeaseLost
from app.modules.customers.models import Consent
from app.modules.customers.services import customer_service
from app.modules.loyalty import tasks
from app.modules.loyalty.models import IdempotencyRecord, LoyaltyCard, TransactionDetail
from app.modules.loyalty.services import retention, stamp_service
from app.modules.loyalty.types import Caller
from app.modules.tenancy.models import AuditEntry
from app.modules.tenancy.services import audit_service
from tests.factories import NOW, Shop, make_card, make_shop
from tests.reads import rows_of

DAYS_90, DAYS_400 = timedelta(days=90), timedelta(days=400)
JUST_BEFORE = timedelta(microseconds=1)
IP = "198.51.100.23"


@pytest.fixture
def shop(db: Session) -> Shop:
    return make_shop(db, require_staff_pin=False, cooldown_minutes=0, max_daily_stamps=100)


@pytest.fixture
def card(db: Session, shop: Shop) -> LoyaltyCard:
    card = make_card(db, shop=shop)
    db.expunge_all()
    return card


def stamp(db: Session, card: LoyaltyCard, *, at: datetime, key: str | None = None) -> None:
    stamp_service.add_stamp(
        db, card_id=card.id, caller=Caller(card.merchant_id), ip_address=IP, notes="A note",
        user_agent="Till 7", idempotency_key=key, now=at,
    )  # fmt: skip


def forget(db: Session, now: datetime, keep_alive: Any = lambda: None) -> Any:
    return tasks.erase_old_details(db, now=now, keep_alive=keep_alive)


def addresses(db: Session, shop: Shop) -> list[tuple[str | None, str | None, str | None]]:
    details = rows_of(db, TransactionDetail, merchant_id=shop.merchant_id)
    return [(row.ip_address, row.user_agent, row.notes) for row in details[1:]]


def test_given_details_of_ninety_days_when_older_then_addresses_go_and_notes_stay(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    stamp(db, card, at=NOW)
    stamp(db, card, at=NOW + timedelta(days=1))
    forget(db, NOW + DAYS_90)
    assert addresses(db, shop) == [(IP, "Till 7", "A note")] * 2
    forget(db, NOW + DAYS_90 + JUST_BEFORE)
    assert addresses(db, shop) == [(None, None, "A note"), (IP, "Till 7", "A note")]


def test_given_consents_and_acts_when_older_than_ninety_days_then_only_their_addresses_go(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    with atomic(db):
        customer_service.record_consent(
            db, merchant_id=shop.merchant_id, customer_id=card.customer_id, granted=True,
            locale="en", channel="storefront", ip_address=IP, now=NOW,
        )  # fmt: skip
        audit_service.record(
            db, merchant_id=shop.merchant_id, action="card_noted", subject=f"card:{card.id}",
            actor_kind="user", actor_id=7, new={"note": "Oat milk"}, ip_address=IP, now=NOW,
        )  # fmt: skip
    forget(db, NOW + DAYS_90)
    (consent,) = rows_of(db, Consent, merchant_id=shop.merchant_id)
    (act,) = rows_of(db, AuditEntry, merchant_id=shop.merchant_id)
    assert (consent.ip_address, act.ip_address) == (IP, IP)
    forget(db, NOW + DAYS_90 + JUST_BEFORE)
    (consent,) = rows_of(db, Consent, merchant_id=shop.merchant_id)
    (act,) = rows_of(db, AuditEntry, merchant_id=shop.merchant_id)
    assert (consent.ip_address, consent.granted) == (None, True)
    assert (act.ip_address, act.new) == (None, {"note": "Oat milk"})


def test_given_a_key_of_four_hundred_days_when_older_then_it_is_forgotten(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    stamp(db, card, at=NOW, key="old")
    stamp(db, card, at=NOW + timedelta(days=1), key="younger")
    forget(db, NOW + DAYS_400)
    assert len(rows_of(db, IdempotencyRecord, merchant_id=shop.merchant_id)) == 2
    forget(db, NOW + DAYS_400 + JUST_BEFORE)
    (left,) = rows_of(db, IdempotencyRecord, merchant_id=shop.merchant_id)
    assert left.key == "younger"


def test_given_more_than_a_batch_when_stopped_half_way_then_the_next_run_goes_on(
    db: Session, shop: Shop, card: LoyaltyCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = NOW + DAYS_400 + timedelta(days=1)
    forget(db, late)  # what other tests of this database left behind
    monkeypatch.setattr(retention, "_AT_ONCE", 2)
    for n in range(5):
        stamp(db, card, at=NOW, key=f"k{n}")
    turns = iter((None, None))

    def stops_after_two() -> None:
        if next(turns, "over") == "over":
            raise LeaseLost

    with pytest.raises(LeaseLost):
        forget(db, late, stops_after_two)
    assert [ip for ip, _, _ in addresses(db, shop)] == [None] * 4 + [IP]
    forget(db, late)
    assert addresses(db, shop) == [(None, None, "A note")] * 5
    assert rows_of(db, IdempotencyRecord, merchant_id=shop.merchant_id) == []
    again = forget(db, late)
    assert set(again.values()) == {0}
