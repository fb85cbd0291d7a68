"""add daily statistics."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from app.core import db

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_DAY_COUNTS = (
    "stamp_operations",
    "stamps_given",
    "stamps_welcome",
    "stamps_voided",
    "stamps_refunded",
    "stamp_redemptions",
    "rewards_redeemed",
    "stamps_redeemed",
    "stamps_returned",
    "stamps_adjusted",
    "stamps_other",
    "purchases",
    "amount_cents",
    "points_earned",
    "points_welcome",
    "points_voided",
    "points_refunded",
    "point_redemptions",
    "points_redeemed",
    "points_returned",
    "points_adjusted",
    "points_expired",
    "points_reinstated",
    "points_other",
    "redemptions_returned",
    "new_cards",
    "voids",
    "overrides",
)
_STAFF_COUNTS = (
    "operations",
    "stamps",
    "points",
    "redemptions",
    "voids",
    "adjustments",
    "overrides",
)
_MERCHANT_COUNTS = (
    "members",
    "active_30_days",
    "stamps_30_days",
    "points_30_days",
    "points_issued",
    "points_expired",
)


def _column(name: str, kind: Any, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=nullable)


def _numbers(*names: str) -> list[sa.Column[Any]]:
    return [_column(name, db.BigInt) for name in names]


def _create(
    table: str, *columns: sa.Column[Any], key: tuple[str, ...], of_a_store: bool = False
) -> None:
    targets = {"merchant_id": "merchants"} | ({"store_id": "stores"} if of_a_store else {})
    foreign_keys = [
        sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"))
        for column, target in targets.items()
    ]
    op.create_table(
        table,
        *columns,
        *foreign_keys,
        sa.PrimaryKeyConstraint(*key, name=op.f(f"pk_{table}")),
    )


def upgrade() -> None:
    _create(
        "loyalty_daily_stats",
        *_numbers("merchant_id"),
        _column("business_day", db.LocalDate()),
        *_numbers("store_id", *_DAY_COUNTS),
        _column("hours", sa.JSON()),
        key=("merchant_id", "business_day", "store_id"),
        of_a_store=True,
    )
    op.create_index("ix_loyalty_daily_stats_business_day", "loyalty_daily_stats", ["business_day"])
    _create(
        "loyalty_daily_staff_stats",
        *_numbers("merchant_id"),
        _column("business_day", db.LocalDate()),
        *_numbers("store_id"),
        _column("actor_kind", db.text_of(10)),
        *_numbers("actor_id"),
        _column("hour", sa.Integer()),
        *_numbers(*_STAFF_COUNTS),
        key=("merchant_id", "business_day", "store_id", "actor_kind", "actor_id", "hour"),
        of_a_store=True,
    )
    _create(
        "loyalty_daily_visits",
        *_numbers("merchant_id", "store_id"),
        _column("business_day", db.LocalDate()),
        _column("earlier", sa.Integer()),
        _column("since_day", db.LocalDate()),
        *_numbers("cards"),
        key=("merchant_id", "store_id", "business_day", "earlier", "since_day"),
    )
    _create(
        "loyalty_daily_rewards",
        *_numbers("merchant_id"),
        _column("business_day", db.LocalDate()),
        *_numbers("store_id"),
        _column("days", sa.Integer()),
        *_numbers("redemptions"),
        key=("merchant_id", "business_day", "store_id", "days"),
        of_a_store=True,
    )
    _create_merchant_tables()


def _create_merchant_tables() -> None:
    _create(
        "loyalty_merchant_stats",
        *_numbers("merchant_id"),
        _column("counted_until", db.UtcDateTime()),
        _column("counted_at", db.UtcDateTime()),
        _column("staff_day", db.LocalDate(), nullable=True),
        *_numbers(*_MERCHANT_COUNTS),
        key=("merchant_id",),
    )
    _create(
        "loyalty_card_totals",
        *_numbers("merchant_id", "store_id", "members", "points_outstanding", "rewards_ready"),
        key=("merchant_id", "store_id"),
        of_a_store=True,
    )
    _create(
        "loyalty_staff_reports",
        *_numbers("merchant_id", "store_id"),
        _column("days", sa.Integer()),
        _column("until_day", db.LocalDate()),
        _column("figures", sa.JSON()),
        key=("merchant_id", "store_id", "days"),
    )


def downgrade() -> None:
    for table in (
        "loyalty_staff_reports",
        "loyalty_card_totals",
        "loyalty_merchant_stats",
        "loyalty_daily_rewards",
        "loyalty_daily_visits",
        "loyalty_daily_staff_stats",
        "loyalty_daily_stats",
    ):
        op.drop_table(table)
