"""What the platform decides for a merchant, on both databases."""

from __future__ import annotations

from threading import Thread

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.modules.loyalty.models import MerchantLoyaltySettings
from app.modules.loyalty.schemas.admin import SettingsUpdate
from app.modules.loyalty.services import settings_service
from app.modules.loyalty.types import ActorKind, Caller
from app.modules.tenancy.errors import MerchantNotFound
from app.modules.tenancy.models import AuditEntry
from tests import factories, reads


def admin_of(merchant_id: int) -> Caller:
    return Caller(merchant_id, kind=ActorKind.USER, actor_id=7, ip_address="192.0.2.1")


def test_given_no_settings_when_one_is_changed_then_the_rest_are_the_defaults(
    db: Session,
) -> None:
    merchant = factories.make_merchant(db)
    changed = settings_service.update_settings(
        db,
        merchant_id=merchant.id,
        data=SettingsUpdate(void_window_days=3),
        caller=admin_of(merchant.id),
    )
    assert changed == settings_service.get_settings(db, merchant_id=merchant.id)
    (row,) = reads.rows_of(db, MerchantLoyaltySettings, merchant_id=merchant.id)
    assert (row.void_window_days, row.pin_max_failed_attempts, row.max_cards) == (3, 5, None)
    (entry,) = reads.rows_of(db, AuditEntry, merchant_id=merchant.id)
    assert (entry.actor_id, entry.subject) == (7, f"merchant:{merchant.id}")
    assert (entry.old, entry.new) == ({"void_window_days": 30}, {"void_window_days": 3})


def test_given_two_changes_at_once_when_both_are_saved_then_neither_is_lost(
    db: Session, session_factory: sessionmaker[Session]
) -> None:
    merchant = factories.make_merchant(db)

    def change(data: SettingsUpdate) -> None:
        with session_factory() as own:
            settings_service.update_settings(
                own, merchant_id=merchant.id, data=data, caller=admin_of(merchant.id)
            )

    changes = [SettingsUpdate(allow_voids=False), SettingsUpdate(max_cards=9)]
    threads = [Thread(target=change, args=(data,)) for data in changes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = settings_service.get_settings(db, merchant_id=merchant.id)
    assert (stored["allow_voids"], stored["max_cards"]) == (False, 9)
    assert reads.count_of(db, AuditEntry, merchant_id=merchant.id) == 2


def test_given_no_such_merchant_when_asked_or_changed_then_refused(db: Session) -> None:
    with pytest.raises(MerchantNotFound):
        settings_service.get_settings(db, merchant_id=2**40)
    with pytest.raises(MerchantNotFound):
        settings_service.update_settings(
            db, merchant_id=2**40, data=SettingsUpdate(), caller=admin_of(2**40)
        )
