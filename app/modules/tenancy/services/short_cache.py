"""Memory of a few seconds, so that a busy till does not ask the database who it is each time.

What another process changes is seen here after at most `KEPT` (5 s): that is how long a
revoked session, a changed role or a suspended merchant may live on. Only what was found is
kept, never that something was missing.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.core.db import engine_of

KEPT: Final = timedelta(seconds=5)
_MOST_ENTRIES: Final = 10_000
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class _Entry(Generic[V]):
    value: V
    since: datetime
    until: datetime


class ShortCache(Generic[V]):
    """Values by key, for each database apart. Safe to use from several threads."""

    def __init__(self) -> None:
        self._by_engine: WeakKeyDictionary[Engine, dict[Hashable, _Entry[V]]] = WeakKeyDictionary()

    def get(self, db: Session, key: Hashable, *, now: datetime) -> V | None:
        """The value, if it was put in the last 5 seconds. Touches no connection."""
        entry = self._of(db).get(key)
        if entry is None or not entry.since <= now < entry.until:
            return None
        return entry.value

    def put(
        self, db: Session, key: Hashable, value: V, *, now: datetime, until: datetime | None = None
    ) -> None:
        """Keep the value for 5 seconds, but not up to `until` or beyond."""
        entries = self._of(db)
        if len(entries) >= _MOST_ENTRIES:
            entries.clear()
        end = now + KEPT
        entries[key] = _Entry(value, now, min(end, until) if until else end)

    def forget(self, db: Session, key: Hashable) -> None:
        """Drop one value at once."""
        self._of(db).pop(key, None)

    def clear(self, db: Session) -> None:
        """Drop all values of this database at once."""
        self._of(db).clear()

    def _of(self, db: Session) -> dict[Hashable, _Entry[V]]:
        engine = engine_of(db)
        entries = self._by_engine.get(engine)
        return self._by_engine.setdefault(engine, {}) if entries is None else entries
