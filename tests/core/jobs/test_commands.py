"""`orion jobs list`, `orion jobs run NAME`, `orion worker`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker
from typer.testing import CliRunner, Result

from app import cli
from app.core.clock import utc_now
from app.core.config import get_settings
from app.core.db import atomic
from app.core.jobs import leases
from app.core.jobs.leases import Leases
from app.core.logs import configure_logging
from app.core.mail import outbox
from tests.core.mail.smtp_server import smtp_server

Sessions = sessionmaker[Session]


@pytest.fixture(autouse=True)
def _settings(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("ORION_DATABASE_URL", database_url)
    monkeypatch.setenv("ORION_DATA_DIR", str(tmp_path / "var"))
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()
    configure_logging()


def orion(*arguments: str) -> Result:
    return CliRunner().invoke(cli.cli, arguments)


def test_given_jobs_when_listed_then_each_says_when_it_ran_and_when_it_is_due() -> None:
    before = orion("jobs", "list")
    assert orion("jobs", "run", "core.tidy").exit_code == 0
    after = orion("jobs", "list")
    assert before.exit_code == 0
    assert "core.tidy\n  runs       daily at 03:30\n  last done  never\n" in before.stdout
    assert "  next due   2" in before.stdout
    assert "last done  2" in after.stdout
    assert "held by" not in after.stdout


def test_given_a_held_job_when_listed_then_its_holder_is_named(session_factory: Sessions) -> None:
    holder = Leases(session_factory)
    holder.claim("core.tidy", holder.look(["core.tidy"])["core.tidy"], "2026-11-25")
    assert f"held by    {holder.holder}" in orion("jobs", "list").stdout


def test_given_a_job_when_run_by_hand_then_it_runs_each_time_and_says_its_counts(
    db: Session,
) -> None:
    for _ in range(2):
        with atomic(db):
            outbox.enqueue(db, to="a@b.lu", subject="s", text="t", purpose="p", now=utc_now())
        result = orion("jobs", "run", "core.send_mail")
        assert (result.exit_code, result.stdout) == (0, "core.send_mail is done. sent: 1\n")


def test_given_an_unknown_name_when_run_then_a_sentence_and_exit_code_1() -> None:
    result = orion("jobs", "run", "core.nothing")
    assert result.exit_code == 1
    assert "There is no job named core.nothing" in result.stderr


def test_given_a_job_that_lives_elsewhere_when_run_then_a_sentence_and_exit_code_1(
    session_factory: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = Leases(session_factory, lease_s=0.01)
    lease = holder.claim("core.tidy", holder.look(["core.tidy"])["core.tidy"], "2026-11-25")
    assert lease is not None

    def renew_instead(_seconds: float) -> None:
        real_sleep(0.01)
        lease.renew()

    real_sleep = time.sleep
    monkeypatch.setattr(time, "sleep", renew_instead)
    result = orion("jobs", "run", "core.tidy")
    assert result.exit_code == 1
    assert "Another process runs this job right now." in result.stderr


def test_given_a_dead_holder_when_run_then_its_lease_is_waited_for_and_taken(
    session_factory: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = Leases(session_factory)
    dead.claim("core.tidy", dead.look(["core.tidy"])["core.tidy"], "2026-11-25")
    monkeypatch.setattr(leases.Leases.__init__, "__kwdefaults__", {
        "lease_s": 0.2, "stopwatch": time.monotonic,
    })  # fmt: skip
    assert orion("jobs", "run", "core.tidy").exit_code == 0


def test_given_a_worker_when_asked_to_end_then_it_gives_its_leases_back(
    db: Session, session_factory: Sessions
) -> None:
    with smtp_server() as server:
        environment = os.environ | {"ORION_SMTP_URL": f"smtp://127.0.0.1:{server.port}"}
        worker = subprocess.Popen(
            [sys.executable, "-c", "from app.cli import main; main()", "worker"],
            env=environment,
            stderr=subprocess.PIPE,
        )
        with atomic(db):
            outbox.enqueue(db, to="a@b.lu", subject="s", text="t", purpose="p", now=utc_now())
        deadline = time.monotonic() + 60
        while not server.received:
            assert worker.poll() is None, worker.stderr
            assert time.monotonic() < deadline
            time.sleep(0.05)
        worker.send_signal(signal.SIGTERM)
        _, said = worker.communicate(timeout=20)
    assert worker.returncode == 0, said
    states = Leases(session_factory).look(["core.send_mail", "core.tidy"])
    assert [state.holder for state in states.values()] == [None, None]
    assert states["core.tidy"].done_slot is not None
