"""Pictures this process has drawn or read, so that sending a pass asks for none twice."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime, timedelta
from typing import Final
from weakref import WeakKeyDictionary

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.core.db import engine_of
from app.modules.loyalty.types.pictures import PassPicture

# Far shorter than a look that changed is kept (`pass_pictures.drop_old`).
KEPT: Final = timedelta(hours=1)
MOST_BYTES: Final = 16_000_000
_Pictures = OrderedDict[Hashable, tuple[PassPicture, datetime]]


class PictureMemory:
    """The pictures used last, up to `most_bytes`, for each database apart. Safe for threads."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._by_engine: WeakKeyDictionary[Engine, _Pictures] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def get(self, db: Session, key: Hashable, *, now: datetime) -> PassPicture | None:
        """The picture, if it was put within the last hour. Touches no connection."""
        with self._lock:
            pictures = self._of(db)
            picture, until = pictures.get(key, (None, now))
            if picture is None or not until - KEPT <= now < until:
                return None
            pictures.move_to_end(key)
            return picture

    def put(self, db: Session, key: Hashable, picture: PassPicture, *, now: datetime) -> None:
        """Keep the picture for an hour; those used longest ago make room."""
        with self._lock:
            pictures = self._of(db)
            pictures[key] = (picture, now + KEPT)
            pictures.move_to_end(key)
            held = sum(len(kept.content) for kept, _ in pictures.values())
            while held > self._most_bytes:
                _, (dropped, _) = pictures.popitem(last=False)
                held -= len(dropped.content)

    def _of(self, db: Session) -> _Pictures:
        return self._by_engine.setdefault(engine_of(db), OrderedDict())
