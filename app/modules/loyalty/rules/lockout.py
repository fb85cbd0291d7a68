"""When too many wrong PINs lock PIN entry, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Attempts:
    """What to keep of the wrong tries: how many in a row, and until when entry is locked (UTC)."""

    failed_attempts: int
    locked_until: datetime | None
    attempts_left: int


def is_locked(*, locked_until: datetime | None, now: datetime) -> bool:
    """True until just before `locked_until`: the lock ends by itself at that instant."""
    return locked_until is not None and now < locked_until


def after_failure(
    *,
    failed_attempts: int,
    locked_until: datetime | None,
    max_failed_attempts: int,
    lockout_minutes: int,
    now: datetime,
) -> Attempts:
    """What a wrong PIN at `now` leads to, from what was kept of the tries before it.

    The try number `max_failed_attempts` locks entry for `lockout_minutes`. A try during a
    lock changes nothing, or anybody could keep colleagues out for ever; the first one after
    a lock counts as the first.

    Source: product rule "Staff PINs", docs/rules.md.
    """
    assert max_failed_attempts >= 1, max_failed_attempts
    if is_locked(locked_until=locked_until, now=now):
        return Attempts(failed_attempts, locked_until, attempts_left=0)
    failed = failed_attempts + 1 if locked_until is None else 1
    if failed >= max_failed_attempts:
        ends_at = now + timedelta(minutes=lockout_minutes)
        return Attempts(failed, ends_at, attempts_left=0)
    return Attempts(failed, locked_until=None, attempts_left=max_failed_attempts - failed)
