"""Two processes that drain at once: one at a time, and where it dies the other goes on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from app.core.clock import utc_now
from app.core.db import build_sessionmaker
from app.core.jobs.models import JobLease
from app.modules.loyalty.types import Provider
from tests.concurrency.wallet_site import (
    Asked,
    Counter,
    Site,
    await_true,
    point_at,
    running_site,
)
from tests.concurrency.wallet_worker import JOB
from tests.google_wallet import forget_settings

CARDS = 20
LEASE_S = 3.0
MOST_A_SECOND = 20


@pytest.fixture
def site(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("vendors")) as site:
        point_at(monkeypatch, site)
        yield site
    forget_settings()


@contextmanager
def worker(url: str) -> Iterator[subprocess.Popen[str]]:
    """A process that drains while the block runs."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.concurrency.wallet_worker", url, str(LEASE_S)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def holder_of(sessions: sessionmaker[Session]) -> int:
    """The id of the process that has the lease; 0: none has."""
    with sessions() as db:
        holder = db.execute(select(JobLease.holder).where(JobLease.name == JOB)).scalar()
    return int(holder.split("/")[1]) if holder else 0


def turns(asked: Sequence[Asked]) -> list[str]:
    """Whose calls followed each other, by their tokens; fails where two had calls at once."""
    order: list[str] = []
    ended = 0.0
    for call in sorted((call for call in asked if call.token), key=lambda call: call.began):
        if not order or order[-1] != call.token:
            assert call.began >= ended, "two processes call at the same time"
            order.append(call.token)
        ended = max(ended, call.ended)
    return order


def test_given_two_processes_when_the_one_that_drains_is_killed_then_the_other_finishes_alone(
    site: Site, sqlite_engine: Engine
) -> None:
    sessions = build_sessionmaker(sqlite_engine)
    url = sqlite_engine.url.render_as_string(hide_password=False)
    counter = Counter(sessions, cards=CARDS, now=utc_now())
    with ExitStack() as stack:
        workers = [stack.enter_context(worker(url)) for _ in range(2)]
        # when
        assert site.watched.await_more(CARDS // 2, timeout_s=30)
        for process in workers:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        by_id = {process.pid: process for process in workers}
        await_true(lambda: holder_of(sessions) in by_id, within_s=5)
        killed = by_id.pop(holder_of(sessions))
        killed.kill()
        left = counter.stale(Provider.GOOGLE)
        # then
        await_true(lambda: counter.stale(Provider.GOOGLE) == 0, within_s=20)
        assert all(process.poll() is None for process in by_id.values())
    assert left > 0, "there was something to finish"
    assert len(turns(site.watched.asked)) == 2
    assert site.watched.most_in_a_second() <= MOST_A_SECOND
    assert all(site.stamps_at_google(one.google.serial) == 0 for one in counter.held)
