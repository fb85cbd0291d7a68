"""A customer's membership in a program, and the codes that once led to it."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, BigInt, Flag, LocalDate, UtcDateTime, text_of


class LoyaltyCard(Base):
    """One card. Only `services/ledger.py` writes balances, revision and chain head.

    `revision` rises with any change of the card, `last_sequence` and `head_hash` with
    ledger entries only. `welcome_bonus_due` (stamps) and `welcome_points_due` are promised to
    somebody whose contact is not proved yet; the first operation at a counter, or the proof,
    pays them out. `stamps_target` and `reward_description` belong to the open cycle.
    `last_collected_at` is the last earning or redeeming (None: not since this was kept);
    points run out by it. `expiry_warned_on` is the date that the holder was last warned of,
    `expiry_warning_days` how far ahead. A merged card says which one took it over
    (`merged_into_id`, never a chain), and that one `has_merged`.
    Invariant: `stamp_count` and `points_balance` are the sums of the card's entries.
    """

    __tablename__ = "loyalty_cards"
    __table_args__ = (
        UniqueConstraint("merchant_id", "customer_id"),
        UniqueConstraint("merchant_id", "card_number"),
        CheckConstraint("status IN ('active', 'suspended', 'merged', 'erased')", name="status"),
        Index(
            "ix_loyalty_cards_merchant_id_last_activity_at_id",
            "merchant_id",
            "last_activity_at",
            "id",
        ),
        # The few that lists ask for by name of their state; a plain stamp touches neither.
        Index(
            "ix_loyalty_cards_reward_ready",
            "merchant_id",
            "last_activity_at",
            "id",
            sqlite_where=text("stamp_count >= stamps_target"),
            postgresql_where=text("stamp_count >= stamps_target"),
        ),
        Index(
            "ix_loyalty_cards_not_active",
            "merchant_id",
            "status",
            "last_activity_at",
            "id",
            sqlite_where=text("status <> 'active'"),
            postgresql_where=text("status <> 'active'"),
        ),
        Index(
            "ix_loyalty_cards_expiring",
            "merchant_id",
            "last_collected_at",
            sqlite_where=text("points_balance > 0"),
            postgresql_where=text("points_balance > 0"),
        ),
        Index(
            "ix_loyalty_cards_merged_into_id",
            "merchant_id",
            "merged_into_id",
            sqlite_where=text("merged_into_id IS NOT NULL"),
            postgresql_where=text("merged_into_id IS NOT NULL"),
        ),
        {"postgresql_with": {"fillfactor": "80"}},
    )

    id: Mapped[int] = mapped_column(BigInt, primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    program_id: Mapped[int] = mapped_column(ForeignKey("loyalty_programs.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    enrolled_store_id: Mapped[int] = mapped_column(ForeignKey("stores.id"))
    uid: Mapped[str] = mapped_column(text_of(32), unique=True)
    card_number: Mapped[str] = mapped_column(text_of(32), index=True)
    qr_code_data: Mapped[str] = mapped_column(text_of(32), unique=True)
    status: Mapped[str] = mapped_column(text_of(10), default="active")
    stamp_count: Mapped[int] = mapped_column(BigInt, default=0)
    points_balance: Mapped[int] = mapped_column(BigInt, default=0)
    total_stamps_earned: Mapped[int] = mapped_column(BigInt, default=0)
    welcome_bonus_due: Mapped[int] = mapped_column(default=0)
    welcome_points_due: Mapped[int] = mapped_column(default=0)
    stamps_target: Mapped[int]
    reward_description: Mapped[str] = mapped_column(text_of(100), default="")
    last_stamp_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_activity_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_collected_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expiry_warned_on: Mapped[date | None] = mapped_column(LocalDate)
    expiry_warning_days: Mapped[int | None]
    note: Mapped[str] = mapped_column(text_of(500), default="")
    merged_into_id: Mapped[int | None] = mapped_column(BigInt)
    has_merged: Mapped[bool] = mapped_column(Flag, default=False)
    revision: Mapped[int] = mapped_column(BigInt, default=0)
    last_sequence: Mapped[int] = mapped_column(BigInt, default=0)
    head_hash: Mapped[str] = mapped_column(text_of(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CardCode(Base):
    """A code that is not a card's current one: replaced, merged or imported."""

    __tablename__ = "card_codes"
    __table_args__ = (
        UniqueConstraint("merchant_id", "kind", "code"),
        CheckConstraint("kind IN ('number', 'qr')", name="kind"),
        CheckConstraint("state IN ('replaced', 'merged', 'imported')", name="state"),
        Index("ix_card_codes_code", "code"),
    )

    id: Mapped[int] = mapped_column(BigInt, primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    kind: Mapped[str] = mapped_column(text_of(10))
    code: Mapped[str] = mapped_column(text_of(64))
    card_id: Mapped[int] = mapped_column(ForeignKey("loyalty_cards.id"))
    state: Mapped[str] = mapped_column(text_of(10))
