"""Pictures of a program, drawn anew by us and served under a name made of their content."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, UniqueConstraint
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
