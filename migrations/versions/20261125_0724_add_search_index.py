"""add the search index."""

from __future__ import annotations

import logging

import sqlalchemy as sa
from alembic import op

from app.modules.customers.models import search_index

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_LOG = logging.getLogger("alembic.runtime.migration")


def upgrade() -> None:
    _index("ix_customers_by_name", "customers", ["search_text", "id"], "erased_at IS NULL")
    _index(
        "ix_loyalty_cards_reward_ready", "loyalty_cards", ["last_activity_at", "id"],
        "stamp_count >= stamps_target",
    )  # fmt: skip
    _index(
        "ix_loyalty_cards_not_active", "loyalty_cards", ["status", "last_activity_at", "id"],
        "status <> 'active'",
    )  # fmt: skip
    if not search_index.install(op.get_bind()):
        _LOG.warning(
            "no index for searches: the extensions pg_trgm and btree_gin could not be created; "
            "docs/operations.md says how to add it later"
        )


def downgrade() -> None:
    search_index.remove(op.get_bind())
    op.drop_index("ix_loyalty_cards_not_active", "loyalty_cards")
    op.drop_index("ix_loyalty_cards_reward_ready", "loyalty_cards")
    op.drop_index("ix_customers_by_name", "customers")


def _index(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(
        name, table, ["merchant_id", *columns], sqlite_where=condition, postgresql_where=condition
    )
