"""The newest pass for a phone that holds an older one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from app.core import clock
from app.modules.loyalty.services import apple_wallet_service, pass_reading
from app.modules.loyalty.types import PassRow

_STEP: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Update:
    """`content` None: the phone holds the newest pass. `last_modified`: UTC, whole seconds."""

    content: bytes | None
    last_modified: datetime


def newest(
    db: Session,
    row: PassRow,
    *,
    known: datetime | None = None,
    is_look: bool = False,
    now: datetime | None = None,
) -> Update:
    """The pass of `row`, which was read a moment ago; `known` is If-Modified-Since.

    Nothing is sent only where the phone names exactly the moment of the version that is still
    the newest: each version has a moment of its own. With `is_look` (HEAD) nothing is recorded.

    Raises:
        NotFound: the card is gone for good.
        WalletNotConfigured: passes can't be signed at the moment.
    """
    now = now or clock.utc_now()
    last = apple_wallet_service.last_served(db, row)
    view = pass_reading.read_views(db, [row], now=now).get(row.id)
    moment = last.moment_of(row, view) if view is not None else None
    if moment is not None and moment == known:
        return Update(None, moment)
    built = apple_wallet_service.build_pass(db, row, now=now)
    if is_look:
        return Update(built.content, moment or last.next_moment(now))
    return Update(built.content, apple_wallet_service.served(db, row, built.view, now=now))
