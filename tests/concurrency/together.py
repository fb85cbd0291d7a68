"""Doing things at the same time, and operations to do: by the ledger alone and by the service."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from app.core.errors import AppError
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.rules import stamps
from app.modules.loyalty.services import ledger, stamp_service
from app.modules.loyalty.services.card_queries import Question
from app.modules.loyalty.services.ledger_entries import Request
from app.modules.loyalty.types import Caller
from tests.factories import NOW, PIN

THREADS = 20
ROUNDS = 20

Work = Callable[[Session], dict[str, Any]]


@dataclass
class Outcomes:
    """What came of everything that was done at once."""

    answers: list[dict[str, Any]]
    refusals: list[AppError]

    @property
    def written(self) -> list[dict[str, Any]]:
        """Answers of those who changed something; the others are told again what had happened."""
        return [answer for answer in self.answers if not answer["replayed"]]


class Crowd:
    """Threads that start each round together, each in a session of its own."""

    def __init__(self, sessions: sessionmaker[Session], pool: ThreadPoolExecutor) -> None:
        self._sessions = sessions
        self._pool = pool

    def do(self, works: Sequence[Work]) -> Outcomes:
        """Do all of `works` at once; anything but a refusal is raised."""
        start = threading.Barrier(len(works))
        done = list(self._pool.map(lambda work: self._do(work, start), works))
        refusals = [outcome for outcome in done if isinstance(outcome, AppError)]
        return Outcomes([one for one in done if not isinstance(one, AppError)], refusals)

    def _do(self, work: Work, start: threading.Barrier) -> dict[str, Any] | AppError:
        with self._sessions() as db:
            start.wait(timeout=30)
            try:
                return work(db)
            except AppError as refusal:
                return refusal


Operation = Callable[..., Work]


def ledger_earn(
    card: LoyaltyCard, key: str | None = None, *, terminal_id: int | None = None
) -> Work:
    """One stamp, by the rules and the ledger alone."""

    def work(db: Session) -> dict[str, Any]:
        request = Request("add_stamp", (card.id,), idempotency_key=key, terminal_id=terminal_id)
        return _post(db, card, request, lambda state: [stamps.earn(state, quantity=1, now=NOW)])

    return work


def ledger_redeem(card: LoyaltyCard, key: str | None = None) -> Work:
    """One reward, by the rules and the ledger alone."""

    def work(db: Session) -> dict[str, Any]:
        store_id = card.enrolled_store_id
        request = Request("redeem_stamps", (card.id,), idempotency_key=key)
        return _post(
            db, card, request, lambda state: [stamps.redeem(state, quantity=1, store_id=store_id)]
        )

    return work


def service_earn(
    card: LoyaltyCard,
    key: str | None = None,
    *,
    terminal_id: int | None = None,
    now: datetime = NOW,
) -> Work:
    """One stamp at the counter, with a PIN."""
    caller = Caller(card.merchant_id, terminal_id=terminal_id)
    return lambda db: dict(
        stamp_service.add_stamp(
            db, card_id=card.id, staff_pin=PIN, caller=caller, idempotency_key=key, now=now
        )
    )


def service_redeem(card: LoyaltyCard, key: str | None = None) -> Work:
    """One reward at the counter, with a PIN."""
    caller = Caller(card.merchant_id)
    return lambda db: dict(
        stamp_service.redeem_stamps(
            db, card_id=card.id, staff_pin=PIN, caller=caller, idempotency_key=key, now=NOW
        )
    )


def _post(
    db: Session, card: LoyaltyCard, request: Request, decide: ledger.Decide
) -> dict[str, Any]:
    question = Question(
        merchant_id=card.merchant_id, card_id=card.id, idempotency_key=request.idempotency_key
    )
    posted = ledger.apply(db, question, request, decide, now=NOW)
    return {**posted.facts, "replayed": posted.replayed}
