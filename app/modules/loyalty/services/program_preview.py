"""Whom a change of the program would touch, counted by the database, with nothing written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, TypedDict

from sqlalchemy import ColumnElement, false, func, literal, or_, select, true
from sqlalchemy.orm import Session

from app.core import clock
from app.core.db import UtcDateTime
from app.modules.loyalty.models import LoyaltyCard, LoyaltyProgram
from app.modules.loyalty.rules.business_day import business_day, day_starts
from app.modules.loyalty.rules.program_change import earns, first_day_hit
from app.modules.loyalty.schemas.program import ProgramUpdate
from app.modules.loyalty.services import program_changes, program_service
from app.modules.loyalty.types import LoyaltyType, StoreFacts, Unit
from app.modules.tenancy.models import Store


class CycleCounts(TypedDict):
    """How a change of target or reward meets the cards."""

    cards: int
    open_cards: int
    cards_with_points: int
    cards_changed: int
    rewards_ready: int
    cards_keeping_target: int


class ExpiryCounts(TypedDict):
    """How a change of the time after which points run out meets the cards."""

    cards_expiring_sooner: int
    earliest_expiry_on: date | None


class ProgramPreview(CycleCounts, ExpiryCounts):
    """Whom a change would touch; counts are cards that somebody holds.

    `open_cards` hold at least one stamp. `cards_changed` get the new target and reward at
    once, `rewards_ready` of them one more reward by it; `cards_keeping_target` keep theirs until
    a redemption leaves no reward ready. `earliest_expiry_on` is the first local date at whose
    end points of `cards_expiring_sooner` run out. `cards_stop_earning` would no longer collect
    `stops_earning`, which stays redeemable.
    """

    stops_earning: list[Unit]
    cards_stop_earning: int


def preview_update(
    db: Session, *, merchant_id: int, data: ProgramUpdate, now: datetime | None = None
) -> ProgramPreview:
    """What `program_service.update_program` with `data` would do to the cards right now.

    Raises:
        ProgramNotFound, ValidationFailed: as the change itself.
    """
    now = now or clock.utc_now()
    program = program_service.get_program(db, merchant_id=merchant_id)
    new = program_changes.changes(db, program, data)
    counts = _count_cards(db, program, new)
    stops = _stops_earning(program, new)
    return ProgramPreview(
        **counts,
        **_count_expiring(db, program, new, now=now),
        stops_earning=stops,
        cards_stop_earning=counts["cards"] if stops else 0,
    )


def _count_cards(db: Session, program: LoyaltyProgram, new: dict[str, Any]) -> CycleCounts:
    card, cycle = LoyaltyCard, program_changes.cycle_with(program, new)
    touched = program_changes.changes_cycle(new)
    applies = program_changes.takes_on(cycle) if touched else false()
    keeps = ~applies & program_changes.differs(cycle) if touched else false()
    is_open = card.stamp_count > 0
    gains = card.stamp_count // cycle.target > card.stamp_count // card.stamps_target
    row = db.execute(
        select(
            func.count(),
            _count(is_open),
            _count(card.points_balance > 0),
            _count(applies),
            _count(applies & is_open & gains),
            _count(keeps),
        ).where(card.merchant_id == program.merchant_id, card.status.not_in(program_changes.GONE))
    ).one()
    return CycleCounts(
        cards=row[0],
        open_cards=row[1],
        cards_with_points=row[2],
        cards_changed=row[3],
        rewards_ready=row[4],
        cards_keeping_target=row[5],
    )


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count().filter(condition)


def _count_expiring(
    db: Session, program: LoyaltyProgram, new: dict[str, Any], *, now: datetime
) -> ExpiryCounts:
    if not program_changes.restarts_expiry(program, new):
        return ExpiryCounts(cards_expiring_sooner=0, earliest_expiry_on=None)
    card, days = LoyaltyCard, new["points_expiration_days"]
    stores = _stores(db, program.merchant_id)
    rows = db.execute(
        select(card.enrolled_store_id, func.count())
        .where(
            card.merchant_id == program.merchant_id,
            card.status.not_in(program_changes.GONE),
            card.points_balance > 0,
            or_(*_run_out_sooner(program, stores, days, now=now)),
        )
        .group_by(card.enrolled_store_id)
    ).all()
    hit = {store_id for store_id, _ in rows}
    dates = [
        business_day(now, store=store) + timedelta(days=days) for store in stores if store.id in hit
    ]
    return ExpiryCounts(
        cards_expiring_sooner=sum(count for _, count in rows),
        earliest_expiry_on=min(dates, default=None),
    )


def _run_out_sooner(
    program: LoyaltyProgram, stores: Iterable[StoreFacts], days: int, *, now: datetime
) -> Iterator[ColumnElement[bool]]:
    """For each clock that stores go by, the cards there whose points would run out sooner."""
    by_clock: dict[tuple[str, time], list[StoreFacts]] = defaultdict(list)
    for store in stores:
        by_clock[store.timezone, store.day_starts_at].append(store)
    for alike in by_clock.values():
        is_there = LoyaltyCard.enrolled_store_id.in_([store.id for store in alike])
        yield is_there & _last_used_late(program, alike[0], days, now=now)


def _last_used_late(
    program: LoyaltyProgram, store: StoreFacts, days: int, *, now: datetime
) -> ColumnElement[bool]:
    """As `rules.expiry.points_expire_on`: later uses give later days, so one instant parts them."""
    before, since = program.points_expiration_days, program.points_expiry_since
    if before is None:
        return true()
    first_day = first_day_hit(business_day(now, store=store), before=before, after=days)
    first = day_starts(first_day, store=store)
    if since is not None and since >= first:
        return true()
    return func.coalesce(LoyaltyCard.last_collected_at, LoyaltyCard.created_at) >= literal(
        first, UtcDateTime()
    )


def _stores(db: Session, merchant_id: int) -> list[StoreFacts]:
    rows = db.execute(
        select(Store.id, Store.code, Store.name, Store.timezone, Store.day_starts_at).where(
            Store.merchant_id == merchant_id
        )
    )
    return [StoreFacts(*row) for row in rows]


def _stops_earning(program: LoyaltyProgram, new: dict[str, Any]) -> list[Unit]:
    before = earns(LoyaltyType(program.loyalty_type), is_active=program.is_active)
    after = earns(
        LoyaltyType(new.get("loyalty_type", program.loyalty_type)),
        is_active=new.get("is_active", program.is_active),
    )
    return [unit for unit in Unit if unit in before - after]
