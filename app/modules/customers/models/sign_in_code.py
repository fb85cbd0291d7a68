"""Codes that prove an e-mail address."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, BigInt, UtcDateTime, text_of


class SignInCode(Base):
    """One code that was sent by e-mail; neither the code nor the address stands here.

    `code_hash` and `address_hash` are keyed. `number` counts the codes of one address on the
    whole platform: its uniqueness is what makes the hourly limit hold for requests at the same
    moment. `customer_id` is whom a right code belongs to; null: nobody, and no code is right.
    `browser_hash` binds the code to the browser that asked; null: any browser may use it.
    `attempts` are the tries so far. A newer code of the same claim and browser ends it.
    """

    __tablename__ = "sign_in_codes"
    __table_args__ = (
        UniqueConstraint("address_hash", "number"),
        CheckConstraint("purpose IN ('sign_in', 'confirm')", name="purpose"),
        Index("ix_sign_in_codes_merchant_id_customer_id", "merchant_id", "customer_id"),
        Index("ix_sign_in_codes_created_at", "created_at"),
    )

    id: Mapped[int] = mapped_column(BigInt, primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"))
    purpose: Mapped[str] = mapped_column(text_of(10))
    address_hash: Mapped[str] = mapped_column(text_of(64))
    number: Mapped[int] = mapped_column(BigInt)
    browser_hash: Mapped[str | None] = mapped_column(text_of(64))
    salt: Mapped[str] = mapped_column(text_of(32))
    code_hash: Mapped[str] = mapped_column(text_of(64))
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
