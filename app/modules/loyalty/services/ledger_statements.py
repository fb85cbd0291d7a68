"""Posting to a card: one statement on PostgreSQL, a few inside one transaction on SQLite."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from app.modules.loyalty.services import ledger_sql
from app.modules.loyalty.types import CardState


def card_columns(state: CardState) -> dict[str, Any]:
    """The columns of `loyalty_cards` that a posting may change, as `state` has them."""
    return {
        "stamp_count": state.stamp_count,
        "points_balance": state.points_balance,
        "total_stamps_earned": state.total_stamps_earned,
        "welcome_bonus_due": state.welcome_bonus_due,
        "welcome_points_due": state.welcome_points_due,
        "stamps_target": state.cycle.target,
        "reward_description": state.cycle.reward,
        "last_stamp_at": state.last_stamp_at,
        "last_collected_at": state.last_collected_at,
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
    award: dict[str, Any] | None,
    now: datetime,
) -> int | None:
    """Write the card, its entries, details, key, award and stale marks, or nothing at all.

    Returns the last entry's id; None where something had moved. `award` is what the last
    entry's order earned. An entry that voids another frees the order that one earned for.

    Raises:
        IntegrityError: the key, the order's reference or an entry's place was taken meanwhile.
    """
    assert entries
    parameters = {
        **{f"new_{name}": value for name, value in card_columns(after).items()},
        **{f"request_{name}": value for name, value in request.items()},
        **{f"award_{name}": value for name, value in (award or {}).items()},
        "merchant": before.merchant_id,
        "card": before.card_id,
        "read_revision": before.revision,
        "program": before.program_id,
        "program_revision": before.program_revision,
        "voided": entries[-1]["voids_id"],
        "now": now,
    }
    shape = ledger_sql.Shape(
        entries=len(entries),
        rare=frozenset(
            name
            for name in ledger_sql.RARE_COLUMNS
            if any(entry[name] is not None for entry in entries)
        ),
        guarded=request["pin_id"] is not None,
        has_key=request["key"] is not None,
        pays_welcome=_welcome(before) != _welcome(after),
        has_award=award is not None,
        frees_award=entries[-1]["voids_id"] is not None,
    )
    if connection.dialect.name == "sqlite":
        return _post_in_steps(connection, entries, parameters, shape)
    for number, entry in enumerate(entries):
        parameters |= {f"{name}_{number}": value for name, value in entry.items()}
    return connection.execute(ledger_sql.one_statement(shape), parameters).scalar_one_or_none()


def _welcome(state: CardState) -> tuple[int, int]:
    return state.welcome_bonus_due, state.welcome_points_due


def _post_in_steps(
    connection: Connection,
    entries: Sequence[dict[str, Any]],
    parameters: dict[str, Any],
    shape: ledger_sql.Shape,
) -> int | None:
    change = ledger_sql.change_card(shape.guarded, shape.pays_welcome)
    if connection.execute(change, parameters).rowcount != 1:
        return None
    entry_ids = [
        connection.execute(ledger_sql.INSERT_ENTRY, entry).inserted_primary_key[0]  # type: ignore[index]
        for entry in entries
    ]
    for entry_id in entry_ids:
        connection.execute(ledger_sql.DETAIL.insert(), ledger_sql.detail_row(parameters, entry_id))
    if shape.has_key:
        connection.execute(ledger_sql.KEY.insert(), ledger_sql.key_row(parameters, entry_ids[-1]))
    if shape.has_award:
        connection.execute(
            ledger_sql.AWARD.insert(), ledger_sql.award_row(parameters, entry_ids[-1])
        )
    if shape.frees_award:
        connection.execute(ledger_sql.FREE_AWARD, parameters)
    connection.execute(ledger_sql.MARK_PASSES, parameters)
    return int(entry_ids[-1])
