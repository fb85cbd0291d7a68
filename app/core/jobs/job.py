"""What a module says about a job of its."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session

from app.core.jobs.schedule import Schedule

# Counts for the log, such as {"cards": 12, "points": 600}.
JobReport = Mapping[str, int]
KeepAlive = Callable[[], None]


class Run(Protocol):
    """The work of a job. It may be stopped after any batch and is then begun again."""

    def __call__(self, db: Session, *, now: datetime, keep_alive: KeepAlive) -> JobReport:
        """Do what is due at `now`, in transactions of its own.

        `keep_alive()` belongs between batches, outside of any transaction, at least every 10
        seconds: it renews the lease, or raises `LeaseLost` when the work is another's by now.
        """
        ...


@dataclass(frozen=True)
class Job:
    """Work that is done once per slot, or whenever due, by one process of all that run.

    `name` is `module.what_it_does`. A `run` must be idempotent: a slot that was not finished is
    run again.
    """

    name: str
    slot: Schedule
    run: Run
