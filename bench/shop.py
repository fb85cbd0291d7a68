"""The shop that is measured: one store, one cashier, and cards whose codes follow from a number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from random import Random
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Engine, func, insert, select, text
from sqlalchemy.orm import Session

from app.core.clock import utc_now
from app.core.db import atomic, build_sessionmaker
from app.modules.customers.models import Customer
from app.modules.loyalty.models import LoyaltyCard, LoyaltyTransaction
from app.modules.loyalty.rules.card_codes import QR_ALPHABET, QR_LENGTH, card_number_from
from app.modules.loyalty.services import ledger, ledger_entries, ledger_verify
from app.modules.loyalty.services.card_queries import Question
from app.modules.loyalty.services.ledger_entries import Request
from app.modules.loyalty.types import Draft, EntryType
from app.modules.tenancy.services import api_key_service
from tests import factories

# What a card number's digits become in its QR code; the SQL floors do the same.
QR_DIGITS = QR_ALPHABET[:10]
_HIGHEST_DAILY_CAP = 100


@dataclass(frozen=True)
class Shop:
    """What a client has to know."""

    merchant_id: int
    store_id: int
    cards: int
    staff_pin: str
    api_key: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def qr_code(number: int) -> str:
    """The code of the card with this number, from 1 on."""
    return str(number).zfill(QR_LENGTH).translate(str.maketrans("0123456789", QR_DIGITS))


def stamps(cards: int, seed: int) -> Callable[[], tuple[str, str]]:
    """Endless stamps to give: a card drawn at random, and a key that was never used."""
    draw, run, number = Random(seed), uuid4().hex, iter(range(10**12))

    def following() -> tuple[str, str]:
        return qr_code(draw.randint(1, cards)), f"{run}-{next(number)}"

    return following


def seed(engine: Engine, *, cards: int) -> Shop:
    """Fill an empty, migrated database. No cooldown and the highest daily cap: every check runs."""
    with build_sessionmaker(engine)() as db:
        shop = factories.make_shop(
            db, cooldown_minutes=0, max_daily_stamps=_HIGHEST_DAILY_CAP, pin_session_minutes=0
        )
        factories.make_pin(db, merchant_id=shop.merchant_id)
        key = api_key_service.create_api_key(
            db, merchant_id=shop.merchant_id, name="Till", store_id=shop.store.id
        )
        with atomic(db):
            _add_cards(db, shop, cards)
    with engine.begin() as connection:
        connection.execute(text("ANALYZE"))
    return Shop(shop.merchant_id, shop.store.id, cards, factories.PIN, key["token"])


def unequal_balances(engine: Engine) -> int:
    """How many cards do not hold the sum of their ledger entries."""
    with engine.connect() as connection:
        return _unequal(connection)


def faults(engine: Engine) -> list[str]:
    """What the ledger's verifier finds: balances, running balances and hash chains."""
    with build_sessionmaker(engine)() as db:
        return [str(fault) for fault in ledger_verify.verify(db)]


def _unequal(connection: Connection) -> int:
    entry, card = LoyaltyTransaction, LoyaltyCard
    summed = (
        select(entry.card_id, func.sum(entry.stamps_delta).label("stamps"))
        .group_by(entry.card_id)
        .subquery()
    )
    count: int = connection.execute(
        select(func.count())
        .select_from(card)
        .outerjoin(summed, summed.c.card_id == card.id)
        .where(card.stamp_count != func.coalesce(summed.c.stamps, 0))
    ).scalar_one()
    return count


def _add_cards(db: Session, shop: factories.Shop, cards: int) -> None:
    now, merchant_id = utc_now(), shop.merchant_id
    people = [
        {
            "merchant_id": merchant_id, "first_name": "Zoé", "last_name": f"Muller {n}",
            "email": f"zoe.{n}@example.com", "locale": "en", "created_at": now,
            "search_text": f"zoe muller {n}",
        }
        for n in range(1, cards + 1)
    ]  # fmt: skip
    made = db.execute(
        insert(Customer).returning(Customer.id, sort_by_parameter_order=True), people
    ).scalars()
    rows = [
        {
            "merchant_id": merchant_id, "program_id": shop.program.id, "customer_id": customer_id,
            "enrolled_store_id": shop.store.id, "uid": f"{n:032x}",
            "card_number": card_number_from(f"{n:011d}"), "qr_code_data": qr_code(n),
            "stamps_target": shop.program.stamps_target,
            "reward_description": shop.program.stamps_reward_description,
            "head_hash": ledger_entries.genesis(f"{n:032x}"),
            "last_activity_at": now, "created_at": now,
        }
        for n, customer_id in enumerate(made, 1)
    ]  # fmt: skip
    ids = db.execute(
        insert(LoyaltyCard).returning(LoyaltyCard.id, sort_by_parameter_order=True), rows
    ).scalars()
    created = [Draft(EntryType.CARD_CREATED)]
    for card_id in list(ids):
        ledger.post_within(
            db,
            Question(merchant_id=merchant_id, card_id=card_id),
            Request("enroll", (card_id,)),
            lambda _state: created,
            now=now,
        )
