"""The drain of Google as a process of its own, which may be killed: `URL LEASE_S`.

Its batches are small and its patience short, so that they fit into a lease of seconds. It ends
when its input does.
"""

from __future__ import annotations

import sys
from zoneinfo import ZoneInfo

from app.core.db import build_engine, build_sessionmaker
from app.core.jobs.leases import Leases
from app.core.jobs.loop import Loop
from app.modules.loyalty import tasks
from app.modules.loyalty.services import wallet_sync
from app.modules.loyalty.wallets import transport

JOB = "loyalty.reconcile_google"
BATCH = 8
TIMEOUT_S = 1.0


def main(url: str, lease_s: str) -> None:
    """Drain until told to stop."""
    transport.TIMEOUT_S = TIMEOUT_S  # type: ignore[misc]  # a constant, save here
    wallet_sync._BATCH = BATCH  # type: ignore[misc]  # as above
    engine = build_engine(url)
    sessions = build_sessionmaker(engine)
    loop = Loop(
        sessions,
        tuple(job for job in tasks.JOBS if job.name == JOB),
        tz=ZoneInfo("UTC"),
        leases=Leases(sessions, lease_s=float(lease_s)),
        tick_s=0.2,
    )
    loop.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
    loop.ask_to_stop()
    loop.join()
    engine.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:])
