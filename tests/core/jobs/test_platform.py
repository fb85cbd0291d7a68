"""The platform's own jobs, as a web process runs them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker
from starlette.testclient import TestClient

from app.core.clock import utc_now
from app.core.config import Settings, load_settings
from app.core.db import atomic
from app.core.jobs import wake
from app.core.jobs.loop import background
from app.core.jobs.platform import platform_jobs, warn_without_mail_server
from app.core.logs import configure_logging
from app.core.mail import outbox
from app.main import all_jobs, create_app
from tests.core.mail.smtp_server import SmtpServer, smtp_server

TZ = ZoneInfo("Europe/Luxembourg")
PRODUCTION = {
    "env": "production",
    "base_url": "https://loyalty.example",
    "secret_key": "a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6",
    "pin_pepper": "b1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6",
    "ledger_key": "c1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6",
}


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with smtp_server() as server:
        yield server


@pytest.fixture
def settings_to(tmp_path: Path) -> Callable[[SmtpServer], Settings]:
    return lambda server: load_settings(
        data_dir=tmp_path / "var", smtp_url=f"smtp://127.0.0.1:{server.port}"
    )


def put(db: Session, to: str = "zoe@example.lu") -> None:
    with atomic(db):
        outbox.enqueue(
            db, to=to, subject="Code", text="123456", purpose="sign_in_code", now=utc_now()
        )
    wake()


def newest(sessions: sessionmaker[Session]) -> Any:
    with sessions() as db:
        return outbox.newest(db)[0]


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def test_given_a_running_loop_when_an_email_is_written_then_it_arrives_within_the_tick(
    session_factory: sessionmaker[Session],
    db: Session,
    server: SmtpServer,
    settings_to: Callable[[SmtpServer], Settings],
) -> None:
    with background(session_factory, platform_jobs(settings_to(server)), tz=TZ):
        put(db)
        until(lambda: newest(session_factory)["sent_at"])
    [received] = server.received
    assert received.message["From"] == "Orion Loyalty <no-reply@localhost>"
    assert received.message.get_content().strip() == "123456"


def test_given_a_server_that_is_down_when_it_comes_back_then_the_email_arrives(
    session_factory: sessionmaker[Session],
    db: Session,
    settings_to: Callable[[SmtpServer], Settings],
) -> None:
    with smtp_server() as gone:
        settings = settings_to(gone)
    with background(session_factory, platform_jobs(settings), tz=TZ):
        put(db)
        until(lambda: newest(session_factory)["last_error"] == "server_unreachable")
        with smtp_server(gone.port) as back:
            until(lambda: newest(session_factory)["sent_at"])
            assert len(back.received) == 1


def test_given_development_without_a_server_when_an_email_is_written_then_it_stays_to_be_read(
    session_factory: sessionmaker[Session], db: Session, tmp_path: Path
) -> None:
    jobs = platform_jobs(load_settings(data_dir=tmp_path))
    with background(session_factory, jobs, tz=TZ):
        put(db)
        until(lambda: newest(session_factory)["sent_at"])
    assert newest(session_factory)["text_body"] == "123456"


def test_given_production_without_a_server_when_started_then_it_warns_and_emails_wait(
    tmp_path: Path,
) -> None:
    stream = StringIO()
    configure_logging(stream=stream, as_json=True)
    settings = load_settings(data_dir=tmp_path, **PRODUCTION)
    warn_without_mail_server(settings)
    configure_logging()
    said = json.loads(stream.getvalue())
    assert (said["level"], said["event"]) == ("warning", "no_mail_server")
    assert "ORION_SMTP_URL" in said["hint"]
    assert "core.send_mail" not in [job.name for job in platform_jobs(settings)]


@pytest.mark.parametrize(("jobs", "runs"), [("embedded", True), ("off", False)])
def test_given_the_application_when_it_serves_then_its_loop_runs_as_long_as_the_setting_says(
    database_url: str,
    session_factory: sessionmaker[Session],
    db: Session,
    server: SmtpServer,
    jobs: str,
    runs: bool,
) -> None:
    settings = load_settings(
        database_url=database_url, jobs=jobs, smtp_url=f"smtp://127.0.0.1:{server.port}"
    )
    with TestClient(create_app(settings)) as client:
        assert client.get("/healthz").status_code == 200
        put(db)
        if runs:
            until(lambda: newest(session_factory)["sent_at"])
        assert any(one.name == "orion-jobs" for one in threading.enumerate()) == runs
    assert [one for one in threading.enumerate() if one.name == "orion-jobs"] == []
    assert len(server.received) == runs


def test_given_all_jobs_when_named_then_each_name_is_one_jobs_and_says_whose(
    tmp_path: Path,
) -> None:
    names = [job.name for job in all_jobs(load_settings(data_dir=tmp_path))]
    assert {"core.send_mail", "core.tidy"} <= set(names)
    assert len(names) == len(set(names))
    assert {name.partition(".")[0] for name in names} <= {
        "core", "tenancy", "customers", "loyalty",
    }  # fmt: skip


def test_given_a_night_when_tidied_then_old_emails_go_and_the_log_of_sqlite_is_folded(
    engine: Engine, db: Session, tmp_path: Path
) -> None:
    for _ in range(50):
        put(db)
    outbox.keep_here(db, now=utc_now())
    wal = tmp_path / "orion.db-wal"
    assert (engine.dialect.name != "sqlite") or wal.stat().st_size > 0
    [tidy] = [job for job in platform_jobs(load_settings()) if job.name == "core.tidy"]
    later = utc_now() + timedelta(days=8)
    assert tidy.run(db, now=later, keep_alive=lambda: None) == {"emails": 50}
    assert (engine.dialect.name != "sqlite") or wal.stat().st_size == 0
