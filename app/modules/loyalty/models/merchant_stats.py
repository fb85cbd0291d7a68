"""Statistics that stand for a whole merchant, as of the last time they were rolled up."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, PrimaryKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, BigInt, LocalDate, UtcDateTime


class MerchantStats(Base):
    """How far a merchant's ledger is rolled up, and what the platform's lists show of it.

    What was recorded before `counted_until` is in the daily tables, `counted_at` is when that
    was last looked at. `staff_day` is the last business day that `StaffReport` knows.
    `points_issued` and `points_expired` are those of all time.
    """

    __tablename__ = "loyalty_merchant_stats"

    merchant_id: Mapped[int] = mapped_column(
        ForeignKey("merchants.id"), primary_key=True, autoincrement=False
    )
    counted_until: Mapped[datetime] = mapped_column(UtcDateTime)
    counted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    staff_day: Mapped[date | None] = mapped_column(LocalDate)
    members: Mapped[int] = mapped_column(BigInt)
    active_30_days: Mapped[int] = mapped_column(BigInt)
    stamps_30_days: Mapped[int] = mapped_column(BigInt)
    points_30_days: Mapped[int] = mapped_column(BigInt)
    points_issued: Mapped[int] = mapped_column(BigInt)
    points_expired: Mapped[int] = mapped_column(BigInt)


class CardTotals(Base):
    """What the cards that were enrolled at a store hold (`counted_until` says as of when).

    Merged and erased cards are no members. Debts are not set off against what others hold.
    """

    __tablename__ = "loyalty_card_totals"
    __table_args__ = (PrimaryKeyConstraint("merchant_id", "store_id"),)

    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    store_id: Mapped[int] = mapped_column(ForeignKey("stores.id"))
    members: Mapped[int] = mapped_column(BigInt)
    points_outstanding: Mapped[int] = mapped_column(BigInt)
    rewards_ready: Mapped[int] = mapped_column(BigInt)


class StaffReport(Base):
    """Which cards each member of staff served in the last `days` business days, once a night.

    `store_id` 0: in all stores. `figures` is `services.staff_cards.CardFigures`.
    """

    __tablename__ = "loyalty_staff_reports"
    __table_args__ = (PrimaryKeyConstraint("merchant_id", "store_id", "days"),)

    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    store_id: Mapped[int] = mapped_column(BigInt, autoincrement=False)
    days: Mapped[int]
    until_day: Mapped[date] = mapped_column(LocalDate)
    figures: Mapped[dict[str, Any]] = mapped_column(JSON)
