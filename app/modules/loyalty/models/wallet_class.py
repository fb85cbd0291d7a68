"""What a merchant's passes at one vendor have in common."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, BigInt, Flag, UtcDateTime, text_of


class WalletClass(Base):
    """What a merchant's passes at one vendor have in common, and how far a new design has got.

    Google's class; for Apple only the re-issue. `target_revision` is the program's revision
    that must be shown, `synced_revision` the one the vendor has (Google's class). A re-issue
    walks the merchant's passes by id: `reissued_revision` is done up to `reissued_to_id`,
    `reissue_total` passes were to be done when it began, `reissue_done` are.
    """

    __tablename__ = "wallet_classes"
    __table_args__ = (
        UniqueConstraint("merchant_id", "provider"),
        CheckConstraint("provider IN ('google', 'apple')", name="provider"),
    )

    id: Mapped[int] = mapped_column(BigInt, primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    provider: Mapped[str] = mapped_column(text_of(10))
    is_inserted: Mapped[bool] = mapped_column(Flag, default=False)
    target_revision: Mapped[int] = mapped_column(BigInt)
    synced_revision: Mapped[int] = mapped_column(BigInt, default=0)
    reissued_revision: Mapped[int] = mapped_column(BigInt, default=0)
    reissued_to_id: Mapped[int] = mapped_column(BigInt, default=0)
    reissue_total: Mapped[int] = mapped_column(default=0)
    reissue_done: Mapped[int] = mapped_column(default=0)
    reissue_started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    parked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(text_of(60))
    last_error_detail: Mapped[str | None] = mapped_column(text_of(500))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
