"""What came of sending passes, written down: for the passes, and for how the vendor is doing."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.db import atomic
from app.modules.loyalty.models import WalletPass, WalletVendor
from app.modules.loyalty.rules import vendor_health
from app.modules.loyalty.rules.notify_budget import MOST_A_DAY
from app.modules.loyalty.rules.pass_view import PassView
from app.modules.loyalty.types import FaultKind, Outcome, PassRow, Provider

_SHARE_OF_OUTAGE: Final = 4
_LONGEST_OUTAGE_PAUSE: Final = timedelta(seconds=30)
_SHORTEST_OUTAGE_PAUSE: Final = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Sent:
    """A pass as it was read, what was sent of it, and what came of that."""

    row: PassRow
    view: PassView | None
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class VendorState:
    """How a vendor is doing, over all processes."""

    health: int
    paused_until: datetime | None
    last_success_at: datetime | None
    last_failure_at: datetime | None


def vendor_state(db: Session, provider: Provider) -> VendorState:
    """The vendor's row, made where it is missing."""
    vendor = WalletVendor
    wanted = select(
        vendor.health, vendor.paused_until, vendor.last_success_at, vendor.last_failure_at
    ).where(vendor.provider == provider.value)
    row = db.execute(wanted).one_or_none()
    if row is None:
        try:
            with atomic(db):
                db.execute(insert(vendor).values(provider=provider.value, health=0))
        except IntegrityError:  # another process was faster
            pass
        row = db.execute(wanted).one()
    return VendorState(*row)


def settle(db: Session, provider: Provider, sent: Sequence[Sent], *, now: datetime) -> None:
    """Write what each pass reached, or when it is tried again, and the vendor's health."""
    state = vendor_state(db, provider)
    health = state.health
    for one in sent:
        if one.outcome.asked:
            health = vendor_health.heard(health, failed=one.outcome.fault is FaultKind.TRANSIENT)
    failing = vendor_health.is_failing(health)
    with atomic(db):
        for one in sent:
            db.execute(
                update(WalletPass)
                .where(
                    WalletPass.merchant_id == one.row.merchant_id,
                    WalletPass.id == one.row.id,
                    # Else another has sent it meanwhile, or wants it sent once more.
                    WalletPass.synced_revision == one.row.synced_revision,
                )
                .values(**_pass_values(one, failing=failing, now=now))
                .execution_options(synchronize_session=False)
            )
        db.execute(
            update(WalletVendor)
            .where(WalletVendor.provider == provider.value)
            .values(health=health, **_vendor_values(state, health, sent, now=now))
            .execution_options(synchronize_session=False)
        )


def _pass_values(one: Sent, *, failing: bool, now: datetime) -> dict[str, Any]:
    row, outcome = one.row, one.outcome
    if outcome.fault is None:
        return _reached(one, now=now)
    said = {"last_error": outcome.reason[:60], "last_error_detail": outcome.detail[:500] or None}
    # What was walked for its design only is behind from now on.
    behind = {"synced_revision": min(row.synced_revision, row.target_revision - 1)}
    if outcome.fault is FaultKind.PARK:
        return {**said, **behind, "parked_at": now}
    is_to_blame = not failing and outcome.fault is not FaultKind.PAUSE
    attempts = row.attempts + is_to_blame
    wait = vendor_health.retry_after(
        max(1, attempts),
        failing=failing,
        jitter=random.random(),  # noqa: S311  # spreads retries, guards nothing
    )
    if outcome.retry_after_s is not None:
        wait = max(wait, timedelta(seconds=outcome.retry_after_s))
    return {**said, **behind, "attempts": attempts, "next_attempt_at": now + wait}


def _reached(one: Sent, *, now: datetime) -> dict[str, Any]:
    row, view = one.row, one.view
    values: dict[str, Any] = {
        "synced_revision": row.target_revision,
        "synced_at": now,
        "attempts": 0,
        "next_attempt_at": None,
        "last_error": None,
        "last_error_detail": None,
    }
    if view is not None:
        values["design_revision"] = view.design.revision
        if row.provider is Provider.GOOGLE:  # an Apple phone says itself what it fetched
            values["shown"] = None if view.ended else view.facts
    if one.outcome.rang:
        values["notified_at"] = [*row.notified_at, now.isoformat()][-MOST_A_DAY:]
    return values


def _vendor_values(
    state: VendorState, health: int, sent: Sequence[Sent], *, now: datetime
) -> dict[str, Any]:
    """Pauses: a minute where the vendor refuses us, a share of the outage where it is down."""
    values: dict[str, Any] = {}
    outcomes = [one.outcome for one in sent]
    if any(outcome.fault is None and outcome.asked for outcome in outcomes):
        values |= {"last_success_at": now, "pause_reason": None, "pause_detail": None}
    failures = [outcome for outcome in outcomes if outcome.fault is not None]
    if failures:
        values |= {"last_failure_at": now, "last_error": failures[-1].reason[:60]}
    refusal = next((one for one in failures if one.fault is FaultKind.PAUSE), None)
    if refusal is not None:
        values |= _paused(refusal, now + vendor_health.PAUSE)
    elif failures and vendor_health.is_down(health):
        down_for = now - (state.last_success_at or now)
        wait = max(_SHORTEST_OUTAGE_PAUSE, min(_LONGEST_OUTAGE_PAUSE, down_for / _SHARE_OF_OUTAGE))
        values |= _paused(failures[-1], now + wait)
    return values


def _paused(outcome: Outcome, until: datetime) -> dict[str, Any]:
    return {
        "paused_until": until,
        "pause_reason": outcome.reason[:60],
        "pause_detail": outcome.detail[:500] or None,
    }
