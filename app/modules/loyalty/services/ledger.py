"""The only writer of balances: read, decide, compare-and-set. Read this file first.

`apply` takes a card as it was read with its program and idempotency row, lets a pure rule
decide, and posts everything the decision changes in one statement that holds only if the
card and the program are still the ones read and the PIN still stands. Otherwise it reads
again. Nothing is locked while Python thinks, so no order of events can book twice.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.util import identity_key

from app.core import db as database
from app.core.errors import Unavailable
from app.modules.loyalty.config import ledger_keys, platform_key
from app.modules.loyalty.errors import CardNotFound, IdempotencyKeyReused
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.rules import chain, posting
from app.modules.loyalty.rules.business_day import business_day
from app.modules.loyalty.services import card_queries, ledger_statements, results
from app.modules.loyalty.services.card_queries import Question
from app.modules.loyalty.types import ActorKind, CardState, Draft, Staff

# Every miss means that somebody else's change to the same card went through.
_ATTEMPTS = 50
_LONGEST_PAUSE_S = 0.005


@dataclass(frozen=True, slots=True)
class Actor:
    """Who stands behind an entry (`id` None: the service's caller said nobody)."""

    kind: ActorKind
    id: int | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One intent of a caller.

    `operation` and `body` are what makes two requests with one idempotency key the same:
    card, amounts and references, never PIN, language or notes. With `staff`, the posting
    holds only while that PIN is active, unlocked and unchanged.
    """

    operation: str
    body: tuple[str | int | None, ...]
    actor: Actor = field(default_factory=lambda: Actor(ActorKind.SERVICE))
    idempotency_key: str | None = None
    staff: Staff | None = None
    terminal_id: int | None = None
    ip_address: str | None = None
    user_agent: str | None = None
    notes: str | None = None
    request_id: str | None = None

    @property
    def hash(self) -> str:
        """HMAC-SHA256 (hex) over operation and body; keyed, since a body may name a person."""
        body = json.dumps([self.operation, *self.body]).encode()
        return hmac.new(platform_key().derive("idempotency"), body, hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Posted:
    """What came of a request: the card afterwards, and the answer as facts."""

    state: CardState
    facts: dict[str, Any]
    replayed: bool


class StaffPinChanged(Exception):
    """The PIN that was authenticated no longer stands: authenticate again, or refuse."""


Decide = Callable[[CardState], Sequence[Draft]]


def apply(
    db: Session,
    question: Question,
    request: Request,
    decide: Decide,
    *,
    first: CardState | None = None,
    now: datetime,
) -> Posted:
    """Post what `decide` answers to the card that `question` names, exactly once.

    `first` is the card as the caller has just read it with the same question: it saves a
    read and need not be trusted, since the write compares its revision. `now` is aware UTC.

    Raises:
        IdempotencyKeyReused: the key stands for another request.
        StaffPinChanged: `request.staff` was changed, locked or switched off meanwhile.
        CardNotFound, Unavailable (too many misses), and whatever `decide` refuses with.
    """
    state = first or _read(db, question, now=now)
    for _ in range(_ATTEMPTS):
        if state.remembered is not None:
            return replay(state, request)
        drafts = decide(state)
        collision: IntegrityError | None = None
        try:
            with database.write_connection(db) as connection:
                posted = _post(connection, state, request, drafts, now=now)
        except IntegrityError as error:
            posted, collision = None, error
        if posted is not None:
            _tell_session(db, posted.state)
            return posted
        before, state = state, _read(db, question, now=now)
        if _is_same(before, state):
            raise collision or StaffPinChanged
        time.sleep(random.uniform(0, _LONGEST_PAUSE_S))  # noqa: S311 - jitter, not a secret
    raise Unavailable


def post_within(
    db: Session, question: Question, request: Request, decide: Decide, *, now: datetime
) -> Posted | None:
    """As `apply`, but inside the caller's `atomic` and with one try: None is a miss.

    For operations that touch more than one row of their own, such as enrolment.
    """
    assert database.in_atomic(db)
    states = card_queries.read_states(db.connection(), question, now=now)
    if not states:
        raise CardNotFound(mistyped=False)
    if states[0].remembered is not None:
        return replay(states[0], request)
    posted = _post(db.connection(), states[0], request, decide(states[0]), now=now)
    if posted is not None:
        _tell_session(db, posted.state)
    return posted


def replay(state: CardState, request: Request) -> Posted:
    """The first answer again.

    Raises:
        IdempotencyKeyReused: the key stands for another request.
    """
    assert state.remembered is not None
    if state.remembered.request_hash != request.hash:
        raise IdempotencyKeyReused
    return Posted(state, dict(state.remembered.facts), replayed=True)


def genesis(card_uid: str) -> str:
    """The head hash of a card that has no entry yet."""
    return chain.genesis_hash(ledger_keys().derive("ledger"), card_uid=card_uid)


def _read(db: Session, question: Question, *, now: datetime) -> CardState:
    with database.read_connection(db) as connection:
        states = card_queries.read_states(connection, question, now=now)
    if not states:
        raise CardNotFound(mistyped=False)
    return states[0]


def _is_same(before: CardState, after: CardState) -> bool:
    """True where neither card nor program moved, so that a miss has another cause."""
    return (
        after.remembered is None
        and before.revision == after.revision
        and before.program_revision == after.program_revision
    )


def _post(
    connection: Connection,
    before: CardState,
    request: Request,
    drafts: Sequence[Draft],
    *,
    now: datetime,
) -> Posted | None:
    after, entries = _entries(before, request, drafts, now=now)
    facts = results.facts(before, after, drafts, staff=request.staff, now=now)
    entry_id = ledger_statements.post(
        connection, before, after, entries, request=_request_columns(request, facts), now=now
    )
    if entry_id is None:
        return None
    return Posted(after, {**facts, "transaction_id": entry_id}, replayed=False)


def _entries(
    before: CardState, request: Request, drafts: Sequence[Draft], *, now: datetime
) -> tuple[CardState, list[dict[str, Any]]]:
    """The card after `drafts`, and the ledger rows that say so, chained one to the next."""
    key = ledger_keys().current
    day = business_day(now, store=before.store)
    state = replace(before, revision=before.revision + 1)
    entries: list[dict[str, Any]] = []
    for draft in drafts:
        moved = posting.after(state, [draft], business_day=day)
        entry = _entry(state, moved, request, draft) | {
            "business_day": day,
            "occurred_at": now,
            "recorded_at": now,
            "key_id": key.id,
        }
        entry["hash"] = chain.entry_hash(
            key.derive("ledger"), previous=state.head_hash, entry=entry
        )
        entries.append(entry)
        state = replace(moved, last_sequence=entry["sequence"], head_hash=entry["hash"])
    return state, entries


def _entry(before: CardState, after: CardState, request: Request, draft: Draft) -> dict[str, Any]:
    return {
        "merchant_id": before.merchant_id,
        "card_id": before.card_id,
        "sequence": before.last_sequence + 1,
        "type": draft.type.value,
        "stamps_delta": draft.stamps_delta,
        "points_delta": draft.points_delta,
        "stamps_after": after.stamp_count,
        "points_after": after.points_balance,
        "stamps_target": before.cycle.target,
        "reward_description": before.cycle.reward,
        "store_id": before.store.id,
        "terminal_id": request.terminal_id,
        "actor_kind": request.actor.kind.value,
        "actor_id": request.actor.id,
        "amount_cents": None,
        "currency": None,
        "order_reference": None,
        "reward_id": None,
        "voids_id": draft.voids_id,
        "overrides_limits": False,
        "program_revision": before.program_revision,
        "request_id": request.request_id,
    }


def _request_columns(request: Request, facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "key": request.idempotency_key,
        "request_hash": request.hash,
        "facts": facts,
        "ip_address": request.ip_address,
        "user_agent": request.user_agent,
        "notes": request.notes,
        "pin_id": request.staff.pin_id if request.staff else None,
        "pin_version": request.staff.version if request.staff else None,
    }


def _tell_session(db: Session, state: CardState) -> None:
    """Let a card object that the caller's session holds say what is now stored."""
    card = db.identity_map.get(identity_key(LoyaltyCard, state.card_id))
    if card is None:
        return
    for name, value in ledger_statements.card_columns(state).items():
        set_committed_value(card, name, value)
