"""How many may join: the merchant's quota, and a bound on made-up people."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.errors import RateLimited
from app.modules.customers.models import Customer
from app.modules.loyalty.errors import QuotaExceeded, SelfEnrollmentDisabled
from app.modules.loyalty.models import LoyaltyCard, MerchantLoyaltySettings
from app.modules.loyalty.services.card_totals import MEMBERS
from app.modules.tenancy.types import StoreContext

# Somebody who floods a store with made-up people is stopped here, whatever their address.
_MOST_UNCONFIRMED_AN_HOUR = 50


def check_quota(db: Session, merchant_id: int) -> None:
    """Refuse one more member where the merchant's plan is full.

    Raises:
        QuotaExceeded: with the limit.
    """
    limit = db.execute(
        select(MerchantLoyaltySettings.max_cards).where(
            MerchantLoyaltySettings.merchant_id == merchant_id
        )
    ).scalar_one_or_none()
    if limit is not None and _count_cards(db, merchant_id) >= limit:
        raise QuotaExceeded(quota="max_cards", limit=limit)


def _count_cards(db: Session, merchant_id: int) -> int:
    return db.execute(
        select(func.count())
        .select_from(LoyaltyCard)
        .where(LoyaltyCard.merchant_id == merchant_id, LoyaltyCard.status.in_(MEMBERS))
    ).scalar_one()


def check_self_enrolment(db: Session, store: StoreContext, *, now: datetime) -> None:
    """Refuse a poster's visitor where only staff enrol, or where too many came unproved.

    Raises:
        SelfEnrollmentDisabled, RateLimited.
    """
    allowed = db.execute(
        select(MerchantLoyaltySettings.allow_self_enrollment).where(
            MerchantLoyaltySettings.merchant_id == store.merchant_id
        )
    ).scalar_one_or_none()
    if allowed is False:
        raise SelfEnrollmentDisabled
    recent = db.execute(
        select(func.count())
        .select_from(LoyaltyCard)
        .join(
            Customer,
            (Customer.merchant_id == LoyaltyCard.merchant_id)
            & (Customer.id == LoyaltyCard.customer_id),
        )
        .where(
            LoyaltyCard.merchant_id == store.merchant_id,
            LoyaltyCard.enrolled_store_id == store.store_id,
            Customer.created_at > now - timedelta(hours=1),
            Customer.email_pending | Customer.phone_pending,
        )
    ).scalar_one()
    if recent >= _MOST_UNCONFIRMED_AN_HOUR:
        raise RateLimited(retry_after_seconds=3600)
