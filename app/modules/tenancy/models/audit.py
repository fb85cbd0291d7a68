"""Who changed what outside the ledger."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, BigInt, UtcDateTime, text_of


class AuditEntry(Base):
    """One act: `action` on `subject`, with old and new values and never a secret."""

    __tablename__ = "audit_log"
    __table_args__ = (Index("ix_audit_log_merchant_id_at", "merchant_id", "at"),)

    id: Mapped[int] = mapped_column(BigInt, primary_key=True)
    merchant_id: Mapped[int | None] = mapped_column(ForeignKey("merchants.id"))
    store_id: Mapped[int | None] = mapped_column(ForeignKey("stores.id"))
    terminal_id: Mapped[int | None] = mapped_column(ForeignKey("terminals.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor_kind: Mapped[str] = mapped_column(text_of(10))
    actor_id: Mapped[int | None] = mapped_column(BigInt)
    action: Mapped[str] = mapped_column(text_of(50))
    subject: Mapped[str] = mapped_column(text_of(100), default="")
    old: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    new: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    ip_address: Mapped[str | None] = mapped_column(text_of(45))
    request_id: Mapped[str | None] = mapped_column(text_of(64))
