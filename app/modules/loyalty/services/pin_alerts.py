"""Telling a merchant's owners that somebody is guessing PINs in their store."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.db import in_atomic
from app.modules.loyalty.services import letters
from app.modules.tenancy.models import Membership, Merchant, Store, User
from app.modules.tenancy.types import Role


def tell_owners(
    db: Session, *, merchant_id: int, store_id: int | None, tries: int, now: datetime
) -> None:
    """Write to every active owner, in the caller's transaction.

    Source: product rule "Staff PINs", docs/rules.md.
    """
    assert in_atomic(db)
    owners = db.execute(
        select(User.email, User.locale, Merchant.locale, Merchant.name, Store.name)
        .join(Membership, Membership.user_id == User.id)
        .join(Merchant, Merchant.id == Membership.merchant_id)
        .outerjoin(Store, (Store.merchant_id == Merchant.id) & (Store.id == store_id))
        .where(
            Membership.merchant_id == merchant_id,
            Membership.role == Role.OWNER.value,
            User.is_active,
        )
    ).all()
    for email, own_language, language, merchant, store in owners:
        letters.send(
            db,
            to=email,
            words="loyalty.mail.pin_alert",
            language=own_language or language,
            merchant_id=merchant_id,
            now=now,
            store=store or merchant,
            count=tries,
        )
