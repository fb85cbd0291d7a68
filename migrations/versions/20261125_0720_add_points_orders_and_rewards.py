"""add points, orders and rewards."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from app.core import db
from app.modules.loyalty.models import ledger_guard

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _number(name: str, default: int) -> sa.Column[Any]:
    return sa.Column(name, db.BigInt, nullable=False, server_default=str(default))


def _flag(name: str) -> sa.Column[Any]:
    return sa.Column(name, db.Flag(), nullable=False, server_default=sa.false())


# Plain ADD COLUMN only: nothing is rebuilt, so nothing is locked for long and the ledger keeps
# its triggers.
def _columns() -> dict[str, list[sa.Column[Any]]]:
    return {
        "loyalty_programs": [
            sa.Column("points_per_euro", sa.Integer(), nullable=False, server_default="10"),
            _number("minimum_purchase_cents", 0),
            _number("minimum_redemption_points", 0),
            sa.Column("welcome_bonus_points", sa.Integer(), nullable=False, server_default="0"),
            sa.Column("points_expiration_days", sa.Integer(), nullable=True),
            sa.Column("points_expiry_since", db.UtcDateTime(), nullable=True),
            sa.Column("logo_image", db.text_of(80), nullable=True),
            sa.Column("hero_image", db.text_of(80), nullable=True),
        ],
        "merchant_loyalty_settings": [
            _flag("require_order_reference"),
            _flag("order_references_restart_daily"),
        ],
        "loyalty_cards": [
            sa.Column("welcome_points_due", sa.Integer(), nullable=False, server_default="0"),
            sa.Column("last_collected_at", db.UtcDateTime(), nullable=True),
            sa.Column("expiry_warned_on", db.LocalDate(), nullable=True),
            sa.Column("expiry_warning_days", sa.Integer(), nullable=True),
            sa.Column("note", db.text_of(500), nullable=False, server_default=""),
            sa.Column("merged_into_id", db.BigInt, nullable=True),
            _flag("has_merged"),
        ],
        "loyalty_transactions": [
            sa.Column("related_id", db.BigInt, nullable=True),
            sa.Column("override_pin_id", db.BigInt, nullable=True),
        ],
    }


def upgrade() -> None:
    for table, columns in _columns().items():
        for column in columns:
            op.add_column(table, column)
    op.create_index(
        "ix_loyalty_cards_expiring",
        "loyalty_cards",
        ["merchant_id", "last_collected_at"],
        sqlite_where=sa.text("points_balance > 0"),
        postgresql_where=sa.text("points_balance > 0"),
    )
    op.create_index(
        "ix_loyalty_cards_merged_into_id",
        "loyalty_cards",
        ["merchant_id", "merged_into_id"],
        sqlite_where=sa.text("merged_into_id IS NOT NULL"),
        postgresql_where=sa.text("merged_into_id IS NOT NULL"),
    )
    _create_rewards()
    _create_orders()
    _create_images()
    _set_check(_ZERO_POINTS_TOO)


# A purchase may be worth no point; the ledger tells of it all the same.
_ONLY_CHANGES = "points_delta <> 0 OR type IN"
_ZERO_POINTS_TOO = "points_delta <> 0 OR amount_cents IS NOT NULL OR type IN"


def _set_check(wanted: str) -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        _rebuild_ledger(connection, wanted)
        return
    name = op.f("ck_loyalty_transactions_says_something")
    op.drop_constraint(name, "loyalty_transactions", type_="check")
    op.create_check_constraint(
        name, "loyalty_transactions", sa.text(f"stamps_delta <> 0 OR {wanted} ({_WITHOUT_UNITS})")
    )


_WITHOUT_UNITS = (
    "'card_created', 'card_suspended', 'card_reactivated', 'card_replaced', 'cards_merged', "
    "'customer_erased'"
)


def _rebuild_ledger(connection: sa.Connection, wanted: str) -> None:
    """SQLite's own way of changing a CHECK: a new table of the same rows under the old name."""
    unwanted = _ONLY_CHANGES if wanted == _ZERO_POINTS_TOO else _ZERO_POINTS_TOO
    table = "loyalty_transactions"
    columns = ", ".join(column["name"] for column in sa.inspect(connection).get_columns(table))
    stored = "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND type = ? AND sql IS NOT NULL"
    created = connection.exec_driver_sql(stored, (table, "table")).scalar_one()
    indexes = connection.exec_driver_sql(stored, (table, "index")).scalars().all()
    head, _, body = created.partition("(")
    assert unwanted in body, body
    body = body.replace(unwanted, wanted)
    connection.exec_driver_sql(f"{head.replace(table, f'{table}_new')}({body}")
    connection.exec_driver_sql(
        f"INSERT INTO {table}_new ({columns}) SELECT {columns} FROM {table} ORDER BY id"  # noqa: S608
    )
    connection.exec_driver_sql(f"DROP TABLE {table}")
    connection.exec_driver_sql(f"ALTER TABLE {table}_new RENAME TO {table}")
    for index in indexes:
        connection.exec_driver_sql(index)
    ledger_guard.install(connection)


