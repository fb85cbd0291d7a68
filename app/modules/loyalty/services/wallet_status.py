"""How the wallets are doing, for the platform's admins: set up, talking, behind, and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, TypedDict, cast

from sqlalchemy import Connection, func, select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.db import read_connection
from app.core.paging import PageRequest
from app.modules.loyalty.models import (
    AppleDeviceLog,
    LoyaltyTransaction,
    WalletClass,
    WalletPass,
    WalletVendor,
)
from app.modules.loyalty.services import wallet_parked, wallet_queue, wallet_report
from app.modules.loyalty.services.card_views import AnyRow
from app.modules.loyalty.services.wallet_parked import ParkedPage
from app.modules.loyalty.services.wallet_report import SetupReport
from app.modules.loyalty.types import Provider
from app.modules.tenancy.models import Merchant

MOST_COUNTED: Final = 10_000
MOST_LOOKED_AT: Final = 1_000
MOST_DESIGNS: Final = 100
LOG_LINES: Final = 20
_PLATFORM = "admins see how the wallets of all merchants are doing"
_NEVER: Final[dict[str, Any]] = {
    "paused_until": None,
    "pause_reason": None,
    "pause_detail": None,
    "last_success_at": None,
    "last_failure_at": None,
    "last_error": None,
    "last_callback_at": None,
}


class Backlog(TypedDict):
    """Passes that the vendor has not been told the latest of; parked ones count apart.

    Counts end at `MOST_COUNTED`. `oldest_seconds`: how long the card waits that has waited
    longest, among the first `MOST_LOOKED_AT`; None where none does.
    """

    waiting: int
    parked: int
    oldest_seconds: int | None


class VendorStatus(TypedDict):
    """One vendor: our set-up, its last answers, and what waits for it. Times are UTC.

    Nothing is sent before `paused_until`. `last_callback_at`: when we last heard from it.
    """

    provider: Provider
    setup: SetupReport
    paused_until: datetime | None
    pause_reason: str | None
    pause_detail: str | None
    last_success_at: datetime | None
    last_failure_at: datetime | None
    last_error: str | None
    last_callback_at: datetime | None
    backlog: Backlog


class DesignStatus(TypedDict):
    """A merchant's new design on its way to all passes: `done` of `total` have it.

    Parked: the vendor does not take it, for `last_error`.
    """

    provider: Provider
    merchant_id: int
    merchant_name: str
    done: int
    total: int
    started_at: datetime | None
    parked_at: datetime | None
    last_error: str | None
    last_error_detail: str | None


class LogLine(TypedDict):
    """What a phone had to say about our passes."""

    line: str
    heard_at: datetime


class WalletStatus(TypedDict):
    """All of it. `designs` are those not done yet, `device_log` the newest lines first."""

    vendors: list[VendorStatus]
    designs: list[DesignStatus]
    parked: ParkedPage
    device_log: list[LogLine]


def status(
    db: Session, *, page: PageRequest | None = None, now: datetime | None = None
) -> WalletStatus:
    """How both wallets are doing. `page` chooses among the parked passes.

    A handful of reads by indexes, each of a bounded number of rows.

    Raises:
        ValidationFailed: the cursor is another list's.
    """
    now = now or clock.utc_now()
    parked = wallet_parked.list_parked(db, page=page or PageRequest())
    with read_connection(db) as connection:
        rows = {row.provider: row for row in connection.execute(select(WalletVendor.__table__))}
        vendors = [
            _vendor(connection, provider, rows.get(provider.value), now=now)
            for provider in Provider
        ]
        designs, lines = _designs(connection), _device_log(connection)
    return WalletStatus(vendors=vendors, designs=designs, parked=parked, device_log=lines)


def _vendor(
    connection: Connection, provider: Provider, row: AnyRow | None, *, now: datetime
) -> VendorStatus:
    known: dict[str, Any] = dict(row._mapping) if row else _NEVER
    return cast(
        VendorStatus,
        {name: known[name] for name in _NEVER}
        | {
            "provider": provider,
            "setup": wallet_report.setup_of(provider, now=now),
            "backlog": _backlog(connection, provider, now=now),
        },
    )


def _backlog(connection: Connection, provider: Provider, *, now: datetime) -> Backlog:
    since = _waits_since(connection, provider)
    kept, is_parked = WalletPass, WalletPass.parked_at.is_not(None)
    parked = [kept.provider == provider.value, is_parked]
    return Backlog(
        waiting=_count(connection, wallet_queue.stale(provider), order=[kept.merchant_id, kept.id]),
        parked=_count(connection, parked, order=[kept.id]),
        oldest_seconds=max(0, int((now - since).total_seconds())) if since else None,
    )


def _count(connection: Connection, conditions: Sequence[Any], *, order: Sequence[Any]) -> int:
    """Up to `MOST_COUNTED`, in the order of the partial index: SQLite would take a whole one."""
    some = select(WalletPass.id).where(*conditions).order_by(*order).limit(MOST_COUNTED)
    counted = select(func.count()).select_from(some.subquery())
    return connection.execute(counted.execution_options(tenant_exempt=_PLATFORM)).scalar_one()


def _waits_since(connection: Connection, provider: Provider) -> datetime | None:
    """Since its making where the vendor never had it, else since its card's first entry then.

    A pass behind for its looks alone has no entry to tell the moment: it is left out.
    """
    kept, entry = WalletPass, LoyaltyTransaction
    some = (
        select(kept.merchant_id, kept.card_id, kept.synced_at, kept.created_at)
        .where(*wallet_queue.stale(provider))
        .order_by(kept.merchant_id, kept.id)
        .limit(MOST_LOOKED_AT)
        .subquery()
    )
    changed_at = (
        select(func.min(entry.recorded_at))
        .where(
            entry.merchant_id == some.c.merchant_id,
            entry.card_id == some.c.card_id,
            entry.recorded_at > some.c.synced_at,
        )
        .correlate(some)
        .scalar_subquery()
    )
    rows = connection.execute(
        select(some.c.synced_at, some.c.created_at, changed_at.label("changed_at"))
        .execution_options(tenant_exempt=_PLATFORM)
    ).all()  # fmt: skip
    since = (row.changed_at if row.synced_at else row.created_at for row in rows)
    return min(filter(None, since), default=None)


def _designs(connection: Connection) -> list[DesignStatus]:
    kept = WalletClass
    rows = connection.execute(
        select(
            kept.provider, kept.merchant_id, Merchant.name.label("merchant_name"),
            kept.reissue_done.label("done"), kept.reissue_total.label("total"),
            kept.reissue_started_at.label("started_at"), kept.parked_at, kept.last_error,
            kept.last_error_detail,
        )
        .join(Merchant, Merchant.id == kept.merchant_id)
        .where(
            (kept.reissued_revision < kept.target_revision)
            | (kept.synced_revision < kept.target_revision)
        )
        .order_by(kept.id)
        .limit(MOST_DESIGNS)
        .execution_options(tenant_exempt=_PLATFORM)
    )  # fmt: skip
    return [cast(DesignStatus, dict(row._mapping)) for row in rows]


def _device_log(connection: Connection) -> list[LogLine]:
    log = AppleDeviceLog
    rows = connection.execute(
        select(log.line, log.heard_at).order_by(log.id.desc()).limit(LOG_LINES)
    )
    return [cast(LogLine, dict(row._mapping)) for row in rows]
