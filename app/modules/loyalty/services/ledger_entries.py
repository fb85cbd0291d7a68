"""What a posting says: the request behind it, and the ledger rows it becomes."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from app.modules.loyalty.config import ledger_keys, platform_key
from app.modules.loyalty.rules import chain, posting
from app.modules.loyalty.types import ActorKind, CardState, Draft, Order, Staff, Unit


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
    holds only while that PIN is active, unlocked and unchanged. `override_pin_id` lifted a
    limit. `order` is what the last draft earns for. `occurred_at` is given where an offline
    till tells of it later.
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
    override_pin_id: int | None = None
    order: Order | None = None
    occurred_at: datetime | None = None

    @property
    def hash(self) -> str:
        """HMAC-SHA256 (hex) over operation and body; keyed, since a body may name a person."""
        body = json.dumps([self.operation, *self.body]).encode()
        return hmac.new(platform_key().derive("idempotency"), body, hashlib.sha256).hexdigest()


def genesis(card_uid: str) -> str:
    """The head hash of a card that has no entry yet."""
    return chain.genesis_hash(ledger_keys().derive("ledger"), card_uid=card_uid)


def entries_of(
    before: CardState, request: Request, drafts: Sequence[Draft], *, day: date, now: datetime
) -> tuple[CardState, list[dict[str, Any]]]:
    """The card after `drafts`, and the ledger rows that say so, chained one to the next.

    They are dated by `request.occurred_at`, else `now` (UTC), on the business day `day`.
    """
    key = ledger_keys().current
    at = request.occurred_at or now
    state = replace(before, revision=before.revision + 1)
    entries: list[dict[str, Any]] = []
    for draft in drafts:
        moved = posting.after(state, [draft], business_day=day, at=at)
        entry = _entry(state, moved, request, draft) | {
            "business_day": day,
            "occurred_at": at,
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
        "amount_cents": draft.amount_cents,
        "currency": before.currency if draft.amount_cents is not None else None,
        "order_reference": draft.order_reference,
        "reward_id": draft.reward_id,
        "voids_id": draft.voids_id,
        "related_id": draft.related_id,
        "overrides_limits": draft.overrides_limits,
        "override_pin_id": request.override_pin_id if draft.overrides_limits else None,
        "program_revision": before.program_revision,
        "request_id": request.request_id,
    }


def award_of(before: CardState, request: Request, draft: Draft, day: date) -> dict[str, Any]:
    """What `request.order` earned by `draft`, as a row of `order_awards`."""
    order = request.order
    assert order is not None
    return {
        "store_id": before.store.id,
        "kind": order.unit.value,
        "order_reference": order.reference,
        "period": day.isoformat() if before.order_references_restart_daily else "",
        "business_day": day,
        "basis": order.basis,
        "units": draft.stamps_delta if order.unit is Unit.STAMPS else draft.points_delta,
        "refunded_cents": 0,
        "taken_back": 0,
        "is_voided": False,
    }


def request_columns(request: Request, facts: dict[str, Any]) -> dict[str, Any]:
    """What the statement takes from the request: key and answer, PIN, erasable details."""
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
