"""A closed loop: so many clients, each asking again as soon as it was answered."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

Call = Callable[[], None]


@dataclass
class Tally:
    """What the clients of one run have seen. Times in seconds."""

    latencies: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.latencies += other.latencies
        self.errors += other.errors


@dataclass(frozen=True)
class Sample:
    """One run of one row: `cpu_us` is user and system time of the row's process, a request."""

    requests: int
    seconds: float
    cpu_us: float | None
    p50_ms: float
    p95_ms: float
    p99_ms: float
    errors: int
    first_error: str = ""

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    @classmethod
    def of(cls, tally: Tally, *, seconds: float, cpu_s: float | None) -> Sample:
        ordered, count = sorted(tally.latencies), len(tally.latencies)
        return cls(
            requests=count,
            seconds=seconds,
            cpu_us=cpu_s / count * 1e6 if cpu_s is not None and count else None,
            p50_ms=percentile(ordered, 0.5) * 1000,
            p95_ms=percentile(ordered, 0.95) * 1000,
            p99_ms=percentile(ordered, 0.99) * 1000,
            errors=len(tally.errors),
            first_error=tally.errors[0] if tally.errors else "",
        )

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def run_threads(calls: Sequence[Call], *, seconds: float) -> Sample:
    """Each of `calls` in a thread of its own, again and again for `seconds`."""
    tallies = [Tally() for _ in calls]
    start = threading.Barrier(len(calls) + 1)
    threads = [
        threading.Thread(target=_repeat, args=(call, tally, start, seconds), daemon=True)
        for call, tally in zip(calls, tallies, strict=True)
    ]
    for thread in threads:
        thread.start()
    start.wait()
    began, cpu_began = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.join()
    took, cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
    total = Tally()
    for tally in tallies:
        total.add(tally)
    return Sample.of(total, seconds=took, cpu_s=cpu_s)


def _repeat(call: Call, tally: Tally, start: threading.Barrier, seconds: float) -> None:
    start.wait()
    began = time.perf_counter()
    deadline = began + seconds
    while began < deadline:
        try:
            call()
        except Exception as error:  # whatever it is, the row has failed
            tally.errors.append(repr(error)[:300])
            return
        ended = time.perf_counter()
        tally.latencies.append(ended - began)
        began = ended


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest rank: no value that was not measured."""
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
