"""What statistics of 30 days cost, against reading the ledger for them. Run by `make bench`.

One merchant with a million ledger entries over 300 days, rolled up half an hour ago, as the hourly
job leaves it. The whole answer of `store_stats` is compared with the plain SQL that would answer
the same from the ledger, and with the simplest of those statements alone: one GROUP BY over the
30 days. Rows take turns; what counts are the ratios of one round. PostgreSQL is started here with
durable settings; the cache is warm.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, islice
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, text
from sqlalchemy.orm import Session, sessionmaker

from app.core.db import build_engine, build_sessionmaker, close
from app.modules.loyalty.models import LoyaltyTransaction
from app.modules.loyalty.rules.figures import Period, period_until
from app.modules.loyalty.services import daily_stats, stats_queries, stats_service
from app.modules.tenancy.models import Store
from bench import crowd, report
from bench.crowd import NOW
from bench.stamp import database_version, isolate
from tests import databases

ENTRIES, CARDS, DAYS = 1_000_000, 100_000, 300
PERIOD_DAYS = 30
_ROLLED_UP = NOW - timedelta(minutes=35)
_OPEN_FROM_H, _OPEN_H = 7, 10  # UTC
_STAFF = 6
_BATCH = 20_000
_PRIME = 15_485_863
# Of one row in one round, and as long at least: short rows meet what else the machine does, too.
_CALLS, _CALLS_S = 5, 0.5
_NO_HASH = "0" * 64
_WANTED = 1 / 50
VIEW, DAYS_ONLY = "statistics of 30 days, all figures", "days and stores only, rolled up"
SCAN, ONE_SCAN = "the same figures from the ledger", "one GROUP BY over 30 days of the ledger"
_GOALS = ((VIEW, SCAN), (DAYS_ONLY, ONE_SCAN))  # each against the same from the ledger

Ask = Callable[[Session], object]


@dataclass(frozen=True)
class Place:
    """A filled database."""

    sessions: sessionmaker[Session]
    merchant_id: int
    first_roll_up_s: float
    live_entries: int


def main() -> None:
    options = _options()
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="orion-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        isolate(folder)
        cluster = stack.enter_context(databases.postgresql(durable=True))
        version = database_version(cluster.url("postgres"))
        found = {}
        for database, url in (
            ("PostgreSQL", cluster.create_database("statistics")),
            ("SQLite", f"sqlite:///{folder / 'statistics.db'}"),
        ):
            engine = build_engine(url)
            databases.migrate(engine)
            print(f"Filling {database} …", file=sys.stderr, flush=True)
            place = _fill(engine, options.entries, options.cards)
            found[database] = place, _measure(place, options.rounds)
            engine.dispose()
    print(
        f"{options.rounds} rounds, {options.entries:,} entries of {options.cards:,} cards; ", end=""
    )
    print(report.machine(version, load_before), end="\n\n")
    print("\n".join(_table(found)), end="\n\n")
    print("\n".join(_goals(found)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.statistics", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--entries", type=int, default=ENTRIES)
    parser.add_argument("--cards", type=int, default=CARDS)
    parser.add_argument("--quick", action="store_true", help="one round of a small shop")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.entries, options.cards = 1, 20_000, 2_000
    return options


def _fill(engine: Engine, entries: int, cards: int) -> Place:
    merchant_id = crowd.fill(engine, cards=cards).merchant_id
    sessions = build_sessionmaker(engine)
    with sessions() as db:
        store_id = db.execute(select(Store.id).where(Store.merchant_id == merchant_id)).scalar_one()
    rows = _entries(merchant_id, store_id, entries - cards, cards)
    _write(engine, rows)
    began = time.monotonic()
    with sessions() as db:
        daily_stats.roll_up(db, now=_ROLLED_UP)
        took = time.monotonic() - began
        live = db.execute(
            text("SELECT count(*) FROM loyalty_transactions WHERE recorded_at >= :mark"),
            {"mark": (_ROLLED_UP - timedelta(minutes=1)).replace(tzinfo=None).isoformat(" ")},
        ).scalar_one()
    _vacuum(engine)
    return Place(sessions, merchant_id, took, live)


def _write(engine: Engine, rows: Iterator[dict[str, Any]]) -> None:
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            # No look-up of foreign keys for rows that are known to have theirs.
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            _copy(connection, rows)
        while batch := list(islice(rows, _BATCH)):
            connection.execute(insert(LoyaltyTransaction.__table__), batch)  # type: ignore[arg-type]
    _vacuum(engine)


def _copy(connection: Connection, rows: Iterator[dict[str, Any]]) -> None:
    raw: Any = connection.connection.driver_connection
    first = next(rows)
    names = ", ".join(first)
    with raw.cursor().copy(f"COPY loyalty_transactions ({names}) FROM STDIN") as copy:
        for row in chain([first], rows):
            copy.write_row(list(row.values()))


def _vacuum(engine: Engine) -> None:
    """What the databases do by themselves sooner or later."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        is_sqlite = engine.dialect.name == "sqlite"
        connection.exec_driver_sql("ANALYZE" if is_sqlite else "VACUUM ANALYZE")


