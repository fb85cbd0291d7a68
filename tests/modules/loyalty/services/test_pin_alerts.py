"""Fifty wrong PINs in an hour and store: the owners hear of it, once."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from app.core.mail.models import OutboxEmail
from app.modules.loyalty.services import pin_locks
from app.modules.loyalty.services.pin_locks import PinEntry
from app.modules.loyalty.types import LockScope
from app.modules.tenancy.models import AuditEntry
from tests.factories import NOW, Shop, make_shop, make_store, make_user
from tests.reads import rows_of


def entry_at(shop: Shop, store_id: int) -> PinEntry:
    return PinEntry(
        merchant_id=shop.merchant_id,
        store_id=store_id,
        scope=LockScope.STORE,
        subject_id=store_id,
        failed_attempts=0,
        locked_until=None,
        max_failed_attempts=5,
        lockout_minutes=30,
    )


def fail(db: Session, entry: PinEntry, times: int) -> None:
    for second in range(times):
        pin_locks.record_failure(db, entry, now=NOW + timedelta(seconds=second))


def test_given_wrong_pins_when_the_fiftieth_comes_within_an_hour_then_owners_are_written_to_once(
    db: Session,
) -> None:
    shop = make_shop(db)
    owner = make_user(db, merchant_id=shop.merchant_id, role="owner", locale="de")
    make_user(db, merchant_id=shop.merchant_id, role="manager")
    elsewhere = make_store(db, merchant_id=shop.merchant_id)
    fail(db, entry_at(shop, elsewhere.id), 10)
    fail(db, entry_at(shop, shop.store.id), 49)
    assert rows_of(db, OutboxEmail, merchant_id=shop.merchant_id) == []
    fail(db, entry_at(shop, shop.store.id), 3)
    [mail] = rows_of(db, OutboxEmail, merchant_id=shop.merchant_id)
    assert mail.to_address == owner.email
    assert mail.subject == f"Viele falsche PINs: {shop.store.name}"
    assert "50 falsche PINs" in mail.text_body
    actions = [row.action for row in rows_of(db, AuditEntry, merchant_id=shop.merchant_id)]
    assert actions.count("pin_failures_alert") == 1
