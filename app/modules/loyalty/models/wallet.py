"""The copies of a card in phones' wallets."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, BigInt, UtcDateTime, text_of


class WalletPass(Base):
    """One card's pass at one vendor; stale while `synced_revision < target_revision`."""

    __tablename__ = "wallet_passes"
    __table_args__ = (
        UniqueConstraint("merchant_id", "card_id", "provider"),
        CheckConstraint("provider IN ('google', 'apple')", name="provider"),
        Index(
            "ix_wallet_passes_stale",
            "provider",
            "id",
            sqlite_where=text("synced_revision < target_revision"),
            postgresql_where=text("synced_revision < target_revision"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInt, primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    card_id: Mapped[int] = mapped_column(ForeignKey("loyalty_cards.id"))
    provider: Mapped[str] = mapped_column(text_of(10))
    target_revision: Mapped[int] = mapped_column(BigInt)
    synced_revision: Mapped[int] = mapped_column(BigInt, default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
