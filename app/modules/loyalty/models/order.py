"""What an order of a till earned, and what of it was taken back."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, BigInt, Flag, LocalDate, UtcDateTime, text_of


class OrderAward(Base):
    """What one order earned in one unit: `units` stamps or points by entry `transaction_id`.

    `basis` is what was counted: the purchase in minor units, or the number of stamps. Of a
    purchase `refunded_cents` were given back, and `taken_back` units with them. `period` is the
    business day where references begin anew every day, else empty. A voided award frees its
    reference. `facts` is the first answer, without personal data, for a till that asks again.
    """

    __tablename__ = "order_awards"
    __table_args__ = (
        CheckConstraint("kind IN ('stamps', 'points')", name="kind"),
        CheckConstraint("taken_back BETWEEN 0 AND units", name="taken_back"),
        CheckConstraint("refunded_cents >= 0", name="refunded_cents"),
        Index(
            "uq_order_awards_reference",
            "merchant_id",
            "store_id",
            "kind",
            "order_reference",
            "period",
            unique=True,
            sqlite_where=text("is_voided = 0"),
            postgresql_where=text("NOT is_voided"),
        ),
        UniqueConstraint("merchant_id", "transaction_id"),
    )

    id: Mapped[int] = mapped_column(BigInt, primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    store_id: Mapped[int] = mapped_column(ForeignKey("stores.id"))
    kind: Mapped[str] = mapped_column(text_of(10))
    order_reference: Mapped[str] = mapped_column(text_of(64))
    period: Mapped[str] = mapped_column(text_of(10), default="")
    business_day: Mapped[date] = mapped_column(LocalDate)
    card_id: Mapped[int] = mapped_column(ForeignKey("loyalty_cards.id"))
    transaction_id: Mapped[int] = mapped_column(ForeignKey("loyalty_transactions.id"))
    basis: Mapped[int] = mapped_column(BigInt)
    units: Mapped[int] = mapped_column(BigInt)
    refunded_cents: Mapped[int] = mapped_column(BigInt, default=0)
    taken_back: Mapped[int] = mapped_column(BigInt, default=0)
    is_voided: Mapped[bool] = mapped_column(Flag, default=False)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class OrderRefund(Base):
    """One refund of an order: its own reference, and the answer for a till that asks again.

    `amount_cents` None: all that was left of the order.
    """

    __tablename__ = "order_refunds"
    __table_args__ = (UniqueConstraint("merchant_id", "refund_reference"),)

    id: Mapped[int] = mapped_column(BigInt, primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    store_id: Mapped[int] = mapped_column(ForeignKey("stores.id"))
    order_reference: Mapped[str] = mapped_column(text_of(64))
    refund_reference: Mapped[str] = mapped_column(text_of(64))
    amount_cents: Mapped[int | None] = mapped_column(BigInt)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
