"""E-mails to customers: their words, and their way into the outbox."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from app.core.mail import outbox
from app.modules.loyalty.config import texts

_GOOD_FOR: Final = timedelta(days=3)


def send(
    db: Session,
    *,
    to: str,
    words: str,
    language: str,
    merchant_id: int,
    good_for: timedelta = _GOOD_FOR,
    now: datetime,
    **facts: Any,
) -> None:
    """Put the e-mail `<words>.subject`, `<words>.text` into the outbox, with the caller's commit.

    `language` is the reader's, `facts` fill the places of the texts (dates
    in words). After `good_for` it is
    no longer sent.
    """
    translator = texts().translator(language)
    shown = {
        name: translator.date(value, style="long") if isinstance(value, date) else value
        for name, value in facts.items()
    }
    outbox.enqueue(
        db,
        to=to,
        subject=translator.t(f"{words}.subject", **shown),
        text=translator.t(f"{words}.text", **shown),
        merchant_id=merchant_id,
        purpose=words.rpartition(".")[2],
        good_for=good_for,
        now=now,
    )
