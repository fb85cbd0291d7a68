"""What one stamp costs, against what the bare database needs for it. Run by `make bench`.

Everything is started here and stopped here: a PostgreSQL with durable settings, servers on
ports that were bound before, and the processes that ask. Rows take turns within a round, and
only ratios of one round count: on a shared machine absolutes move threefold.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from app.core.db import build_engine
from bench import processes, report, shop
from bench.load import Sample
from bench.processes import ROOT, Child, Pgbench
from bench.report import Goal, Row
from bench.round_trips import counting_proxy
from tests import databases

CLIENTS = (1, 4, 16)
FLOOR, FOR_UPDATE = "PostgreSQL, one statement (pgbench)", "PostgreSQL, FOR UPDATE (pgbench)"
PSYCOPG, SQLITE3 = "PostgreSQL, one statement (psycopg)", "SQLite (sqlite3)"
SERVICE_PG, SERVICE_SQLITE = "`add_stamp`, PostgreSQL", "`add_stamp`, SQLite"
HTTP_PG, HTTP_SQLITE = "HTTP, PostgreSQL", "HTTP, SQLite"
GOALS = (
    Goal(HTTP_SQLITE, SQLITE3, 16, 0.2),
    Goal(SERVICE_SQLITE, SQLITE3, 1, 0.55),
    Goal(SERVICE_PG, PSYCOPG, 1, 0.45),
    Goal(HTTP_PG, FOR_UPDATE, 16, 0.25),
)
_MOST_TRIPS = 4
_WARM_UP_S = 1.0
_SECRETS = ("SECRET_KEY", "PIN_PEPPER", "LEDGER_KEY")

Runner = Callable[[int, float], Sample]


@dataclass(frozen=True)
class Way:
    """One row of the table: how it runs, and the database that must be right afterwards."""

    row: Row
    run: Runner
    engine: Engine


@dataclass(frozen=True)
class Setting:
    """Two copies of one seeded database: the floors write no hash chain, the product does."""

    shop: shop.Shop
    floor_url: str
    product_url: str


def main() -> None:
    options = _options()
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="orion-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        isolate(folder)
        cluster = stack.enter_context(databases.postgresql(durable=True))
        print("Filling the databases …", file=sys.stderr, flush=True)
        postgresql = _seed_postgresql(cluster, options.cards)
        sqlite = _seed_sqlite(folder, options.cards)
        ways = list(_ways(stack, folder, cluster, postgresql, sqlite))
        results = _measure(ways, rounds=options.rounds, seconds=options.seconds)
        trips = _round_trips(folder, cluster, postgresql)
        problems = [*_failures(results), *_faults(ways)]
        version = database_version(cluster.url("postgres"))
    rows = [way.row for way in ways]
    if trips > _MOST_TRIPS:
        problems.append(f"a stamp takes {trips} round trips, more than {_MOST_TRIPS}")
    print(f"{options.rounds} rounds of {options.seconds} s, {options.cards} cards; ", end="")
    print(report.machine(version, load_before), end="\n\n")
    print("\n".join(report.table(results, rows, CLIENTS)), end="\n\n")
    print("\n".join(report.goals(results, GOALS)), end="\n\n")
    print(f"Round trips on the wire for one `add_stamp` on PostgreSQL: {trips:g}.")
    if problems:
        sys.exit("\n".join(problems))
    print("After every run each balance was the sum of its entries, and the hash chains are whole.")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.stamp", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of one run (pgbench: whole)")
    parser.add_argument("--cards", type=int, default=4000)
    parser.add_argument("--quick", action="store_true", help="one short round: does it work?")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds, options.cards = 1, 0.3, 500
    return options


def isolate(folder: Path) -> None:
    """Settings of this run alone, for this process and those it starts."""
    for name in [name for name in os.environ if name.startswith(("ORION_", "LOYALTY_"))]:
        del os.environ[name]
    os.environ |= {f"ORION_{name}": f"bench-{name.lower()}-0123456789abcdef" for name in _SECRETS}
    os.environ |= {"ORION_DATA_DIR": str(folder), "PYTHONPATH": str(ROOT)}
    os.chdir(folder)  # where no .env lies


def _seed_postgresql(cluster: databases.Cluster, cards: int) -> Setting:
    engine = build_engine(cluster.create_database("seeded"))
    databases.migrate(engine)
    filled = shop.seed(engine, cards=cards)
    engine.dispose()
    copies = [cluster.create_database(name, template="seeded") for name in ("floor", "product")]
    return Setting(filled, *copies)


def _seed_sqlite(folder: Path, cards: int) -> Setting:
    files = databases.SqliteFiles.prepare(folder)
    floor_url = files.copy_to(folder / "floor.db")
    engine = build_engine(floor_url, sqlite_synchronous="NORMAL")
    filled = shop.seed(engine, cards=cards)
    engine.dispose()
    copy = databases.SqliteFiles(folder / "floor.db").copy_to(folder / "product.db")
    return Setting(filled, floor_url, copy)


def _ways(
    stack: ExitStack,
    folder: Path,
    cluster: databases.Cluster,
    postgresql: Setting,
    sqlite: Setting,
) -> Iterator[Way]:
    """All rows, in the order in which they take turns."""
    engines = {
        url: stack.enter_context(_engine(url))
        for setting in (postgresql, sqlite)
        for url in (setting.floor_url, setting.product_url)
    }

    def worker(name: str, kind: str, setting: Setting, **more: Any) -> Child:
        url = setting.product_url if kind in ("service", "http") else setting.floor_url
        config = {"kind": kind, "url": url, "shop": setting.shop.as_json(), "seed": 7, **more}
        return stack.enter_context(processes.worker(config, folder=folder, name=name))

    def direct(name: str, kind: str, setting: Setting) -> Runner:
        child = worker(name, kind, setting)
        return lambda clients, seconds: processes.run_worker(
            child, clients=clients, seconds=seconds
        )

    def http(name: str, setting: Setting) -> Runner:
        started = processes.server(setting.product_url, folder=folder, name=f"{name}-server")
        platform, port = stack.enter_context(started)
        load = worker(name, "http", setting, port=port)
        return lambda clients, seconds: processes.run_http(
            load, platform, clients=clients, seconds=seconds
        )

    floor = PSYCOPG
    if Pgbench.is_there(cluster):
        pgbench, floor = Pgbench(cluster, "floor", postgresql.shop, folder=folder), FLOOR
        for name, script in ((FLOOR, "one"), (FOR_UPDATE, "for_update")):
            runner = _pgbench_runner(pgbench, script)
            yield Way(Row(name, FLOOR), runner, engines[postgresql.floor_url])
    pg_floor, pg = engines[postgresql.floor_url], engines[postgresql.product_url]
    lite_floor, lite = engines[sqlite.floor_url], engines[sqlite.product_url]
    yield Way(Row(PSYCOPG, floor), direct("psycopg", "psycopg", postgresql), pg_floor)
    yield Way(Row(SERVICE_PG, floor), direct("service-pg", "service", postgresql), pg)
    yield Way(Row(HTTP_PG, floor), http("http-pg", postgresql), pg)
    yield Way(Row(SQLITE3, SQLITE3), direct("sqlite3", "sqlite3", sqlite), lite_floor)
    yield Way(Row(SERVICE_SQLITE, SQLITE3), direct("service-lite", "service", sqlite), lite)
    yield Way(Row(HTTP_SQLITE, SQLITE3), http("http-lite", sqlite), lite)


def _pgbench_runner(pgbench: Pgbench, script: str) -> Runner:
    return lambda clients, seconds: pgbench.run(script, clients=clients, seconds=seconds)


def _measure(
    ways: list[Way], *, rounds: int, seconds: float
) -> dict[tuple[str, int], list[Sample]]:
    """Rounds of A B C …: each row once at each number of clients, after a warm-up of all."""
    for way in ways:
        way.run(max(CLIENTS), _WARM_UP_S)
    results: dict[tuple[str, int], list[Sample]] = {}
    for number in range(1, rounds + 1):
        print(f"Round {number} of {rounds} …", file=sys.stderr, flush=True)
        for clients in CLIENTS:
            for way in ways:
                sample = way.run(clients, seconds)
                unequal = shop.unequal_balances(way.engine)
                if unequal:
                    text = f"{unequal} balances are not the sum of their entries"
                    sample = replace(sample, errors=sample.errors + 1, first_error=text)
                results.setdefault((way.row.name, clients), []).append(sample)
    return results


def _round_trips(folder: Path, cluster: databases.Cluster, setting: Setting) -> float:
    """On the wire, BEGIN and COMMIT included; the median of a run with one client."""
    with counting_proxy(cluster.folder) as counter:
        config = {
            "kind": "service", "shop": setting.shop.as_json(), "seed": 8,
            "url": setting.product_url.replace(str(cluster.folder), str(counter.folder)),
        }  # fmt: skip
        with processes.worker(config, folder=folder, name="trips") as child:
            processes.run_worker(child, clients=1, seconds=_WARM_UP_S)
            before = counter.count
            sample = processes.run_worker(child, clients=1, seconds=_WARM_UP_S)
            return (counter.count - before) / max(1, sample.requests)


def _failures(results: dict[tuple[str, int], list[Sample]]) -> Iterator[str]:
    for (name, clients), samples in results.items():
        if error := report.failed(samples):
            yield f"{name}, {clients} clients: {error}"


def _faults(ways: list[Way]) -> Iterator[str]:
    """What the verifier says of the databases that the product wrote."""
    written = {way.engine for way in ways if way.row.name in (SERVICE_PG, SERVICE_SQLITE)}
    for engine in written:
        yield from shop.faults(engine)


@contextmanager
def _engine(url: str) -> Iterator[Engine]:
    engine = build_engine(url, pool_size=1)
    try:
        yield engine
    finally:
        engine.dispose()


def database_version(url: str) -> str:
    """Of the server behind `url`."""
    with _engine(url) as engine, engine.connect() as connection:
        return ".".join(map(str, connection.dialect.server_version_info or ()))


if __name__ == "__main__":
    main()
