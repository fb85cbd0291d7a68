"""What this process remembers of right PINs, so that bcrypt is not on the path of a stamp.

Only successes are kept, for a shift. The memory never decides alone: the statement that
posts an entry checks that the PIN is still active, unlocked and of the remembered version.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.core.db import engine_of
from app.modules.loyalty.types import Staff

_SHIFT = timedelta(hours=8)
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class _Known:
    staff: Staff
    until: datetime


class StaffMemory:
    """Right PINs by a hash under a random key of this process, and staff by id."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._by_pin: OrderedDict[bytes, _Known] = OrderedDict()
        self._by_id: OrderedDict[tuple[int, int], _Known] = OrderedDict()
        self._lock = threading.Lock()
        self._turns = [threading.Lock() for _ in range(64)]

    def turn(self, *place: Hashable) -> threading.Lock:
        """The lock behind which PINs typed at one place are proved one after the other.

        Tries are counted before they are checked: without it, several right PINs at once
        would count as so many tries and lock the place.
        """
        return self._turns[hash(place) % len(self._turns)]

    def recall(self, *, merchant_id: int, pin: str, now: datetime) -> Staff | None:
        """Whose PIN this was when it was last checked, within the last 8 hours."""
        return self._fresh(self._by_pin.get(self._hash(merchant_id, pin)), now)

    def recall_by_id(self, *, merchant_id: int, pin_id: int, now: datetime) -> Staff | None:
        """The member of staff as last seen."""
        return self._fresh(self._by_id.get((merchant_id, pin_id)), now)

    def remember(
        self, *, merchant_id: int, staff: Staff, now: datetime, pin: str | None = None
    ) -> None:
        """Keep a member of staff, and the PIN if it has just proved right."""
        known = _Known(staff, now + _SHIFT)
        with self._lock:
            self._by_id[merchant_id, staff.pin_id] = known
            if pin is not None:
                self._by_pin[self._hash(merchant_id, pin)] = known
            for table in (self._by_pin, self._by_id):
                while len(table) > _MOST:
                    table.popitem(last=False)

    def forget(self, *, merchant_id: int, pin_id: int) -> None:
        """Forget a member of staff, since something about the PIN has changed."""
        with self._lock:
            self._by_id.pop((merchant_id, pin_id), None)
            gone = [key for key, known in self._by_pin.items() if known.staff.pin_id == pin_id]
            for key in gone:
                del self._by_pin[key]

    def _hash(self, merchant_id: int, pin: str) -> bytes:
        message = f"{merchant_id}|{pin}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, message, "sha256")

    @staticmethod
    def _fresh(known: _Known | None, now: datetime) -> Staff | None:
        return known.staff if known is not None and now < known.until else None


_MEMORIES: WeakKeyDictionary[Engine, StaffMemory] = WeakKeyDictionary()
_MAKING = threading.Lock()


def memory_of(db: Session) -> StaffMemory:
    """What this process remembers of the database behind the session."""
    engine = engine_of(db)
    with _MAKING:
        memory = _MEMORIES.get(engine)
        if memory is None:
            memory = _MEMORIES[engine] = StaffMemory()
        return memory
