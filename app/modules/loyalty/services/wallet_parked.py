"""Passes that a vendor does not take as they are: why, and another try."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict, cast

from sqlalchemy import select, tuple_, update
from sqlalchemy.orm import Session

from app.core import clock, jobs
from app.core.db import atomic, read_connection
from app.core.paging import PageRequest, encode_cursor
from app.modules.loyalty.errors import PassNotFound
from app.modules.loyalty.models import WalletClass, WalletPass
from app.modules.loyalty.services import wallet_views
from app.modules.loyalty.services.ledger_entries import Actor
from app.modules.loyalty.services.wallet_views import PassStanding
from app.modules.loyalty.types import Provider
from app.modules.tenancy.models import Merchant
from app.modules.tenancy.services import audit_service

_PLATFORM = "admins look after the passes of all merchants"


class ParkedPass(TypedDict):
    """A pass with the vendor's reason: a stable word, and the vendor's own text for admins."""

    pass_id: int
    provider: Provider
    merchant_id: int
    merchant_name: str
    card_id: int
    attempts: int
    parked_at: datetime
    last_error: str | None
    last_error_detail: str | None


class ParkedPage(TypedDict):
    """One page of them; `next_cursor` None: the last one."""

    items: list[ParkedPass]
    next_cursor: str | None


def list_parked(db: Session, *, page: PageRequest) -> ParkedPage:
    """Parked passes of all merchants, by vendor and id, from their own index.

    Raises:
        ValidationFailed: the cursor is another list's.
    """
    kept = WalletPass
    wanted = (
        select(
            kept.id.label("pass_id"), kept.provider, kept.merchant_id,
            Merchant.name.label("merchant_name"), kept.card_id, kept.attempts, kept.parked_at,
            kept.last_error, kept.last_error_detail,
        )
        .join(Merchant, Merchant.id == kept.merchant_id)
        .where(kept.parked_at.is_not(None))
        .order_by(kept.provider, kept.id)
        .limit(page.limit + 1)
        .execution_options(tenant_exempt=_PLATFORM)
    )  # fmt: skip
    after = page.after(str, int)
    if after is not None:
        wanted = wanted.where(tuple_(kept.provider, kept.id) > after)
    with read_connection(db) as connection:
        rows = connection.execute(wanted).all()
    last = rows[page.limit - 1] if len(rows) > page.limit else None
    return ParkedPage(
        items=[cast(ParkedPass, dict(row._mapping)) for row in rows[: page.limit]],
        next_cursor=encode_cursor(last.provider, last.pass_id) if last else None,
    )


def retry(
    db: Session,
    *,
    pass_id: int,
    actor: Actor,
    ip_address: str | None = None,
    request_id: str | None = None,
    now: datetime | None = None,
) -> PassStanding:
    """Have a parked pass, and its merchant's design at that vendor, tried again at once.

    Audited, where anything was parked. Returns how the card stands in that wallet then.

    Raises:
        PassNotFound.
    """
    with atomic(db):
        row = db.execute(
            select(WalletPass.merchant_id, WalletPass.card_id, WalletPass.provider)
            .where(WalletPass.id == pass_id)
            .execution_options(tenant_exempt=_PLATFORM)
        ).one_or_none()
        if row is None:
            raise PassNotFound
        reasons = [
            *_unpark(db, WalletPass, row.merchant_id, WalletPass.id == pass_id),
            *_unpark(db, WalletClass, row.merchant_id, WalletClass.provider == row.provider),
        ]
        if reasons:
            audit_service.record(
                db,
                merchant_id=row.merchant_id,
                action="wallet_pass_retried",
                subject=f"wallet_pass:{pass_id}",
                actor_kind=actor.kind.value,
                actor_id=actor.id,
                old={"parked_for": reasons},
                ip_address=ip_address,
                request_id=request_id,
                now=now or clock.utc_now(),
            )
    jobs.wake()
    standings = wallet_views.wallet_state(db, merchant_id=row.merchant_id, card_id=row.card_id)
    return next(one for one in standings if one["provider"] == row.provider)


def _unpark(
    db: Session, model: type[WalletPass | WalletClass], merchant_id: int, which: Any
) -> list[str]:
    """Let the job take it up; the reasons why it did not."""
    return [
        reason or ""
        for reason in db.execute(
            update(model)
            .where(model.merchant_id == merchant_id, which, model.parked_at.is_not(None))
            .values(parked_at=None, attempts=0, next_attempt_at=None)
            .returning(model.last_error)
            .execution_options(synchronize_session=False)
        ).scalars()
    ]
