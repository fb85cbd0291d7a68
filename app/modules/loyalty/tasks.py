"""The jobs of the loyalty module: each calls a service."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from app.core.jobs import Daily, Hourly, Job, JobReport, KeepAlive, WhenDue, wake
from app.modules.customers.services import code_service
from app.modules.loyalty.services import (
    daily_stats,
    expiry_warnings,
    google_holders,
    image_fetching,
    points_expiry,
    retention,
    unconfirmed,
    wallet_service,
    wallet_upkeep,
)
from app.modules.loyalty.types import Provider


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
    wallets = wallet_upkeep.tidy(db, now=now)
    return {**retention.forget_old(db, now=now, keep_alive=keep_alive), **wallets}


def reconcile_google(db: Session, *, now: datetime, keep_alive: KeepAlive) -> JobReport:
    """Send to Google what has changed."""
    return wallet_service.reconcile(db, Provider.GOOGLE, now=now, keep_alive=keep_alive)


def reconcile_apple(db: Session, *, now: datetime, keep_alive: KeepAlive) -> JobReport:
    """Tell iPhones that something has changed."""
    return wallet_service.reconcile(db, Provider.APPLE, now=now, keep_alive=keep_alive)


def sync_wallet_passes(db: Session, *, now: datetime, keep_alive: KeepAlive) -> JobReport:
    """Find what the wallets' drains have missed. They send it."""
    report = wallet_upkeep.catch_up(db, now=now, keep_alive=keep_alive)
    wake()
    return report


def ask_who_holds(db: Session, *, now: datetime, keep_alive: KeepAlive) -> JobReport:
    """Ask Google whose cards are in a phone: its callbacks may be lost."""
    return google_holders.reconcile_holders(db, now=now, keep_alive=keep_alive)


def fetch_pictures(db: Session, *, now: datetime, keep_alive: KeepAlive) -> JobReport:
    """Fetch the pictures that owners named by an address on another site."""
    return image_fetching.fetch_due(db, now=now, keep_alive=keep_alive)


def _has_work_at(provider: Provider) -> WhenDue:
    return WhenDue(lambda db, now: wallet_service.has_work(db, provider, now))


JOBS = (
    Job("loyalty.reconcile_google", _has_work_at(Provider.GOOGLE), reconcile_google),
    Job("loyalty.reconcile_apple", _has_work_at(Provider.APPLE), reconcile_apple),
    Job("loyalty.sync_wallet_passes", Hourly(minute=20), sync_wallet_passes),
    Job("loyalty.ask_who_holds", Daily(hour=4, minute=30), ask_who_holds),
    Job("loyalty.fetch_pictures", WhenDue(image_fetching.has_due), fetch_pictures),
    Job("loyalty.expire_points", Daily(hour=2), expire_points),
    Job("loyalty.drop_unconfirmed", Daily(hour=3), drop_unconfirmed),
    Job("loyalty.tidy", Daily(hour=4), erase_old_details),
    Job("loyalty.roll_up_statistics", Hourly(minute=5), roll_up_statistics),
)
