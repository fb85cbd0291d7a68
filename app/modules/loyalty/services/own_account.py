"""A customer's account, where changing it changes the card."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import jobs
from app.core.db import atomic, end_read
from app.modules.customers.services import account_service
from app.modules.customers.types import AccountView
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.services import wallet_passes


def change_account(
    db: Session,
    *,
    merchant_id: int,
    customer_id: int,
    shown_in: str,
    ip_address: str | None = None,
    now: datetime | None = None,
    **facts: Any,
) -> AccountView:
    """As `account_service.change_account`; passes in phones follow.

    Raises:
        CustomerNotFound, ValidationFailed (names).
    """
    before = account_service.account_of(db, merchant_id=merchant_id, customer_id=customer_id)
    after = account_service.change_account(
        db,
        merchant_id=merchant_id,
        customer_id=customer_id,
        shown_in=shown_in,
        ip_address=ip_address,
        now=now,
        **facts,
    )
    if _on_passes(before) != _on_passes(after):
        _tell_passes(db, merchant_id=merchant_id, customer_id=customer_id)
    return after


def _on_passes(account: AccountView) -> tuple[object, ...]:
    """What a pass in a phone's wallet shows of its holder, or speaks."""
    return account["first_name"], account["last_name"], account["locale"]


def _tell_passes(db: Session, *, merchant_id: int, customer_id: int) -> None:
    card_id = db.execute(
        select(LoyaltyCard.id).where(
            LoyaltyCard.merchant_id == merchant_id, LoyaltyCard.customer_id == customer_id
        )
    ).scalar_one_or_none()
    end_read(db)
    if card_id is not None:
        with atomic(db):
            wallet_passes.tell(db, merchant_id=merchant_id, card_id=card_id)
        jobs.wake()
