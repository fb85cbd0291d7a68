"""The e-mails that a test's merchant has caused, and the codes in them."""

from __future__ import annotations

import re

from sqlalchemy.orm import Session

from app.core.mail.models import OutboxEmail
from tests import reads

_CODE = re.compile(r"\b\d{6}\b")


def mails_of(db: Session, *, merchant_id: int) -> list[OutboxEmail]:
    """All of them in the order they were written."""
    return reads.rows_of(db, OutboxEmail, merchant_id=merchant_id)


def codes_in(mail: OutboxEmail) -> list[str]:
    """Whatever looks like a code in the e-mail."""
    return _CODE.findall(f"{mail.subject} {mail.text_body}")


def code_in(mail: OutboxEmail) -> str:
    """The one code that the e-mail brings."""
    (code,) = codes_in(mail)
    return code


def newest_code(db: Session, *, merchant_id: int, to: str | None = None) -> str:
    """The code of the newest e-mail (to an address)."""
    mails = mails_of(db, merchant_id=merchant_id)
    return code_in([mail for mail in mails if to in (None, mail.to_address)][-1])
