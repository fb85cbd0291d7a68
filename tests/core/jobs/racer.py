"""A process that ticks over one hourly job, while an hour takes a fraction of a second.

Arguments: URL of the database, a folder, number of slots; with "endless" its first run never
ends, though it lives. In the folder it says that it is ready, waits for the file `go` with the
instant at which simulated time begins (seconds of this machine's clock), and notes its firings.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.core.db import build_engine, build_sessionmaker
from app.core.jobs import Hourly, Job, JobReport, KeepAlive
from app.core.jobs.leases import Leases
from app.core.jobs.loop import Loop

NAME = "test.race"
BEGINNING = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
LEASE_S = 1.0
HOUR_S = 0.05


def main(url: str, where: str, slots: str, endless: str = "") -> None:
    folder = Path(where)

    def run(db: Session, *, now: datetime, keep_alive: KeepAlive) -> JobReport:
        keep_alive()
        _append(folder / "firings", f"{now.isoformat()} {os.getpid()}\n")
        while endless:
            keep_alive()
            time.sleep(0.05)
        return {}

    engine = build_engine(url, sqlite_synchronous="NORMAL", pool_size=2)
    sessions = build_sessionmaker(engine)
    leases = Leases(sessions, lease_s=LEASE_S)
    job = Job(NAME, Hourly(), run)
    loop = Loop(sessions, (job,), tz=ZoneInfo("UTC"), leases=leases)
    began = _begin(folder)
    while (hours := int((time.time() - began) / HOUR_S)) < int(slots):
        loop.tick(BEGINNING + timedelta(hours=hours))
        time.sleep(0.01)
    loop.tick(BEGINNING + timedelta(hours=int(slots) - 1))
    engine.dispose()


def _begin(folder: Path) -> float:
    (folder / f"ready-{os.getpid()}").touch()
    while not (folder / "go").exists():
        time.sleep(0.01)
    return float((folder / "go").read_text())


def _append(file: Path, line: str) -> None:
    # One short write to a file opened for appending is never torn.
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, line.encode())
    os.close(handle)


if __name__ == "__main__":
    main(*sys.argv[1:])
