"""The loop that runs jobs inside a process: at a word (`wake`) or every 2 seconds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.orm import Session, sessionmaker

from app.core import clock
from app.core.db import end_read
from app.core.jobs.job import Job
from app.core.jobs.leases import LeaseLost, Leases, LeaseState
from app.core.jobs.running import run_leased
from app.core.jobs.schedule import WhenDue, due_slot
from app.core.jobs.waking import listening, wake

TICK_S = 2.0
# Between two ticks at the least: a counter that is busy wakes the loop all the time.
_REST_S = 0.1
# Within the 20 seconds that a shutdown may take.
_STOP_S = 15.0
_log = structlog.get_logger(__name__)


@contextmanager
def background(
    sessions: sessionmaker[Session], jobs: tuple[Job, ...], *, tz: ZoneInfo
) -> Iterator[None]:
    """Run the jobs while the block runs.

    One thread has the jobs with slots, which may take long. What is done whenever it is due has
    a thread each: a mail server that does not answer keeps no wallet waiting, nor the other way
    round. At the end all stop after their batch and give their leases back.
    """
    with_slots = tuple(job for job in jobs if not isinstance(job.slot, WhenDue))
    alone = [(job,) for job in jobs if isinstance(job.slot, WhenDue)]
    loops = [Loop(sessions, part, tz=tz) for part in (with_slots, *alone) if part]
    for loop in loops:
        loop.start()
    try:
        yield
    finally:
        for loop in loops:
            loop.ask_to_stop()
        for loop in loops:
            loop.join()


class Loop:
    """One thread over some jobs. Any number may run, here and elsewhere: the leases decide."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        jobs: tuple[Job, ...],
        *,
        tz: ZoneInfo,
        leases: Leases | None = None,
        tick_s: float = TICK_S,
    ) -> None:
        self._sessions = sessions
        self._jobs = jobs
        self._tz = tz
        self._leases = leases or Leases(sessions)
        self._tick_s = tick_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="orion-jobs", daemon=True)

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """End after the batch at hand."""
        self._stopping.set()
        wake()

    def join(self, timeout_s: float = _STOP_S) -> None:
        """Wait for the end. A job that does not end keeps its lease until that falls free."""
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            _log.warning("job_still_running", after_s=timeout_s)

    def tick(self, now: datetime | None = None) -> None:
        """Run each job that is due now and free. A job that fails does not stop the others."""
        states = self._leases.look(job.name for job in self._jobs)
        for job in self._jobs:
            if self._stopping.is_set():
                return
            self._run_if_due(job, states[job.name], now or clock.utc_now())

    def _run(self) -> None:
        with listening() as woken:
            while not self._stopping.is_set():
                woken.clear()
                try:
                    self.tick()
                except Exception:  # the database is away, say: the next tick may find it back
                    _log.exception("tick_failed")
                self._stopping.wait(_REST_S)
                woken.wait(self._tick_s)

    def _run_if_due(self, job: Job, state: LeaseState, now: datetime) -> None:
        if not self._leases.is_free(job.name, state):
            return
        slot = None if isinstance(job.slot, WhenDue) else due_slot(job.slot, now, self._tz)
        try:
            if not self._is_due(job, state, slot, now):
                return
            lease = self._leases.claim(job.name, state, slot)
            if lease is not None:
                run_leased(
                    job,
                    lease,
                    slot=slot,
                    sessions=self._sessions,
                    now=now,
                    is_stopping=self._stopping.is_set,
                )
        except LeaseLost:
            _log.warning("job_stopped", job=job.name, slot=slot)
        except Exception:  # of any job: it is tried again once its lease has fallen free
            _log.exception("job_failed", job=job.name, slot=slot)

    def _is_due(self, job: Job, state: LeaseState, slot: str | None, now: datetime) -> bool:
        if slot is not None:
            return state.done_slot is None or state.done_slot < slot
        assert isinstance(job.slot, WhenDue)
        with self._sessions() as db:
            is_due = job.slot.is_due(db, now)
            end_read(db)
        return is_due
