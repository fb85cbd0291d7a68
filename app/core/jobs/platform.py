"""The platform's own jobs."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from app.core.config import Settings
from app.core.db import engine_of
from app.core.jobs.job import Job, JobReport, KeepAlive
from app.core.jobs.schedule import Daily, WhenDue
from app.core.mail import outbox
from app.core.mail.smtp import SmtpSender

_log = structlog.get_logger(__name__)


def platform_jobs(settings: Settings) -> tuple[Job, ...]:
    """`core.send_mail`, if there is somewhere to send it to, and `core.tidy`."""
    jobs = (Job("core.tidy", Daily(hour=3, minute=30), _tidy),)
    if _has_no_way_out(settings):
        return jobs
    return (Job("core.send_mail", WhenDue(outbox.has_due), _Post(settings)), *jobs)


def warn_without_mail_server(settings: Settings) -> None:
    """Say at the start of a process that e-mails will only wait."""
    if _has_no_way_out(settings):
        _log.warning("no_mail_server", hint="Set ORION_SMTP_URL; until then no e-mail is sent.")


def _has_no_way_out(settings: Settings) -> bool:
    return settings.is_production and settings.smtp_server is None


class _Post:
    """Empties the outbox: into the mail server, or, in development, where it lies."""

    def __init__(self, settings: Settings) -> None:
        self._server = settings.smtp_server
        self._sender = settings.mail_sender

    def __call__(self, db: Session, *, now: datetime, keep_alive: KeepAlive) -> JobReport:
        """One batch; the loop comes back for the next."""
        if self._server is None:
            return outbox.keep_here(db, now=now)
        with SmtpSender(self._server, self._sender) as smtp:
            return outbox.drain(db, send=smtp.send, now=now, keep_alive=keep_alive)


def _tidy(db: Session, *, now: datetime, keep_alive: KeepAlive) -> JobReport:
    report = outbox.tidy(db, now=now)
    keep_alive()
    if engine_of(db).dialect.name == "sqlite":
        _fold_write_ahead_log(db)
    return report


def _fold_write_ahead_log(db: Session) -> None:
    """Fold SQLite's write-ahead log into the file, so that it does not keep its greatest size.

    On a bare connection, since it does nothing inside a transaction. While somebody reads it
    folds what it can; the next night does the rest.
    """
    connection = engine_of(db).raw_connection()
    try:
        connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.close()
