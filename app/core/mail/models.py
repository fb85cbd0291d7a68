"""The outbox: e-mails that wait, and those of the last days."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, BigInt, UtcDateTime, text_of


class OutboxEmail(Base):
    """One e-mail. Personal data: the address, and the text until it is sent.

    Waiting: `next_attempt_at` says when it is tried (again). Done: it is empty; then either
    `sent_at` is set, or the e-mail was given up and `last_error` says why.
    `merchant_id` is on whose behalf it goes out; no foreign key, since the core knows no merchants.
    """

    __tablename__ = "outbox_emails"
    __table_args__ = (
        Index(
            "ix_outbox_emails_next_attempt_at",
            "next_attempt_at",
            sqlite_where=text("next_attempt_at IS NOT NULL"),
            postgresql_where=text("next_attempt_at IS NOT NULL"),
        ),
        Index("ix_outbox_emails_merchant_id_to_address", "merchant_id", "to_address"),
        Index("ix_outbox_emails_created_at", "created_at"),
    )

    id: Mapped[int] = mapped_column(BigInt, primary_key=True)
    merchant_id: Mapped[int | None] = mapped_column(BigInt)
    purpose: Mapped[str] = mapped_column(text_of(50))
    message_id: Mapped[str] = mapped_column(text_of(32))
    to_address: Mapped[str] = mapped_column(text_of(254))
    subject: Mapped[str] = mapped_column(text_of(200))
    text_body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    give_up_at: Mapped[datetime] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(text_of(50))
