"""The statements behind `ledger.apply`: one on PostgreSQL, a few inside one transaction on SQLite.

Both change the card only where merchant, id and revision are the ones read, the program's
revision still stands and, with a PIN, that PIN is active, unlocked and of its version.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import (
    CTE,
    BindParameter,
    ColumnElement,
    Connection,
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
    PinEntryLock,
    StaffPin,
    TransactionDetail,
    WalletPass,
)
from app.modules.loyalty.types import CardState, LockScope

_CARD = cast(Table, LoyaltyCard.__table__)
_ENTRY = cast(Table, LoyaltyTransaction.__table__)
_DETAIL = cast(Table, TransactionDetail.__table__)
_KEY = cast(Table, IdempotencyRecord.__table__)
_PASS = cast(Table, WalletPass.__table__)
_PROGRAM = cast(Table, LoyaltyProgram.__table__)
_PIN = cast(Table, StaffPin.__table__)
_LOCK = cast(Table, PinEntryLock.__table__)

_CARD_COLUMNS = (
    "stamp_count",
    "points_balance",
    "total_stamps_earned",
    "welcome_bonus_due",
    "stamps_target",
    "reward_description",
    "last_stamp_at",
    "revision",
    "last_sequence",
    "head_hash",
)
_ENTRY_COLUMNS = [column for column in _ENTRY.columns if column.name != "id"]
# What an entry has in common with the rest of the statement. psycopg reads a statement of more
# than 50 parameters or 4096 characters anew at each use.
_SHARED = {
    "merchant_id": "merchant",
    "card_id": "card",
    "program_revision": "program_revision",
    "recorded_at": "now",
}


def card_columns(state: CardState) -> dict[str, Any]:
    """The columns of `loyalty_cards` that a posting may change, as `state` has them."""
    return {
        "stamp_count": state.stamp_count,
        "points_balance": state.points_balance,
        "total_stamps_earned": state.total_stamps_earned,
        "welcome_bonus_due": state.welcome_bonus_due,
        "stamps_target": state.cycle.target,
        "reward_description": state.cycle.reward,
        "last_stamp_at": state.last_stamp_at,
        "revision": state.revision,
        "last_sequence": state.last_sequence,
        "head_hash": state.head_hash,
    }


def post(
    connection: Connection,
    before: CardState,
    after: CardState,
    entries: Sequence[dict[str, Any]],
    *,
    request: dict[str, Any],
    now: datetime,
) -> int | None:
    """Write the card, its entries, details, key and stale marks; None where something had moved.

    Returns the last entry's id.

    Raises:
        IntegrityError: the idempotency key or an entry's place was taken meanwhile.
    """
    assert entries
    parameters = {
        **{f"new_{name}": value for name, value in card_columns(after).items()},
        **{f"request_{name}": value for name, value in request.items()},
        "merchant": before.merchant_id,
        "card": before.card_id,
        "read_revision": before.revision,
        "program": before.program_id,
        "program_revision": before.program_revision,
        "now": now,
    }
    guarded = request["pin_id"] is not None
    has_key = request["key"] is not None
    if connection.dialect.name == "sqlite":
        return _post_in_steps(connection, entries, parameters, guarded=guarded, has_key=has_key)
    for number, entry in enumerate(entries):
        parameters |= {f"{name}_{number}": value for name, value in entry.items()}
    statement = _one_statement(len(entries), guarded, has_key)
    return connection.execute(statement, parameters).scalar_one_or_none()


def _post_in_steps(
    connection: Connection,
    entries: Sequence[dict[str, Any]],
    parameters: dict[str, Any],
    *,
    guarded: bool,
    has_key: bool,
) -> int | None:
    if connection.execute(_change_card(guarded), parameters).rowcount != 1:
        return None
    entry_ids = [
        connection.execute(_INSERT_ENTRY, entry).inserted_primary_key[0]  # type: ignore[index]
        for entry in entries
    ]
    for entry_id in entry_ids:
        connection.execute(
            _DETAIL.insert(),
            {
                "transaction_id": entry_id,
                "merchant_id": parameters["merchant"],
                "ip_address": parameters["request_ip_address"],
                "user_agent": parameters["request_user_agent"],
                "notes": parameters["request_notes"],
            },
        )
    if has_key:
        connection.execute(
            _KEY.insert(),
            {
                "merchant_id": parameters["merchant"],
                "key": parameters["request_key"],
                "request_hash": parameters["request_request_hash"],
                "card_id": parameters["card"],
                "transaction_id": entry_ids[-1],
                "facts": parameters["request_facts"],
                "created_at": parameters["now"],
            },
        )
    connection.execute(_MARK_PASSES, parameters)
    return int(entry_ids[-1])


@lru_cache(maxsize=16)
def _one_statement(entries: int, guarded: bool, has_key: bool) -> Select[int]:
    """The data-modifying CTE of PostgreSQL for so many entries."""
    changed = _change_card(guarded).returning(_CARD.c.id).cte("changed")
    posted: list[CTE] = []
    for n in range(entries):
        # Each reads from the one before, so that ids follow the sequence.
        entry = _insert_from(_ENTRY, _entry_values(n), posted[-1] if posted else changed)
        posted.append(entry.returning(_ENTRY.c.id).cte(f"entry_{n}"))
    others: list[Any] = [
        _insert_from(
            _DETAIL,
            {
                "transaction_id": entry.c.id,
                "merchant_id": _param("merchant", _DETAIL.c.merchant_id),
                **{
                    name: _param(f"request_{name}", _DETAIL.c[name])
                    for name in ("ip_address", "user_agent", "notes")
                },
            },
            entry,
        ).cte(f"detail_{n}")
        for n, entry in enumerate(posted)
    ]
    if has_key:
        others.append(
            _insert_from(
                _KEY,
                {
                    "merchant_id": _param("merchant", _KEY.c.merchant_id),
                    "key": _param("request_key", _KEY.c.key),
                    "request_hash": _param("request_request_hash", _KEY.c.request_hash),
                    "card_id": _param("card", _KEY.c.card_id),
                    "transaction_id": posted[-1].c.id,
                    "facts": _param("request_facts", _KEY.c.facts),
                    "created_at": _param("now", _KEY.c.created_at),
                },
                posted[-1],
            ).cte("remembered")
        )
    others.append(_MARK_PASSES.where(_PASS.c.card_id == changed.c.id).cte("marked"))
    return select(posted[-1].c.id).add_cte(*posted[:-1], *others)


def _entry_values(n: int) -> dict[str, BindParameter[Any]]:
    return {
        column.name: _param(_SHARED.get(column.name, f"{column.name}_{n}"), column)
        for column in _ENTRY_COLUMNS
    }


@lru_cache(maxsize=2)
def _change_card(guarded: bool) -> Update:
    """The compare-and-set itself."""
    new = {name: _param(f"new_{name}", _CARD.c[name]) for name in _CARD_COLUMNS}
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


_INSERT_ENTRY = _ENTRY.insert()
_MARK_PASSES = (
    update(_PASS)
    .where(
        _PASS.c.merchant_id == bindparam("merchant", type_=BigInt),
        _PASS.c.card_id == bindparam("card", type_=BigInt),
    )
    .values(target_revision=bindparam("new_revision", type_=BigInt))
)