def _entries(merchant_id: int, store_id: int, entries: int, cards: int) -> Iterator[dict[str, Any]]:
    """Every sixteenth is a redemption; half of the visits are those of a tenth of the cards."""
    last = [1] * (cards + 1)
    opening = (NOW - timedelta(days=DAYS)).replace(hour=_OPEN_FROM_H)
    for number in range(entries):
        share = number / entries * (DAYS + (NOW.hour - _OPEN_FROM_H) / _OPEN_H)
        at = opening + timedelta(days=int(share), hours=share % 1 * _OPEN_H)
        among = cards // 10 if number % 2 else cards
        card = 1 + number * _PRIME % among
        last[card] += 1
        is_reward = number % 16 == 0
        yield {
            "id": cards + 1 + number, "merchant_id": merchant_id, "card_id": card,
            "sequence": last[card],
            "type": "stamp_redeemed" if is_reward else "stamp_earned",
            "stamps_delta": -10 if is_reward else 1, "points_delta": 0, "stamps_after": 1,
            "points_after": 0, "stamps_target": 10, "reward_description": "A coffee",
            "store_id": store_id, "actor_kind": "pin", "actor_id": 1 + number % _STAFF,
            "overrides_limits": number % 500 == 0, "program_revision": 1,
            "business_day": at.date(), "occurred_at": at, "recorded_at": at, "key_id": "bench",
            "hash": _NO_HASH,
        }  # fmt: skip


def _measure(place: Place, rounds: int) -> dict[str, list[float]]:
    asks = _asks(place)
    times: dict[str, list[float]] = {name: [] for name in asks}
    for number in range(rounds + 1):
        for name, ask in asks.items():
            seconds = _median_of_calls(place, ask)
            if number:  # the first round warms up
                times[name].append(seconds)
    return times


def _median_of_calls(place: Place, ask: Ask) -> float:
    times: list[float] = []
    while len(times) < _CALLS or sum(times) < _CALLS_S:
        times.append(_timed(place, ask))
    return median(times)


def _timed(place: Place, ask: Ask) -> float:
    db = place.sessions()
    began = time.perf_counter()
    ask(db)
    seconds = time.perf_counter() - began
    close(db)  # as a request does; a rollback would forget the prepared statements
    return seconds


def _asks(place: Place) -> Mapping[str, Ask]:
    merchant_id = place.merchant_id
    period = period_until(NOW.date(), days=PERIOD_DAYS)
    both = Period(period.before.first, period.last)
    by_day, *rest = (
        statement.format(
            merchant=merchant_id,
            first=period.first,
            before=both.first,
            last=period.last,
            # As a careful author would write it: the index is on the time of recording.
            recorded=period.first - timedelta(days=1),
            recorded_before=both.first - timedelta(days=1),
        )
        for statement in (_BY_DAY, *_LEDGER)
    )

    def view(db: Session) -> object:
        return stats_service.store_stats(db, merchant_id=merchant_id, days=PERIOD_DAYS, now=NOW)

    def days(db: Session) -> object:
        return stats_queries.read_days(db, merchant_id=merchant_id, period=period)

    return {
        VIEW: view,
        DAYS_ONLY: days,
        SCAN: lambda db: [_read(db, statement) for statement in rest],
        ONE_SCAN: lambda db: _read(db, by_day),
    }


