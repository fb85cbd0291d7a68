"""The newest pass for a phone that holds an older one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.db import read_connection
from app.modules.loyalty.models import WalletPass
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
    is_newest, last = _served(db, row, now=now)
    if is_newest and known == last:
        return Update(None, last)
    built = apple_wallet_service.build_pass(db, row, now=now)
    if not is_look:
        last = apple_wallet_service.served(db, row, built.view, now=now)
    return Update(built.content, last)


def _served(db: Session, row: PassRow, *, now: datetime) -> tuple[bool, datetime]:
    """Whether a phone was served the pass as it is, and when; else when it would be."""
    one = WalletPass
    view = pass_reading.read_views(db, [row], now=now).get(row.id)
    with read_connection(db) as connection:
        found = connection.execute(
            select(one.served_revision, one.served_design, one.served_at).where(
                one.merchant_id == row.merchant_id, one.id == row.id
            )
        ).one()
    at = now.replace(microsecond=0)
    if found.served_at is None:
        return False, at
    version = view and (row.target_revision, view.design.revision)
    if version == (found.served_revision, found.served_design):
        return True, found.served_at
    return False, max(at, found.served_at + _STEP)
