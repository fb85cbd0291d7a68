"""A server that is killed in the middle of everything loses nothing and doubles nothing."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.modules.loyalty.models import IdempotencyRecord, LoyaltyCard
from app.modules.loyalty.services import ledger_verify
from app.modules.tenancy.services import api_key_service
from tests.concurrency.server import Answer, Client, Server
from tests.factories import PIN, Shop, make_card, make_pin, make_shop
from tests.reads import entries_of, rows_of

STAMPS = 1000
CLIENTS = 8
CARDS = 40
KILLS = 2
SEED = 20260310
STAMP = "/api/v1/store/loyalty/stamp"


@dataclass
class Till:
    """A client that sends each of its stamps with a key until somebody answers."""

    name: str
    cards: Sequence[str]
    client: Client
    answers: dict[str, Any] = field(default_factory=dict)
    broken_lines: int = 0

    def work(self, count: int) -> None:
        """Stamp so many times; the first answer to each key is kept."""
        for n in range(count):
            key = f"{self.name}-{n}"
            status, _, self.answers[key] = self.send(key, n)
            assert status == 200, self.answers[key]

    def ask_again(self) -> None:
        """Every answer once more: the first one, and nothing new."""
        for n, (key, first) in enumerate(self.answers.items()):
            status, headers, again = self.send(key, n)
            assert (status, headers.get("idempotency-replayed")) == (200, "true")
            assert facts_of(again) == facts_of(first)

    def send(self, key: str, n: int) -> Answer:
        """Send one stamp until somebody answers."""
        body = {"qr_code": self.cards[n % len(self.cards)], "staff_pin": PIN}
        while True:
            try:
                return self.client.post(STAMP, body, **{"Idempotency-Key": key})
            except OSError:
                self.broken_lines += 1
                time.sleep(0.05)


def facts_of(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer without what is only true of the moment or of the person who asked."""
    return {name: value for name, value in answer.items() if name not in ("replayed", "staff_name")}


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Server]:
    server = Server(database_url, tmp_path)
    yield server
    server.stop()


def crash(server: Server, tills: Sequence[Till], seconds: list[float]) -> None:
    """Kill the server at seeded moments of the work, and start it again."""
    dice = random.Random(SEED)
    for share in range(KILLS):
        moment = STAMPS * (share + dice.uniform(0.4, 0.9)) / (KILLS + 0.5)
        while sum(len(till.answers) for till in tills) < moment:
            time.sleep(0.002)
        time.sleep(dice.uniform(0, 0.02))
        server.kill()
        seconds.append(server.start())


def test_given_a_server_killed_in_mid_load_when_all_is_counted_then_each_stamp_is_there_once(
    db: Session, server: Server
) -> None:
    # given
    shop = make_shop(db, cooldown_minutes=0, max_daily_stamps=100, pin_session_minutes=0)
    make_pin(db, merchant_id=shop.merchant_id)
    cards = [make_card(db, shop=shop) for _ in range(CARDS)]
    server.start()
    tills = [make_till(db, shop, n, cards, server.port) for n in range(CLIENTS)]
    restarts: list[float] = []
    killer = threading.Thread(target=crash, args=(server, tills, restarts))
    # when
    killer.start()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(lambda till: till.work(STAMPS // CLIENTS), tills))
    killer.join()
    broken_lines = sum(till.broken_lines for till in tills)
    # then: it was in mid-load
    assert len(restarts) == KILLS
    assert broken_lines >= KILLS
    check_ledger(db, cards, tills)
    # and whoever asks again hears what was said first
    for till in tills:
        till.ask_again()
        till.client.close()
    check_ledger(db, cards, tills)


def check_ledger(db: Session, cards: Sequence[LoyaltyCard], tills: Sequence[Till]) -> None:
    acknowledged = [answer["transaction_id"] for till in tills for answer in till.answers.values()]
    stored = [entry.id for card in cards for entry in entries_of(db, card)[1:]]
    assert len(acknowledged) == len(set(acknowledged)) == STAMPS
    assert sorted(stored) == sorted(acknowledged)  # nothing lost, nothing doubled
    keys = rows_of(db, IdempotencyRecord, merchant_id=cards[0].merchant_id)
    assert {row.key: row.transaction_id for row in keys} == {
        key: answer["transaction_id"] for till in tills for key, answer in till.answers.items()
    }
    assert list(ledger_verify.verify(db, merchant_id=cards[0].merchant_id)) == []


def make_till(db: Session, shop: Shop, n: int, cards: Sequence[LoyaltyCard], port: int) -> Till:
    """A till with a key of its own, and cards that another till serves as well."""
    key = api_key_service.create_api_key(
        db, merchant_id=shop.merchant_id, store_id=shop.store.id, name=f"Till {n}"
    )
    codes = [card.qr_code_data for card in cards[n % 4 :: 4]]
    return Till(f"till-{n}", codes, Client(port, {"Authorization": f"Bearer {key['token']}"}))