def _read(db: Session, statement: str) -> int:
    return len(db.execute(text(statement)).all())


_ENTRIES = (
    "FROM loyalty_transactions WHERE merchant_id = {{merchant}} AND recorded_at >= '{{{0}}}'"
    " AND business_day >= '{{{1}}}' AND business_day <= '{{last}}'"
)
_MONTH, _TWO = _ENTRIES.format("recorded", "first"), _ENTRIES.format("recorded_before", "before")
_SERVED = " AND type IN ('stamp_earned', 'points_earned', 'stamp_redeemed', 'points_redeemed')"
_BY_DAY = (
    "SELECT business_day, store_id, type, count(*), sum(stamps_delta), sum(points_delta)"
    f" {_MONTH} GROUP BY business_day, store_id, type"
)
# The figures of the answer, one statement for each, as somebody would write them by hand.
_LEDGER = (
    _BY_DAY.replace(_MONTH, _TWO),
    "SELECT actor_kind, actor_id, type, count(*), sum(stamps_delta), sum(points_delta)"
    f" {_MONTH} GROUP BY actor_kind, actor_id, type",
    "SELECT business_day, substr(CAST(occurred_at AS text), 12, 2), count(*)"
    f" {_MONTH}{_SERVED} GROUP BY business_day, substr(CAST(occurred_at AS text), 12, 2)",
    "SELECT count(*), sum(CASE WHEN days > 1 THEN 1 ELSE 0 END) FROM (SELECT card_id,"
    f" count(DISTINCT business_day) AS days {_MONTH}{_SERVED} GROUP BY card_id) AS card",
    "SELECT count(*), sum(CASE WHEN days > 1 THEN 1 ELSE 0 END) FROM (SELECT card_id,"
    f" count(DISTINCT business_day) AS days {_TWO}{_SERVED} AND business_day < '{{first}}'"
    " GROUP BY card_id) AS card",
    "SELECT actor_id, count(*), max(n) FROM (SELECT actor_id, card_id, count(*) AS n"
    f" {_MONTH}{_SERVED} GROUP BY actor_id, card_id) AS pair GROUP BY actor_id",
    "SELECT count(*), sum(CASE WHEN points_balance > 0 THEN points_balance ELSE 0 END),"
    " sum(stamp_count / stamps_target) FROM loyalty_cards WHERE merchant_id = {merchant}"
    " AND status IN ('active', 'suspended')",
)


def _ratios(times: Mapping[str, Sequence[float]], row: str, base: str) -> list[float]:
    return [one / other for one, other in zip(times[row], times[base], strict=True)]


def _table(found: Mapping[str, tuple[Place, Mapping[str, Sequence[float]]]]) -> Iterator[str]:
    yield (
        "| asked | database | ms | of the same figures from the ledger (min to max) "
        "| of one GROUP BY (min to max) |"
    )
    yield "|---|---|--:|--:|--:|"
    for database, (_, times) in found.items():
        for name in times:
            shares = (_spread(_ratios(times, name, base)) for base in (SCAN, ONE_SCAN))
            ms = median(times[name]) * 1000
            yield f"| {name} | {database} | {ms:.1f} | {' | '.join(shares)} |"
    yield ""
    for database, (place, _) in found.items():
        yield (
            f"{database}: the first roll-up of all took {place.first_roll_up_s:.0f} s; "
            f"{place.live_entries} entries were newer than the roll-up."
        )


def _goals(found: Mapping[str, tuple[Place, Mapping[str, Sequence[float]]]]) -> Iterator[str]:
    yield "| goal | database | wanted | measured (min to max) | |"
    yield "|---|---|--:|--:|---|"
    for row, base in _GOALS:
        for database, (_, times) in found.items():
            ratios = _ratios(times, row, base)
            met = "yes" if median(ratios) <= _WANTED else "**no**"
            yield f"| {row}, of {base} | {database} | ≤ 1/50 | {_spread(ratios)} | {met} |"


def _spread(ratios: Sequence[float]) -> str:
    def one_in(ratio: float) -> str:
        return f"1/{1 / ratio:.0f}" if ratio < 0.5 else f"{ratio:.1f}"

    return f"{one_in(median(ratios))} ({one_in(min(ratios))} to {one_in(max(ratios))})"


if __name__ == "__main__":
    main()
