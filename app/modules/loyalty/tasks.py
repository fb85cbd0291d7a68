"""The jobs of the loyalty module: each calls a service."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from app.core.jobs import Daily, Hourly, Job, JobReport, KeepAlive
from app.modules.customers.services import code_service
from app.modules.loyalty.services import (
    daily_stats,
    expiry_warnings,
    points_expiry,
    retention,
    unconfirmed,
)


def expire_points(db: Session, *, now: datetime, keep_alive: KeepAlive) -> JobReport:
    """Take the points that are due, and warn whose points are going to be."""
    expired = points_expiry.expire_points(db, now=now, keep_alive=keep_alive)
    return {**expired, **expiry_warnings.warn(db, now=now, keep_alive=keep_alive)}


def roll_up_statistics(db: Session, *, now: datetime, keep_alive: KeepAlive) -> JobReport:
    """Count what the ledgers have got since the last time."""
    return daily_stats.roll_up(db, now=now, keep_alive=keep_alive)


def drop_unconfirmed(db: Session, *, now: datetime, keep_alive: KeepAlive) -> JobReport:
    """Drop cards that nobody confirmed and nobody used, and forget old sign-in codes."""
    dropped = unconfirmed.drop(db, now=now, keep_alive=keep_alive)
    return {**dropped, "codes": code_service.purge(db, now=now)}


def erase_old_details(db: Session, *, now: datetime, keep_alive: KeepAlive) -> JobReport:
    """Forget addresses, names of browsers and used keys that are older than they may be."""
    return retention.forget_old(db, now=now, keep_alive=keep_alive)


JOBS = (
    Job("loyalty.expire_points", Daily(hour=2), expire_points),
    Job("loyalty.drop_unconfirmed", Daily(hour=3), drop_unconfirmed),
    Job("loyalty.tidy", Daily(hour=4), erase_old_details),
    Job("loyalty.roll_up_statistics", Hourly(minute=5), roll_up_statistics),
)
