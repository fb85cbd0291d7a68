"""Rows to test with: plain functions, the smallest believable shop, anything overridable.

Nothing is random: the n-th thing a test process makes has the n-th name. Each function
commits on its own, so other sessions and processes see what it made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import count
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from app.core.db import Base, atomic
from app.core.security import hash_password, hash_token
from app.modules.customers.models import Customer
from app.modules.loyalty.models import (
    LoyaltyCard,
    LoyaltyProgram,
    LoyaltyReward,
    MerchantLoyaltySettings,
    StaffPin,
    WalletPass,
)
from app.modules.loyalty.rules.card_codes import QR_ALPHABET, QR_LENGTH, card_number_from
from app.modules.loyalty.services import ledger, ledger_entries
from app.modules.loyalty.services.card_queries import Question
from app.modules.loyalty.types import Caller, Draft, EntryType, PinRole, Staff
from app.modules.tenancy.models import Membership, Merchant, Store, Terminal, User

# A Tuesday, 10:00 in Luxembourg, far from any change of the clocks.
NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
PASSWORD = "orion-test-2026"
PIN = "4826"

_NUMBERS = count(1)
_Row = TypeVar("_Row", bound=Base)


@dataclass(frozen=True)
class Shop:
    """A merchant with one store and a stamps program."""

    merchant: Merchant
    store: Store
    program: LoyaltyProgram

    @property
    def merchant_id(self) -> int:
        return self.merchant.id

    def at_counter(self, pin: str = PIN) -> dict[str, Any]:
        """What a cashier's call brings along, whatever the operation."""
        return {"caller": Caller(self.merchant_id), "staff_pin": pin}


def make_shop(db: Session, merchant: Merchant | None = None, **program: Any) -> Shop:
    """A merchant, its store and its program; `program` overrides the program's columns."""
    merchant = merchant or make_merchant(db)
    store = make_store(db, merchant_id=merchant.id)
    shop = Shop(merchant, store, make_program(db, merchant_id=merchant.id, **program))
    for row in (shop.merchant, shop.store, shop.program):
        db.expunge(row)  # a refusal's rollback must not send tests back to the database
    return shop


def make_merchant(db: Session, **columns: Any) -> Merchant:
    n = next(_NUMBERS)
    defaults = {
        "name": f"Café {n}", "status": "active", "currency": "EUR", "locale": "en",
        "created_at": NOW,
    }  # fmt: skip
    return save(db, Merchant(**defaults | columns))


def make_store(db: Session, *, merchant_id: int, **columns: Any) -> Store:
    n = next(_NUMBERS)
    defaults = {
        "code": f"store-{n}", "name": f"Store {n}", "city": "Luxembourg", "created_at": NOW,
    }  # fmt: skip
    return save(db, Store(merchant_id=merchant_id, **defaults | columns))


