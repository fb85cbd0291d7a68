"""Looks for what keeps the platform from working, and says what to do about it."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import typer
from sqlalchemy import Engine, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.core import clock, schema
from app.core.addresses import leads_here
from app.core.config import Settings
from app.core.db import build_engine, build_sessionmaker, read_connection, write_connection
from app.core.errors import AppError
from app.core.jobs import WhenDue
from app.core.jobs.models import JobLease
from app.core.jobs.schedule import due_slot
from app.main import all_jobs
from app.modules.loyalty.config import get_loyalty_settings, texts
from app.modules.loyalty.services import wallet_checks, wallet_report
from app.modules.loyalty.services.wallet_checks import Unreachable
from app.modules.loyalty.services.wallet_report import Fault, SetupReport
from app.modules.loyalty.types import Provider

_LITTLE_SPACE: Final = 1_000_000_000  # bytes; a shop's year takes far less
_NO_SPACE: Final = 100_000_000
_CLOCKS_APART_S: Final = 2.0
_JOBS_MAY_LAG: Final = timedelta(minutes=15)
_SMTP_TIMEOUT_S: Final = 3.0
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class Level(StrEnum):
    """How bad it is. Only an error makes `orion doctor` fail."""

    OK = "ok"
    WARN = "warn"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `cure` says what to do, empty where nothing is to be done."""

    name: str
    level: Level
    sentence: str
    cure: str = ""


def check(settings: Settings, *, now: datetime | None = None) -> list[Finding]:
    """Look at everything, from the settings to the wallets' vendors. Changes nothing.

    Takes a few seconds where a server does not answer.
    """
    now = now or clock.utc_now()
    reports = {provider: wallet_report.setup_of(provider, now=now) for provider in Provider}
    has_wallet = any(report["is_configured"] for report in reports.values())
    return [
        *_settings(settings),
        *_data_dir(settings),
        *_secret_files(settings),
        *_disk(settings),
        *_database(settings, now=now),
        *_mail(settings),
        *_base_url(settings, has_wallet=has_wallet),
        *_wallet("google wallet", reports[Provider.GOOGLE], wallet_checks.ask_google),
        *_wallet("apple wallet", reports[Provider.APPLE], wallet_checks.ask_apple),
    ]


def print_report(findings: list[Finding]) -> int:
    """Write the findings as a table; the exit code: 1 where there is an error."""
    width = max((len(finding.name) for finding in findings), default=0)
    for finding in findings:
        typer.echo(f"{finding.level:<5}  {finding.name:<{width}}  {finding.sentence}")
        if finding.cure:
            typer.echo(f"{'':<5}  {'':<{width}}  -> {finding.cure}")
    errors = sum(finding.level is Level.ERROR for finding in findings)
    warnings = sum(finding.level is Level.WARN for finding in findings)
    typer.echo(f"Errors: {errors}. Warnings: {warnings}.")
    return 1 if errors else 0


def _settings(settings: Settings) -> Iterator[Finding]:
    get_loyalty_settings()
    if settings.is_production:
        yield Finding("settings", Level.OK, "For production; all secrets are set and differ.")
    else:
        yield Finding(
            "settings", Level.OK, "For development; missing secrets are made in the data dir."
        )


def _data_dir(settings: Settings) -> Iterator[Finding]:
    name, folder = "data dir", settings.data_dir
    if not folder.is_dir():
        cure = f"Make it: mkdir -m 700 {folder}, owned by the user that runs Orion."
        yield Finding(name, Level.ERROR, f"{folder} is not there.", cure)
    elif not os.access(folder, os.W_OK | os.X_OK):
        cure = "Let the user that runs Orion write there: chown it, or set ORION_DATA_DIR."
        yield Finding(name, Level.ERROR, f"{folder} cannot be written to.", cure)
    elif folder.stat().st_mode & _OTHERS:
        yield Finding(
            name, Level.WARN, f"Others may look into {folder}.", f"Close it: chmod 700 {folder}"
        )
    else:
        yield Finding(name, Level.OK, f"{folder} is writable, and nobody else's.")


