"""The platform's list of programs and its totals, on both databases."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.core.paging import PageRequest
from app.modules.loyalty.errors import ProgramNotFound
from app.modules.loyalty.services import daily_stats, platform_stats
from app.modules.loyalty.services.platform_stats import ProgramSort
from app.modules.loyalty.types import EntryType
from tests.modules.loyalty.services.book import Book, open_book
from tests.modules.loyalty.services.test_stats import NOW

A_WEEK_AGO = NOW - timedelta(days=7)


def shop_with(db: Session, cards: int) -> Book:
    """So many cards, each with 2 stamps, 1 voided, and 100 points a week ago."""
    book = open_book(db)
    for card in book.open_cards(cards, A_WEEK_AGO):
        book.note(card, EntryType.STAMP_EARNED, A_WEEK_AGO, stamps=2)
        book.note(card, EntryType.STAMP_VOIDED, A_WEEK_AGO, stamps=-1)
        book.note(card, EntryType.POINTS_EARNED, A_WEEK_AGO, points=100, amount_cents=1000)
    book.write()
    return book


def all_ids(db: Session, sort: ProgramSort, *, limit: int = 100) -> list[int]:
    """Every program, page by page."""
    found: list[int] = []
    cursor = None
    while True:
        page = platform_stats.list_programs(
            db, sort=sort, page=PageRequest(limit=limit, cursor=cursor)
        )
        found += [line["id"] for line in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


@pytest.mark.parametrize("sort", list(ProgramSort))
def test_given_programs_when_listed_page_by_page_then_in_order_and_each_once(
    db: Session, sort: ProgramSort
) -> None:
    books = [shop_with(db, cards) for cards in (2, 5, 0)]
    daily_stats.roll_up(db, now=NOW)
    whole = all_ids(db, sort)
    assert len(whole) == len(set(whole))
    for limit in (1, 2):
        assert all_ids(db, sort, limit=limit) == whole
    two, five, none = (book.shop.program.id for book in books)
    ours = [program_id for program_id in whole if program_id in (two, five, none)]
    assert ours == ([two, five, none] if sort is ProgramSort.NAME else [five, two, none])


def test_given_a_program_when_looked_at_then_its_30_days_after_voids(db: Session) -> None:
    book = shop_with(db, 3)
    assert platform_stats.get_program(db, program_id=book.shop.program.id)["counted_at"] is None
    daily_stats.roll_up(db, now=NOW)
    line = platform_stats.get_program(db, program_id=book.shop.program.id)
    assert (line["members"], line["active_30_days"]) == (3, 3)
    assert (line["stamps_30_days"], line["points_30_days"]) == (3, 300)
    assert line["counted_at"] == NOW
    # A month later nothing of it is left.
    daily_stats.roll_up(db, now=NOW + timedelta(days=40))
    line = platform_stats.get_program(db, program_id=book.shop.program.id)
    assert (line["members"], line["active_30_days"], line["stamps_30_days"]) == (3, 0, 0)
    with pytest.raises(ProgramNotFound):
        platform_stats.get_program(db, program_id=2**40)


def test_given_the_platform_when_a_shop_joins_then_its_totals_grow_by_it(db: Session) -> None:
    shop_with(db, 1)
    daily_stats.roll_up(db, now=NOW)
    before = platform_stats.platform_stats(db, days=30, now=NOW)
    shop_with(db, 4)
    daily_stats.roll_up(db, now=NOW)
    after = platform_stats.platform_stats(db, days=30, now=NOW)
    assert after["programs"] - before["programs"] == 1
    assert after["cards"] - before["cards"] == 4
    assert after["active_cards_30_days"] - before["active_cards_30_days"] == 4
    grown = Counter(after["totals"])
    grown.subtract(before["totals"])
    assert grown == {
        "new_programs": 1, "new_cards": 4, "stamps_net": 4, "points_net": 400, "redemptions": 0,
    }  # fmt: skip
    day = next(d for d in after["series"] if d["business_day"] == A_WEEK_AGO.date())
    assert day["new_cards"] >= 4
    assert after["before"] == before["before"]
