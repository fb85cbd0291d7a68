"""One process of a busy platform: `ROLE URL MERCHANT_ID STORE_ID FIRST_CARD CARDS`.

Says "ready", begins with the first line it reads, and ends when nothing more can come. Then it
says what it did: one JSON line of moments, each [began, ended] by the machine's clock. Any error
is its end.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count, cycle
from typing import Any

from sqlalchemy.orm import Session

from app.core.db import build_engine, build_sessionmaker
from app.modules.loyalty.services import (
    card_lists,
    daily_stats,
    ledger_csv,
    points_expiry,
    points_service,
    stamp_service,
    stats_service,
)
from app.modules.loyalty.services.ledger_selects import LedgerFilter
from app.modules.loyalty.types import Caller
from tests.factories import NOW, PIN

LASTS = timedelta(days=31)
_PAUSE_S = 0.01

# Does its work once each time it is asked to.
Rounds = Iterator[None]


class Shop:
    """Where the process works, and the cards that are its own."""

    def __init__(self, merchant_id: int, store_id: int, first_card: int, cards: int) -> None:
        self.merchant_id = merchant_id
        self.caller = Caller(merchant_id, store_id, is_manager=True)
        self.cards = range(first_card, first_card + cards)
        self.counter: dict[str, Any] = {"caller": self.caller, "staff_pin": PIN}


def stamps(db: Session, shop: Shop) -> Rounds:
    """A stamp on the next card, each under a key of its own."""
    for number, card_id in enumerate(cycle(shop.cards)):
        key = f"{card_id}-{number}"
        stamp_service.add_stamp(db, card_id=card_id, idempotency_key=key, now=NOW, **shop.counter)
        yield


def office(db: Session, shop: Shop) -> Rounds:
    """Pages of the list with their total, statistics, the ledger as a file."""
    mine: dict[str, Any] = {"merchant_id": shop.merchant_id}
    while True:
        page = card_lists.list_cards(db, include_total=True, **mine)
        assert page["items"]
        yield
        assert card_lists.list_cards(db, search="muller", cursor=page["next_cursor"], **mine)
        yield
        assert stats_service.store_stats(db, now=NOW, **mine)["totals"]
        yield
        export = ledger_csv.export_ledger(db, caller=shop.caller, wanted=LedgerFilter(), now=NOW)
        assert sum(map(len, export)) > 0
        yield


def jobs(db: Session, shop: Shop) -> Rounds:
    """Each night the two jobs, then the cards earn again."""
    for night in count(1):
        now = NOW + night * LASTS
        report = points_expiry.expire_points(db, now=now, keep_alive=lambda: None)
        assert report["cards"] == len(shop.cards)
        yield
        daily_stats.roll_up(db, now=now)
        yield
        for card_id in shop.cards:
            points_service.earn_points(
                db, card_id=card_id, purchase_amount_cents=500, now=now, **shop.counter
            )
        yield


ROLES: dict[str, Callable[[Session, Shop], Rounds]] = {
    "stamps": stamps,
    "office": office,
    "jobs": jobs,
}


def main(role: str, url: str, *place: str) -> None:
    """Work until the standard input ends."""
    engine = build_engine(url)
    _say("ready")
    sys.stdin.readline()
    ended = threading.Event()
    threading.Thread(target=_wait_for_the_end, args=(ended,), daemon=True).start()
    moments = []
    with build_sessionmaker(engine)() as db:
        rounds = ROLES[role](db, Shop(*map(int, place)))
        while not ended.is_set():
            began = time.time()
            next(rounds)
            moments.append((began, time.time()))
            time.sleep(_PAUSE_S)
    engine.dispose()
    _say(json.dumps(moments))


def _wait_for_the_end(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