def _secret_files(settings: Settings) -> Iterator[Finding]:
    """Files of secrets that other users of this machine may read."""
    loyalty = get_loyalty_settings()
    named = (loyalty.google_service_account_json, loyalty.apple_signer_key_path)
    files = [*sorted(settings.data_dir.glob("*.secret")), *(file for file in named if file)]
    open_ones = [file for file in files if file.is_file() and file.stat().st_mode & _OTHERS]
    for file in open_ones:
        yield Finding(
            "secrets", Level.WARN, f"Others may read {file}.", f"Close it: chmod 600 {file}"
        )
    if not open_ones:
        yield Finding("secrets", Level.OK, "No file of secrets is open to other users.")


def _disk(settings: Settings) -> Iterator[Finding]:
    if not settings.data_dir.is_dir():
        return
    free = shutil.disk_usage(settings.data_dir).free
    sentence = f"{free / 1e9:.1f} GB are free."
    level = Level.OK
    if free < _LITTLE_SPACE:
        level = Level.ERROR if free < _NO_SPACE else Level.WARN
    cure = "" if level is Level.OK else "Make room, before the database cannot be written to."
    yield Finding("disk", level, sentence, cure)


def _database(settings: Settings, *, now: datetime) -> Iterator[Finding]:
    name, url = "database", make_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and not (url.database and Path(url.database).exists()):
        yield Finding(name, Level.ERROR, "There is no database yet.", "Run `orion migrate`.")
        return
    try:
        with _opened(settings) as (engine, db):
            yield from _tables(engine, db)
            yield from _clocks(db)
            yield from _jobs(settings, db, now=now)
    except (SQLAlchemyError, AppError, RuntimeError) as fault:
        reason = str(getattr(fault, "orig", None) or fault).strip().partition("\n")[0]
        cure = "See that it runs, and check ORION_DATABASE_URL and the rights of its user."
        yield Finding(name, Level.ERROR, f"It cannot be used: {reason}", cure)


@contextmanager
def _opened(settings: Settings) -> Iterator[tuple[Engine, Session]]:
    engine = build_engine(settings.database_url)
    try:
        with build_sessionmaker(engine)() as db:
            yield engine, db
    finally:
        engine.dispose()


def _tables(engine: Engine, db: Session) -> Iterator[Finding]:
    with write_connection(db) as connection:
        is_postgresql = engine.dialect.name == "postgresql"
        asked = text("SHOW transaction_read_only")
        if is_postgresql and connection.execute(asked).scalar_one() == "on":
            cure = "Point ORION_DATABASE_URL at the primary, not at a replica."
            yield Finding("database", Level.ERROR, "It takes no writes.", cure)
            return
    if schema.is_current(engine):
        yield Finding("database", Level.OK, "It can be written to, and its schema is the newest.")
    else:
        yield Finding("database", Level.ERROR, "Its schema is an old one.", "Run `orion migrate`.")


def _clocks(db: Session) -> Iterator[Finding]:
    """SQLite has this machine's clock."""
    if db.get_bind().dialect.name != "postgresql":
        return
    with read_connection(db) as connection:
        theirs: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    apart_s = abs((clock.utc_now() - theirs).total_seconds())
    if apart_s > _CLOCKS_APART_S:
        yield Finding(
            "clock",
            Level.WARN,
            f"This machine's clock and the database's are {apart_s:.0f} s apart.",
            "Let both follow a time server (NTP).",
        )
    else:
        yield Finding("clock", Level.OK, "It agrees with the database's.")


