"""Telling people that their points are going to run out: on the card, and by e-mail."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, Select, select, tuple_, update
from sqlalchemy.orm import Session

from app.core import jobs
from app.core.db import atomic, end_read
from app.modules.customers.models import Customer
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.rules import expiry
from app.modules.loyalty.rules.business_day import business_day
from app.modules.loyalty.services import letters, points_expiry, wallet_passes
from app.modules.loyalty.services.points_expiry import ExpiryRule
from app.modules.loyalty.types import CardStatus, StoreFacts
from app.modules.tenancy.models import Merchant, Store

_BATCH: Final = 100
_PAUSE_S: Final = 0.01


def warn(db: Session, *, now: datetime, keep_alive: Callable[[], None]) -> dict[str, int]:
    """Warn whoever is due, once for each step; returns how many `cards` and `emails`.

    The card's mark and the e-mail are one transaction, so a run that stops in the middle
    neither forgets anybody nor writes twice.
    """
    given = {"warned": 0, "emails": 0}
    for rule in points_expiry.rules(db):
        for rows in _candidates(db, rule, now=now):
            with atomic(db):
                for row in rows:
                    _warn_one(db, rule, row, given, now=now)
            keep_alive()
            jobs.wake()
            time.sleep(_PAUSE_S)
    return given


def _warn_one(
    db: Session, rule: ExpiryRule, row: Row[Any], given: dict[str, int], *, now: datetime
) -> None:
    store = StoreFacts(0, "", "", row.timezone, row.day_starts_at)
    on = expiry.expires_on(
        since=row.last_collected_at, rule_since=rule.since, days=rule.days, store=store
    )
    today = business_day(now, store=store)
    step = expiry.warning_due(
        on, today=today, warned_on=row.expiry_warned_on, warned_days=row.expiry_warning_days
    )
    if step is None or not _mark(db, row, on, step):
        return
    given["warned"] += 1
    if row.email is None or row.email_pending:
        return
    letters.send(
        db,
        to=row.email,
        words="loyalty.mail.points_expiring",
        language=row.locale or row.merchant_locale,
        merchant_id=row.merchant_id,
        good_for=timedelta(days=max(1, (on - today).days)),
        now=now,
        merchant=row.merchant_name,
        count=row.points_balance,
        date=on,
    )
    given["emails"] += 1


def _mark(db: Session, row: Row[Any], on: date, step: int) -> bool:
    """Note the warning on the card, if nobody has used it since; its passes are stale then."""
    card = LoyaltyCard
    changed = db.execute(
        update(card)
        .where(
            card.merchant_id == row.merchant_id, card.id == row.id, card.revision == row.revision
        )
        .values(expiry_warned_on=on, expiry_warning_days=step, revision=card.revision + 1)
        .execution_options(synchronize_session=False)
    )
    if changed.rowcount != 1:  # type: ignore[attr-defined]
        return False
    wallet_passes.mark(db, merchant_id=row.merchant_id, card_id=row.id, revision=row.revision + 1)
    return True


def _candidates(db: Session, rule: ExpiryRule, *, now: datetime) -> Iterator[list[Row[Any]]]:
    latest = now - timedelta(days=rule.days - max(expiry.WARNINGS_DAYS) - 1)
    if rule.since is not None and rule.since > latest:
        return
    after: tuple[datetime, int] | None = None
    while True:
        query = _select(rule.merchant_id, latest)
        if after is not None:
            place = tuple_(LoyaltyCard.last_collected_at, LoyaltyCard.id)
            query = query.where(place > after)
        rows = list(db.execute(query).all())
        end_read(db)
        if not rows:
            return
        after = (rows[-1].last_collected_at, rows[-1].id)
        yield sorted(rows, key=lambda row: row.id)


def _select(merchant_id: int, latest: datetime) -> Select[*tuple[Any, ...]]:
    card = LoyaltyCard
    return (
        select(
            card.merchant_id,
            card.id,
            card.revision,
            card.points_balance,
            card.last_collected_at,
            card.expiry_warned_on,
            card.expiry_warning_days,
            Store.timezone,
            Store.day_starts_at,
            Customer.email,
            Customer.email_pending,
            Customer.locale,
            Merchant.name.label("merchant_name"),
            Merchant.locale.label("merchant_locale"),
        )
        .join(Store, (Store.merchant_id == card.merchant_id) & (Store.id == card.enrolled_store_id))
        .join(
            Customer,
            (Customer.merchant_id == card.merchant_id) & (Customer.id == card.customer_id),
        )
        .join(Merchant, Merchant.id == card.merchant_id)
        .where(
            card.merchant_id == merchant_id,
            card.points_balance > 0,
            card.last_collected_at <= latest,
            card.status == CardStatus.ACTIVE.value,
        )
        .order_by(card.last_collected_at, card.id)
        .limit(_BATCH)
    )
