"""What an idempotency key stands for."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, PrimaryKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, UtcDateTime, text_of


class IdempotencyRecord(Base):
    """One used key: the hash of its request and the answer as facts without personal data."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (PrimaryKeyConstraint("merchant_id", "key"),)

    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    key: Mapped[str] = mapped_column(text_of(300))
    request_hash: Mapped[str] = mapped_column(text_of(64))
    card_id: Mapped[int] = mapped_column(ForeignKey("loyalty_cards.id"))
    transaction_id: Mapped[int | None] = mapped_column(ForeignKey("loyalty_transactions.id"))
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
