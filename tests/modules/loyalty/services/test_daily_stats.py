"""Rolling up: as often as you like, stopped wherever you like, whatever came late."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from app.core.db import atomic
from app.core.jobs import LeaseLost
from app.modules.loyalty.models import (
    CardTotals,
    DailyRewards,
    DailyStaffStats,
    DailyStats,
    DailyVisits,
    LoyaltyCard,
    MerchantStats,
)
from app.modules.loyalty.services import daily_stats, stats_service
from app.modules.loyalty.types import EntryType
from tests import factories, reads
from tests.modules.loyalty.services.book import Book, open_book
from tests.modules.loyalty.services.test_stats import NOW, SINCE, check, seeded

TABLES = (DailyStats, DailyStaffStats, DailyVisits, DailyRewards, CardTotals)
HOUR = timedelta(hours=1)


def rolled_up(book: Book) -> list[list[dict[str, Any]]]:
    """All rows of a merchant's roll-up, as stored."""
    return [
        [
            {column.name: getattr(row, column.name) for column in model.__table__.columns}
            for row in reads.rows_of(book.db, model, merchant_id=book.shop.merchant_id)
        ]
        for model in TABLES
    ]


def mark_of(book: Book) -> MerchantStats:
    found: MerchantStats
    (found,) = reads.rows_of(book.db, MerchantStats, merchant_id=book.shop.merchant_id)
    return found


def small_book(db: Session) -> Book:
    """One store, three cards, a stamp each on 20 March."""
    book = open_book(db)
    for _ in range(3):
        card = book.card(SINCE)
        book.note(card, EntryType.STAMP_EARNED, NOW - timedelta(days=16), stamps=1)
    book.write()
    return book


def test_given_a_roll_up_when_done_twice_then_the_same_as_once(db: Session) -> None:
    book = seeded(db)
    daily_stats.roll_up(db, now=NOW)
    once = rolled_up(book)
    assert all(once)
    daily_stats.roll_up_merchant(db, merchant_id=book.shop.merchant_id, now=NOW)
    assert rolled_up(book) == once


def test_given_nothing_new_when_rolled_up_again_then_the_merchant_is_left_alone(
    db: Session,
) -> None:
    book = small_book(db)
    daily_stats.roll_up(db, now=NOW)
    daily_stats.roll_up(db, now=NOW + 22 * HOUR)
    assert mark_of(book).counted_at == NOW
    # Once a day somebody looks: days leave the windows of the last 30 and 90.
    daily_stats.roll_up(db, now=NOW + 23 * HOUR)
    assert mark_of(book).counted_at == NOW + 23 * HOUR


def test_given_months_to_catch_up_when_stopped_on_the_way_then_exact_and_finished_later(
    db: Session,
) -> None:
    book = seeded(db)

    assert daily_stats.roll_up_merchant(db, merchant_id=book.shop.merchant_id, now=NOW)
    assert mark_of(book).counted_until < NOW - timedelta(days=7)
    check(book, NOW, (30,))
    daily_stats.roll_up(db, now=NOW)
    resumed = rolled_up(book)
    assert mark_of(book).counted_until == NOW - timedelta(minutes=1)
    check(book, NOW, (30,))
    # The same as when everything is counted anew.
    with atomic(db):
        for model in (*TABLES, MerchantStats):
            tenant = model.__table__.c.merchant_id
            db.execute(delete(model).where(tenant == book.shop.merchant_id))
    daily_stats.roll_up(db, now=NOW)
    assert rolled_up(book) == resumed


def test_given_a_run_that_must_stop_when_it_is_told_between_two_steps_then_it_stops(
    db: Session,
) -> None:
    seeded(db)

    def stop() -> None:
        raise LeaseLost("stopped")

    with pytest.raises(LeaseLost):
        daily_stats.roll_up(db, now=NOW, keep_alive=stop)


