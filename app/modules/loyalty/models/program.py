"""The rules a merchant's cards live by."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, BigInt, Flag, UtcDateTime, text_of


class LoyaltyProgram(Base):
    """A merchant's one program. `revision` rises with every change; amounts are minor units.

    `points_per_euro` counts per whole unit of the merchant's currency. `points_expiry_since`
    is when the expiry rule was set or last shortened: no points run out sooner than that
    and `points_expiration_days`. Images are names in `program_images`.
    """

    __tablename__ = "loyalty_programs"
    __table_args__ = (
        UniqueConstraint("merchant_id"),
        CheckConstraint("loyalty_type IN ('stamps', 'points', 'hybrid')", name="loyalty_type"),
        CheckConstraint("stamps_target BETWEEN 2 AND 50", name="stamps_target"),
        CheckConstraint("cooldown_minutes BETWEEN 0 AND 1440", name="cooldown_minutes"),
        CheckConstraint("max_daily_stamps BETWEEN 1 AND 100", name="max_daily_stamps"),
        CheckConstraint("pin_session_minutes BETWEEN 0 AND 60", name="pin_session_minutes"),
    )

    id: Mapped[int] = mapped_column(BigInt, primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    loyalty_type: Mapped[str] = mapped_column(text_of(10))
    is_active: Mapped[bool] = mapped_column(Flag, default=True)
    stamps_target: Mapped[int] = mapped_column(default=10)
    stamps_reward_description: Mapped[str] = mapped_column(text_of(100), default="")
    stamps_reward_value_cents: Mapped[int | None] = mapped_column(BigInt)
    welcome_bonus_stamps: Mapped[int] = mapped_column(default=0)
    max_stamps_per_operation: Mapped[int] = mapped_column(default=5)
    points_per_euro: Mapped[int] = mapped_column(default=10)
    minimum_purchase_cents: Mapped[int] = mapped_column(BigInt, default=0)
    minimum_redemption_points: Mapped[int] = mapped_column(BigInt, default=0)
    welcome_bonus_points: Mapped[int] = mapped_column(default=0)
    points_expiration_days: Mapped[int | None]
    points_expiry_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cooldown_minutes: Mapped[int]
    max_daily_stamps: Mapped[int]
    require_staff_pin: Mapped[bool] = mapped_column(Flag, default=True)
    pin_session_minutes: Mapped[int] = mapped_column(default=5)
    card_name: Mapped[str] = mapped_column(text_of(50))
    card_color: Mapped[str] = mapped_column(text_of(7), default="#4F46E5")
    card_secondary_color: Mapped[str | None] = mapped_column(text_of(7))
    logo_image: Mapped[str | None] = mapped_column(text_of(80))
    hero_image: Mapped[str | None] = mapped_column(text_of(80))
    stamp_icon: Mapped[str] = mapped_column(text_of(20), default="coffee")
    terms_text: Mapped[str] = mapped_column(text_of(5000), default="")
    privacy_url: Mapped[str | None] = mapped_column(text_of(500))
    rotating_barcode: Mapped[bool] = mapped_column(Flag, default=False)
    revision: Mapped[int] = mapped_column(BigInt, default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