def _jobs(settings: Settings, db: Session, *, now: datetime) -> Iterator[Finding]:
    zone = ZoneInfo(settings.timezone)
    with read_connection(db) as connection:
        rows = connection.execute(select(JobLease.name, JobLease.done_slot)).all()
    done = {row.name: row.done_slot for row in rows}
    late = [
        f"{job.name} ({done.get(job.name) or 'never done'})"
        for job in all_jobs(settings)
        if not isinstance(job.slot, WhenDue)
        and (done.get(job.name) or "") < due_slot(job.slot, now - _JOBS_MAY_LAG, zone)
    ]
    if late:
        cure = "Keep `orion worker` running, or `orion serve` with ORION_JOBS=embedded."
        yield Finding("jobs", Level.WARN, f"Behind: {', '.join(late)}.", cure)
    else:
        yield Finding("jobs", Level.OK, "All are done that were due.")


def _mail(settings: Settings) -> Iterator[Finding]:
    server = settings.smtp_server
    if server is None:
        if settings.is_production:
            cure = "Set ORION_SMTP_URL: customers sign in by e-mail."
            yield Finding("e-mail", Level.ERROR, "There is no server to send it.", cure)
        else:
            yield Finding("e-mail", Level.OK, "It stays here, at /dev/outbox.")
        return
    try:
        socket.create_connection((server.host, server.port), timeout=_SMTP_TIMEOUT_S).close()
    except OSError as fault:
        sentence = f"{server.host}:{server.port} does not answer: {fault.strerror or fault}."
        cure = "Check ORION_SMTP_URL and the firewall; e-mails wait until then."
        yield Finding("e-mail", Level.ERROR, sentence, cure)
    else:
        yield Finding("e-mail", Level.OK, f"{server.host}:{server.port} answers.")


def _base_url(settings: Settings, *, has_wallet: bool) -> Iterator[Finding]:
    name, url = "base URL", settings.base_url
    cure = "Set ORION_BASE_URL to the public address, with https://."
    if not leads_here(url):
        if settings.is_https:
            yield Finding(name, Level.OK, f"{url} is encrypted.")
        else:
            yield Finding(name, Level.WARN, f"{url} is not encrypted.", cure)
    elif has_wallet or settings.is_production:
        sentence = f"{url} is this machine alone: no vendor and no phone gets pictures from it."
        yield Finding(name, Level.WARN, sentence, cure)
    else:
        yield Finding(name, Level.OK, f"{url} is this machine alone: good for trying things out.")


def _wallet(name: str, report: SetupReport, ask: Callable[[], None]) -> Iterator[Finding]:
    if not report["is_configured"]:
        yield Finding(name, Level.OK, "Not set up, so it is not offered.")
        return
    if report["problem"] is not None:
        yield Finding(name, Level.ERROR, *_cause_and_cure(report["problem"]))
        return
    for warning in report["warnings"]:
        yield Finding(name, Level.WARN, *_cause_and_cure(warning))
    yield _answer(name, report, ask)


def _answer(name: str, report: SetupReport, ask: Callable[[], None]) -> Finding:
    days_left = report["certificate_days_left"]
    until = f", its certificate is good for {days_left} days" if days_left is not None else ""
    in_order = f"{report['account']} is in order{until}"
    try:
        ask()
    except Unreachable as fault:
        if fault.is_refusal:
            cure = "Check the key file, and that its account is a user of the issuer."
            return Finding(name, Level.ERROR, f"It does not take us: {fault.reason}", cure)
        cure = "Let this machine out to the vendor (port 443). Until then nothing is updated."
        return Finding(
            name, Level.WARN, f"{in_order}, but it was not reached: {fault.reason}", cure
        )
    return Finding(name, Level.OK, f"{in_order}, and it answers.")


def _cause_and_cure(fault: Fault) -> tuple[str, str]:
    """The text's first sentence says what is wrong, the rest what to do."""
    said = texts().translator("en").t(f"loyalty.wallet.setup.{fault['cause']}", **fault["params"])
    cause, stop, cure = said.partition(". ")
    return cause + stop.strip(), cure
