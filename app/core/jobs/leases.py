"""The right to run a job: one holder at a time, over all processes and hosts.

No clock decides, since clocks jump and hosts disagree. A lease is taken from a holder only after
its row has not changed for a lease's length, watched by the taker's own stopwatch; the
statement that takes it holds only if the row is still the one that was watched. A holder's own
stopwatch started earlier, so it knows of its loss before anybody else may begin.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Table, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from app.core import clock
from app.core.db import atomic, end_read
from app.core.jobs.models import JobLease

LEASE_S = 30.0
# A renewal is a write; a job that calls often need not write often.
_RENEWALS_PER_LEASE = 6
_TABLE = cast(Table, JobLease.__table__)


class LeaseLost(Exception):
    """The work is somebody else's by now, or this process is asked to stop: stop at once."""


@dataclass(frozen=True)
class LeaseState:
    """A job's row as it was read."""

    beat: int
    holder: str | None
    slot: str | None
    until: datetime | None
    done_slot: str | None


@dataclass(frozen=True)
class _Watched:
    """Since when (by this process's stopwatch) a row has shown this beat."""

    beat: int
    since: float


class Leases:
    """The leases as one process sees them. `lease_s` must be the same in all processes."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        *,
        lease_s: float = LEASE_S,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self.holder = f"{socket.gethostname()[:80]}/{os.getpid()}/{secrets.token_hex(8)}"
        self.lease_s = lease_s
        self.stopwatch = stopwatch
        self._sessions = sessions
        self._watched: dict[str, _Watched] = {}

    def look(self, names: Iterable[str]) -> dict[str, LeaseState]:
        """The rows of these jobs, made where they are missing. Also watches who is alive."""
        wanted = set(names)
        found = self._read(wanted)
        if missing := sorted(wanted - found.keys()):
            self._make(missing)
            found = self._read(wanted)
        began = self.stopwatch()
        for name, state in found.items():
            watched = self._watched.get(name)
            if watched is None or watched.beat != state.beat:
                self._watched[name] = _Watched(state.beat, began)
        return found

    def is_free(self, name: str, state: LeaseState) -> bool:
        """Nobody holds it, or its holder has been silent for a lease's length before our eyes."""
        watched = self._watched[name]
        silent_s = self.stopwatch() - watched.since if watched.beat == state.beat else 0.0
        return state.holder is None or silent_s >= self.lease_s

    def claim(self, name: str, state: LeaseState, slot: str | None) -> Lease | None:
        """Take the lease as it was seen in `state`; None where another was faster.

        `slot` None keeps what the row says about slots.
        """
        if not self.is_free(name, state):
            return None
        lease = Lease(self, name, state)
        return lease if lease.take(slot or state.slot) else None

    def change(self, name: str, beat: int, **values: Any) -> bool:
        """Change a row if its beat is still `beat`. The only statement that changes one."""
        with self._sessions() as db, atomic(db):
            changed = db.execute(
                update(_TABLE)
                .where(_TABLE.c.name == name, _TABLE.c.beat == beat)
                .values(beat=beat + 1, **values)
                .returning(_TABLE.c.beat)
            )
            return changed.first() is not None

    def _read(self, names: set[str]) -> dict[str, LeaseState]:
        columns = [getattr(_TABLE.c, field) for field in LeaseState.__annotations__]
        with self._sessions() as db:
            rows = db.execute(select(_TABLE.c.name, *columns).where(_TABLE.c.name.in_(names)))
            found = {name: LeaseState(*state) for name, *state in rows}
            end_read(db)
        return found

    def _make(self, names: list[str]) -> None:
        for name in names:
            try:
                with self._sessions() as db, atomic(db):
                    db.execute(insert(_TABLE).values(name=name, beat=0))
            except IntegrityError:  # another process has just made it
                continue


class Lease:
    """A lease that is held, from `take` on."""

    def __init__(self, leases: Leases, name: str, seen: LeaseState) -> None:
        self.name = name
        self._leases = leases
        self._beat = seen.beat
        self._done_slot = seen.done_slot
        self._renewed = leases.stopwatch()

    def take(self, slot: str | None) -> bool:
        """Become the holder, unless somebody was faster."""
        return self._change(holder=self._leases.holder, slot=slot, until=self._until())

    def renew(self) -> None:
        """Say that the holder is alive. Writes a few times per lease's length only.

        Raises:
            LeaseLost: the lease was taken away meanwhile.
        """
        silent_s = self._leases.stopwatch() - self._renewed
        if silent_s < self._leases.lease_s / _RENEWALS_PER_LEASE:
            return
        if not self._change(until=self._until()):
            raise LeaseLost(self.name)

    def finish(self, slot: str | None) -> None:
        """Give it back; the work is done, and with it `slot` and all before it.

        Raises:
            LeaseLost: it is another's by now, who does the work again.
        """
        # A clock that was set back must not bring done slots back.
        done_slot = max(filter(None, (slot, self._done_slot)), default=None)
        if not self._change(holder=None, until=None, done_slot=done_slot):
            raise LeaseLost(self.name)

    def release(self) -> None:
        """Give it back unfinished, so that another may begin at once. Harmless if it is lost."""
        self._change(holder=None, until=None)

    def _change(self, **values: Any) -> bool:
        # From before the statement: others see the change later, and watch from then on.
        began = self._leases.stopwatch()
        if not self._leases.change(self.name, self._beat, **values):
            return False
        self._beat += 1
        self._renewed = began
        return True

    def _until(self) -> datetime:
        return clock.utc_now() + timedelta(seconds=self._leases.lease_s)
