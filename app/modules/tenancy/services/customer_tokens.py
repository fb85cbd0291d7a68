"""The devices that a customer is signed in on, all at once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from app.core.db import in_atomic
from app.modules.tenancy.models import AccessToken


def revoke_all(db: Session, *, merchant_id: int, customer_id: int, now: datetime) -> None:
    """Sign a customer's devices out, inside the caller's transaction."""
    assert in_atomic(db)
    db.execute(
        update(AccessToken)
        .where(
            AccessToken.merchant_id == merchant_id,
            AccessToken.customer_id == customer_id,
            AccessToken.revoked_at.is_(None),
        )
        .values(revoked_at=now)
    )


def forget_all(db: Session, *, merchant_id: int, customer_id: int) -> None:
    """Delete what is known of a customer's devices, inside the caller's transaction."""
    assert in_atomic(db)
    db.execute(
        delete(AccessToken).where(
            AccessToken.merchant_id == merchant_id, AccessToken.customer_id == customer_id
        )
    )