def test_given_a_fault_while_writing_when_it_strikes_then_nothing_of_the_step_is_there(
    db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = small_book(db)
    daily_stats.roll_up(db, now=NOW)
    before, mark = rolled_up(book), mark_of(book).counted_until
    book.note(book.cards[0], EntryType.STAMP_EARNED, NOW, stamps=2)
    book.write()

    def fail(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(daily_stats, "_list_figures", fail)
        with pytest.raises(OSError, match="no space"):
            daily_stats.roll_up_merchant(db, merchant_id=book.shop.merchant_id, now=NOW + HOUR)
    assert (rolled_up(book), mark_of(book).counted_until) == (before, mark)
    check(book, NOW + HOUR, (1, 30))
    daily_stats.roll_up(db, now=NOW + HOUR)
    check(book, NOW + HOUR, (1, 30))


def test_given_two_roll_ups_at_once_when_both_write_then_the_slower_one_gives_up(
    db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = small_book(db)
    daily_stats.roll_up(db, now=NOW)
    count = daily_stats._count
    other_db = Session(db.get_bind())

    def overtaken(*given: Any, **named: Any) -> Any:
        monkeypatch.setattr(daily_stats, "_count", count)
        step = count(*given, **named)
        with other_db:
            daily_stats.roll_up_merchant(
                other_db, merchant_id=book.shop.merchant_id, now=NOW + HOUR
            )
        return step

    monkeypatch.setattr(daily_stats, "_count", overtaken)
    with pytest.raises(LeaseLost):
        daily_stats.roll_up_merchant(db, merchant_id=book.shop.merchant_id, now=NOW + 2 * HOUR)
    assert mark_of(book).counted_until == NOW + HOUR - timedelta(minutes=1)
    check(book, NOW + 2 * HOUR, (1, 30))


def test_given_an_entry_that_was_committed_late_when_next_rolled_up_then_it_is_found(
    db: Session,
) -> None:
    book = small_book(db)
    daily_stats.roll_up(db, now=NOW)
    # Dated before the mark: a long job had read its clock, and wrote afterwards.
    book.note(book.cards[0], EntryType.STAMP_EARNED, NOW - timedelta(hours=5), stamps=2)
    book.note(book.cards[1], EntryType.STAMP_EARNED, NOW + timedelta(minutes=2), stamps=1)
    book.write()
    daily_stats.roll_up(db, now=NOW + HOUR)
    check(book, NOW + HOUR, (1, 2, 30))


def test_given_clocks_that_ran_ahead_when_set_right_then_nothing_stays_missing(
    db: Session,
) -> None:
    book = small_book(db)
    daily_stats.roll_up(db, now=NOW + timedelta(days=1))
    book.note(book.cards[0], EntryType.STAMP_EARNED, NOW, stamps=2)
    book.write()
    daily_stats.roll_up_merchant(db, merchant_id=book.shop.merchant_id, now=NOW + HOUR)
    check(book, NOW + HOUR, (1, 30))


def test_given_two_merchants_when_rolled_up_then_each_has_its_own(db: Session) -> None:
    mine, other = seeded(db, 4), seeded(db, 5)
    daily_stats.roll_up(db, now=NOW)
    check(mine, NOW, (30,))
    check(other, NOW, (30,))


def test_given_a_card_that_was_merged_or_erased_when_counted_then_it_is_no_member(
    db: Session,
) -> None:
    book = small_book(db)
    daily_stats.roll_up(db, now=NOW)
    gone, kept, _ = book.cards
    book.note(gone, EntryType.CARDS_MERGED, NOW, stamps=-1)
    book.note(kept, EntryType.CARDS_MERGED, NOW, stamps=1)
    book.write()
    with atomic(db):
        db.execute(
            update(LoyaltyCard)
            .where(LoyaltyCard.merchant_id == gone.merchant_id, LoyaltyCard.id == gone.id)
            .values(status="merged")
        )
    check(book, NOW + HOUR, (1, 30))
    daily_stats.roll_up(db, now=NOW + HOUR)
    check(book, NOW + HOUR, (1, 30))
    view = stats_service.store_stats(db, merchant_id=book.shop.merchant_id, now=NOW + HOUR)
    assert view["holdings"]["members"] == 2


def test_given_a_merchant_without_entries_when_rolled_up_then_all_is_zero(db: Session) -> None:
    shop = factories.make_shop(db)
    daily_stats.roll_up(db, now=NOW)
    view = stats_service.store_stats(db, merchant_id=shop.merchant_id, days=7, now=NOW)
    assert view["totals"]["active_cards"] == 0
    assert view["totals"]["return_permille"] is None
    assert [day["new_cards"] for day in view["series"]] == [0] * 7


def test_given_random_lives_when_rolled_up_every_hour_of_two_days_then_the_ledger_is_met(
    db: Session,
) -> None:
    """Every sum of changes by day is the ledger's, after 48 roll-ups on the way."""
    book, draw = small_book(db), Random(11)
    for hour in range(0, 48, 4):
        then = NOW + hour * HOUR
        book.live(draw, entries=8, since=then, until=then + 4 * HOUR, late=0.4)
        book.write()
        daily_stats.roll_up(db, now=then + 4 * HOUR)
    check(book, NOW + 48 * HOUR, (1, 2, 3, 30))
