"""What the platform decides for a merchant, above its program."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app.core import clock
from app.core.db import atomic, end_read
from app.modules.loyalty.config import get_loyalty_settings
from app.modules.loyalty.models import MerchantLoyaltySettings
from app.modules.loyalty.schemas.admin import SettingsUpdate, SettingsView
from app.modules.loyalty.types import Caller, StaffPinPolicy
from app.modules.tenancy.models import Merchant
from app.modules.tenancy.services import audit_service, store_service

_FIELDS: Final = tuple(SettingsUpdate.model_fields)


def get_settings(db: Session, *, merchant_id: int) -> SettingsView:
    """What counts for a merchant: its own settings, else the platform's defaults.

    Raises:
        MerchantNotFound.
    """
    store_service.get_merchant(db, merchant_id=merchant_id)
    values = _defaults() | (_stored(db, merchant_id) or {})
    return cast(SettingsView, {"merchant_id": merchant_id, **values})


def update_settings(
    db: Session,
    *,
    merchant_id: int,
    data: SettingsUpdate,
    caller: Caller,
    now: datetime | None = None,
) -> SettingsView:
    """Change what `data` names; it counts from the next operation on. Audited with old and new.

    From the first change on all of it is the merchant's own: later defaults do not reach it.

    Raises:
        MerchantNotFound.
    """
    now = now or clock.utc_now()
    end_read(db)
    with atomic(db):
        _take_turn(db, merchant_id)
        stored = _stored(db, merchant_id)
        old = stored or _defaults()
        sent = data.model_dump(mode="json", exclude_unset=True)
        new = {name: value for name, value in sent.items() if value != old[name]}
        if new:
            _write(db, merchant_id, old | new, is_new=stored is None)
            audit_service.record(
                db,
                merchant_id=merchant_id,
                action="loyalty_settings_changed",
                subject=f"merchant:{merchant_id}",
                actor_kind=caller.kind.value,
                actor_id=caller.actor_id,
                old={name: old[name] for name in new},
                new=new,
                ip_address=caller.ip_address,
                request_id=caller.request_id,
                now=now,
            )
    return cast(SettingsView, {"merchant_id": merchant_id, **old, **new})


def _take_turn(db: Session, merchant_id: int) -> None:
    """Two changes at once follow each other, and no stamp waits for them.

    On SQLite the transaction alone does it. Elsewhere a stronger lock than this would stop
    whoever writes a row that points at the merchant.
    """
    store_service.get_merchant(db, merchant_id=merchant_id)
    db.execute(
        select(Merchant.id).where(Merchant.id == merchant_id).with_for_update(key_share=True)
    )


def _defaults() -> dict[str, Any]:
    platform = get_loyalty_settings()
    return {
        "staff_pin_policy": StaffPinPolicy.OPTIONAL.value,
        "pin_max_failed_attempts": platform.pin_max_failed_attempts,
        "pin_lockout_minutes": platform.pin_lockout_minutes,
        "allow_self_enrollment": True,
        "allow_voids": True,
        "allow_cross_store_redemption": True,
        "void_window_days": 30,
        "require_order_reference": False,
        "order_references_restart_daily": False,
        "max_cards": None,
    }


def _stored(db: Session, merchant_id: int) -> dict[str, Any] | None:
    table = MerchantLoyaltySettings.__table__.c
    row = db.execute(
        select(*(table[name] for name in _FIELDS)).where(table.merchant_id == merchant_id)
    ).one_or_none()
    return dict(row._mapping) if row else None


def _write(db: Session, merchant_id: int, values: dict[str, Any], *, is_new: bool) -> None:
    options = MerchantLoyaltySettings
    if is_new:
        db.execute(insert(options).values(merchant_id=merchant_id, **values))
        return
    db.execute(
        update(options)
        .where(options.merchant_id == merchant_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
