"""The drain of a vendor: passes that are behind are sent, until none is or the vendor fails.

It runs under the vendor's lease, so one process of all sends at a time, at one pace. What is
sent is always the card's state of this moment; what was reached is written afterwards, never
more than was read before the call. So a call that is lost, doubled or late does no harm.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog
from sqlalchemy.orm import Session

from app.core.db import end_read
from app.core.jobs import JobReport, KeepAlive
from app.modules.loyalty.rules.pass_view import PassView
from app.modules.loyalty.rules.vendor_health import is_down
from app.modules.loyalty.services import (
    pass_reading,
    wallet_designs,
    wallet_settling,
)
from app.modules.loyalty.services.wallet_queue import Turns
from app.modules.loyalty.types import FaultKind, Outcome, PassRow, Provider

_BATCH: Final = 32
_PROBE: Final = 2
_THREADS: Final = 8
# No pass is begun later than this after its batch; with the 20 s that one may take, and the 5 s
# between renewals, it ends within a lease.
_BATCH_S: Final = 4.0
_log = structlog.get_logger(__name__)
# None: not this time; the next batch tries it.
Task = Callable[[], Outcome | None]


class Vendor(Protocol):
    """How passes reach a vendor."""

    @property
    def provider(self) -> Provider:
        """Whose wallet it is."""

    def prepare(
        self, db: Session, passes: Sequence[PassRow], views: dict[int, PassView], *, now: datetime
    ) -> list[Task]:
        """One call for each pass, in their order, to be made in any thread without a database.

        Whatever has to be read, drawn or written before is done here.
        """

    def after(self, db: Session) -> None:
        """Write what the calls of a batch brought to light."""


def reconcile(
    db: Session,
    vendor: Vendor,
    *,
    now: datetime,
    keep_alive: KeepAlive,
    stopwatch: Callable[[], float] = time.monotonic,
) -> JobReport:
    """Send what is behind, as far as the vendor takes it now. Counts of passes by outcome.

    Balance changes come before re-issues of a new design, and passes in hands before others.
    """
    began, counts, turns = stopwatch(), Counter[str](), Turns()

    def clock() -> datetime:
        return now + timedelta(seconds=stopwatch() - began)

    with ThreadPoolExecutor(_THREADS, thread_name_prefix="orion-wallet") as pool:
        while True:
            keep_alive()
            at = clock()
            state = wallet_settling.vendor_state(db, vendor.provider)
            if state.paused_until is not None and state.paused_until > at:
                break
            size = _PROBE if is_down(state.health) else _BATCH
            batch = turns.next_batch(db, vendor.provider, size=size, now=at)
            walk = None
            if not batch:
                walk = wallet_designs.next_walk(
                    db, vendor.provider, size=size, after=turns.last_class
                )
                if walk is None:
                    break
                batch, turns.last_class = walk.passes, walk.class_id
            views = pass_reading.read_views(db, batch, now=at)
            tasks = vendor.prepare(db, batch, views, now=at)
            end_read(db)
            keep_alive()
            outcomes = _send(batch, views, tasks, pool, stopwatch=stopwatch)
            keep_alive()
            vendor.after(db)
            # By the time it is now: whoever failed waits from here on.
            wallet_settling.settle(db, vendor.provider, outcomes, now=clock())
            if walk is not None:
                wallet_designs.walked(db, walk, outcomes)
            counts.update(_name(outcome.outcome.fault) for outcome in outcomes)
    end_read(db)
    return {name: counts[name] for name in ("sent", "put_off", "parked")}


def _send(
    batch: Sequence[PassRow],
    views: dict[int, PassView],
    tasks: Sequence[Task],
    pool: ThreadPoolExecutor,
    *,
    stopwatch: Callable[[], float],
) -> list[wallet_settling.Sent]:
    deadline = stopwatch() + _BATCH_S

    def call(row: PassRow, task: Task) -> Outcome | None:
        if stopwatch() >= deadline:
            return None
        try:
            return task()
        except Exception:  # of any pass: the others are sent all the same
            _log.exception("pass_not_sent", pass_id=row.id)
            return Outcome(row.id, FaultKind.TRANSIENT, "internal_error")

    answers: Iterable[Outcome | None] = pool.map(call, batch, tasks)
    return [
        wallet_settling.Sent(row, views.get(row.id), outcome)
        for row, outcome in zip(batch, answers, strict=True)
        if outcome is not None
    ]


def _name(fault: FaultKind | None) -> str:
    if fault is None:
        return "sent"
    return "parked" if fault is FaultKind.PARK else "put_off"
