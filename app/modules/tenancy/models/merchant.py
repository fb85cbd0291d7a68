"""Merchants and their stores."""

from __future__ import annotations

from datetime import datetime, time

from sqlalchemy import CheckConstraint, ForeignKey, Time, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, BigInt, UtcDateTime, text_of


class Merchant(Base):
    """A business: owner of one program, of its stores and of its customers' data."""

    __tablename__ = "merchants"
    __table_args__ = (
        CheckConstraint(
            "status IN ('trial', 'active', 'past_due', 'suspended', 'closed')", name="status"
        ),
    )

    id: Mapped[int] = mapped_column(BigInt, primary_key=True)
    name: Mapped[str] = mapped_column(text_of(100))
    status: Mapped[str] = mapped_column(text_of(20), default="active")
    currency: Mapped[str] = mapped_column(text_of(3), default="EUR")
    locale: Mapped[str] = mapped_column(text_of(8), default="en")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Store(Base):
    """One shop of a merchant. Its business day starts at `day_starts_at` local time.

    Latitude and longitude are millionths of a degree (WGS 84).
    """

    __tablename__ = "stores"
    # A start after noon could put the business day two days behind UTC's.
    __table_args__ = (
        UniqueConstraint("merchant_id", "id"),
        CheckConstraint("day_starts_at < '12:00:01'", name="day_starts_at"),
    )

    id: Mapped[int] = mapped_column(BigInt, primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    code: Mapped[str] = mapped_column(text_of(63), unique=True)
    name: Mapped[str] = mapped_column(text_of(100))
    city: Mapped[str] = mapped_column(text_of(100), default="")
    timezone: Mapped[str] = mapped_column(text_of(64), default="Europe/Luxembourg")
    day_starts_at: Mapped[time] = mapped_column(Time, default=time(0))
    country: Mapped[str] = mapped_column(text_of(2), default="LU")
    locale: Mapped[str] = mapped_column(text_of(8), default="en")
    latitude_e6: Mapped[int | None]
    longitude_e6: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
