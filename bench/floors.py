"""The floors: what the database alone needs for a stamp, with no product around it.

Each finds the card by its QR code, checks cooldown and daily cap, changes the card and inserts
ledger entry, details and idempotency key, in the product's own tables with their indexes,
constraints and triggers. There is no PIN, no hash chain, no compare-and-set and no answer.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from datetime import UTC, datetime

import psycopg
from sqlalchemy import make_url

from bench.load import Call
from bench.shop import QR_DIGITS

_NO_HASH = "0" * 64
_ENTRY_COLUMNS = (
    "merchant_id, card_id, sequence, type, stamps_delta, points_delta, stamps_after, points_after,"
    " stamps_target, reward_description, store_id, actor_kind, overrides_limits, program_revision,"
    " business_day, occurred_at, recorded_at, key_id, hash"
)
_FACTS = '{"type": "stamp_earned", "quantity": 1}'
_TODAY = (
    "(SELECT coalesce(sum(t.stamps_delta), 0) FROM loyalty_transactions t"
    " WHERE t.merchant_id = c.merchant_id AND t.card_id = c.id AND t.business_day = {day}"
    " AND t.type = 'stamp_earned')"
)
_CHANGE = (
    "stamp_count = stamp_count + 1, total_stamps_earned = total_stamps_earned + 1,"
    " last_stamp_at = {now}, last_activity_at = {now}, revision = c.revision + 1,"
    " last_sequence = last_sequence + 1"
)
_PG_NOW, _PG_DAY = "now()", "(now() AT TIME ZONE 'UTC')::date"
_PG_WAITED = (
    "(p.cooldown_minutes = 0 OR c.last_stamp_at IS NULL"
    " OR c.last_stamp_at + make_interval(mins => p.cooldown_minutes) <= now())"
)
_PG_VALUES = (
    "merchant_id, id, last_sequence, 'stamp_earned', 1, 0, stamp_count, points_balance,"
    " stamps_target, reward_description, enrolled_store_id, 'service', false, 1,"
    f" {_PG_DAY}, now(), now(), 'bench', '{_NO_HASH}'"
)


def one_statement(qr: str, key: str) -> str:
    """PostgreSQL: everything in one statement. `qr` and `key` are its places for parameters."""
    return f"""
        WITH card AS (
            UPDATE loyalty_cards c SET {_CHANGE.format(now=_PG_NOW)} FROM loyalty_programs p
            WHERE c.qr_code_data = {qr} AND p.id = c.program_id AND c.status = 'active'
            AND {_PG_WAITED} AND {_TODAY.format(day=_PG_DAY)} < p.max_daily_stamps RETURNING c.*
        ), entry AS (
            INSERT INTO loyalty_transactions ({_ENTRY_COLUMNS}) SELECT {_PG_VALUES} FROM card
            RETURNING id, merchant_id, card_id
        ), details AS (
            INSERT INTO loyalty_transaction_details (transaction_id, merchant_id, ip_address)
            SELECT id, merchant_id, '127.0.0.1' FROM entry
        )
        INSERT INTO idempotency_keys
            (merchant_id, key, request_hash, card_id, transaction_id, facts, created_at)
        SELECT merchant_id, {key}, '{_NO_HASH}', card_id, id, '{_FACTS}', now() FROM entry"""


def pgbench_one_statement(cards: int) -> str:
    """A pgbench script of the one statement."""
    statement = _one_line(one_statement(_PGBENCH_QR, _PGBENCH_KEY))
    # \\gset stops with an error where the stamp was refused and there is no row.
    return f"{_pgbench_draws(cards)}{statement} RETURNING 1 AS written \\gset\n"


def pgbench_for_update(cards: int) -> str:
    """A pgbench script as most would write it: lock the row, look, change, insert, commit."""
    read = (
        "SELECT c.id AS card, c.merchant_id AS merchant FROM loyalty_cards c"
        f" JOIN loyalty_programs p ON p.id = c.program_id WHERE c.qr_code_data = {_PGBENCH_QR}"
        f" AND {_PG_WAITED} AND {_TODAY.format(day=_PG_DAY)} < p.max_daily_stamps FOR UPDATE OF c"
    )
    change = f"UPDATE loyalty_cards c SET {_CHANGE.format(now=_PG_NOW)} WHERE id = :card"
    entry = (
        f"INSERT INTO loyalty_transactions ({_ENTRY_COLUMNS}) SELECT {_PG_VALUES}"
        " FROM loyalty_cards WHERE id = :card RETURNING id AS entry"
    )
    details = (
        "INSERT INTO loyalty_transaction_details (transaction_id, merchant_id, ip_address)"
        " VALUES (:entry, :merchant, '127.0.0.1')"
    )
    key = (
        "INSERT INTO idempotency_keys"
        " (merchant_id, key, request_hash, card_id, transaction_id, facts, created_at)"
        f" VALUES (:merchant, {_PGBENCH_KEY}, '{_NO_HASH}', :card, :entry, '{_FACTS}', now())"
    )
    steps = [
        "BEGIN;", f"{read} \\gset", f"{change};", f"{entry} \\gset", f"{details};", f"{key};",
        "COMMIT;",
    ]  # fmt: skip
    return _pgbench_draws(cards) + "\n".join(steps) + "\n"


class PsycopgFloor:
    """The one statement through psycopg, prepared after a few uses; a connection a client."""

    def __init__(self, url: str, following: Callable[[], tuple[str, str]]) -> None:
        where = make_url(url)
        self._connect_to = f"host={where.query['host']} dbname={where.database} user=postgres"
        self._statement = one_statement("%s", "%s").encode()
        self._following = following
        self._connections: list[psycopg.Connection] = []

    def calls(self, clients: int) -> list[Call]:
        while len(self._connections) < clients:
            self._connections.append(psycopg.connect(self._connect_to, autocommit=True))
        return [self._call(connection) for connection in self._connections[:clients]]

    def _call(self, connection: psycopg.Connection) -> Call:
        def call() -> None:
            written = connection.execute(self._statement, self._following()).rowcount
            assert written == 1, "the stamp was refused"

        return call


class SqliteFloor:
    """The same steps through sqlite3 in BEGIN IMMEDIATE; clients queue for the one writer."""

    def __init__(self, url: str, following: Callable[[], tuple[str, str]]) -> None:
        self._path = make_url(url).database or ""
        self._following = following
        self._connections: list[sqlite3.Connection] = []
        self._turn = threading.Lock()

    def calls(self, clients: int) -> list[Call]:
        while len(self._connections) < clients:
            self._connections.append(self._connect())
        return [self._call(connection) for connection in self._connections[:clients]]

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _call(self, connection: sqlite3.Connection) -> Call:
        def call() -> None:
            qr, key = self._following()
            with self._turn:
                connection.execute("BEGIN IMMEDIATE")
                _stamp(connection, qr, key)
                connection.execute("COMMIT")

        return call


def _stamp(connection: sqlite3.Connection, qr: str, key: str) -> None:
    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    parameters = {"qr": qr, "key": key, "now": at, "day": at[:10]}
    (row,) = connection.execute(_SQLITE_CHANGE, parameters).fetchall()
    entry_id = connection.execute(_SQLITE_ENTRY, (*row, at[:10], at, at)).lastrowid
    connection.execute(_SQLITE_DETAILS, (entry_id, row[0]))
    connection.execute(_SQLITE_KEY, (row[0], key, row[1], entry_id, at))


_SQLITE_CHANGE = f"""
    UPDATE loyalty_cards AS c SET {_CHANGE.format(now=":now")} FROM loyalty_programs p
    WHERE c.qr_code_data = :qr AND p.id = c.program_id AND c.status = 'active'
    AND (p.cooldown_minutes = 0 OR c.last_stamp_at IS NULL
         OR datetime(c.last_stamp_at, p.cooldown_minutes || ' minutes') <= datetime(:now))
    AND {_TODAY.format(day=":day")} < p.max_daily_stamps
    RETURNING merchant_id, id, last_sequence, stamp_count, points_balance, stamps_target,
        reward_description, enrolled_store_id"""
_SQLITE_ENTRY = f"""
    INSERT INTO loyalty_transactions ({_ENTRY_COLUMNS})
    VALUES (?, ?, ?, 'stamp_earned', 1, 0, ?, ?, ?, ?, ?, 'service', 0, 1, ?, ?, ?, 'bench',
        '{_NO_HASH}')"""
_SQLITE_DETAILS = (
    "INSERT INTO loyalty_transaction_details (transaction_id, merchant_id, ip_address)"
    " VALUES (?, ?, '127.0.0.1')"
)
_SQLITE_KEY = (
    "INSERT INTO idempotency_keys"
    " (merchant_id, key, request_hash, card_id, transaction_id, facts, created_at)"
    f" VALUES (?, ?, '{_NO_HASH}', ?, ?, '{_FACTS}', ?)"
)
_PGBENCH_QR = f"translate(lpad((:number)::text, 30, '0'), '0123456789', '{QR_DIGITS}')"
_PGBENCH_KEY = "'pgbench-' || (:key)::text"


def _pgbench_draws(cards: int) -> str:
    return f"\\set number random(1, {cards})\n\\set key random(1, 9000000000000000000)\n"


def _one_line(statement: str) -> str:
    return " ".join(statement.split())
