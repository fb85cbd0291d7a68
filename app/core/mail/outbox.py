"""The outbox: an e-mail is written in the transaction of what it tells, and sent afterwards.

So no e-mail tells what was rolled back, none is lost, and nobody at a counter waits for a
mail server. Sent at least once: a process that dies between the server's "taken" and our
note of it leaves the e-mail to be sent again, under the same Message-ID.
"""

from __future__ import annotations

import random
import secrets
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import RowMapping, Table, delete, exists, or_, select, update
from sqlalchemy.orm import Session

from app.core.db import atomic, end_read, in_atomic
from app.core.mail.message import Mail, checked_address, checked_subject, checked_text
from app.core.mail.models import OutboxEmail
from app.core.mail.smtp import NotSent

KEPT_SENT_DAYS = 7
KEPT_GIVEN_UP_DAYS = 30
MOST_AT_ONCE = 50
_GOOD_FOR = timedelta(days=3)
_LONGEST_WAIT_S = 3600
# How long one sending may take at most, all its time-outs together. Until then nobody else tries.
_IN_THE_MAIL = timedelta(minutes=5)
_ACROSS = {"tenant_exempt": "the outbox is sent for all merchants alike"}
_TABLE = cast(Table, OutboxEmail.__table__)


def enqueue(
    db: Session,
    *,
    to: str,
    subject: str,
    text: str,
    purpose: str,
    now: datetime,
    merchant_id: int | None = None,
    good_for: timedelta = _GOOD_FOR,
) -> None:
    """Put one e-mail into the outbox, in the caller's transaction; `jobs.wake()` after its commit.

    `purpose` names the kind (`sign_in_code`), for logs. After `good_for` an e-mail that could
    not be sent is given up. How many e-mails somebody may cause is the caller's limit to set.

    Raises:
        ValueError: the address, subject or text cannot stand in an e-mail.
    """
    assert in_atomic(db), "an e-mail belongs into the transaction of what it tells"
    db.add(
        OutboxEmail(
            merchant_id=merchant_id,
            purpose=purpose,
            message_id=secrets.token_hex(12),
            to_address=checked_address(to),
            subject=checked_subject(subject),
            text_body=checked_text(text),
            created_at=now,
            give_up_at=now + good_for,
            attempts=0,
            next_attempt_at=now,
        )
    )


def has_due(db: Session, now: datetime) -> bool:
    """Is there an e-mail to try? One look into the index of those that wait."""
    query = select(exists().where(_TABLE.c.next_attempt_at <= now))
    return bool(db.execute(query, execution_options=_ACROSS).scalar_one())


def drain(
    db: Session,
    *,
    send: Callable[[Mail], None],
    now: datetime,
    keep_alive: Callable[[], None],
    limit: int = MOST_AT_ONCE,
) -> dict[str, int]:
    """Send what is due, the longest waiting first, at most `limit`; returns counts.

    An e-mail is marked before it is sent, so that two drainers never send the same. After a
    fault of the server the rest waits for the next call.
    """
    counts: Counter[str] = Counter(sent=0, put_off=0, given_up=0)
    for row in _due(db, now, limit):
        keep_alive()
        if not _take(db, row, now):
            continue
        try:
            if row["give_up_at"] <= now:
                raise NotSent(row["last_error"] or "too_late", is_final=True)
            send(_mail(row))
        except NotSent as fault:
            counts[_put_off(db, row, fault, now)] += 1
            if fault.is_servers:
                break
        else:
            _settle(db, row, sent_at=now, next_attempt_at=None, last_error=None, text_body="")
            counts["sent"] += 1
    return dict(counts)


def keep_here(db: Session, *, now: datetime) -> dict[str, int]:
    """Where no server is set, in development: the outbox itself is where e-mails arrive."""
    with atomic(db):
        kept = db.execute(
            update(_TABLE)
            .where(_TABLE.c.next_attempt_at <= now)
            .values(sent_at=now, next_attempt_at=None)
            .returning(_TABLE.c.id),
            execution_options=_ACROSS,
        ).all()
    return {"sent": len(kept)}


