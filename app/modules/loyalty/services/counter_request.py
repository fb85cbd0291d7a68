"""What is asked for at the counter, where and by whom, as the caller's arguments said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict

from app.core.errors import FieldError, ValidationFailed
from app.modules.loyalty.schemas.fields import MAXIMUM_NOTES
from app.modules.loyalty.services import pin_locks
from app.modules.loyalty.services.card_finder import CardRef
from app.modules.loyalty.services.card_queries import Question
from app.modules.loyalty.services.ledger_entries import Actor, Request
from app.modules.loyalty.services.staff_auth import Authenticated, Credentials
from app.modules.loyalty.types import ActorKind, Caller, CardState, Draft, Order, Override, Staff


@dataclass(frozen=True, slots=True)
class Serving:
    """Who serves: the member of staff, if any, and whoever lifts a limit for them."""

    who: Authenticated | None
    override: Staff | None = None

    @property
    def staff(self) -> Staff | None:
        """The member of staff behind PIN or session; None where nobody had to say."""
        return self.who.staff if self.who else None


Decide = Callable[[CardState, Serving], list[Draft]]


@dataclass(frozen=True, slots=True)
class Operation:
    """What is asked for: `body` is what makes two requests the same, `decide` the rule.

    `voids_id`, `order` and `reward_id` name what it is about, `occurred_at` when it happened
    where a till tells of it later. `needs_pin` False: the signed-in user's role is enough.
    """

    name: str
    body: tuple[str | int | None, ...]
    decide: Decide
    voids_id: int | None = None
    order: Order | None = None
    reward_id: int | None = None
    override: Override | None = None
    occurred_at: datetime | None = None
    needs_pin: bool = True


@dataclass(frozen=True, slots=True)
class Counter:
    """Where and by whom an operation is asked for, as the caller's arguments said."""

    credentials: Credentials
    caller: Caller | None = None
    store_id: int | None = None
    ip_address: str | None = None
    user_agent: str | None = None
    idempotency_key: str | None = None
    notes: str | None = None

    def question(self, operation: Operation) -> Question:
        """What to read for an operation: the card comes in later."""
        scope, subject_id = pin_locks.scope_of(
            self.caller, staff_pin_id=self.credentials.staff_pin_id
        )
        caller_store = self.caller.store_id if self.caller else None
        return Question(
            merchant_id=self.caller.merchant_id if self.caller else None,
            store_id=self.store_id if self.store_id is not None else caller_store,
            idempotency_key=self.idempotency_key,
            lock_scope=scope,
            lock_subject_id=subject_id,
            voids_id=operation.voids_id,
            order=operation.order,
            reward_id=operation.reward_id,
            occurred_at=operation.occurred_at,
        )

    def request(self, operation: Operation, serving: Serving) -> Request:
        """The ledger's request: the PIN's holder acts, else the signed-in user or key.

        Raises:
            ValidationFailed: the notes, with the reason of an override, are too long to keep.
        """
        caller, staff = self.caller, serving.staff
        actor = Actor(caller.kind, caller.actor_id) if caller else Actor(ActorKind.SERVICE)
        if staff is not None:
            actor = Actor(ActorKind.PIN, staff.pin_id)
        return Request(
            operation=operation.name,
            body=operation.body,
            actor=actor,
            idempotency_key=self.idempotency_key,
            staff=staff,
            terminal_id=caller.terminal_id if caller else None,
            ip_address=self.ip_address or (caller.ip_address if caller else None),
            user_agent=self.user_agent or (caller.user_agent if caller else None),
            notes=self._notes(operation),
            request_id=caller.request_id if caller else None,
            override_pin_id=serving.override.pin_id if serving.override else None,
            order=operation.order,
            occurred_at=operation.occurred_at,
        )

    def _notes(self, operation: Operation) -> str | None:
        reason = operation.override["reason"] if operation.override else None
        notes = "\n".join(filter(None, (self.notes, reason)))
        if len(notes) > MAXIMUM_NOTES:
            limit = {"max_length": MAXIMUM_NOTES}
            raise ValidationFailed(FieldError(("notes",), "string_too_long", limit))
        return notes or None


class CounterOptions(TypedDict, total=False):
    """The keywords that every operation at the counter takes.

    The card is named by one of `qr_code` (as scanned), `card_number` (as typed) and
    `card_id`. `staff_pin` or `staff_session` says who is at the counter, `staff_pin_id` may
    name the person. The store is `store_id`, else the caller's, the PIN's, the card's.
    """

    qr_code: str | None
    card_number: str | None
    card_id: int | None
    staff_pin: str | None
    staff_pin_id: int | None
    staff_session: str | None
    caller: Caller | None
    store_id: int | None
    ip_address: str | None
    user_agent: str | None
    idempotency_key: str | None
    notes: str | None


def read_options(options: CounterOptions) -> tuple[Counter, CardRef]:
    """Split the keywords of an operation into who and where, and which card.

    Raises:
        TypeError: for a keyword that no operation knows.
    """
    rest: dict[str, Any] = {**options}
    card = CardRef(*(rest.pop(name, None) for name in ("qr_code", "card_number", "card_id")))
    secrets = ("staff_pin", "staff_pin_id", "staff_session")
    return Counter(Credentials(*(rest.pop(name, None) for name in secrets)), **rest), card
