"""An expiry that is killed in its middle goes on, while the counter is served."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from datetime import timedelta

from sqlalchemy.orm import Session, sessionmaker

from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.services import ledger_verify, stamp_service
from app.modules.loyalty.types import Draft, EntryType
from tests.factories import NOW, Shop, make_card, make_pin, make_shop, post
from tests.reads import card_now, entries_of

DUE = 250
KILLS = 2
INTO_THE_BATCH_S = 0.05
LATER = NOW + timedelta(days=31)


def make_due_cards(db: Session) -> tuple[Shop, list[LoyaltyCard]]:
    shop = make_shop(
        db,
        loyalty_type="hybrid",
        points_expiration_days=30,
        points_expiry_since=NOW,
        cooldown_minutes=0,
        max_daily_stamps=100,
    )
    make_pin(db, merchant_id=shop.merchant_id)
    earned = [Draft(EntryType.POINTS_EARNED, points_delta=50, amount_cents=500)]
    cards = [make_card(db, shop=shop, last_collected_at=NOW) for _ in range(DUE)]
    for card in cards:
        post(db, card, earned)
    return shop, cards


def run(database_url: str, *, kill_after_batches: int | None) -> str:
    """Start the expiry; kill -9 it inside the batch after so many. Returns its last line."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.concurrency.expiry_worker", database_url, LATER.isoformat()],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line.strip())
            if len(lines) == kill_after_batches:
                time.sleep(INTO_THE_BATCH_S)
                process.kill()
                break
        process.wait(timeout=60)
    return lines[-1]


def test_given_due_cards_when_the_job_is_killed_twice_then_every_point_expires_once(
    session_factory: sessionmaker[Session], database_url: str
) -> None:
    with session_factory() as db:
        shop, cards = make_due_cards(db)
    stop, stamped = threading.Event(), []

    def serve() -> None:
        with session_factory() as db:
            card = make_card(db, shop=shop)
            while not stop.is_set():
                stamp_service.add_stamp(db, card_id=card.id, now=NOW, **shop.at_counter())
                stamped.append(1)
                if len(stamped) == 100:  # a day's most
                    stop.wait()

    counter = threading.Thread(target=serve)
    counter.start()
    try:
        for _ in range(KILLS):
            assert run(database_url, kill_after_batches=1) == "batch"
        assert run(database_url, kill_after_batches=None).startswith("done")
    finally:
        stop.set()
        counter.join(timeout=30)
    assert stamped
    with session_factory() as db:
        for card in cards:
            assert [e.points_delta for e in entries_of(db, card)[1:]] == [50, -50]
            assert card_now(db, card).points_balance == 0
        assert list(ledger_verify.verify(db)) == []
