"""People known to one merchant, and what they agreed to."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, BigInt, Flag, UtcDateTime, text_of


class Customer(Base):
    """One person at one merchant.

    A contact is *pending* until the person has proved that it is theirs; only settled
    contacts are unique per merchant, so a pending one can block nobody. `search_text`
    is the folded form of names and contacts that searches run on.
    """

    __tablename__ = "customers"
    __table_args__ = (
        Index(
            "uq_customers_merchant_id_email",
            "merchant_id",
            "email",
            unique=True,
            sqlite_where=text("email_pending = 0"),
            postgresql_where=text("NOT email_pending"),
        ),
        Index(
            "uq_customers_merchant_id_phone",
            "merchant_id",
            "phone",
            unique=True,
            sqlite_where=text("phone_pending = 0"),
            postgresql_where=text("NOT phone_pending"),
        ),
        # Lists from A to Z; names come first in the text.
        Index(
            "ix_customers_by_name",
            "merchant_id",
            "search_text",
            "id",
            sqlite_where=text("erased_at IS NULL"),
            postgresql_where=text("erased_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInt, primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    first_name: Mapped[str] = mapped_column(text_of(100), default="")
    last_name: Mapped[str] = mapped_column(text_of(100), default="")
    email: Mapped[str | None] = mapped_column(text_of(254))
    email_pending: Mapped[bool] = mapped_column(Flag, default=False)
    phone: Mapped[str | None] = mapped_column(text_of(16))
    phone_pending: Mapped[bool] = mapped_column(Flag, default=False)
    locale: Mapped[str | None] = mapped_column(text_of(8))
    search_text: Mapped[str] = mapped_column(text_of(600), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    erased_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def full_name(self) -> str:
        """First and last name as typed, or an empty text."""
        return f"{self.first_name} {self.last_name}".strip()


class Consent(Base):
    """Proof of one yes or no: what was asked, in which version, through which channel, when."""

    __tablename__ = "consents"
    __table_args__ = (Index("ix_consents_merchant_id_customer_id", "merchant_id", "customer_id"),)

    id: Mapped[int] = mapped_column(BigInt, primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    purpose: Mapped[str] = mapped_column(text_of(30))
    granted: Mapped[bool] = mapped_column(Flag)
    text_version: Mapped[str] = mapped_column(text_of(30))
    locale: Mapped[str] = mapped_column(text_of(8))
    channel: Mapped[str] = mapped_column(text_of(30))
    ip_address: Mapped[str | None] = mapped_column(text_of(45))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
