"""Pictures that an owner wants fetched from an address: noted, shown, and crossed off."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal, TypedDict

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from app.core.db import in_atomic
from app.modules.loyalty.models import LoyaltyProgram, ProgramImageFetch
from app.modules.loyalty.rules.pictures import PictureKind
from app.modules.loyalty.schemas.program import ProgramCreate, ProgramUpdate

# By kind: the address to fetch from, or None for nothing (any more).
Wishes = dict[PictureKind, str | None]


class ImageFetch(TypedDict):
    """A picture that is being fetched, or could not be. `reason` is a word, where it failed."""

    url: str
    state: Literal["pending", "failed"]
    reason: str | None


def open_fetches(db: Session, *, merchant_id: int) -> dict[PictureKind, ImageFetch]:
    """What is still to be fetched for a merchant's program, and what could not be."""
    fetch = ProgramImageFetch
    rows = db.execute(
        select(fetch.kind, fetch.url, fetch.next_attempt_at, fetch.last_error)
        .where(fetch.merchant_id == merchant_id)
        .order_by(fetch.kind)
    )
    return {
        PictureKind(kind): ImageFetch(
            url=url,
            state="failed" if next_attempt_at is None else "pending",
            reason=last_error if next_attempt_at is None else None,
        )
        for kind, url, next_attempt_at, last_error in rows
    }


def wishes_of(data: ProgramCreate | ProgramUpdate) -> Wishes:
    """What `data` says about addresses. Naming a picture that was sent ends a wish for another."""
    sent = data.model_fields_set
    return {
        kind: getattr(data, f"{kind}_url")
        for kind in PictureKind
        if not sent.isdisjoint({f"{kind}_url", f"{kind}_image"})
    }


def changes(known: dict[PictureKind, ImageFetch], wishes: Wishes) -> Wishes:
    """Of `wishes` what differs from the `known` ones. What failed is wished for anew."""
    return {
        kind: url
        for kind, url in wishes.items()
        if (kind in known if url is None else not _is_waiting(known.get(kind), url))
    }


def save(db: Session, program: LoyaltyProgram, wishes: Wishes, *, now: datetime) -> None:
    """Note `wishes` in place of older ones, inside the caller's `atomic`, which holds the program.

    `jobs.wake()` belongs after its commit.
    """
    assert in_atomic(db), "a wish is part of the change that brought it"
    merchant_id, fetch = program.merchant_id, ProgramImageFetch
    if not wishes:
        return
    db.execute(
        delete(fetch)
        .where(fetch.merchant_id == merchant_id, fetch.kind.in_(wishes))
        .execution_options(synchronize_session=False)
    )
    rows = [
        {
            "merchant_id": merchant_id,
            "kind": kind.value,
            "url": url,
            "attempts": 0,
            "next_attempt_at": now,
            "requested_at": now,
        }
        for kind, url in wishes.items()
        if url is not None
    ]
    if rows:
        db.execute(insert(fetch), rows)


def urls_of(known: dict[PictureKind, ImageFetch], kinds: Iterable[PictureKind]) -> Wishes:
    """The addresses of the `known` ones of these kinds."""
    return {kind: known[kind]["url"] if kind in known else None for kind in kinds}


def as_acts(urls: Wishes) -> dict[str, Any]:
    """Addresses for the audit log, without what may be a secret in them (`?token=…`)."""
    return {f"{kind}_url": url and url.partition("?")[0] for kind, url in urls.items()}


def _is_waiting(known: ImageFetch | None, url: str) -> bool:
    return known is not None and known["state"] == "pending" and known["url"] == url
