"""One run of a job under its lease."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy.orm import Session, sessionmaker

from app.core.db import close, in_atomic
from app.core.jobs.job import Job, JobReport
from app.core.jobs.leases import Lease, LeaseLost, Leases

_log = structlog.get_logger(__name__)


def run_leased(
    job: Job,
    lease: Lease,
    *,
    slot: str | None,
    sessions: sessionmaker[Session],
    now: datetime,
    is_stopping: Callable[[], bool] = lambda: False,
) -> JobReport:
    """Run the job, then give the lease back with `slot` done.

    Whatever a job raises is raised. Then its lease stays: nobody tries again before it has
    been silent for its length.

    Raises:
        LeaseLost: it is another's by now, or the process is asked to stop.
    """
    began = time.monotonic()
    db = sessions()

    def keep_alive() -> None:
        assert not in_atomic(db), "keep_alive belongs between transactions"
        if is_stopping():
            raise LeaseLost(job.name)
        lease.renew()

    try:
        report = job.run(db, now=now, keep_alive=keep_alive)
    except LeaseLost:
        lease.release()
        raise
    finally:
        close(db)
    lease.finish(slot)
    ms = round((time.monotonic() - began) * 1000)
    log = _log.info if slot or any(report.values()) else _log.debug
    log("job_done", job=job.name, slot=slot, counts=dict(report), ms=ms)
    return report


def claim_patiently(
    leases: Leases, name: str, slot: str | None, *, poll_s: float = 1.0
) -> Lease | None:
    """Take a lease. If it is held, watch the holder for a lease's length.

    Returns None as soon as the holder shows that it is alive, or another is faster.
    """
    first = leases.look([name])[name]
    while True:
        state = leases.look([name])[name]
        if state.beat != first.beat:
            return None
        if leases.is_free(name, state):
            return leases.claim(name, state, slot)
        time.sleep(poll_s)
