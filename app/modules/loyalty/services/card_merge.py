"""Two cards of one person become one: the survivor takes over everything the other has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypedDict

from sqlalchemy.orm import Session

from app.core import clock, jobs
from app.core.db import end_read, in_atomic
from app.core.errors import FieldError, ValidationFailed
from app.modules.customers.services import customer_changes
from app.modules.customers.services.customer_changes import United
from app.modules.loyalty.errors import CardNotFound
from app.modules.loyalty.rules import merging, rewards
from app.modules.loyalty.rules.merging import Merger
from app.modules.loyalty.services import card_family, card_handover, card_queries, ledger
from app.modules.loyalty.services.card_queries import Question
from app.modules.loyalty.services.ledger import Posted
from app.modules.loyalty.services.ledger_entries import Actor, Request
from app.modules.loyalty.types import CardState
from app.modules.tenancy.services import audit_service, customer_tokens, principal_service


class MergeSide(TypedDict):
    """One of two cards before they become one."""

    card_id: int
    card_number: str
    status: str
    stamp_count: int
    stamps_target: int
    points_balance: int
    first_name: str
    last_name: str


class MergePreview(TypedDict):
    """What a merge would lead to. `takes_over` names facts about the person, as fields."""

    survivor: MergeSide
    other: MergeSide
    status: str
    stamp_count: int
    stamps_target: int
    rewards_available: int
    reward_description: str
    points_balance: int
    takes_over: list[str]
    marketing_consent: bool


class Merged(TypedDict):
    """What the surviving card holds now. `transaction_id` is its own entry."""

    transaction_id: int
    card_id: int
    other_card_id: int
    stamp_count: int
    stamps_target: int
    rewards_available: int
    reward_description: str
    points_balance: int
    replayed: bool


@dataclass(frozen=True, slots=True)
class _Pair:
    """Both cards as read, and what the survivor will be."""

    survivor: CardState
    other: CardState
    merger: Merger


def preview(
    db: Session,
    *,
    merchant_id: int,
    survivor_card_id: int,
    other_card_id: int,
    now: datetime | None = None,
) -> MergePreview:
    """What `merge` would lead to; nothing is written.

    Raises:
        As `merge`.
    """
    now = now or clock.utc_now()
    question = Question(merchant_id=merchant_id, card_id=survivor_card_id)
    pair = _pair(db, question, _read(db, question, now=now), other_card_id, now=now)
    united = customer_changes.preview_union(
        db,
        merchant_id=merchant_id,
        customer_id=pair.survivor.customer_id,
        other_id=pair.other.customer_id,
    )
    end_read(db)
    return _preview(pair, united)


def merge(  # noqa: PLR0913 - who asks for it has many sides
    db: Session,
    *,
    merchant_id: int,
    survivor_card_id: int,
    other_card_id: int,
    reason: str,
    actor: Actor,
    store_id: int | None = None,
    terminal_id: int | None = None,
    ip_address: str | None = None,
    user_agent: str | None = None,
    request_id: str | None = None,
    idempotency_key: str | None = None,
    now: datetime | None = None,
) -> Merged:
    """Fold the card `other_card_id` into `survivor_card_id`, in one transaction.

    Joins the caller's transaction where one is open; that caller runs it by `ledger.together`.
    All codes of the other card lead to the survivor afterwards, save for those that were
    replaced: a stolen card stays dead. Devices that were signed in to the other are signed out.

    Raises:
        CardNotFound, CardInactive (one of them is merged or erased), AmountTooLarge,
        IdempotencyKeyReused. ValidationFailed: it is the same card twice.
        Moved: inside the caller's transaction, where a card changed meanwhile.
    """
    now = now or clock.utc_now()
    question = Question(
        merchant_id=merchant_id,
        card_id=survivor_card_id,
        store_id=store_id,
        idempotency_key=idempotency_key,
    )
    request = Request(
        operation="merge",
        body=(survivor_card_id, other_card_id),
        actor=actor,
        idempotency_key=idempotency_key,
        terminal_id=terminal_id,
        ip_address=ip_address,
        user_agent=user_agent,
        request_id=request_id,
        notes=reason,
    )

    def work() -> Merged:
        return _merge(db, question, request, other_card_id, now=now)

    if in_atomic(db):
        return work()
    merged = ledger.together(db, work)
    principal_service.forget_principals(db)
    jobs.wake()
    return merged


def _merge(
    db: Session, question: Question, request: Request, other_id: int, *, now: datetime
) -> Merged:
    assert question.merchant_id is not None
    assert question.card_id is not None
    ids = [question.card_id, other_id]
    card_family.take_turn(db, merchant_id=question.merchant_id, card_ids=ids)
    survivor = _read(db, question, now=now)
    if survivor.remembered is not None:
        return _merged(ledger.replay(survivor, request), other_id)
    pair = _pair(db, question, survivor, other_id, now=now)
    related_id = _post_other(db, pair, question, request, now=now).facts["transaction_id"]
    posted = ledger.post_within(
        db,
        question,
        request,
        lambda state: merging.take(_still(state, survivor), pair.merger, related_id=related_id),
        now=now,
    )
    card_handover.hand_over(db, survivor, pair.other, pair.merger)
    customer_changes.unite(
        db,
        merchant_id=survivor.merchant_id,
        customer_id=survivor.customer_id,
        other_id=pair.other.customer_id,
        now=now,
    )
    # Whoever holds a device of the other card has proved nothing about this one.
    customer_tokens.revoke_all(
        db, merchant_id=survivor.merchant_id, customer_id=pair.other.customer_id, now=now
    )
    _audit(db, pair, request, question, now=now)
    return _merged(posted, other_id)


def _read(db: Session, question: Question, *, now: datetime) -> CardState:
    states = card_queries.read_states(db.connection(), question, now=now)
    if not states:
        raise CardNotFound(mistyped=False)
    return states[0]


def _pair(
    db: Session, question: Question, survivor: CardState, other_id: int, *, now: datetime
) -> _Pair:
    if other_id == survivor.card_id:
        raise ValidationFailed(FieldError(("body", "other_card_id"), "same_card"))
    other = _read(db, replace(question, card_id=other_id, idempotency_key=None), now=now)
    was_welcomed = card_family.was_welcomed(
        db, merchant_id=survivor.merchant_id, card_ids=[survivor.card_id, other_id]
    )
    return _Pair(survivor, other, merging.merge(survivor, other, was_welcomed=was_welcomed))


def _post_other(
    db: Session, pair: _Pair, question: Question, request: Request, *, now: datetime
) -> Posted:
    """The entry on the card that goes. The key stands for the survivor's."""
    return ledger.post_within(
        db,
        replace(question, card_id=pair.other.card_id, idempotency_key=None),
        replace(request, idempotency_key=None),
        lambda state: merging.give(_still(state, pair.other)),
        now=now,
    )


