"""Statistics against a naive count of the whole ledger, whatever has been rolled up."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.modules.loyalty.services import daily_stats, stats_service
from tests.modules.loyalty.services.book import Book, open_book
from tests.modules.loyalty.services.naive_stats import naive_stats

# Clocks change on 29 March 2026 in Luxembourg, on 8 March in New York, never in Kathmandu.
SINCE = datetime(2026, 2, 10, 6, 0, tzinfo=UTC)
NOW = datetime(2026, 4, 5, 1, 20, tzinfo=UTC)
BAR = {"timezone": "America/New_York", "day_starts_at": time(4)}
TEA_HOUSE = {"timezone": "Asia/Kathmandu", "day_starts_at": time(6, 30)}


def seeded(db: Session, seed: int = 7) -> Book:
    """Eight weeks of three stores in three zones."""
    draw, book = Random(seed), open_book(db, stores=[BAR, TEA_HOUSE])
    for _ in range(14):
        book.card(SINCE + timedelta(days=draw.uniform(0, 40)), draw.choice(book.stores))
    book.live(draw, entries=420, since=SINCE + timedelta(days=1), until=NOW)
    book.write()
    return book


def flat(view: Any) -> dict[str, Any]:
    """The view in the shape of the naive count: zeros left out."""

    def counted(figures: Any) -> dict[str, Any]:
        return {k: v for k, v in figures.items() if v and k != "return_permille"}

    return {
        "first_day": view["first_day"],
        "last_day": view["last_day"],
        "totals": counted(view["totals"]),
        "before": counted(view["before"]),
        "series": [counted(day) for day in view["series"]],
        "busy_hours": view["busy_hours"],
        "days_to_reward": view["rewards"]["days_to_reward"],
        "holdings": {k: v for k, v in view["holdings"].items() if "value" not in k},
    }


def check(book: Book, now: datetime, lengths: tuple[int, ...] = (1, 2, 7, 30, 60)) -> None:
    """Exact for every length of period, at each store and at all."""
    for store_id in (None, *(store.id for store in book.stores)):
        for days in lengths:
            asked: Any = {
                "merchant_id": book.shop.merchant_id, "days": days, "store_id": store_id,
                "now": now,
            }  # fmt: skip
            naive = naive_stats(book.db, **asked)
            del naive["breakage_all_time"]
            assert flat(stats_service.store_stats(book.db, **asked)) == naive, (store_id, days)


def test_given_a_ledger_when_nothing_was_rolled_up_yet_then_statistics_are_exact(
    db: Session,
) -> None:
    check(seeded(db), NOW)


def test_given_a_ledger_when_it_was_rolled_up_then_statistics_are_exact(db: Session) -> None:
    book = seeded(db)
    daily_stats.roll_up(db, now=NOW)
    check(book, NOW)


@pytest.mark.parametrize("seed", [1, 2])
def test_given_a_roll_up_when_life_goes_on_then_statistics_stay_exact_at_any_moment(
    db: Session, seed: int
) -> None:
    book, draw, then = seeded(db, seed), Random(seed), NOW
    for hours in (0.3, 20, 30):
        daily_stats.roll_up(db, now=then)
        now = then + timedelta(hours=hours)
        book.card(then + timedelta(minutes=1), draw.choice(book.stores))
        book.live(draw, entries=40, since=then, until=now, late=0.3)
        book.write()
        check(book, now, (1, 2, 30))
        then = now
    daily_stats.roll_up(db, now=then)
    check(book, then)


def test_given_entries_since_the_roll_up_when_asked_then_ten_reads_answer(db: Session) -> None:
    book, reads = seeded(db), []

    def remember(*seen: Any) -> None:
        reads.extend([seen[2]] if seen[2].startswith("SELECT") else [])

    daily_stats.roll_up(db, now=NOW - timedelta(days=9))
    event.listen(db.get_bind(), "before_cursor_execute", remember)
    try:
        stats_service.store_stats(db, merchant_id=book.shop.merchant_id, days=30, now=NOW)
    finally:
        event.remove(db.get_bind(), "before_cursor_execute", remember)
    assert len(reads) == 10
