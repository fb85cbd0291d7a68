"""Who runs which job."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, UtcDateTime, text_of


class JobLease(Base):
    """The one row of a job: the right to run it, and the last slot that is done.

    `holder` None: nobody runs it. `beat` grows by one with every change of the row, so a holder
    that lives is one whose beat moves. `until` is for people: when the lease falls free if the
    holder is silent from now on, by the holder's clock. No decision rests on it.
    """

    __tablename__ = "job_leases"

    name: Mapped[str] = mapped_column(text_of(60), primary_key=True)
    beat: Mapped[int] = mapped_column(default=0)
    holder: Mapped[str | None] = mapped_column(text_of(120))
    slot: Mapped[str | None] = mapped_column(text_of(20))
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    done_slot: Mapped[str | None] = mapped_column(text_of(20))
