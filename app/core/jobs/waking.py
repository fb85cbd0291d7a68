"""The word that something may be due, sent within this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LISTENERS: set[threading.Event] = set()
_GUARD = threading.Lock()


def wake() -> None:
    """Say, after a commit, that there is work. Costs nothing, waits for nothing.

    The word may be lost or come twice: what is due stands in the database, and is found at the
    next tick anyway. Where no loop runs in this process, nobody hears it.
    """
    with _GUARD:
        for event in _LISTENERS:
            event.set()


@contextmanager
def listening() -> Iterator[threading.Event]:
    """An event that `wake` sets, as long as the block runs."""
    event = threading.Event()
    with _GUARD:
        _LISTENERS.add(event)
    try:
        yield event
    finally:
        with _GUARD:
            _LISTENERS.discard(event)
