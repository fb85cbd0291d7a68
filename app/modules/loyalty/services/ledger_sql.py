"""The statements that post to a card, built once for each shape of a posting.

All of them change the card only where merchant, id and revision are the ones read, the
program's revision still stands and, with a PIN, that PIN is active, unlocked and of its
version. Columns that say nothing in a posting are left out of it, so that a stamp's statement
stays short.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import (
    CTE,
    BindParameter,
    ColumnElement,
    Insert,
    Select,
    Table,
    Update,
    bindparam,
    exists,
    insert,
    literal_column,
    select,
    update,
)

from app.core.db import BigInt, UtcDateTime
from app.modules.loyalty.models import (
    IdempotencyRecord,
    LoyaltyCard,
    LoyaltyProgram,
    LoyaltyTransaction,
    OrderAward,
    PinEntryLock,
    StaffPin,
    TransactionDetail,
    WalletPass,
)
from app.modules.loyalty.types import LockScope

_CARD = cast(Table, LoyaltyCard.__table__)
_ENTRY = cast(Table, LoyaltyTransaction.__table__)
DETAIL = cast(Table, TransactionDetail.__table__)
KEY = cast(Table, IdempotencyRecord.__table__)
AWARD = cast(Table, OrderAward.__table__)
_PASS = cast(Table, WalletPass.__table__)
_PROGRAM = cast(Table, LoyaltyProgram.__table__)
_PIN = cast(Table, StaffPin.__table__)
_LOCK = cast(Table, PinEntryLock.__table__)

_CARD_COLUMNS = (
    "stamp_count",
    "points_balance",
    "total_stamps_earned",
    "stamps_target",
    "reward_description",
    "last_stamp_at",
    "last_collected_at",
    "revision",
    "last_sequence",
    "head_hash",
)
_WELCOME_COLUMNS = ("welcome_bonus_due", "welcome_points_due")
# Empty in most entries: named only by the postings that fill them.
RARE_COLUMNS = frozenset(
    {
        "amount_cents",
        "currency",
        "order_reference",
        "reward_id",
        "voids_id",
        "related_id",
        "override_pin_id",
    }
)
_ENTRY_COLUMNS = [column for column in _ENTRY.columns if column.name != "id"]
_AWARD_COLUMNS = (
    "store_id",
    "kind",
    "order_reference",
    "period",
    "business_day",
    "basis",
    "units",
    "refunded_cents",
    "taken_back",
    "is_voided",
)
# What an entry has in common with the rest of the statement. psycopg reads a statement of more
# than 50 parameters or 4096 characters anew at each use.
_SHARED = {
    "merchant_id": "merchant",
    "card_id": "card",
    "program_revision": "program_revision",
    "recorded_at": "now",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """What a posting consists of: one statement for each, built once."""

    entries: int
    rare: frozenset[str]
    guarded: bool
    has_key: bool
    pays_welcome: bool
    has_award: bool
    frees_award: bool


@lru_cache(maxsize=64)
def one_statement(shape: Shape) -> Select[int]:
    """The data-modifying CTE of PostgreSQL for a posting of this shape."""
    change = change_card(shape.guarded, shape.pays_welcome)
    changed = change.returning(_CARD.c.id).cte("changed")
    posted: list[CTE] = []
    for n in range(shape.entries):
        # Each reads from the one before, so that ids follow the sequence.
        values = _entry_values(n, shape.rare)
        entry = _insert_from(_ENTRY, values, posted[-1] if posted else changed)
        posted.append(entry.returning(_ENTRY.c.id).cte(f"entry_{n}"))
    last = posted[-1]
    others = [
        _insert_from(DETAIL, detail_row(DETAIL, entry.c.id), entry).cte(f"detail_{n}")
        for n, entry in enumerate(posted)
    ]
    if shape.has_key:
        others.append(_insert_from(KEY, key_row(KEY, last.c.id), last).cte("remembered"))
    if shape.has_award:
        others.append(_insert_from(AWARD, award_row(AWARD, last.c.id), last).cte("awarded"))
    if shape.frees_award:
        others.append(FREE_AWARD.where(exists().where(changed.c.id > 0)).cte("freed"))
    others.append(MARK_PASSES.where(_PASS.c.card_id == changed.c.id).cte("marked"))
    return select(last.c.id).add_cte(*posted[:-1], *others)


def _entry_values(n: int, rare: frozenset[str]) -> dict[str, BindParameter[Any]]:
    return {
        column.name: _param(_SHARED.get(column.name, f"{column.name}_{n}"), column)
        for column in _ENTRY_COLUMNS
        if column.name in rare or column.name not in RARE_COLUMNS
    }


def detail_row(source: Any, entry_id: Any) -> dict[str, Any]:
    """The erasable details of an entry, from the parameters or (`DETAIL`) as places for them."""
    return {
        "transaction_id": entry_id,
        "merchant_id": _of(source, "merchant_id", "merchant"),
        **{name: _of(source, name, f"request_{name}") for name in DETAIL_COLUMNS},
    }


def key_row(source: Any, entry_id: Any) -> dict[str, Any]:
    """The idempotency key with its answer, as `detail_row`."""
    return {
        "merchant_id": _of(source, "merchant_id", "merchant"),
        "key": _of(source, "key", "request_key"),
        "request_hash": _of(source, "request_hash", "request_request_hash"),
        "card_id": _of(source, "card_id", "card"),
        "transaction_id": entry_id,
        "facts": _of(source, "facts", "request_facts"),
        "created_at": _of(source, "created_at", "now"),
    }


def award_row(source: Any, entry_id: Any) -> dict[str, Any]:
    """What an order earned by an entry, as `detail_row`."""
    return {
        "merchant_id": _of(source, "merchant_id", "merchant"),
        "card_id": _of(source, "card_id", "card"),
        "transaction_id": entry_id,
        **{name: _of(source, name, f"award_{name}") for name in _AWARD_COLUMNS},
        "facts": _of(source, "facts", "request_facts"),
        "created_at": _of(source, "created_at", "now"),
    }


def _of(source: Any, column: str, parameter: str) -> Any:
    """A value: the parameter's own (SQLite's steps), or a place for it in a statement."""
    if isinstance(source, dict):
        return source[parameter]
    return _param(parameter, source.c[column])


@lru_cache(maxsize=4)
def change_card(guarded: bool, pays_welcome: bool) -> Update:
    """The compare-and-set itself."""
    names = (*_CARD_COLUMNS, *(_WELCOME_COLUMNS if pays_welcome else ()))
    new = {name: _param(f"new_{name}", _CARD.c[name]) for name in names}
    statement = (
        update(_CARD)
        .where(
            _CARD.c.merchant_id == _param("merchant", _CARD.c.merchant_id),
            _CARD.c.id == _param("card", _CARD.c.id),
            _CARD.c.revision == _param("read_revision", _CARD.c.revision),
            exists().where(
                _PROGRAM.c.merchant_id == _CARD.c.merchant_id,
                _PROGRAM.c.id == _param("program", _PROGRAM.c.id),
                _PROGRAM.c.revision == _param("program_revision", _PROGRAM.c.revision),
            ),
        )
        .values(**new, last_activity_at=bindparam("now", type_=UtcDateTime))
    )
    return statement.where(_pin_still_stands()) if guarded else statement


def _pin_still_stands() -> ColumnElement[bool]:
    locked = exists().where(
        _LOCK.c.merchant_id == _PIN.c.merchant_id,
        _LOCK.c.scope == LockScope.PERSON.value,
        _LOCK.c.subject_id == _PIN.c.id,
        _LOCK.c.locked_until > bindparam("now", type_=UtcDateTime),
    )
    return exists().where(
        _PIN.c.merchant_id == _CARD.c.merchant_id,
        _PIN.c.id == _param("request_pin_id", _PIN.c.id),
        _PIN.c.version == _param("request_pin_version", _PIN.c.version),
        _PIN.c.is_active == literal_column("true"),
        _PIN.c.deleted_at.is_(None),
        ~locked,
    )


def _insert_from(table: Any, values: dict[str, Any], source: Any) -> Insert:
    return insert(table).from_select(
        list(values), select(*values.values()).select_from(source), include_defaults=False
    )


def _param(name: str, column: Any) -> BindParameter[Any]:
    return bindparam(name, type_=column.type)


DETAIL_COLUMNS = ("ip_address", "user_agent", "notes")
INSERT_ENTRY = _ENTRY.insert()
FREE_AWARD = (
    update(AWARD)
    .where(
        AWARD.c.merchant_id == bindparam("merchant", type_=BigInt),
        AWARD.c.transaction_id == bindparam("voided", type_=BigInt),
    )
    .values(is_voided=literal_column("true"))
)
MARK_PASSES = (
    update(_PASS)
    .where(
        _PASS.c.merchant_id == bindparam("merchant", type_=BigInt),
        _PASS.c.card_id == bindparam("card", type_=BigInt),
        _PASS.c.ended_as.is_(None),
    )
    .values(target_revision=bindparam("new_revision", type_=BigInt))
)
