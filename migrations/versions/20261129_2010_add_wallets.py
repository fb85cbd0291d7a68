"""add wallets: passes that live in phones, their vendors, stamp pictures."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from app.core import db

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_PROVIDERS = "provider IN ('google', 'apple')"
_STALE = "synced_revision < target_revision AND parked_at IS NULL"
_HELD = f"{_STALE} AND held_since IS NOT NULL"
_CURRENT = sa.text("ended_as IS NULL")
_ONE_EACH = "uq_wallet_passes_merchant_id_card_id_provider"


def _big(name: str, default: int = 0) -> sa.Column[Any]:
    return sa.Column(name, db.BigInt, nullable=False, server_default=str(default))


def _count(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer(), nullable=False, server_default="0")


def _at(name: str) -> sa.Column[Any]:
    return sa.Column(name, db.UtcDateTime(), nullable=True)


def _errors() -> list[sa.Column[Any]]:
    return [
        _count("attempts"),
        _at("next_attempt_at"),
        _at("parked_at"),
        sa.Column("last_error", db.text_of(60), nullable=True),
        sa.Column("last_error_detail", db.text_of(500), nullable=True),
    ]


def _id(table: str) -> list[Any]:
    return [
        sa.Column("id", db.BigInt, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def _merchant(table: str) -> list[Any]:
    return [
        sa.Column("merchant_id", db.BigInt, nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f(f"fk_{table}_merchant_id")
        ),
    ]


def upgrade() -> None:
    with op.batch_alter_table("wallet_passes") as batch:
        batch.drop_constraint(_ONE_EACH, type_="unique")
        batch.add_column(sa.Column("serial", db.text_of(32), nullable=True))
        batch.add_column(sa.Column("ended_as", db.text_of(10), nullable=True))
        batch.add_column(_big("design_revision"))
        batch.add_column(_at("synced_at"))
        batch.add_column(_at("held_since"))
        for column in _errors():
            batch.add_column(column)
        batch.add_column(sa.Column("shown", sa.JSON(), nullable=True))
        batch.add_column(sa.Column("notified_at", sa.JSON(), nullable=True))
        batch.add_column(_big("tag"))
        batch.add_column(_big("served_revision"))
        batch.add_column(_big("served_design"))
        batch.add_column(_at("served_at"))
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    # Cryptographic on SQLite and PostgreSQL alike; gen_random_uuid has 122 random bits.
    drawn = "lower(hex(randomblob(16)))" if is_sqlite else "replace(gen_random_uuid()::text,'-','')"
    op.execute(f"UPDATE wallet_passes SET serial = {drawn}")  # noqa: S608  # a constant of ours
    with op.batch_alter_table("wallet_passes") as batch:
        batch.alter_column("serial", existing_type=db.text_of(32), nullable=False)
        batch.create_unique_constraint(op.f("uq_wallet_passes_serial"), ["serial"])
        batch.create_check_constraint(
            op.f("ck_wallet_passes_ended_as"), "ended_as IN ('replaced', 'merged', 'erased')"
        )
    op.create_index(
        "uq_wallet_passes_current",
        "wallet_passes",
        ["merchant_id", "card_id", "provider"],
        unique=True,
        sqlite_where=_CURRENT,
        postgresql_where=_CURRENT,
    )
    op.drop_index("ix_wallet_passes_stale", table_name="wallet_passes")
    _create_partial("ix_wallet_passes_stale", ["provider", "merchant_id", "id"], _STALE)
    _create_partial("ix_wallet_passes_stale_held", ["provider", "merchant_id", "id"], _HELD)
    _create_partial("ix_wallet_passes_parked", ["provider", "id"], "parked_at IS NOT NULL")
    op.create_index("ix_wallet_passes_card", "wallet_passes", ["merchant_id", "card_id"])
    _create_partial(
        "ix_wallet_passes_reissue", ["merchant_id", "provider", "id"], "ended_as IS NULL"
    )
    op.create_index("ix_wallet_passes_tag", "wallet_passes", ["provider", "tag"])
    _create_classes()
    _create_registrations()
    _create_vendors()
    _create_pictures()
    for name in ("latitude_e6", "longitude_e6"):
        op.add_column("stores", sa.Column(name, sa.Integer(), nullable=True))
    op.add_column(
        "loyalty_programs",
        sa.Column("rotating_barcode", db.Flag(), nullable=False, server_default=sa.false()),
    )


def _create_partial(name: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(
        name, "wallet_passes", columns, sqlite_where=condition, postgresql_where=condition
    )


def _create_classes() -> None:
    op.create_table(
        "wallet_classes",
        *_id("wallet_classes"),
        *_merchant("wallet_classes"),
        sa.Column("provider", db.text_of(10), nullable=False),
        sa.Column("is_inserted", db.Flag(), nullable=False, server_default=sa.false()),
        sa.Column("target_revision", db.BigInt, nullable=False),
        _big("synced_revision"),
        _big("reissued_revision"),
        _big("reissued_to_id"),
        _count("reissue_total"),
        _count("reissue_done"),
        _at("reissue_started_at"),
        *_errors(),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        sa.CheckConstraint(_PROVIDERS, name=op.f("ck_wallet_classes_provider")),
        sa.UniqueConstraint(
            "merchant_id", "provider", name=op.f("uq_wallet_classes_merchant_id_provider")
        ),
    )


def _create_registrations() -> None:
    table = "apple_device_registrations"
    op.create_table(
        table,
        *_id(table),
        *_merchant(table),
        sa.Column("pass_id", db.BigInt, nullable=False),
        sa.Column("device_id", db.text_of(100), nullable=False),
        sa.Column("push_token", db.text_of(200), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        sa.Column("updated_at", db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["pass_id"], ["wallet_passes.id"], name=op.f(f"fk_{table}_pass_id")),
        sa.UniqueConstraint(
            "merchant_id", "pass_id", "device_id",
            name=op.f(f"uq_{table}_merchant_id_pass_id_device_id"),
        ),
    )  # fmt: skip
    op.create_index(f"ix_{table}_device_id", table, ["device_id"])
    op.create_index(f"ix_{table}_push_token", table, ["push_token"])


def _create_vendors() -> None:
    op.create_table(
        "wallet_vendors",
        sa.Column("provider", db.text_of(10), nullable=False),
        _at("paused_until"),
        sa.Column("pause_reason", db.text_of(60), nullable=True),
        sa.Column("pause_detail", db.text_of(500), nullable=True),
        _count("health"),
        _at("last_success_at"),
        _at("last_failure_at"),
        sa.Column("last_error", db.text_of(60), nullable=True),
        _at("last_callback_at"),
        sa.PrimaryKeyConstraint("provider", name=op.f("pk_wallet_vendors")),
    )
    op.create_table(
        "wallet_callbacks",
        sa.Column("nonce", db.text_of(100), nullable=False),
        sa.Column("heard_at", db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("nonce", name=op.f("pk_wallet_callbacks")),
    )
    op.create_index(op.f("ix_wallet_callbacks_heard_at"), "wallet_callbacks", ["heard_at"])
    op.create_table(
        "apple_device_logs",
        *_id("apple_device_logs"),
        sa.Column("line", db.text_of(500), nullable=False),
        sa.Column("heard_at", db.UtcDateTime(), nullable=False),
    )


def _create_pictures() -> None:
    table = "stamp_pictures"
    op.create_table(
        table,
        *_id(table),
        *_merchant(table),
        sa.Column("design", db.text_of(40), nullable=False),
        sa.Column("filled", sa.Integer(), nullable=False),
        sa.Column("size", db.text_of(10), nullable=False),
        sa.Column("name", db.text_of(80), nullable=False),
        sa.Column("sha1", db.text_of(40), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.UniqueConstraint(
            "merchant_id", "design", "filled", "size",
            name=op.f(f"uq_{table}_merchant_id_design_filled_size"),
        ),
    )  # fmt: skip
    op.create_index(op.f(f"ix_{table}_name"), table, ["name"])
    op.create_index(op.f(f"ix_{table}_created_at"), table, ["created_at"])


def downgrade() -> None:
    op.drop_column("loyalty_programs", "rotating_barcode")
    for name in ("longitude_e6", "latitude_e6"):
        op.drop_column("stores", name)
    for table in (
        "stamp_pictures", "apple_device_logs", "wallet_callbacks", "wallet_vendors",
        "apple_device_registrations", "wallet_classes",
    ):  # fmt: skip
        op.drop_table(table)
    op.execute("DELETE FROM wallet_passes WHERE ended_as IS NOT NULL")
    for index in (
        "ix_wallet_passes_tag", "ix_wallet_passes_reissue", "ix_wallet_passes_card",
        "ix_wallet_passes_parked", "ix_wallet_passes_stale_held", "ix_wallet_passes_stale",
        "uq_wallet_passes_current",
    ):  # fmt: skip
        op.drop_index(index, table_name="wallet_passes")
    with op.batch_alter_table("wallet_passes") as batch:
        batch.drop_constraint(op.f("ck_wallet_passes_ended_as"), type_="check")
        batch.drop_constraint(op.f("uq_wallet_passes_serial"), type_="unique")
        for column in (
            "served_at", "served_design", "served_revision", "tag", "notified_at", "shown",
            "last_error_detail", "last_error", "parked_at", "next_attempt_at", "attempts",
            "held_since", "synced_at", "design_revision", "ended_as", "serial",
        ):  # fmt: skip
            batch.drop_column(column)
        batch.create_unique_constraint(_ONE_EACH, ["merchant_id", "card_id", "provider"])
    _create_partial(
        "ix_wallet_passes_stale", ["provider", "id"], "synced_revision < target_revision"
    )
