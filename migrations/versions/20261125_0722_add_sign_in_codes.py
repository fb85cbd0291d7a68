"""add sign-in codes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.core import db

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sign_in_codes",
        sa.Column("id", db.BigInt, nullable=False),
        sa.Column("merchant_id", db.BigInt, nullable=False),
        sa.Column("customer_id", db.BigInt, nullable=True),
        sa.Column("purpose", db.text_of(10), nullable=False),
        sa.Column("address_hash", db.text_of(64), nullable=False),
        sa.Column("number", db.BigInt, nullable=False),
        sa.Column("browser_hash", db.text_of(64), nullable=True),
        sa.Column("salt", db.text_of(32), nullable=False),
        sa.Column("code_hash", db.text_of(64), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        sa.Column("expires_at", db.UtcDateTime(), nullable=False),
        sa.Column("used_at", db.UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "purpose IN ('sign_in', 'confirm')", name=op.f("ck_sign_in_codes_purpose")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_sign_in_codes_customer_id")
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_sign_in_codes_merchant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_codes")),
        sa.UniqueConstraint(
            "address_hash", "number", name=op.f("uq_sign_in_codes_address_hash_number")
        ),
    )
    op.create_index(
        "ix_sign_in_codes_merchant_id_customer_id",
        "sign_in_codes",
        ["merchant_id", "customer_id"],
        unique=False,
    )
    op.create_index("ix_sign_in_codes_created_at", "sign_in_codes", ["created_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_sign_in_codes_created_at", table_name="sign_in_codes")
    op.drop_index("ix_sign_in_codes_merchant_id_customer_id", table_name="sign_in_codes")
    op.drop_table("sign_in_codes")
