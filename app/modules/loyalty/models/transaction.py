"""The append-only ledger, and the erasable details beside it."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, BigInt, Flag, LocalDate, UtcDateTime, text_of
from app.modules.loyalty.types import EntryType

_TYPES = ", ".join(f"'{entry_type}'" for entry_type in EntryType)
_WITHOUT_UNITS = ", ".join(
    f"'{entry_type}'"
    for entry_type in (
        EntryType.CARD_CREATED,
        EntryType.CARD_SUSPENDED,
        EntryType.CARD_REACTIVATED,
        EntryType.CARD_REPLACED,
        EntryType.CARDS_MERGED,
        EntryType.CUSTOMER_ERASED,
    )
)


class LoyaltyTransaction(Base):
    """One immutable line of a card's ledger.

    Never updated, never deleted (triggers refuse it): a mistake is undone by a line that
    points at it with `voids_id`. `related_id` is the entry it is about otherwise: the earning
    of a refund, the expiry of a reinstatement. `override_pin_id` lifted a limit for it. Kept
    by a till that was offline, it `occurred_at` an earlier time than it was recorded.
    Invariant, per card: `sum(stamps_delta)` is the card's `stamp_count`, `sum(points_delta)`
    its `points_balance`. `hash` chains the line to the one before. `stamps_target` and
    `reward_description` are the cycle it was posted in.
    """

    __tablename__ = "loyalty_transactions"
    __table_args__ = (
        UniqueConstraint("merchant_id", "card_id", "sequence"),
        UniqueConstraint("merchant_id", "voids_id"),
        CheckConstraint(f"type IN ({_TYPES})", name="type"),
        CheckConstraint(
            "stamps_delta <> 0 OR points_delta <> 0 OR amount_cents IS NOT NULL "
            f"OR type IN ({_WITHOUT_UNITS})",
            name="says_something",
        ),
        Index(
            "ix_loyalty_transactions_merchant_id_card_id_business_day",
            "merchant_id",
            "card_id",
            "business_day",
        ),
        Index("ix_loyalty_transactions_merchant_id_recorded_at", "merchant_id", "recorded_at"),
        {"sqlite_strict": True},
    )

    id: Mapped[int] = mapped_column(BigInt, primary_key=True)
    merchant_id: Mapped[int] = mapped_column(BigInt, ForeignKey("merchants.id"))
    card_id: Mapped[int] = mapped_column(BigInt, ForeignKey("loyalty_cards.id"))
    sequence: Mapped[int] = mapped_column(BigInt)
    type: Mapped[str] = mapped_column(text_of(20))
    stamps_delta: Mapped[int] = mapped_column(BigInt)
    points_delta: Mapped[int] = mapped_column(BigInt)
    stamps_after: Mapped[int] = mapped_column(BigInt)
    points_after: Mapped[int] = mapped_column(BigInt)
    stamps_target: Mapped[int] = mapped_column(BigInt)
    reward_description: Mapped[str] = mapped_column(text_of(100))
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    terminal_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("terminals.id"))
    actor_kind: Mapped[str] = mapped_column(text_of(10))
    actor_id: Mapped[int | None] = mapped_column(BigInt)
    amount_cents: Mapped[int | None] = mapped_column(BigInt)
    currency: Mapped[str | None] = mapped_column(text_of(3))
    order_reference: Mapped[str | None] = mapped_column(text_of(64))
    reward_id: Mapped[int | None] = mapped_column(BigInt)
    voids_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("loyalty_transactions.id"))
    overrides_limits: Mapped[bool] = mapped_column(Flag, default=False)
    program_revision: Mapped[int] = mapped_column(BigInt)
    business_day: Mapped[date] = mapped_column(LocalDate)
    occurred_at: Mapped[datetime] = mapped_column(UtcDateTime)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    request_id: Mapped[str | None] = mapped_column(text_of(64))
    key_id: Mapped[str] = mapped_column(text_of(8))
    hash: Mapped[str] = mapped_column(text_of(64))
    related_id: Mapped[int | None] = mapped_column(BigInt)
    override_pin_id: Mapped[int | None] = mapped_column(BigInt)


class TransactionDetail(Base):
    """What must stay erasable about an entry; not part of the hash chain."""

    __tablename__ = "loyalty_transaction_details"

    transaction_id: Mapped[int] = mapped_column(
        BigInt, ForeignKey("loyalty_transactions.id"), primary_key=True, autoincrement=False
    )
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"), index=True)
    ip_address: Mapped[str | None] = mapped_column(text_of(45))
    user_agent: Mapped[str | None] = mapped_column(text_of(300))
    notes: Mapped[str | None] = mapped_column(text_of(500))