def _still(state: CardState, read: CardState) -> CardState:
    """The card, if it is the one that was decided on."""
    if state.revision != read.revision:
        raise ledger.Moved
    return state


def _audit(
    db: Session, pair: _Pair, request: Request, question: Question, *, now: datetime
) -> None:
    audit_service.record(
        db,
        merchant_id=pair.survivor.merchant_id,
        store_id=question.store_id,
        terminal_id=request.terminal_id,
        action="cards_merged",
        subject=f"card:{pair.survivor.card_id}",
        actor_kind=request.actor.kind.value,
        actor_id=request.actor.id,
        old=_balances(pair.survivor),
        new=_balances(pair.merger) | {"other_card_id": pair.other.card_id, "reason": request.notes},
        ip_address=request.ip_address,
        request_id=request.request_id,
        now=now,
    )


def _balances(card: CardState | Merger) -> dict[str, Any]:
    return {"stamp_count": card.stamp_count, "points_balance": card.points_balance}


def _merged(posted: Posted, other_id: int) -> Merged:
    facts = posted.facts
    return Merged(
        transaction_id=facts["transaction_id"],
        card_id=posted.state.card_id,
        other_card_id=other_id,
        stamp_count=facts["stamp_count"],
        stamps_target=facts["stamps_target"],
        rewards_available=facts["rewards_available"],
        reward_description=facts["reward_description"],
        points_balance=facts["points_balance"],
        replayed=posted.replayed,
    )


def _preview(pair: _Pair, united: United) -> MergePreview:
    merger, cycle = pair.merger, pair.merger.cycle
    return MergePreview(
        survivor=_side(pair.survivor),
        other=_side(pair.other),
        status=merger.status.value,
        stamp_count=merger.stamp_count,
        stamps_target=cycle.target,
        rewards_available=rewards.rewards_available(merger.stamp_count, cycle.target),
        reward_description=cycle.reward,
        points_balance=merger.points_balance,
        **united,
    )


def _side(state: CardState) -> MergeSide:
    return MergeSide(
        card_id=state.card_id,
        card_number=state.card_number,
        status=state.status.value,
        stamp_count=state.stamp_count,
        stamps_target=state.cycle.target,
        points_balance=state.points_balance,
        first_name=state.first_name,
        last_name=state.last_name,
    )
