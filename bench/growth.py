"""What lists and searches cost with a million cards, against a thousand. Run by `make bench`.

On each database two copies stand side by side, one with a thousand cards of one merchant and one
with a million, each card with a ledger entry. Every row asks both by turns, through the services
and with other words each time; what counts are the ratios of one round, and of them the median.
PostgreSQL is started here with durable settings; the cache is warm.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from app.core.db import build_engine, build_sessionmaker
from app.core.paging import encode_cursor
from app.modules.customers.models import Customer
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.services import card_lists
from app.modules.loyalty.services.card_lists import CardSort
from bench import crowd, report
from bench.crowd import Crowd
from bench.shop import qr_code
from bench.stamp import database_version, isolate
from tests import databases

SMALL, LARGE = 1_000, 1_000_000
_CALLS = 5  # of one row in one round; the fastest counts, the others were interrupted
_STEP = 7919  # from one card asked for to the next: a prime


@dataclass(frozen=True)
class Place:
    """A filled database, and where the middle of its lists is."""

    sessions: sessionmaker[Session]
    crowd: Crowd
    middle: str
    middle_by_name: str


@dataclass(frozen=True)
class Row:
    """Something asked of a database; `at_most` is what a million may cost of a thousand."""

    name: str
    ask: Callable[[Session, Place, int], object]
    at_most: float | None = None


def _listed(**how: object) -> Callable[[Session, Place, int], object]:
    return lambda db, place, _number: _list(db, place, **how)


def _searched(
    words: Callable[[int], str], **how: object
) -> Callable[[Session, Place, int], object]:
    return lambda db, place, number: _list(db, place, search=words(number), **how)


def _list(db: Session, place: Place, **how: object) -> None:
    wanted: dict[str, object] = {"merchant_id": place.crowd.merchant_id, **how}
    page = card_lists.list_cards(db, **wanted)  # type: ignore[arg-type]  # keywords of the rows
    assert page["items"], how


def _look_up(db: Session, place: Place, number: int) -> None:
    card_lists.lookup(db, merchant_id=place.crowd.merchant_id, qr_code=qr_code(number))


ROWS = (
    Row("card by QR code", _look_up, 2),
    Row("list, page 1", _listed(), 2),
    Row("list, a page in the middle", lambda db, p, _: _list(db, p, cursor=p.middle), 2),
    Row("list by name, page 1", _listed(sort=CardSort.NAME), 2),
    Row(
        "list by name, a page in the middle",
        lambda db, p, _: _list(db, p, cursor=p.middle_by_name, sort=CardSort.NAME),
        2,
    ),
    Row("list of cards with a reward ready", _listed(reward_ready=True), 2),
    Row("list of suspended cards", _listed(status="suspended"), 2),
    Row("search, rare (one card)", _searched(crowd.last_name), 25),
    Row("search, rare, a phone number", _searched(crowd.phone), 25),
    Row("search, common (one card in eight)", _searched(lambda _: "zoé"), 6),
    Row("search, common, two letters", _searched(lambda _: "zo"), 6),
    Row(
        "search, common, in the middle",
        lambda db, p, _: _list(db, p, search="zoé", cursor=p.middle),
        6,
    ),
    Row("search, in between (one card in 340)", _searched(lambda _: "delhax")),
    Row("total of all cards", _listed(include_total=True)),
)


def main() -> None:
    options = _options()
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="orion-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        isolate(folder)
        cluster = stack.enter_context(databases.postgresql(durable=True))
        version = database_version(cluster.url("postgres"))
        found: dict[str, dict[str, list[Pair]]] = {}
        for database, urls in (
            ("PostgreSQL", [cluster.create_database(name) for name in ("small", "large")]),
            ("SQLite", [f"sqlite:///{folder / name}.db" for name in ("small", "large")]),
        ):
            found[database] = _measured(database, urls, options)
    print(f"{options.rounds} rounds, {SMALL:,} and {options.cards:,} cards; ", end="")
    print(report.machine(version, load_before), end="\n\n")
    print("\n".join(table(found)))


@dataclass(frozen=True)
class Pair:
    """One round of a row: milliseconds with few cards and with many."""

    small: float
    large: float

    @property
    def ratio(self) -> float:
        return self.large / self.small


def table(found: Mapping[str, Mapping[str, Sequence[Pair]]]) -> Iterator[str]:
    """One line for each row and database."""
    yield (
        "| what | on | few cards, ms | many cards, ms | many of few (min to max) | wanted | |\n"
        "|---|---|--:|--:|--:|--:|---|"
    )
    for row in ROWS:
        for database, results in found.items():
            pairs = results[row.name]
            ratio = median(pair.ratio for pair in pairs)
            least, most = min(p.ratio for p in pairs), max(p.ratio for p in pairs)
            wanted = met = ""
            if row.at_most is not None:
                wanted, met = f"≤ {row.at_most:g}", "yes" if ratio <= row.at_most else "**no**"
            yield (
                f"| {row.name} | {database} | {median(p.small for p in pairs):.2f} "
                f"| {median(p.large for p in pairs):.2f} | {ratio:.1f} ({least:.1f} to {most:.1f}) "
                f"| {wanted} | {met} |"
            )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cards", type=int, default=LARGE)
    parser.add_argument("--quick", action="store_true", help="20,000 cards, two rounds")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.cards = 2, 20_000
    return options


def _measured(
    database: str, urls: Sequence[str], options: argparse.Namespace
) -> dict[str, list[Pair]]:
    places = []
    with ExitStack() as stack:
        for url, cards in zip(urls, (SMALL, options.cards), strict=True):
            print(f"Filling {database} with {cards:,} cards …", file=sys.stderr, flush=True)
            engine = build_engine(url, pool_size=1)
            stack.callback(engine.dispose)
            places.append(_place(engine, cards))
        few, many = places
        found: dict[str, list[Pair]] = {row.name: [] for row in ROWS}
        for number in range(-1, options.rounds):  # the first one warms up
            for row in ROWS:
                pair = Pair(_milliseconds(few, row, number), _milliseconds(many, row, number))
                if number >= 0:
                    found[row.name].append(pair)
    return found


def _place(engine: Engine, cards: int) -> Place:
    databases.migrate(engine)
    filled = crowd.fill(engine, cards=cards)
    sessions, card = build_sessionmaker(engine), LoyaltyCard
    mine = card.merchant_id == filled.merchant_id
    recent = select(card.last_activity_at, card.id).where(mine)
    recent = recent.order_by(card.last_activity_at.desc(), card.id.desc())
    by_name = select(Customer.search_text, Customer.id)
    by_name = by_name.where(Customer.merchant_id == filled.merchant_id)
    by_name = by_name.order_by(Customer.search_text, Customer.id)
    with sessions() as db:
        cursors = [
            encode_cursor(*db.execute(wanted.offset(cards // 2).limit(1)).one())
            for wanted in (recent, by_name)
        ]
    return Place(sessions, filled, *cursors)


def _milliseconds(place: Place, row: Row, round_number: int) -> float:
    """The fastest of a few calls, each about another card, each in a session as requests have."""
    spent = []
    for call in range(_CALLS):
        number = 1 + (_STEP * (round_number * _CALLS + call)) % place.crowd.cards
        begun = time.perf_counter()
        with place.sessions() as db:
            row.ask(db, place, number)
        spent.append(time.perf_counter() - begun)
    return min(spent) * 1000


if __name__ == "__main__":
    main()