def make_program(db: Session, *, merchant_id: int, **columns: Any) -> LoyaltyProgram:
    """Target 10, cooldown 15 minutes, 5 stamps a day, a PIN for every operation's session."""
    defaults = {
        "loyalty_type": "stamps",
        "stamps_target": 10,
        "stamps_reward_description": "A coffee",
        "cooldown_minutes": 15,
        "max_daily_stamps": 5,
        "require_staff_pin": True,
        "card_name": "Stamp card",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return save(db, LoyaltyProgram(merchant_id=merchant_id, **defaults | columns))


def make_settings(db: Session, *, merchant_id: int, **columns: Any) -> MerchantLoyaltySettings:
    """What the platform decides for the merchant; without it the defaults count."""
    defaults = {"pin_max_failed_attempts": 5, "pin_lockout_minutes": 30}
    return save(db, MerchantLoyaltySettings(merchant_id=merchant_id, **defaults | columns))


def make_customer(db: Session, *, merchant_id: int, **columns: Any) -> Customer:
    n = next(_NUMBERS)
    defaults = {
        "first_name": "Zoé", "last_name": f"Muller {n}", "email": f"zoe.{n}@example.com",
        "locale": "en", "search_text": f"zoe muller {n} zoe.{n}@example.com", "created_at": NOW,
    }  # fmt: skip
    return save(db, Customer(merchant_id=merchant_id, **defaults | columns))


def make_card(
    db: Session,
    *,
    shop: Shop | None = None,
    customer_id: int | None = None,
    stamps: int = 0,
    now: datetime = NOW,
    **columns: Any,
) -> LoyaltyCard:
    """A card of `shop` (made if not given) with its first ledger line, and `stamps` adjusted on."""
    shop = shop or make_shop(db)
    merchant_id, n = shop.merchant_id, next(_NUMBERS)
    uid = f"f{n:031x}"
    defaults = {
        "program_id": shop.program.id,
        "customer_id": customer_id or make_customer(db, merchant_id=merchant_id).id,
        "enrolled_store_id": shop.store.id,
        "uid": uid,
        "card_number": card_number_from(f"{n * 7919:011d}"),
        "qr_code_data": _qr_code(n),
        "stamps_target": shop.program.stamps_target,
        "reward_description": shop.program.stamps_reward_description,
        "head_hash": ledger_entries.genesis(uid),
        "last_activity_at": now,
        "created_at": now,
    }
    drafts = [Draft(EntryType.CARD_CREATED)]
    if stamps:
        drafts.append(Draft(EntryType.STAMPS_ADJUSTED, stamps_delta=stamps))
    with atomic(db):
        card = save(db, LoyaltyCard(merchant_id=merchant_id, **defaults | columns))
        post(db, card, drafts, now=now)
    return card


def post(
    db: Session, card: LoyaltyCard, drafts: Sequence[Draft], *, now: datetime = NOW
) -> ledger.Posted:
    """Write `drafts` to the card's ledger as they are; no rule is asked."""
    with atomic(db):
        return ledger.post_within(
            db,
            Question(merchant_id=card.merchant_id, card_id=card.id),
            ledger_entries.Request("test", (card.id,)),
            lambda _state: drafts,
            now=now,
        )


def make_reward(db: Session, *, merchant_id: int, **columns: Any) -> LoyaltyReward:
    """A line of the points catalogue."""
    n = next(_NUMBERS)
    defaults = {"name": f"Bread {n}", "cost_points": 600, "created_at": NOW}
    return save(db, LoyaltyReward(merchant_id=merchant_id, **defaults | columns))


def make_pin(db: Session, *, merchant_id: int, pin: str = PIN, **columns: Any) -> StaffPin:
    """A member of staff with a PIN of their own (one bcrypt)."""
    n = next(_NUMBERS)
    defaults = {"name": f"Ana {n}", "role": "cashier", "created_at": NOW}
    row = StaffPin(merchant_id=merchant_id, **defaults | columns)
    row.set_pin(pin)
    return save(db, row)


def staff_of(pin: StaffPin) -> Staff:
    """What a successful authentication with this PIN answers."""
    return Staff(
        pin_id=pin.id,
        version=pin.version,
        name=pin.name,
        role=PinRole(pin.role),
        can_void=pin.can_void,
        can_override=pin.can_override,
        own_card_id=pin.own_card_id,
        store_id=pin.store_id,
    )


def make_user(
    db: Session,
    *,
    merchant_id: int | None = None,
    role: str = "owner",
    store_id: int | None = None,
    password: str = PASSWORD,
    **columns: Any,
) -> User:
    """Somebody who can sign in with `password`; with a merchant, as its `role`."""
    n = next(_NUMBERS)
    defaults = {
        "email": f"user.{n}@example.com", "name": f"User {n}",
        "password_hash": _hashed(password), "created_at": NOW,
    }  # fmt: skip
    with atomic(db):
        user = save(db, User(**defaults | columns))
        if merchant_id is not None:
            place = {"merchant_id": merchant_id, "store_id": store_id, "role": role}
            save(db, Membership(user_id=user.id, **place))
    return user


def make_terminal(
    db: Session, *, merchant_id: int, store_id: int, token: str | None = None, **columns: Any
) -> Terminal:
    """A device at the counter of a store, known by `token`."""
    n = next(_NUMBERS)
    defaults = {
        "name": f"Till {n}", "token_hash": hash_token(token or f"terminal-{n}"),
        "created_at": NOW, "last_seen_at": NOW,
    }  # fmt: skip
    place = {"merchant_id": merchant_id, "store_id": store_id}
    return save(db, Terminal(**place, **defaults | columns))


def make_pass(
    db: Session, *, card: LoyaltyCard, provider: str = "google", **columns: Any
) -> WalletPass:
    """A copy of the card in a phone's wallet, up to date."""
    defaults = {
        "serial": f"{next(_NUMBERS):032x}", "created_at": NOW,
        "target_revision": card.revision, "synced_revision": card.revision,
    }  # fmt: skip
    place = {"merchant_id": card.merchant_id, "card_id": card.id, "provider": provider}
    return save(db, WalletPass(**place, **defaults | columns))


def save(db: Session, row: _Row) -> _Row:
    with atomic(db):
        db.add(row)
        db.flush()
    return row


def _qr_code(n: int) -> str:
    letters = ""
    while n:
        n, digit = divmod(n, len(QR_ALPHABET))
        letters = QR_ALPHABET[digit] + letters
    return QR_ALPHABET[-1] + letters.rjust(QR_LENGTH - 1, QR_ALPHABET[0])


@cache
def _hashed(password: str) -> str:
    return hash_password(password)
