"""The copies of a card in phones' wallets."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, BigInt, UtcDateTime, text_of

_STALE = text("synced_revision < target_revision AND parked_at IS NULL")
_HELD = text(f"{_STALE.text} AND held_since IS NOT NULL")
_CURRENT = text("ended_as IS NULL")


class WalletPass(Base):
    """One card's pass at one vendor; stale while `synced_revision < target_revision`.

    `serial` is Apple's serial number and the end of Google's object id: 128 random bits that
    never change. A pass whose card was replaced, merged or erased has `ended_as` and is told
    so once; the card may get another. `design_revision` is the program's revision that the
    vendor last saw. `held_since`: a phone is known to hold it. A pass that the vendor refuses
    for good is parked (`parked_at`) with the reason in `last_error` and `last_error_detail`.
    `notified_at` are the last instants (ISO 8601, UTC) at which the phone was asked to ring.
    `tag` rises whenever the pass changed (Apple); `served_*` is what a phone last fetched.
    """

    __tablename__ = "wallet_passes"
    __table_args__ = (
        CheckConstraint("provider IN ('google', 'apple')", name="provider"),
        CheckConstraint("ended_as IN ('replaced', 'merged', 'erased')", name="ended_as"),
        Index(
            "uq_wallet_passes_current",
            "merchant_id",
            "card_id",
            "provider",
            unique=True,
            sqlite_where=_CURRENT,
            postgresql_where=_CURRENT,
        ),
        Index("ix_wallet_passes_card", "merchant_id", "card_id"),
        Index(
            "ix_wallet_passes_reissue",
            "merchant_id",
            "provider",
            "id",
            sqlite_where=_CURRENT,
            postgresql_where=_CURRENT,
        ),
        Index("ix_wallet_passes_tag", "provider", "tag"),
        *(
            Index(name, "provider", "merchant_id", "id", sqlite_where=which, postgresql_where=which)
            for name, which in (
                ("ix_wallet_passes_stale", _STALE),
                ("ix_wallet_passes_stale_held", _HELD),
            )
        ),
        Index(
            "ix_wallet_passes_parked",
            "provider",
            "id",
            sqlite_where=text("parked_at IS NOT NULL"),
            postgresql_where=text("parked_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInt, primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    card_id: Mapped[int] = mapped_column(ForeignKey("loyalty_cards.id"))
    provider: Mapped[str] = mapped_column(text_of(10))
    serial: Mapped[str] = mapped_column(text_of(32), unique=True)
    ended_as: Mapped[str | None] = mapped_column(text_of(10))
    target_revision: Mapped[int] = mapped_column(BigInt)
    synced_revision: Mapped[int] = mapped_column(BigInt, default=0)
    design_revision: Mapped[int] = mapped_column(BigInt, default=0)
    synced_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    held_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    parked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(text_of(60))
    last_error_detail: Mapped[str | None] = mapped_column(text_of(500))
    shown: Mapped[dict[str, int] | None] = mapped_column(JSON)
    notified_at: Mapped[list[str] | None] = mapped_column(JSON)
    tag: Mapped[int] = mapped_column(BigInt, default=0)
    served_revision: Mapped[int] = mapped_column(BigInt, default=0)
    served_design: Mapped[int] = mapped_column(BigInt, default=0)
    served_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
