"""What becomes of a card beside collecting: put on hold, given new codes, noted about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core import clock, jobs
from app.modules.loyalty.errors import CardInactive, CardNotFound
from app.modules.loyalty.models import CardCode, LoyaltyCard
from app.modules.loyalty.services import (
    card_codes,
    card_family,
    card_queries,
    ledger,
    wallet_passes,
)
from app.modules.loyalty.services.card_queries import Question
from app.modules.loyalty.services.ledger_entries import Actor, Request
from app.modules.loyalty.services.staff_card import StaffCard, staff_card
from app.modules.loyalty.types import (
    Caller,
    CardState,
    CardStatus,
    CodeState,
    Draft,
    EntryType,
    PassEnd,
)
from app.modules.tenancy.services import audit_service, customer_tokens, principal_service

_GONE: Final = (CardStatus.MERGED, CardStatus.ERASED)
_ENTRY: Final = {
    CardStatus.ACTIVE: EntryType.CARD_REACTIVATED,
    CardStatus.SUSPENDED: EntryType.CARD_SUSPENDED,
}


@dataclass(frozen=True, slots=True)
class _Change:
    """Who changes which card, when and why."""

    caller: Caller
    card_id: int
    reason: str | None
    now: datetime
    idempotency_key: str | None = None

    @property
    def question(self) -> Question:
        return Question(
            merchant_id=self.caller.merchant_id,
            card_id=self.card_id,
            store_id=self.caller.store_id,
            idempotency_key=self.idempotency_key,
        )

    def request(self, operation: str) -> Request:
        caller = self.caller
        return Request(
            operation=operation,
            body=(self.card_id,),
            actor=Actor(caller.kind, caller.actor_id),
            idempotency_key=self.idempotency_key,
            terminal_id=caller.terminal_id,
            ip_address=caller.ip_address,
            user_agent=caller.user_agent,
            request_id=caller.request_id,
            notes=self.reason,
        )


def change_card(
    db: Session,
    *,
    caller: Caller,
    card_id: int,
    status: str | None = None,
    note: str | None = None,
    reason: str | None = None,
    now: datetime | None = None,
) -> StaffCard:
    """Put a card on hold (`suspended`) or back (`active`), and note something about it.

    None leaves a fact as it is; what is so already is written nowhere.

    Raises:
        CardNotFound, CardInactive (merged or erased).
    """
    change = _Change(caller, card_id, reason, now or clock.utc_now())
    wanted = CardStatus(status) if status else None
    assert wanted is None or wanted in _ENTRY

    def work() -> None:
        _take_turn(db, change)
        state = _read(db, change)
        _check_living(state)
        if wanted is not None and wanted is not state.status:
            _set_status(db, change, state, wanted)
        if note is not None:
            _set_note(db, change, note)

    ledger.together(db, work)
    jobs.wake()
    return _seen(db, change)


def replace_card(
    db: Session,
    *,
    caller: Caller,
    card_id: int,
    reason: str | None = None,
    sign_out: bool = True,
    idempotency_key: str | None = None,
    now: datetime | None = None,
) -> StaffCard:
    """Give a lost or stolen card a new number and a new code; what is on it stays.

    Every code that led to it is dead: it answers `card_replaced` from now on. With `sign_out`
    the devices of its holder are signed out, since the code shows there too. The same
    `idempotency_key` replaces once.

    Raises:
        CardNotFound, CardInactive (merged or erased), IdempotencyKeyReused.
    """
    change = _Change(caller, card_id, reason, now or clock.utc_now(), idempotency_key)

    def work() -> None:
        _take_turn(db, change)
        state = _read(db, change)
        request = change.request("replace_card")
        if state.remembered is not None:
            ledger.replay(state, request)
            return
        _check_living(state)
        _post(db, change, request, state, EntryType.CARD_REPLACED)
        _replace_codes(db, change, state)
        if sign_out:
            customer_tokens.revoke_all(
                db, merchant_id=caller.merchant_id, customer_id=state.customer_id, now=change.now
            )

    ledger.together(db, work)
    principal_service.forget_principals(db)
    jobs.wake()
    return _seen(db, change)


def _take_turn(db: Session, change: _Change) -> None:
    card_family.take_turn(db, merchant_id=change.caller.merchant_id, card_ids=[change.card_id])


def _read(db: Session, change: _Change) -> CardState:
    states = card_queries.read_states(db.connection(), change.question, now=change.now)
    if not states:
        raise CardNotFound(mistyped=False)
    return states[0]


def _check_living(state: CardState) -> None:
    if state.status in _GONE:
        raise CardInactive


def _post(
    db: Session, change: _Change, request: Request, read: CardState, entry_type: EntryType
) -> None:
    def decide(state: CardState) -> list[Draft]:
        if state.revision != read.revision:
            raise ledger.Moved
        return [Draft(entry_type)]

    ledger.post_within(db, change.question, request, decide, now=change.now)


def _set_status(db: Session, change: _Change, state: CardState, status: CardStatus) -> None:
    _post(db, change, change.request("change_card"), state, _ENTRY[status])
    _write(db, change, status=status.value)
    _audit(
        db,
        change,
        _ENTRY[status].value,
        old={"status": state.status.value},
        new={"status": status.value, "reason": change.reason},
    )


def _set_note(db: Session, change: _Change, note: str) -> None:
    before = db.execute(
        select(LoyaltyCard.note).where(
            LoyaltyCard.merchant_id == change.caller.merchant_id, LoyaltyCard.id == change.card_id
        )
    ).scalar_one()
    if note != before:
        _write(db, change, note=note)
        _audit(db, change, "card_noted", old={"note": before}, new={"note": note})


def _replace_codes(db: Session, change: _Change, state: CardState) -> None:
    merchant_id, number = change.caller.merchant_id, card_codes.draw_card_number()
    qr_code: str = db.execute(
        select(LoyaltyCard.qr_code_data).where(
            LoyaltyCard.merchant_id == merchant_id, LoyaltyCard.id == change.card_id
        )
    ).scalar_one()
    db.execute(
        update(CardCode)
        .where(CardCode.merchant_id == merchant_id, CardCode.card_id == change.card_id)
        .values(state=CodeState.REPLACED.value)
    )
    card_codes.keep_old_codes(
        db,
        merchant_id=merchant_id,
        card_id=change.card_id,
        card_number=state.card_number,
        qr_code=qr_code,
        state=CodeState.REPLACED,
    )
    _write(db, change, card_number=number, qr_code_data=card_codes.draw_qr_code())
    _replace_passes(db, change)
    _audit(
        db,
        change,
        "card_replaced",
        old={"card_number": _ending(state.card_number)},
        new={"card_number": _ending(number), "reason": change.reason},
    )


def _replace_passes(db: Session, change: _Change) -> None:
    card = {"merchant_id": change.caller.merchant_id, "card_id": change.card_id}
    had = wallet_passes.end(db, **card, ended_as=PassEnd.REPLACED)
    wallet_passes.want(db, **card, providers=had, now=change.now)


def _ending(number: str) -> str:
    """What the audit log may know of a number: a whole one would open the card."""
    return f"…{number[-4:]}"


def _write(db: Session, change: _Change, **values: Any) -> None:
    db.execute(
        update(LoyaltyCard)
        .where(
            LoyaltyCard.merchant_id == change.caller.merchant_id, LoyaltyCard.id == change.card_id
        )
        .values(**values)
    )


def _audit(
    db: Session, change: _Change, action: str, *, old: dict[str, Any], new: dict[str, Any]
) -> None:
    caller = change.caller
    audit_service.record(
        db,
        merchant_id=caller.merchant_id,
        store_id=caller.store_id,
        terminal_id=caller.terminal_id,
        action=action,
        subject=f"card:{change.card_id}",
        actor_kind=caller.kind.value,
        actor_id=caller.actor_id,
        old=old,
        new=new,
        ip_address=caller.ip_address,
        request_id=caller.request_id,
        now=change.now,
    )


def _seen(db: Session, change: _Change) -> StaffCard:
    return staff_card(
        db,
        merchant_id=change.caller.merchant_id,
        card_id=change.card_id,
        store_id=change.caller.store_id,
        now=change.now,
    )
