"""The loop: what is due runs once, what fails is tried again, what is missed is made up for."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from app.core.db import atomic, in_atomic
from app.core.jobs import Daily, Hourly, Job, JobReport, KeepAlive, LeaseLost, WhenDue, wake
from app.core.jobs.leases import LEASE_S, Leases
from app.core.jobs.loop import Loop, background
from app.core.logs import configure_logging

Sessions = sessionmaker[Session]
TZ = ZoneInfo("Europe/Luxembourg")
NOON = datetime(2026, 11, 25, 11, 0, tzinfo=UTC)
WAIT_S = 10.0


class Work:
    """A job's work that notes when it ran, and fails or waits when told."""

    def __init__(self) -> None:
        self.ran_at: list[datetime] = []
        self.fails = False
        self.ran = threading.Event()
        self.may_end = threading.Event()
        self.may_end.set()

    def __call__(self, db: Session, *, now: datetime, keep_alive: KeepAlive) -> JobReport:
        self.ran_at.append(now)
        self.ran.set()
        if self.fails:
            raise ValueError("canary of a job")
        while not self.may_end.wait(0.01):
            keep_alive()
        assert not in_atomic(db)
        return {"times": len(self.ran_at)}


class Stopwatch:
    def __init__(self) -> None:
        self.reading = 1000.0

    def __call__(self) -> float:
        return self.reading


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def log() -> Iterator[StringIO]:
    stream = StringIO()
    configure_logging(stream=stream, as_json=True, level="DEBUG")
    yield stream
    configure_logging()


def loop_of(sessions: Sessions, *jobs: Job, stopwatch: Stopwatch | None = None) -> Loop:
    leases = Leases(sessions, stopwatch=stopwatch or time.monotonic)
    return Loop(sessions, jobs, tz=TZ, leases=leases, tick_s=0.02)


