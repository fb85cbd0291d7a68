"""The staff table: what it counts, and whom it lists."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.core.db import atomic
from app.modules.customers.models import Customer
from app.modules.loyalty.models import LoyaltyTransaction, StaffPin, StaffReport
from app.modules.loyalty.rules.figures import Period
from app.modules.loyalty.services import daily_stats, staff_cards, stats_service
from app.modules.loyalty.types import EntryType
from tests import factories, reads
from tests.modules.loyalty.services.book import Book, open_book
from tests.modules.loyalty.services.naive_stats import VISITS
from tests.modules.loyalty.services.test_stats import NOW, seeded

# A Friday in Luxembourg (UTC+1).
OPENING = datetime(2026, 3, 13, 6, 0, tzinfo=UTC)
NEXT_MORNING = OPENING + timedelta(days=1)
OPERATIONS, CARDS = 1000, 600


def staff_of(book: Book, now: datetime, days: int = 7, **scope: Any) -> dict[str, Any]:
    """Lines of the staff table by name."""
    view = stats_service.store_stats(
        book.db, merchant_id=book.shop.merchant_id, days=days, now=now, **scope
    )
    return {line["name"] or line["actor_kind"]: line for line in view["staff"]}


def test_given_a_ledger_when_counted_by_person_then_as_a_naive_count(db: Session) -> None:
    book = seeded(db)
    for now in (NOW, NOW + timedelta(minutes=30)):
        daily_stats.roll_up(db, now=NOW)
        lines = stats_service.store_stats(db, merchant_id=book.shop.merchant_id, days=30, now=now)[
            "staff"
        ]
        view = stats_service.store_stats(db, merchant_id=book.shop.merchant_id, days=30, now=now)
        naive: dict[tuple[str, int | None], Counter[str]] = {}
        for e in reads.rows_of(db, LoyaltyTransaction, merchant_id=book.shop.merchant_id):
            if view["first_day"] <= e.business_day <= view["last_day"]:
                person = naive.setdefault((e.actor_kind, e.actor_id), Counter())
                person["operations"] += e.type in VISITS
                person["stamps"] += e.stamps_delta if e.type == "stamp_earned" else 0
                person["points"] += e.points_delta if e.type == "points_earned" else 0
                person["redemptions"] += e.type in ("stamp_redeemed", "points_redeemed")
                person["voids"] += e.type in ("stamp_voided", "points_voided")
                person["overrides"] += e.overrides_limits
                person["adjustments"] += e.type in (
                    "stamps_adjusted", "points_adjusted", "points_reinstated"
                )  # fmt: skip
        assert len(lines) == len(naive) == 6
        for line in lines:
            expected = naive[line["actor_kind"], line["actor_id"]]
            assert {name: line[name] for name in expected} == dict(expected)  # type: ignore[literal-required]


def test_given_a_ledger_when_cards_are_counted_at_night_then_as_a_naive_count(
    db: Session,
) -> None:
    book = seeded(db)
    daily_stats.roll_up(db, now=NOW)
    for store_id in (None, book.stores[1].id):
        (report,) = (
            row
            for row in reads.rows_of(db, StaffReport, merchant_id=book.shop.merchant_id)
            if (row.store_id, row.days) == (store_id or 0, 30)
        )
        first = report.until_day - timedelta(days=29)
        pairs = Counter(
            (e.actor_kind, e.actor_id, e.card_id)
            for e in reads.rows_of(db, LoyaltyTransaction, merchant_id=book.shop.merchant_id)
            if e.type in VISITS
            and first <= e.business_day <= report.until_day
            and e.actor_kind in ("pin", "user")
            and store_id in (None, e.store_id)
        )
        people: dict[tuple[str, int], list[int]] = {}
        for (kind, actor_id, _), count in pairs.items():
            people.setdefault((kind, actor_id), []).append(count)
        assert people
        assert {
            (one["actor_kind"], one["actor_id"]): (
                one["operations"], one["cards"], one["top_card_operations"]
            )
            for one in report.figures["people"]
        } == {who: (sum(ops), len(ops), max(ops)) for who, ops in people.items()}  # fmt: skip


class Crew:
    """Six people with PINs at one counter, and the regulars of a busy shop."""

    def __init__(self, db: Session, draw: Random) -> None:
        self.book, self.draw = open_book(db), draw
        names = ("Ana", "Ben", "Cleo", "Dan", "Eva", "Finn")
        self.pins = {
            name: factories.make_pin(
                db, merchant_id=self.book.shop.merchant_id, name=name, pin=f"48{n}62"
            )
            for n, name in enumerate(names)
        }
        self.book.open_cards(CARDS, OPENING - timedelta(days=30))

    def serve(self, name: str, card: int, at: datetime, **more: Any) -> None:
        self.book.note(
            self.book.cards[card], more.pop("kind", EntryType.STAMP_EARNED), at,
            actor=("pin", self.pins[name].id), stamps=more.pop("stamps", 1), **more,
        )  # fmt: skip

    def honest_day(self, operations: int, opening: datetime = OPENING) -> None:
        """Ana opens alone, the others come later; it is busiest at noon.

        Regulars come up to three times.
        """
        for _ in range(operations):
            hour = min(max(self.draw.gauss(6.5, 2.6), 0), 12.99)
            name = "Ana" if hour < 1 else self.draw.choice(list(self.pins))
            is_regular = self.draw.random() < 0.15
            card = self.draw.randrange(4, 120 if is_regular else CARDS)
            at = opening + timedelta(hours=hour)
            self.serve(name, card, at, overrides=self.draw.random() < 0.01)
            if self.draw.random() < 0.01:
                self.serve(name, card, at, kind=EntryType.STAMP_VOIDED, stamps=-1)


@pytest.mark.parametrize("seed", range(4))
def test_given_a_fraud_day_of_1000_when_listed_then_the_three_planted_and_at_most_two_more(
    db: Session, seed: int
) -> None:
    crew = Crew(db, Random(seed))
    book, own = crew.book, crew.book.cards[0]
    with atomic(db):
        db.execute(
            update(StaffPin)
            .where(
                StaffPin.merchant_id == book.shop.merchant_id, StaffPin.id == crew.pins["Ben"].id
            )
            .values(own_card_id=own.id)
        )
    crew.honest_day(OPERATIONS - 3 - 5 - 12)
    for n in range(3):  # Ben serves himself, a manager lifts the refusal
        crew.serve("Ben", 0, OPENING + timedelta(hours=2 + n), overrides=True)
    for n in range(5):  # Cleo has a friend, whom she stamps as often as a day allows
        crew.serve("Cleo", 1, OPENING + timedelta(hours=3, minutes=80 * n))
    for n in range(12):  # Dan stays when the shop is closed
        crew.serve("Dan", 20 + 9 * n, OPENING + timedelta(hours=16, minutes=3 * n))
    book.write()
    daily_stats.roll_up(db, now=NEXT_MORNING)
    lines = staff_of(book, NEXT_MORNING)
    assert sum(line["operations"] for line in lines.values()) == OPERATIONS
    listed = {(name, flag) for name, line in lines.items() for flag in line["flags"]}
    planted = {("Ben", "own_card"), ("Cleo", "repeat_pair"), ("Dan", "after_hours")}
    assert listed >= planted
    assert len(listed - planted) <= 2
    friend = {"card_id": book.cards[1].id, "operations": 5}
    assert lines["Cleo"]["repeat_pairs"] == [friend]
    assert lines["Ben"]["own_card_operations"] == 3
    assert lines["Dan"]["after_hours"] >= 12
    # Those to look at come first.
    flags = [bool(line["flags"]) for line in lines.values()]
    assert flags == sorted(flags, reverse=True)


def test_given_an_honest_month_when_listed_then_at_most_two_flags(db: Session) -> None:
    crew = Crew(db, Random(3))
    for day in range(30):
        crew.honest_day(60, OPENING - timedelta(days=day))
    crew.book.write()
    daily_stats.roll_up(db, now=NEXT_MORNING)
    lines = staff_of(crew.book, NEXT_MORNING, days=30)
    assert sum(len(line["flags"]) for line in lines.values()) <= 2
    assert lines["Ana"]["after_hours"] == 0  # she opens every day


def test_given_one_who_voids_and_overrides_when_listed_then_both_shares_stand_out(
    db: Session,
) -> None:
    crew = Crew(db, Random(1))
    crew.honest_day(300)
    for n in range(30):
        at = OPENING + timedelta(hours=4, minutes=n)
        crew.serve("Eva", 10 + n, at, overrides=True)
        crew.serve("Eva", 10 + n, at, kind=EntryType.STAMP_VOIDED, stamps=-1)
    crew.book.write()
    daily_stats.roll_up(db, now=NEXT_MORNING)
    assert {"override_share", "void_share"} <= set(
        staff_of(crew.book, NEXT_MORNING)["Eva"]["flags"]
    )


def test_given_an_owner_with_a_card_when_they_serve_it_then_the_report_shows_it(
    db: Session,
) -> None:
    book = open_book(db)
    owner = factories.make_user(
        db, merchant_id=book.shop.merchant_id, email="owner@example.com", name="Olga"
    )
    card = book.card(OPENING)
    with atomic(db):
        db.execute(
            update(Customer)
            .where(Customer.merchant_id == card.merchant_id, Customer.id == card.customer_id)
            .values(email="owner@example.com")
        )
    book.note(
        card, EntryType.STAMP_EARNED, OPENING + timedelta(hours=1), stamps=1,
        actor=("user", owner.id),
    )  # fmt: skip
    book.write()
    daily_stats.roll_up(db, now=NEXT_MORNING)
    line = staff_of(book, NEXT_MORNING)["Olga"]
    assert (line["own_card_operations"], line["flags"]) == (1, ["own_card"])


def test_given_no_night_yet_when_asked_then_cards_are_not_told_and_the_rest_is(
    db: Session,
) -> None:
    book = open_book(db)
    card = book.card(OPENING)
    book.note(card, EntryType.STAMP_EARNED, OPENING, stamps=2, actor=("service", None))
    book.write()
    view = stats_service.store_stats(
        db, merchant_id=book.shop.merchant_id, days=45, now=NEXT_MORNING
    )
    assert (view["staff_cards_days"], view["staff_cards_until"]) == (90, None)
    (line,) = view["staff"]
    assert (line["actor_id"], line["stamps"], line["cards"]) == (None, 2, 0)


@pytest.mark.parametrize(
    ("days", "window"), [(1, 7), (7, 7), (8, 30), (30, 30), (31, 90), (365, 90)]
)
def test_given_a_length_when_cards_are_asked_for_then_the_next_longer_window_answers(
    days: int, window: int
) -> None:
    assert staff_cards.window_for(days) == window


def test_given_a_period_of_a_store_when_figures_are_asked_for_then_only_its_entries(
    db: Session,
) -> None:
    book = seeded(db)
    everywhere = staff_cards.figures(
        db, merchant_id=book.shop.merchant_id, period=Period(NOW.date(), NOW.date()), until=NOW
    )
    assert sum(one["operations"] for one in everywhere["people"]) < 40
