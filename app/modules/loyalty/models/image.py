"""Pictures of a program, served under a name made of their content, and those to be fetched."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, BigInt, UtcDateTime, text_of


class ProgramImage(Base):
    """One logo or hero picture, as PNG or JPEG. `name` is the hash of its content."""

    __tablename__ = "program_images"
    __table_args__ = (UniqueConstraint("merchant_id", "name"),)

    id: Mapped[int] = mapped_column(BigInt, primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    name: Mapped[str] = mapped_column(text_of(80), index=True)
    kind: Mapped[str] = mapped_column(text_of(10))
    content_type: Mapped[str] = mapped_column(text_of(20))
    width: Mapped[int]
    height: Mapped[int]
    content: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ProgramImageFetch(Base):
    """A picture that an owner wants fetched from `url`; gone once the program shows it.

    Waiting: `next_attempt_at` says when it is tried (again). Failed: it is empty, and
    `last_error` says why in one word. Newer wishes take the place of older ones.
    """

    __tablename__ = "program_image_fetches"
    __table_args__ = (
        Index(
            "ix_program_image_fetches_next_attempt_at",
            "next_attempt_at",
            sqlite_where=text("next_attempt_at IS NOT NULL"),
            postgresql_where=text("next_attempt_at IS NOT NULL"),
        ),
    )

    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(text_of(10), primary_key=True)
    url: Mapped[str] = mapped_column(text_of(500))
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(text_of(50))
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime)
