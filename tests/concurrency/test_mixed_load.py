"""C68: one SQLite file, four processes at once: the counter, the office and the night's jobs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.db import build_engine, build_sessionmaker
from app.modules.loyalty.models import LoyaltyCard, LoyaltyTransaction
from app.modules.loyalty.services import ledger_verify
from app.modules.loyalty.types import Draft, EntryType
from tests import databases, reads
from tests.factories import NOW, Shop, make_card, make_pin, make_shop, post

SECONDS = 6.0
AT_A_COUNTER, DUE = 40, 60

# When it began and when it ended.
Moment = tuple[float, float]


@dataclass
class Worker:
    """A process with its part of the work (see `mixed_worker`)."""

    role: str
    process: subprocess.Popen[str]

    @classmethod
    def start(cls, role: str, url: str, shop: Shop, cards: list[LoyaltyCard]) -> Worker:
        place = (shop.merchant_id, shop.store.id, cards[0].id, len(cards))
        command = [sys.executable, "-m", "tests.concurrency.mixed_worker", role, url]
        process = subprocess.Popen(
            [*command, *map(str, place)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return cls(role, process)

    def wait_until_ready(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def end(self) -> list[Moment]:
        """Let it finish what it is at; what it did."""
        said, errors = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, f"{self.role}: {errors}"
        return [(began, ended) for began, ended in json.loads(said)]


@pytest.fixture
def url(sqlite_files: databases.SqliteFiles, tmp_path: Path) -> str:
    return sqlite_files.copy_to(tmp_path / "busy.db")


def set_up(db: Session) -> tuple[Shop, list[list[LoyaltyCard]]]:
    """A shop, the cards of two counters, and cards whose points are due."""
    shop = make_shop(
        db,
        loyalty_type="hybrid",
        points_expiration_days=30,
        points_expiry_since=NOW,
        cooldown_minutes=0,
        max_daily_stamps=100,
    )
    make_pin(db, merchant_id=shop.merchant_id)
    counters = [[make_card(db, shop=shop) for _ in range(AT_A_COUNTER)] for _ in range(2)]
    due = [make_card(db, shop=shop, last_collected_at=NOW) for _ in range(DUE)]
    for card in due:
        post(db, card, [Draft(EntryType.POINTS_EARNED, points_delta=50, amount_cents=500)])
    return shop, [*counters, due]


def test_given_four_processes_on_one_file_when_all_work_at_once_then_nothing_fails_or_is_lost(
    url: str,
) -> None:
    engine = build_engine(url)
    with build_sessionmaker(engine)() as db:
        shop, (one, two, due) = set_up(db)
        parts = (("stamps", one), ("stamps", two), ("office", one), ("jobs", due))
        workers = [Worker.start(role, url, shop, cards) for role, cards in parts]
        with ExitStack() as stack:
            for worker in workers:
                stack.callback(worker.process.kill)
                worker.wait_until_ready()
            for worker in workers:
                worker.go()
            time.sleep(SECONDS)
            *counters, office, nights = [worker.end() for worker in workers]
        # What was told to be done is there, once.
        for cards, done in zip((one, two), counters, strict=True):
            assert done
            assert sum(reads.card_now(db, card).stamp_count for card in cards) == len(done)
        expired = select(func.count()).where(
            LoyaltyTransaction.merchant_id == shop.merchant_id,
            LoyaltyTransaction.type == EntryType.POINTS_EXPIRED.value,
        )
        assert db.execute(expired).scalar_one() == DUE * len(nights[::3])
        # While a job was at work the office went on reading.
        jobs = [*nights[::3], *nights[1::3]]
        assert any(is_within(read, job) for read in office for job in jobs)
        assert list(ledger_verify.verify(db)) == []
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
    engine.dispose()


def is_within(inner: Moment, outer: Moment) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]
