"""No more requests to a vendor than agreed, in any second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Pace:
    """Even steps of 1/n second, for all threads of the one process that may send.

    Even, so that no sliding second holds more than n + 1, also where another process went
    before: the first request waits a step, too. What came late by up to a quarter of a step
    is caught up with, a longer stall is not.
    """

    def __init__(
        self,
        per_second: int,
        *,
        stopwatch: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._step_s = 1 / per_second
        self._stopwatch = stopwatch
        self._sleep = sleep
        self._guard = threading.Lock()
        self._next = stopwatch() + self._step_s

    def wait(self) -> None:
        """Return when it is this thread's turn."""
        with self._guard:  # whoever sleeps holds it: the others' turns come later anyway
            if (wait_s := self._next - self._stopwatch()) > 0:
                self._sleep(wait_s)
            earliest = self._stopwatch() - self._step_s / 4
            self._next = max(self._next, earliest) + self._step_s