def newest(db: Session, *, limit: int = MOST_AT_ONCE) -> list[RowMapping]:
    """The newest e-mails of all merchants, for the page of the development outbox."""
    query = select(_TABLE).order_by(_TABLE.c.created_at.desc(), _TABLE.c.id.desc()).limit(limit)
    rows = list(db.execute(query, execution_options=_ACROSS).mappings())
    end_read(db)
    return rows


def tidy(db: Session, *, now: datetime) -> dict[str, int]:
    """Delete what nobody needs: sent e-mails after 7 days, given up or stuck ones after 30."""
    sent_before = now - timedelta(days=KEPT_SENT_DAYS)
    made_before = now - timedelta(days=KEPT_GIVEN_UP_DAYS)
    with atomic(db):
        gone = db.execute(
            delete(_TABLE)
            .where(or_(_TABLE.c.sent_at < sent_before, _TABLE.c.created_at < made_before))
            .returning(_TABLE.c.id),
            execution_options=_ACROSS,
        ).all()
    return {"emails": len(gone)}


def forget(db: Session, *, merchant_id: int, to: str) -> None:
    """Delete a merchant's e-mails to an address, sent or not, in the caller's transaction."""
    assert in_atomic(db), "erasure is one transaction"
    db.execute(
        delete(_TABLE).where(
            _TABLE.c.merchant_id == merchant_id, _TABLE.c.to_address == checked_address(to)
        )
    )


def _due(db: Session, now: datetime, limit: int) -> list[RowMapping]:
    query = (
        select(_TABLE)
        .where(_TABLE.c.next_attempt_at <= now)
        .order_by(_TABLE.c.next_attempt_at, _TABLE.c.id)
        .limit(limit)
    )
    rows = list(db.execute(query, execution_options=_ACROSS).mappings())
    end_read(db)
    return rows


def _take(db: Session, row: RowMapping, now: datetime) -> bool:
    """Mark the e-mail as being tried, unless somebody else has done so."""
    values = {"attempts": row["attempts"] + 1, "next_attempt_at": now + _IN_THE_MAIL}
    return _change(db, row["id"], row["attempts"], values)


def _settle(db: Session, row: RowMapping, **values: Any) -> None:
    _change(db, row["id"], row["attempts"] + 1, values)


def _put_off(db: Session, row: RowMapping, fault: NotSent, now: datetime) -> str:
    next_attempt_at = now + timedelta(seconds=wait_s(row["attempts"] + 1))
    if fault.is_final or next_attempt_at >= row["give_up_at"]:
        _settle(db, row, next_attempt_at=None, last_error=fault.code, text_body="")
        return "given_up"
    _settle(db, row, next_attempt_at=next_attempt_at, last_error=fault.code)
    return "put_off"


def wait_s(attempts: int) -> float:
    """Seconds until the next try: 2, 4, 8 … at most an hour, each shortened by up to a half.

    Shortened at random, so that what failed together does not come back together.
    """
    longest = min(_LONGEST_WAIT_S, 2.0 ** min(attempts, 20))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing


def _change(db: Session, mail_id: int, attempts: int, values: dict[str, Any]) -> bool:
    with atomic(db):
        changed = db.execute(
            update(_TABLE)
            .where(_TABLE.c.id == mail_id, _TABLE.c.attempts == attempts)
            .values(**values)
            .returning(_TABLE.c.id),
            execution_options=_ACROSS,
        )
        return changed.first() is not None


def _mail(row: RowMapping) -> Mail:
    return Mail(
        message_id=row["message_id"],
        to=row["to_address"],
        subject=row["subject"],
        text=row["text_body"],
        created_at=row["created_at"],
    )
