"""The expiry as a process of its own, which may be killed: `URL NOW`; a line for each batch."""

from __future__ import annotations

import sys
from datetime import datetime

from app.core.db import build_engine, build_sessionmaker
from app.modules.loyalty.services import points_expiry


def main(url: str, now: str) -> None:
    """Expire what is due at `now` (ISO 8601), and say so after each batch."""
    engine = build_engine(url)
    with build_sessionmaker(engine)() as db:
        report = points_expiry.expire_points(
            db, now=datetime.fromisoformat(now), keep_alive=lambda: _say("batch")
        )
    engine.dispose()
    _say(f"done {report['cards']}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
