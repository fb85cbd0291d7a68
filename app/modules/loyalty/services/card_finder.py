"""From what was scanned or typed to the card it means, never to somebody else's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select
from sqlalchemy.orm import Session

from app.core import clock
from app.core import db as database
from app.core.errors import FieldError, ValidationFailed
from app.modules.loyalty.errors import CardNotFound, CardReplaced
from app.modules.loyalty.models import CardCode, LoyaltyCard
from app.modules.loyalty.rules.rotating_code import read_rotating
from app.modules.loyalty.rules.scan import Scan, ScanKind, read_scan
from app.modules.loyalty.services import card_queries, rotating_codes
from app.modules.loyalty.services.card_queries import Question
from app.modules.loyalty.types import CardState, CardStatus, CodeState
from app.modules.tenancy.errors import StoreRequired

_EXEMPT = "a code names its card on the platform; several answers are refused"


@dataclass(frozen=True, slots=True)
class CardRef:
    """One way of naming a card: a scanned code, a typed number, or the id."""

    qr_code: str | None = None
    card_number: str | None = None
    card_id: int | None = None

    @property
    def code(self) -> str | None:
        """The scanned or typed text, if that is what names the card."""
        return self.qr_code if self.qr_code is not None else self.card_number


def find_state(
    db: Session, card: CardRef, question: Question, *, now: datetime
) -> tuple[Question, CardState]:
    """The card that `card` means, and the question that reads it again.

    The usual scan is one SELECT; only a text that fits no card as it stands is looked at
    twice (leading zeros, old codes).

    Raises:
        CardNotFound (mistyped), CardReplaced, CodeExpired, StoreRequired, ValidationFailed.
    """
    if (card.qr_code, card.card_number, card.card_id).count(None) != 2:
        raise ValidationFailed(FieldError(("card",), "card_one_of"))
    with database.read_connection(db) as connection:
        if card.code is None:
            question = replace(question, card_id=card.card_id)
            return question, _only(card_queries.read_states(connection, question, now=now))
        rotating = read_rotating(card.code)
        scan = read_scan(rotating.qr_code_data if rotating else card.code)
        found, state = _by_scan(connection, scan, question, now=now)
        # A retry is the scan of a moment ago: it gets the answer of then.
        if rotating is not None and state.remembered is None:
            rotating_codes.check_shown(
                connection,
                rotating,
                merchant_id=state.merchant_id,
                card_id=state.card_id,
                at=question.occurred_at or now,
            )
        return found, state


def find_card_id(db: Session, *, merchant_id: int, text: str, now: datetime | None = None) -> int:
    """The id of the merchant's card that a scanned or typed text means.

    Raises:
        CardNotFound (mistyped), CardReplaced, CodeExpired.
    """
    rotating = read_rotating(text)
    scan = read_scan(rotating.qr_code_data if rotating else text)
    with database.read_connection(db) as connection:
        _merchant_id, card_id = _find(connection, scan, merchant_id=merchant_id)
        if rotating is not None:
            rotating_codes.check_shown(
                connection,
                rotating,
                merchant_id=merchant_id,
                card_id=card_id,
                at=now or clock.utc_now(),
            )
    return card_id


def _by_scan(
    connection: Connection, scan: Scan, question: Question, *, now: datetime
) -> tuple[Question, CardState]:
    if scan.kind is ScanKind.QR:
        exact = replace(question, qr_code_data=scan.candidates[0])
        states = card_queries.read_states(connection, exact, now=now)
        if states and states[0].status is not CardStatus.MERGED:
            return exact, states[0]
    merchant_id, card_id = _find(connection, scan, merchant_id=question.merchant_id)
    question = replace(question, merchant_id=merchant_id, card_id=card_id)
    return question, _only(card_queries.read_states(connection, question, now=now))


def _only(states: list[CardState]) -> CardState:
    if not states:
        raise CardNotFound(mistyped=False)
    return states[0]


def _find(connection: Connection, scan: Scan, *, merchant_id: int | None) -> tuple[int, int]:
    """Merchant and card of the first candidate that names one: current codes before old ones."""
    if scan.kind in (ScanKind.QR, ScanKind.NUMBER, ScanKind.CODE):
        for candidate in scan.candidates:
            found = _current(connection, candidate, merchant_id) or _old(
                connection, candidate, merchant_id
            )
            if found:
                return found
    raise CardNotFound(mistyped=scan.mistyped)


def _current(connection: Connection, code: str, merchant_id: int | None) -> tuple[int, int] | None:
    statement = select(LoyaltyCard.merchant_id, LoyaltyCard.id).where(
        (LoyaltyCard.card_number == code) | (LoyaltyCard.qr_code_data == code),
        LoyaltyCard.status != CardStatus.MERGED.value,  # its codes lead to another card
    )
    if merchant_id is not None:
        statement = statement.where(LoyaltyCard.merchant_id == merchant_id)
    rows = connection.execute(_scoped(statement, merchant_id)).all()
    if len({row.merchant_id for row in rows}) > 1:
        raise StoreRequired
    return (rows[0].merchant_id, rows[0].id) if rows else None


def _old(connection: Connection, code: str, merchant_id: int | None) -> tuple[int, int] | None:
    statement = select(CardCode.merchant_id, CardCode.card_id, CardCode.state).where(
        CardCode.code == code
    )
    if merchant_id is not None:
        statement = statement.where(CardCode.merchant_id == merchant_id)
    rows = connection.execute(_scoped(statement, merchant_id)).all()
    if len({row.merchant_id for row in rows}) > 1:
        raise StoreRequired
    if not rows:
        return None
    if any(row.state == CodeState.REPLACED for row in rows):
        raise CardReplaced
    return rows[0].merchant_id, rows[0].card_id


def _scoped(
    statement: Select[*tuple[Any, ...]], merchant_id: int | None
) -> Select[*tuple[Any, ...]]:
    if merchant_id is not None:
        return statement
    return statement.execution_options(tenant_exempt=_EXEMPT)