def events(log: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def until(condition: Any) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_given_a_daily_job_when_days_pass_then_it_runs_once_a_day(
    session_factory: Sessions, work: Work
) -> None:
    loop = loop_of(session_factory, Job("test.daily", Daily(2), work))
    for hours in range(0, 72, 3):
        loop.tick(NOON + timedelta(hours=hours))
    # noon (made up for), then each first tick after 02:00
    assert [at - NOON for at in work.ran_at] == [timedelta(hours=h) for h in (0, 15, 39, 63)]


def test_given_missed_slots_when_the_loop_comes_back_then_the_newest_is_made_up_for(
    session_factory: Sessions, work: Work
) -> None:
    job = Job("test.daily", Daily(2), work)
    loop_of(session_factory, job).tick(NOON)
    restarted = loop_of(session_factory, job)
    for _ in range(3):
        restarted.tick(NOON + timedelta(days=9))
    assert work.ran_at == [NOON, NOON + timedelta(days=9)]


@pytest.mark.parametrize("jump", [timedelta(hours=-2), timedelta(hours=2), timedelta(days=1)])
def test_given_a_clock_that_jumps_and_comes_back_when_ticking_then_no_date_runs_twice(
    session_factory: Sessions, work: Work, jump: timedelta
) -> None:
    loop = loop_of(session_factory, Job("test.daily", Daily(2), work))
    start = NOON - timedelta(hours=9, minutes=-30)  # half past three
    for now in (start, start + jump, start, start + timedelta(hours=1)):
        loop.tick(now)
    dates = [at.astimezone(TZ).date() for at in work.ran_at]
    assert len(dates) == (2 if jump.days == 1 else 1)
    assert len(set(dates)) == len(dates)


def test_given_an_hourly_job_when_hours_pass_then_it_runs_in_each(
    session_factory: Sessions, work: Work
) -> None:
    loop = loop_of(session_factory, Job("test.hourly", Hourly(5), work))
    for minutes in range(0, 180, 10):
        loop.tick(NOON + timedelta(minutes=minutes))
    assert [at - NOON for at in work.ran_at] == [timedelta(minutes=m) for m in (0, 10, 70, 130)]


def test_given_a_job_that_fails_when_its_lease_ends_then_it_is_tried_again(
    session_factory: Sessions, work: Work, log: StringIO
) -> None:
    stopwatch, other = Stopwatch(), Work()
    loop = loop_of(
        session_factory,
        Job("test.fails", Daily(2), work),
        Job("test.works", Daily(2), other),
        stopwatch=stopwatch,
    )
    work.fails = True
    for _ in range(3):
        loop.tick(NOON)
    assert (len(work.ran_at), len(other.ran_at)) == (1, 1)
    failed = next(event for event in events(log) if event["event"] == "job_failed")
    assert failed["job"] == "test.fails"
    assert "canary of a job" in failed["exception"]
    # then
    loop.tick(NOON)
    stopwatch.reading += LEASE_S
    work.fails = False
    for _ in range(3):
        loop.tick(NOON)
    assert (len(work.ran_at), len(other.ran_at)) == (2, 1)


def test_given_a_job_when_due_when_ticking_then_it_runs_as_often_as_there_is_something(
    session_factory: Sessions, work: Work
) -> None:
    loop = loop_of(
        session_factory, Job("test.drain", WhenDue(lambda *_: len(work.ran_at) < 3), work)
    )
    for _ in range(5):
        loop.tick(NOON)
    assert len(work.ran_at) == 3


def test_given_two_loops_when_one_is_at_work_then_the_other_leaves_it_alone(
    session_factory: Sessions, work: Work
) -> None:
    job = Job("test.drain", WhenDue(lambda *_: True), work)
    work.may_end.clear()
    first, second = loop_of(session_factory, job), loop_of(session_factory, job)
    first.start()
    assert work.ran.wait(WAIT_S)
    for _ in range(5):
        second.tick(NOON)
    first.ask_to_stop()
    first.join()
    assert len(work.ran_at) == 1


def test_given_a_running_job_when_asked_to_stop_then_it_ends_and_gives_its_lease_back(
    session_factory: Sessions, work: Work, log: StringIO
) -> None:
    job = Job("test.daily", Daily(2), work)
    work.may_end.clear()
    with background(session_factory, (job,), tz=TZ):
        assert work.ran.wait(WAIT_S)
    state = Leases(session_factory).look([job.name])[job.name]
    assert (state.holder, state.done_slot) == (None, None)
    assert "job_stopped" in [event["event"] for event in events(log)]
    # Somebody else may do it at once.
    work.may_end.set()
    loop_of(session_factory, job).tick()
    assert len(work.ran_at) == 2


def test_given_a_long_job_when_something_is_due_then_it_does_not_wait_for_it(
    session_factory: Sessions, work: Work
) -> None:
    letters = Work()
    work.may_end.clear()
    jobs = (
        Job("test.long", Daily(2), work),
        Job("test.drain", WhenDue(lambda *_: work.ran.is_set() and not letters.ran_at), letters),
    )
    with background(session_factory, jobs, tz=TZ):
        assert work.ran.wait(WAIT_S)
        wake()
        assert letters.ran.wait(WAIT_S)
        assert len(work.ran_at) == 1


def test_given_a_loop_between_ticks_when_woken_then_it_looks_at_once(
    session_factory: Sessions, work: Work
) -> None:
    wanted = threading.Event()
    job = Job("test.drain", WhenDue(lambda *_: wanted.is_set() and not work.ran_at), work)
    loop = Loop(session_factory, (job,), tz=TZ, tick_s=3600)
    loop.start()
    until(lambda: Leases(session_factory)._read({job.name}))
    time.sleep(0.1)
    wanted.set()
    wake()
    assert work.ran.wait(WAIT_S)
    loop.ask_to_stop()
    loop.join()


def test_given_a_database_that_is_away_when_ticking_then_the_loop_lives_on(
    session_factory: Sessions, work: Work, log: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = loop_of(session_factory, Job("test.daily", Daily(2), work))
    tick, failures = loop.tick, 3

    def tick_or_fail(now: datetime | None = None) -> None:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise OperationalError("SELECT 1", {}, Exception("server closed"))
        tick(now)

    monkeypatch.setattr(loop, "tick", tick_or_fail)
    loop.start()
    assert work.ran.wait(WAIT_S)
    loop.ask_to_stop()
    loop.join()
    assert [event["event"] for event in events(log)].count("tick_failed") == 3


def test_given_an_open_transaction_when_kept_alive_then_it_is_a_programmers_error(
    session_factory: Sessions, log: StringIO
) -> None:
    def wrong(db: Session, *, now: datetime, keep_alive: KeepAlive) -> JobReport:
        with atomic(db):
            keep_alive()
        return {}

    loop_of(session_factory, Job("test.wrong", Daily(2), wrong)).tick(NOON)
    assert "between transactions" in events(log)[-1]["exception"]


def test_given_a_lost_lease_when_a_job_goes_on_then_it_is_stopped(
    session_factory: Sessions, log: StringIO
) -> None:
    stopwatch = Stopwatch()
    stopped: list[str] = []

    def slow(db: Session, *, now: datetime, keep_alive: KeepAlive) -> JobReport:
        thief = Leases(session_factory, stopwatch=stopwatch)
        thief.look(["test.slow"])
        stopwatch.reading += LEASE_S
        assert thief.claim("test.slow", thief.look(["test.slow"])["test.slow"], None)
        try:
            keep_alive()
        except LeaseLost:
            stopped.append("stopped")
            raise
        return {}

    loop_of(session_factory, Job("test.slow", Daily(2), slow), stopwatch=stopwatch).tick(NOON)
    assert stopped == ["stopped"]
    assert events(log)[-1]["event"] == "job_stopped"
    state = Leases(session_factory).look(["test.slow"])["test.slow"]
    assert state.holder is not None
    assert state.done_slot is None
