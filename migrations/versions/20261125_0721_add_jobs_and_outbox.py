"""add jobs and the outbox."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.core import db

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "job_leases",
        sa.Column("name", db.text_of(60), nullable=False),
        sa.Column("beat", sa.Integer(), nullable=False),
        sa.Column("holder", db.text_of(120), nullable=True),
        sa.Column("slot", db.text_of(20), nullable=True),
        sa.Column("until", db.UtcDateTime(), nullable=True),
        sa.Column("done_slot", db.text_of(20), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_job_leases")),
    )
    op.create_table(
        "outbox_emails",
        sa.Column("id", db.BigInt, nullable=False),
        sa.Column("merchant_id", db.BigInt, nullable=True),
        sa.Column("purpose", db.text_of(50), nullable=False),
        sa.Column("message_id", db.text_of(32), nullable=False),
        sa.Column("to_address", db.text_of(254), nullable=False),
        sa.Column("subject", db.text_of(200), nullable=False),
        sa.Column("text_body", sa.Text(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        sa.Column("give_up_at", db.UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", db.UtcDateTime(), nullable=True),
        sa.Column("sent_at", db.UtcDateTime(), nullable=True),
        sa.Column("last_error", db.text_of(50), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_emails")),
    )
    op.create_index(
        "ix_outbox_emails_next_attempt_at",
        "outbox_emails",
        ["next_attempt_at"],
        sqlite_where=sa.text("next_attempt_at IS NOT NULL"),
        postgresql_where=sa.text("next_attempt_at IS NOT NULL"),
    )
    op.create_index(
        "ix_outbox_emails_merchant_id_to_address", "outbox_emails", ["merchant_id", "to_address"]
    )
    op.create_index("ix_outbox_emails_created_at", "outbox_emails", ["created_at"])


def downgrade() -> None:
    op.drop_table("outbox_emails")
    op.drop_table("job_leases")
