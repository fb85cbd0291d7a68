"""Tokens: who a request comes from. Only SHA-256 hashes of tokens are stored."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, BigInt, Flag, UtcDateTime, text_of


class AccessToken(Base):
    """An opaque, revocable token: a user's session, a customer's device or a till's API key.

    `kind` is `user`, `customer` or `api_key`. `merchant_id` is null for an admin's session only.
    """

    __tablename__ = "access_tokens"
    __table_args__ = (
        CheckConstraint("kind IN ('user', 'customer', 'api_key')", name="kind"),
        Index("ix_access_tokens_merchant_id_kind", "merchant_id", "kind"),
    )

    id: Mapped[int] = mapped_column(BigInt, primary_key=True)
    token_hash: Mapped[str] = mapped_column(text_of(64), unique=True)
    kind: Mapped[str] = mapped_column(text_of(10))
    merchant_id: Mapped[int | None] = mapped_column(ForeignKey("merchants.id"))
    store_id: Mapped[int | None] = mapped_column(ForeignKey("stores.id"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"), index=True)
    name: Mapped[str] = mapped_column(text_of(100), default="")
    scopes: Mapped[str] = mapped_column(text_of(200), default="")
    pin_exempt: Mapped[bool] = mapped_column(Flag, default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Terminal(Base):
    """A device at a counter; its token lies in a cookie of the device."""

    __tablename__ = "terminals"
    __table_args__ = (Index("ix_terminals_merchant_id_store_id", "merchant_id", "store_id"),)

    id: Mapped[int] = mapped_column(BigInt, primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    store_id: Mapped[int] = mapped_column(ForeignKey("stores.id"))
    name: Mapped[str] = mapped_column(text_of(100))
    token_hash: Mapped[str] = mapped_column(text_of(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
