"""What the platform decides for a merchant, above its program."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Flag, text_of


class MerchantLoyaltySettings(Base):
    """One row a merchant that differs from the platform's defaults; no row means the defaults."""

    __tablename__ = "merchant_loyalty_settings"
    __table_args__ = (
        CheckConstraint(
            "staff_pin_policy IN ('optional', 'required', 'disabled')", name="staff_pin_policy"
        ),
    )

    merchant_id: Mapped[int] = mapped_column(
        ForeignKey("merchants.id"), primary_key=True, autoincrement=False
    )
    staff_pin_policy: Mapped[str] = mapped_column(text_of(10), default="optional")
    pin_max_failed_attempts: Mapped[int]
    pin_lockout_minutes: Mapped[int]
    allow_self_enrollment: Mapped[bool] = mapped_column(Flag, default=True)
    allow_voids: Mapped[bool] = mapped_column(Flag, default=True)
    allow_cross_store_redemption: Mapped[bool] = mapped_column(Flag, default=True)
    void_window_days: Mapped[int] = mapped_column(default=30)
    require_order_reference: Mapped[bool] = mapped_column(Flag, default=False)
    order_references_restart_daily: Mapped[bool] = mapped_column(Flag, default=False)
    max_cards: Mapped[int | None]
