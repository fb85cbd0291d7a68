"""Fetching pictures from other sites, by a worker: each once, and shown as if it had been sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, delete, exists, select, update
from sqlalchemy.orm import Session

from app.core import http
from app.core.db import atomic, end_read
from app.core.http import NotFetched
from app.modules.loyalty.errors import ImageRejected
from app.modules.loyalty.models import LoyaltyProgram, ProgramImageFetch
from app.modules.loyalty.rules.pictures import MAXIMUM_BYTES, Picture, PictureKind, redraw
from app.modules.loyalty.services import image_service, image_wishes, program_changes
from app.modules.loyalty.types import ActorKind
from app.modules.tenancy.services import audit_service

# E-mails wait in the same thread meanwhile.
MOST_AT_ONCE: Final = 2
# Before the second try, and before the third and last.
WAITS: Final = (timedelta(minutes=1), timedelta(minutes=10))
_MOST_TRIES: Final = len(WAITS) + 1
# How long one try may take at most. Until then nobody else tries.
_UNDER_WAY: Final = timedelta(minutes=5)
_ACCEPT: Final = "image/png, image/jpeg, image/webp, image/gif"
_ACROSS: Final = "pictures are fetched for all merchants alike"

Fetch = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is to be fetched, as this try found it. `attempts` counts this one."""

    merchant_id: int
    kind: PictureKind
    url: str
    attempts: int
    requested_at: datetime


def fetch(url: str) -> bytes:
    """What may be a picture, from a public https address.

    Raises:
        NotFetched.
    """
    return http.fetch_public(url, max_bytes=MAXIMUM_BYTES, accept=_ACCEPT)


def has_due(db: Session, now: datetime) -> bool:
    """Is there a picture to fetch? One look into the index of those that wait."""
    query = select(exists().where(ProgramImageFetch.next_attempt_at <= now))
    return bool(db.execute(query, execution_options={"tenant_exempt": _ACROSS}).scalar_one())


def fetch_due(
    db: Session, *, now: datetime, keep_alive: Callable[[], None], fetch: Fetch = fetch
) -> Mapping[str, int]:
    """Fetch what is due, the longest waiting first; returns counts.

    A picture takes its place in the program unless the owner has changed their mind meanwhile
    (`outdated`). What may go better next time is tried three times (`put_off`).
    """
    counts = Counter(fetched=0, put_off=0, failed=0, outdated=0)
    for wish in _due(db, now):
        keep_alive()
        counts[_try(db, wish, fetch, now) if _take(db, wish, now) else "outdated"] += 1
    return dict(counts)


def _due(db: Session, now: datetime) -> list[_Wish]:
    row = ProgramImageFetch
    found = db.execute(
        select(row.merchant_id, row.kind, row.url, row.attempts, row.requested_at)
        .where(row.next_attempt_at <= now)
        .order_by(row.next_attempt_at)
        .limit(MOST_AT_ONCE)
        .execution_options(tenant_exempt=_ACROSS)
    ).all()
    end_read(db)
    return [
        _Wish(merchant_id, PictureKind(kind), url, attempts + 1, requested_at)
        for merchant_id, kind, url, attempts, requested_at in found
    ]


def _take(db: Session, wish: _Wish, now: datetime) -> bool:
    """Count the try before it begins: what kills a worker is not tried for ever."""
    with atomic(db):
        return _change(
            db,
            wish,
            wish.attempts - 1,
            attempts=wish.attempts,
            next_attempt_at=now + _UNDER_WAY,
            last_error="interrupted",
        )


def _try(db: Session, wish: _Wish, fetch: Fetch, now: datetime) -> str:
    if wish.attempts > _MOST_TRIES:
        return _fail(db, wish, NotFetched("interrupted", is_final=True), now)
    try:
        picture = redraw(fetch(wish.url), wish.kind)
    except NotFetched as fault:
        return _fail(db, wish, fault, now)
    except ImageRejected as fault:
        return _fail(db, wish, NotFetched(fault.code, is_final=True), now)
    return _show(db, wish, picture, now)


def _fail(db: Session, wish: _Wish, fault: NotFetched, now: datetime) -> str:
    is_over = fault.is_final or wish.attempts >= _MOST_TRIES
    next_attempt_at = None if is_over else now + WAITS[wish.attempts - 1]
    with atomic(db):
        is_ours = _change(
            db, wish, wish.attempts, next_attempt_at=next_attempt_at, last_error=fault.reason
        )
    if not is_ours:
        return "outdated"
    return "failed" if is_over else "put_off"


def _show(db: Session, wish: _Wish, picture: Picture, now: datetime) -> str:
    """Put the picture into the program, as a change by its owner would."""
    view, column = image_service.view_of(picture, wish.kind), f"{wish.kind}_image"
    with atomic(db):
        program = image_service.locked_program(db, merchant_id=wish.merchant_id)
        if not _cross_off(db, wish):
            return "outdated"
        image_service.keep(db, program, picture, view, now=now)
        old, new = {column: getattr(program, column)}, {column: view["name"]}
        program = program_changes.carry_out(db, program, new, now=now)
        _audit(db, program, old, new | image_wishes.as_acts({wish.kind: wish.url}), now=now)
    return "fetched"


def _is_still(wish: _Wish, tries: int) -> ColumnElement[bool]:
    """The row of this very wish, tried so often; a newer wish has another time or address."""
    row = ProgramImageFetch
    return and_(
        row.merchant_id == wish.merchant_id,
        row.kind == wish.kind.value,
        row.url == wish.url,
        row.requested_at == wish.requested_at,
        row.attempts == tries,
    )


def _change(db: Session, wish: _Wish, tries: int, **values: Any) -> bool:
    changed = db.execute(
        update(ProgramImageFetch)
        .where(_is_still(wish, tries))
        .values(**values)
        .returning(ProgramImageFetch.kind)
        .execution_options(synchronize_session=False)
    )
    return changed.first() is not None


def _cross_off(db: Session, wish: _Wish) -> bool:
    gone = db.execute(
        delete(ProgramImageFetch)
        .where(_is_still(wish, wish.attempts))
        .returning(ProgramImageFetch.kind)
        .execution_options(synchronize_session=False)
    )
    return gone.first() is not None


def _audit(
    db: Session,
    program: LoyaltyProgram,
    old: dict[str, Any],
    new: dict[str, Any],
    *,
    now: datetime,
) -> None:
    audit_service.record(
        db,
        merchant_id=program.merchant_id,
        action="program_image_fetched",
        subject=f"program:{program.id}",
        actor_kind=ActorKind.JOB.value,
        actor_id=None,
        old=old,
        new=new,
        now=now,
    )
