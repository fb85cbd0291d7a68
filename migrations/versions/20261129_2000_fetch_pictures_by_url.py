"""fetch pictures by url."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.core import db

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TABLE = "program_image_fetches"


def upgrade() -> None:
    op.create_table(
        _TABLE,
        sa.Column("merchant_id", db.BigInt, nullable=False),
        sa.Column("kind", db.text_of(10), nullable=False),
        sa.Column("url", db.text_of(500), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", db.UtcDateTime(), nullable=True),
        sa.Column("last_error", db.text_of(50), nullable=True),
        sa.Column("requested_at", db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f(f"fk_{_TABLE}_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "kind", name=op.f(f"pk_{_TABLE}")),
    )
    is_waiting = sa.text("next_attempt_at IS NOT NULL")
    op.create_index(
        f"ix_{_TABLE}_next_attempt_at",
        _TABLE,
        ["next_attempt_at"],
        sqlite_where=is_waiting,
        postgresql_where=is_waiting,
    )


def downgrade() -> None:
    op.drop_index(f"ix_{_TABLE}_next_attempt_at", table_name=_TABLE)
    op.drop_table(_TABLE)
