"""What points buy."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, BigInt, Flag, UtcDateTime, text_of


class LoyaltyReward(Base):
    """One line of a merchant's points catalogue. There is no stock.

    `value_cents` (minor units) is what it is worth, for statistics. `deleted_at` hides it:
    the ledger goes on naming it.
    """

    __tablename__ = "loyalty_rewards"
    __table_args__ = (
        CheckConstraint("cost_points >= 1", name="cost_points"),
        Index("ix_loyalty_rewards_merchant_id_cost_points", "merchant_id", "cost_points"),
    )

    id: Mapped[int] = mapped_column(BigInt, primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    name: Mapped[str] = mapped_column(text_of(100))
    cost_points: Mapped[int] = mapped_column(BigInt)
    value_cents: Mapped[int | None] = mapped_column(BigInt)
    is_active: Mapped[bool] = mapped_column(Flag, default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