def _create_rewards() -> None:
    op.create_table(
        "loyalty_rewards",
        sa.Column("id", db.BigInt, nullable=False),
        sa.Column("merchant_id", db.BigInt, nullable=False),
        sa.Column("name", db.text_of(100), nullable=False),
        sa.Column("cost_points", db.BigInt, nullable=False),
        sa.Column("value_cents", db.BigInt, nullable=True),
        sa.Column("is_active", db.Flag(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        sa.Column("deleted_at", db.UtcDateTime(), nullable=True),
        sa.CheckConstraint("cost_points >= 1", name=op.f("ck_loyalty_rewards_cost_points")),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_loyalty_rewards_merchant_id_merchants")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_loyalty_rewards")),
    )
    op.create_index(
        "ix_loyalty_rewards_merchant_id_cost_points",
        "loyalty_rewards",
        ["merchant_id", "cost_points"],
    )


def _create_orders() -> None:
    op.create_table(
        "order_awards",
        sa.Column("id", db.BigInt, nullable=False),
        sa.Column("merchant_id", db.BigInt, nullable=False),
        sa.Column("store_id", db.BigInt, nullable=False),
        sa.Column("kind", db.text_of(10), nullable=False),
        sa.Column("order_reference", db.text_of(64), nullable=False),
        sa.Column("period", db.text_of(10), nullable=False),
        sa.Column("business_day", db.LocalDate(), nullable=False),
        sa.Column("card_id", db.BigInt, nullable=False),
        sa.Column("transaction_id", db.BigInt, nullable=False),
        sa.Column("basis", db.BigInt, nullable=False),
        sa.Column("units", db.BigInt, nullable=False),
        sa.Column("refunded_cents", db.BigInt, nullable=False),
        sa.Column("taken_back", db.BigInt, nullable=False),
        sa.Column("is_voided", db.Flag(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        sa.CheckConstraint("kind IN ('stamps', 'points')", name=op.f("ck_order_awards_kind")),
        sa.CheckConstraint(
            "taken_back BETWEEN 0 AND units", name=op.f("ck_order_awards_taken_back")
        ),
        sa.CheckConstraint("refunded_cents >= 0", name=op.f("ck_order_awards_refunded_cents")),
        *_foreign_keys(
            "order_awards",
            merchant_id="merchants",
            store_id="stores",
            card_id="loyalty_cards",
            transaction_id="loyalty_transactions",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_awards")),
        sa.UniqueConstraint(
            "merchant_id", "transaction_id", name=op.f("uq_order_awards_merchant_id_transaction_id")
        ),
    )
    op.create_index(
        "uq_order_awards_reference",
        "order_awards",
        ["merchant_id", "store_id", "kind", "order_reference", "period"],
        unique=True,
        sqlite_where=sa.text("is_voided = 0"),
        postgresql_where=sa.text("NOT is_voided"),
    )
    op.create_table(
        "order_refunds",
        sa.Column("id", db.BigInt, nullable=False),
        sa.Column("merchant_id", db.BigInt, nullable=False),
        sa.Column("store_id", db.BigInt, nullable=False),
        sa.Column("order_reference", db.text_of(64), nullable=False),
        sa.Column("refund_reference", db.text_of(64), nullable=False),
        sa.Column("amount_cents", db.BigInt, nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        *_foreign_keys("order_refunds", merchant_id="merchants", store_id="stores"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_refunds")),
        sa.UniqueConstraint(
            "merchant_id",
            "refund_reference",
            name=op.f("uq_order_refunds_merchant_id_refund_reference"),
        ),
    )


def _create_images() -> None:
    op.create_table(
        "program_images",
        sa.Column("id", db.BigInt, nullable=False),
        sa.Column("merchant_id", db.BigInt, nullable=False),
        sa.Column("name", db.text_of(80), nullable=False),
        sa.Column("kind", db.text_of(10), nullable=False),
        sa.Column("content_type", db.text_of(20), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        *_foreign_keys("program_images", merchant_id="merchants"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_program_images")),
        sa.UniqueConstraint("merchant_id", "name", name=op.f("uq_program_images_merchant_id_name")),
    )
    op.create_index("ix_program_images_name", "program_images", ["name"])


def _foreign_keys(table: str, **targets: str) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint(
            [column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}_{target}")
        )
        for column, target in targets.items()
    ]


def downgrade() -> None:
    # Purchases without a point would not fit the old rule; the ledger itself is never cut.
    _set_check(_ONLY_CHANGES)
    for table in ("program_images", "order_refunds", "order_awards", "loyalty_rewards"):
        op.drop_table(table)
    op.drop_index("ix_loyalty_cards_merged_into_id", table_name="loyalty_cards")
    op.drop_index("ix_loyalty_cards_expiring", table_name="loyalty_cards")
    for table, columns in _columns().items():
        for column in columns:
            op.drop_column(table, column.name)
