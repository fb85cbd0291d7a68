"""The results as Markdown: ratios of the same round first, absolutes only beside them."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from statistics import median

from bench.load import Sample

_PACKAGES = ("SQLAlchemy", "psycopg", "fastapi", "starlette", "uvicorn", "uvloop", "httptools")


@dataclass(frozen=True)
class Row:
    """One way to give a stamp; `floor` names the row it is compared with."""

    name: str
    floor: str


Results = Mapping[tuple[str, int], Sequence[Sample]]


@dataclass(frozen=True)
class Goal:
    """`row` at `clients` shall reach `at_least` of `base`, in the median of the rounds."""

    row: str
    base: str
    clients: int
    at_least: float


def ratios(results: Results, row: str, base: str, clients: int) -> list[float]:
    """The row's rate by the base's, round by round."""
    pairs = zip(results[row, clients], results[base, clients], strict=True)
    return [one.rate / other.rate for one, other in pairs if one.requests and other.requests]


def failed(samples: Iterable[Sample]) -> str:
    """The first error, or nothing: one refused request fails a row."""
    return next((sample.first_error or "no request" for sample in samples if _is_bad(sample)), "")


def table(results: Results, rows: Sequence[Row], clients: Sequence[int]) -> Iterator[str]:
    """One line for each row and number of clients."""
    yield (
        "| stamp by | clients | of its floor (min to max) | a second | CPU µs | p50 ms | p99 ms "
        "| errors |"
    )
    yield "|---|--:|--:|--:|--:|--:|--:|--:|"
    for row in rows:
        for count in clients:
            samples = results[row.name, count]
            if failed(samples):
                yield f"| {row.name} | {count} | failed | | | | | {_errors(samples)} |"
                continue
            yield (
                f"| {row.name} | {count} | {_share(results, row, count)} "
                f"| {median(s.rate for s in samples):,.0f} | {_cpu(samples)} "
                f"| {median(s.p50_ms for s in samples):.1f} "
                f"| {median(s.p99_ms for s in samples):.1f} | 0 |"
            )


def goals(results: Results, wanted: Sequence[Goal]) -> Iterator[str]:
    """What was aimed at, and what was measured."""
    yield "| goal | clients | wanted | measured (min to max) | |"
    yield "|---|--:|--:|--:|---|"
    for goal in wanted:
        if (goal.row, goal.clients) not in results or (goal.base, goal.clients) not in results:
            continue
        values = ratios(results, goal.row, goal.base, goal.clients)
        met = "yes" if values and median(values) >= goal.at_least else "**no**"
        yield (
            f"| {goal.row} of {goal.base} | {goal.clients} | ≥ {goal.at_least} "
            f"| {_spread(values)} | {met} |"
        )


def machine(database_version: str, load_before: float) -> str:
    """Where it was measured."""
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"{os.cpu_count()} cores, load average {load_before:.1f} before and "
        f"{os.getloadavg()[0]:.1f} after; Python {platform.python_version()}, {packages}, "
        f"PostgreSQL {database_version}, SQLite {sqlite3.sqlite_version}; fsync and "
        "synchronous_commit on, SQLite synchronous FULL."
    )


def _is_bad(sample: Sample) -> bool:
    return sample.errors > 0 or sample.requests == 0


def _errors(samples: Sequence[Sample]) -> int:
    return sum(max(sample.errors, int(_is_bad(sample))) for sample in samples)


def _share(results: Results, row: Row, clients: int) -> str:
    if row.floor == row.name:
        return "1"
    return _spread(ratios(results, row.name, row.floor, clients))


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "-"
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def _cpu(samples: Sequence[Sample]) -> str:
    known = [sample.cpu_us for sample in samples if sample.cpu_us is not None]
    return f"{median(known):,.0f}" if known else "-"
