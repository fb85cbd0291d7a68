"""A hundred thousand cards whose points expire, a job that is killed, and a counter that goes on.

On each database the job is killed three times with SIGKILL in its middle and begun again, while
one client gives stamps. At the end every due card has lost its points exactly once. Run by
`make bench`; PostgreSQL is started here with durable settings.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, func, insert, select
from sqlalchemy.orm import Session, sessionmaker

from app.core.db import atomic, build_engine, build_sessionmaker
from app.modules.customers.models import Customer
from app.modules.loyalty.models import LoyaltyCard, LoyaltyTransaction
from app.modules.loyalty.services import ledger, ledger_entries, ledger_verify, stamp_service
from app.modules.loyalty.services.card_queries import Question
from app.modules.loyalty.services.ledger_entries import Request
from app.modules.loyalty.types import Draft, EntryType
from bench import report
from bench.load import Sample, Tally
from bench.shop import qr_code
from bench.stamp import database_version, isolate
from tests import databases, factories

_KILLS = 3
_POINTS = 50
_DAYS = 30
_START = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
_LATER = _START + timedelta(days=_DAYS + 2)
_CHUNK = 1_000
_MOST_STAMPS_A_DAY = 100


@dataclass(frozen=True)
class Outcome:
    """What one database shows: seconds of all runs of the job, stamps before and during them."""

    seconds: float
    quiet: Sample
    during: Sample
    faults: list[str]


class Counter:
    """One client at a counter, who stamps card after card until told to stop."""

    def __init__(self, sessions: sessionmaker[Session], shop: factories.Shop) -> None:
        self._sessions, self._shop = sessions, shop
        self._cards = itertools.count()

    @contextmanager
    def serving(self) -> Iterator[Tally]:
        """Stamps while the block runs."""
        tally, stop = Tally(), threading.Event()
        thread = threading.Thread(target=self._serve, args=(tally, stop))
        thread.start()
        try:
            yield tally
        finally:
            stop.set()
            thread.join()

    def _serve(self, tally: Tally, stop: threading.Event) -> None:
        with self._sessions() as db:
            while not stop.is_set():
                card = _served_card(next(self._cards) // _MOST_STAMPS_A_DAY)
                began = time.perf_counter()
                stamp_service.add_stamp(db, qr_code=card, now=_START, **self._shop.at_counter())
                tally.latencies.append(time.perf_counter() - began)


def main() -> None:
    options = _options()
    load_before = os.getloadavg()[0]
    outcomes: dict[str, Outcome] = {}
    with tempfile.TemporaryDirectory(prefix="orion-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        isolate(folder)
        cluster = stack.enter_context(databases.postgresql(durable=True))
        urls = {
            "SQLite": databases.SqliteFiles.prepare(folder).copy_to(folder / "expiry.db"),
            "PostgreSQL": cluster.create_database("expiry"),
        }
        for database, url in urls.items():
            if options.only not in (None, database):
                continue
            engine = build_engine(url)
            databases.migrate(engine)
            outcomes[database] = _run(database, engine, url, options.cards)
            engine.dispose()
        version = database_version(cluster.url("postgres"))
    print(f"{options.cards} due cards, {_KILLS} kills; ", end="")
    print(report.machine(version, load_before), end="\n\n")
    print("| database | cards/s | stamp p50, p99 before (ms) | during (ms) | stamps during |")
    print("|---|---|---|---|---|")
    for database, outcome in outcomes.items():
        print(_line(database, outcome, options.cards))
    faults = [fault for outcome in outcomes.values() for fault in outcome.faults]
    if faults:
        sys.exit("\n".join(faults[:20]))
    print("\nEvery due card lost its points exactly once, and the hash chains are whole.")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.expiry", description=__doc__)
    parser.add_argument("--cards", type=int, default=100_000)
    parser.add_argument("--only", choices=("SQLite", "PostgreSQL"), help="one database")
    parser.add_argument("--quick", action="store_true", help="few cards: does it work?")
    options = parser.parse_args()
    if options.quick:
        options.cards = 2_000
    return options


def _line(database: str, outcome: Outcome, cards: int) -> str:
    quiet, during = outcome.quiet, outcome.during
    return (
        f"| {database} | {cards / outcome.seconds:.0f} | {quiet.p50_ms:.1f}, {quiet.p99_ms:.1f} "
        f"| {during.p50_ms:.1f}, {during.p99_ms:.1f} | {during.requests} |"
    )


def _run(database: str, engine: Engine, url: str, cards: int) -> Outcome:
    sessions = build_sessionmaker(engine)
    _say(f"{database}: filling {cards} cards …")
    with sessions() as db:
        shop = factories.make_shop(
            db,
            loyalty_type="hybrid",
            points_expiration_days=_DAYS,
            points_expiry_since=_START,
            cooldown_minutes=0,
            max_daily_stamps=_MOST_STAMPS_A_DAY,
        )
        factories.make_pin(db, merchant_id=shop.merchant_id)
        for first in range(0, cards, _CHUNK):
            _add_cards(db, shop, range(first, min(first + _CHUNK, cards)), due=True)
        _add_cards(db, shop, range(cards, cards + _CHUNK), due=False)
    counter = Counter(sessions, shop)
    with counter.serving() as quiet:
        time.sleep(5)
    _say(f"{database}: expiring …")
    with counter.serving() as during:
        seconds = _expire(url, cards)
    with sessions() as db:
        faults = [*_wrong(db, shop, cards), *map(str, ledger_verify.verify(db))]
    return Outcome(
        seconds,
        Sample.of(quiet, seconds=5, cpu_s=None),
        Sample.of(during, seconds=seconds, cpu_s=None),
        faults,
    )


def _served_card(number: int) -> str:
    return qr_code(10**9 + number % _CHUNK)


def _add_cards(db: Session, shop: factories.Shop, numbers: range, *, due: bool) -> None:
    merchant_id = shop.merchant_id
    people = [
        {
            "merchant_id": merchant_id, "first_name": "Zoé", "last_name": f"Muller {n}",
            "email": f"zoe.{n}@example.com", "search_text": f"zoe muller {n}",
            "created_at": _START,
        }
        for n in numbers
    ]  # fmt: skip
    drafts = [Draft(EntryType.CARD_CREATED)]
    if due:
        earned = Draft(EntryType.POINTS_EARNED, points_delta=_POINTS, amount_cents=500)
        drafts.append(earned)
    with atomic(db):
        customers = db.execute(
            insert(Customer).returning(Customer.id, sort_by_parameter_order=True), people
        ).scalars()
        rows = [
            {
                "merchant_id": merchant_id, "program_id": shop.program.id,
                "customer_id": customer_id, "enrolled_store_id": shop.store.id,
                "uid": f"{n:032x}", "card_number": f"{n:012d}",
                "qr_code_data": qr_code(n) if due else qr_code(10**9 + n - numbers.start),
                "stamps_target": 10, "head_hash": ledger_entries.genesis(f"{n:032x}"),
                "last_activity_at": _START, "last_collected_at": _START, "created_at": _START,
            }
            for n, customer_id in zip(numbers, customers, strict=True)
        ]  # fmt: skip
        cards = db.execute(
            insert(LoyaltyCard).returning(LoyaltyCard.id, sort_by_parameter_order=True), rows
        ).scalars()
        for card_id in list(cards):
            ledger.post_within(
                db,
                Question(merchant_id=merchant_id, card_id=card_id),
                Request("enroll", (card_id,)),
                lambda _state: drafts,
                now=_START,
            )


def _expire(url: str, cards: int) -> float:
    """Start the job, kill it in its middle three times, and let it end; its seconds together."""
    batches = max(1, cards // 100 // (_KILLS + 1))
    began = time.perf_counter()
    for _ in range(_KILLS):
        _work(url, kill_after=batches)
    _work(url, kill_after=None)
    return time.perf_counter() - began


def _work(url: str, *, kill_after: int | None) -> None:
    command = [sys.executable, "-m", "tests.concurrency.expiry_worker", url, _LATER.isoformat()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for number, _line in enumerate(process.stdout, 1):
            if number == kill_after:
                time.sleep(0.02)  # into the next batch
                process.kill()
                break


def _wrong(db: Session, shop: factories.Shop, cards: int) -> Iterator[str]:
    entry = LoyaltyTransaction
    expired, points = db.execute(
        select(func.count(), func.sum(entry.points_delta)).where(
            entry.merchant_id == shop.merchant_id, entry.type == EntryType.POINTS_EXPIRED.value
        )
    ).one()
    if (expired, points) != (cards, -cards * _POINTS):
        yield f"{expired} expiries of {points} points"
    left = db.execute(
        select(func.count())
        .select_from(LoyaltyCard)
        .where(LoyaltyCard.merchant_id == shop.merchant_id, LoyaltyCard.points_balance != 0)
    ).scalar_one()
    if left:
        yield f"{left} cards have points left"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
