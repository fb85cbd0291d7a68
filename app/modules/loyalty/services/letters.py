"""E-mails to customers: their words, and their way into the outbox."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from sqlalchemy.orm import Session

from app.core.config import get_settings
from app.core.i18n import Catalogue
from app.core.mail import outbox

_LOCALES: Final = Path(__file__).parents[1] / "locales"
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
    translator = _texts().translator(language)
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


@lru_cache(maxsize=1)
def _texts() -> Catalogue:
    settings = get_settings()
    return Catalogue.load(
        [_LOCALES], default=settings.default_language, strict=not settings.is_production
    )
