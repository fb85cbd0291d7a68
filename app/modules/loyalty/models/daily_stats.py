"""Statistics rolled up from the ledger, day by day.

They hold what was recorded before `MerchantStats.counted_until`; what came later is read from
the ledger. Everything here can be thrown away and made anew.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import JSON, ForeignKey, Index, PrimaryKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, BigInt, LocalDate, text_of


class DailyStats(Base):
    """What happened at a store on a business day (`rules.statistics.DayCounts`).

    `hours` are its operations in each of the 24 hours of the store's clock.
    """

    __tablename__ = "loyalty_daily_stats"
    __table_args__ = (
        PrimaryKeyConstraint("merchant_id", "business_day", "store_id"),
        Index("ix_loyalty_daily_stats_business_day", "business_day"),
    )

    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    business_day: Mapped[date] = mapped_column(LocalDate)
    store_id: Mapped[int] = mapped_column(ForeignKey("stores.id"))
    stamp_operations: Mapped[int] = mapped_column(BigInt)
    stamps_given: Mapped[int] = mapped_column(BigInt)
    stamps_welcome: Mapped[int] = mapped_column(BigInt)
    stamps_voided: Mapped[int] = mapped_column(BigInt)
    stamps_refunded: Mapped[int] = mapped_column(BigInt)
    stamp_redemptions: Mapped[int] = mapped_column(BigInt)
    rewards_redeemed: Mapped[int] = mapped_column(BigInt)
    stamps_redeemed: Mapped[int] = mapped_column(BigInt)
    stamps_returned: Mapped[int] = mapped_column(BigInt)
    stamps_adjusted: Mapped[int] = mapped_column(BigInt)
    stamps_other: Mapped[int] = mapped_column(BigInt)
    purchases: Mapped[int] = mapped_column(BigInt)
    amount_cents: Mapped[int] = mapped_column(BigInt)
    points_earned: Mapped[int] = mapped_column(BigInt)
    points_welcome: Mapped[int] = mapped_column(BigInt)
    points_voided: Mapped[int] = mapped_column(BigInt)
    points_refunded: Mapped[int] = mapped_column(BigInt)
    point_redemptions: Mapped[int] = mapped_column(BigInt)
    points_redeemed: Mapped[int] = mapped_column(BigInt)
    points_returned: Mapped[int] = mapped_column(BigInt)
    points_adjusted: Mapped[int] = mapped_column(BigInt)
    points_expired: Mapped[int] = mapped_column(BigInt)
    points_reinstated: Mapped[int] = mapped_column(BigInt)
    points_other: Mapped[int] = mapped_column(BigInt)
    redemptions_returned: Mapped[int] = mapped_column(BigInt)
    new_cards: Mapped[int] = mapped_column(BigInt)
    voids: Mapped[int] = mapped_column(BigInt)
    overrides: Mapped[int] = mapped_column(BigInt)
    hours: Mapped[list[int]] = mapped_column(JSON)


class DailyStaffStats(Base):
    """What one actor did at a store in one local hour of a business day; `actor_id` 0: nobody."""

    __tablename__ = "loyalty_daily_staff_stats"
    __table_args__ = (
        PrimaryKeyConstraint(
            "merchant_id", "business_day", "store_id", "actor_kind", "actor_id", "hour"
        ),
    )

    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    business_day: Mapped[date] = mapped_column(LocalDate)
    store_id: Mapped[int] = mapped_column(ForeignKey("stores.id"))
    actor_kind: Mapped[str] = mapped_column(text_of(10))
    actor_id: Mapped[int] = mapped_column(BigInt)
    hour: Mapped[int]
    operations: Mapped[int] = mapped_column(BigInt)
    stamps: Mapped[int] = mapped_column(BigInt)
    points: Mapped[int] = mapped_column(BigInt)
    redemptions: Mapped[int] = mapped_column(BigInt)
    voids: Mapped[int] = mapped_column(BigInt)
    adjustments: Mapped[int] = mapped_column(BigInt)
    overrides: Mapped[int] = mapped_column(BigInt)


class DailyVisits(Base):
    """How many cards were active on a day, and when they had been so before.

    `earlier` 0: all of the day (`since_day` is the day itself). 1, 2: those whose last, or
    last but one, active day before was `since_day`. From these come exact numbers of distinct
    cards for any period. `store_id` 0: in any store.
    """

    __tablename__ = "loyalty_daily_visits"
    __table_args__ = (
        PrimaryKeyConstraint("merchant_id", "store_id", "business_day", "earlier", "since_day"),
    )

    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    store_id: Mapped[int] = mapped_column(BigInt, autoincrement=False)
    business_day: Mapped[date] = mapped_column(LocalDate)
    earlier: Mapped[int]
    since_day: Mapped[date] = mapped_column(LocalDate)
    cards: Mapped[int] = mapped_column(BigInt)


class DailyRewards(Base):
    """How many redemptions of a day had taken so many `days` since the one before."""

    __tablename__ = "loyalty_daily_rewards"
    __table_args__ = (PrimaryKeyConstraint("merchant_id", "business_day", "store_id", "days"),)

    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    business_day: Mapped[date] = mapped_column(LocalDate)
    store_id: Mapped[int] = mapped_column(ForeignKey("stores.id"))
    days: Mapped[int]
    redemptions: Mapped[int] = mapped_column(BigInt)
