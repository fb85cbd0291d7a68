"""create the first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.core import db
from app.modules.loyalty.models import ledger_guard

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "merchants",
        sa.Column("id", db.BigInt, nullable=False),
        sa.Column("name", db.text_of(100), nullable=False),
        sa.Column("status", db.text_of(20), nullable=False),
        sa.Column("currency", db.text_of(3), nullable=False),
        sa.Column("locale", db.text_of(8), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "status IN ('trial', 'active', 'past_due', 'suspended', 'closed')",
            name=op.f("ck_merchants_status"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merchants")),
    )
    op.create_table(
        "users",
        sa.Column("id", db.BigInt, nullable=False),
        sa.Column("email", db.text_of(254), nullable=False),
        sa.Column("name", db.text_of(100), nullable=False),
        sa.Column("password_hash", db.text_of(255), nullable=False),
        sa.Column("locale", db.text_of(8), nullable=True),
        sa.Column("is_admin", db.Flag(), nullable=False),
        sa.Column("is_active", db.Flag(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
    )
    op.create_table(
        "customers",
        sa.Column("id", db.BigInt, nullable=False),
        sa.Column("merchant_id", db.BigInt, nullable=False),
        sa.Column("first_name", db.text_of(100), nullable=False),
        sa.Column("last_name", db.text_of(100), nullable=False),
        sa.Column("email", db.text_of(254), nullable=True),
        sa.Column("email_pending", db.Flag(), nullable=False),
        sa.Column("phone", db.text_of(16), nullable=True),
        sa.Column("phone_pending", db.Flag(), nullable=False),
        sa.Column("locale", db.text_of(8), nullable=True),
        sa.Column("search_text", db.text_of(600), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        sa.Column("erased_at", db.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_customers_merchant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customers")),
    )
    op.create_index(
        "uq_customers_merchant_id_email",
        "customers",
        ["merchant_id", "email"],
        unique=True,
        sqlite_where=sa.text("email_pending = 0"),
        postgresql_where=sa.text("NOT email_pending"),
    )
    op.create_index(
        "uq_customers_merchant_id_phone",
        "customers",
        ["merchant_id", "phone"],
        unique=True,
        sqlite_where=sa.text("phone_pending = 0"),
        postgresql_where=sa.text("NOT phone_pending"),
    )

    op.create_table(
        "loyalty_programs",
        sa.Column("id", db.BigInt, nullable=False),
        sa.Column("merchant_id", db.BigInt, nullable=False),
        sa.Column("loyalty_type", db.text_of(10), nullable=False),
        sa.Column("is_active", db.Flag(), nullable=False),
        sa.Column("stamps_target", sa.Integer(), nullable=False),
        sa.Column("stamps_reward_description", db.text_of(100), nullable=False),
        sa.Column("stamps_reward_value_cents", db.BigInt, nullable=True),
        sa.Column("welcome_bonus_stamps", sa.Integer(), nullable=False),
        sa.Column("max_stamps_per_operation", sa.Integer(), nullable=False),
        sa.Column("cooldown_minutes", sa.Integer(), nullable=False),
        sa.Column("max_daily_stamps", sa.Integer(), nullable=False),
        sa.Column("require_staff_pin", db.Flag(), nullable=False),
        sa.Column("pin_session_minutes", sa.Integer(), nullable=False),
        sa.Column("card_name", db.text_of(50), nullable=False),
        sa.Column("card_color", db.text_of(7), nullable=False),
        sa.Column("card_secondary_color", db.text_of(7), nullable=True),
        sa.Column("stamp_icon", db.text_of(20), nullable=False),
        sa.Column("terms_text", db.text_of(5000), nullable=False),
        sa.Column("privacy_url", db.text_of(500), nullable=True),
        sa.Column("revision", db.BigInt, nullable=False),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        sa.Column("updated_at", db.UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "loyalty_type IN ('stamps', 'points', 'hybrid')",
            name=op.f("ck_loyalty_programs_loyalty_type"),
        ),
        sa.CheckConstraint(
            "cooldown_minutes BETWEEN 0 AND 1440", name=op.f("ck_loyalty_programs_cooldown_minutes")
        ),
        sa.CheckConstraint(
            "max_daily_stamps BETWEEN 1 AND 100", name=op.f("ck_loyalty_programs_max_daily_stamps")
        ),
        sa.CheckConstraint(
            "pin_session_minutes BETWEEN 0 AND 60",
            name=op.f("ck_loyalty_programs_pin_session_minutes"),
        ),
        sa.CheckConstraint(
            "stamps_target BETWEEN 2 AND 50", name=op.f("ck_loyalty_programs_stamps_target")
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_loyalty_programs_merchant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_loyalty_programs")),
        sa.UniqueConstraint("merchant_id", name=op.f("uq_loyalty_programs_merchant_id")),
    )
    op.create_table(
        "merchant_loyalty_settings",
        sa.Column("merchant_id", db.BigInt, autoincrement=False, nullable=False),
        sa.Column("staff_pin_policy", db.text_of(10), nullable=False),
        sa.Column("pin_max_failed_attempts", sa.Integer(), nullable=False),
        sa.Column("pin_lockout_minutes", sa.Integer(), nullable=False),
        sa.Column("allow_self_enrollment", db.Flag(), nullable=False),
        sa.Column("allow_voids", db.Flag(), nullable=False),
        sa.Column("allow_cross_store_redemption", db.Flag(), nullable=False),
        sa.Column("void_window_days", sa.Integer(), nullable=False),
        sa.Column("max_cards", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "staff_pin_policy IN ('optional', 'required', 'disabled')",
            name=op.f("ck_merchant_loyalty_settings_staff_pin_policy"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_merchant_loyalty_settings_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", name=op.f("pk_merchant_loyalty_settings")),
    )
    op.create_table(
        "pin_entry_locks",
        sa.Column("merchant_id", db.BigInt, nullable=False),
        sa.Column("scope", db.text_of(10), nullable=False),
        sa.Column("subject_id", db.BigInt, nullable=False),
        sa.Column("failed_attempts", sa.Integer(), nullable=False),
        sa.Column("locked_until", db.UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "scope IN ('person', 'terminal', 'api_key', 'store')",
            name=op.f("ck_pin_entry_locks_scope"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_pin_entry_locks_merchant_id")
        ),
        sa.PrimaryKeyConstraint(
            "merchant_id", "scope", "subject_id", name=op.f("pk_pin_entry_locks")
        ),
    )
    op.create_table(
        "stores",
        sa.Column("id", db.BigInt, nullable=False),
        sa.Column("merchant_id", db.BigInt, nullable=False),
        sa.Column("code", db.text_of(63), nullable=False),
        sa.Column("name", db.text_of(100), nullable=False),
        sa.Column("city", db.text_of(100), nullable=False),
        sa.Column("timezone", db.text_of(64), nullable=False),
        sa.Column("day_starts_at", sa.Time(), nullable=False),
        sa.Column("country", db.text_of(2), nullable=False),
        sa.Column("locale", db.text_of(8), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        sa.CheckConstraint("day_starts_at < '12:00:01'", name=op.f("ck_stores_day_starts_at")),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_stores_merchant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stores")),
        sa.UniqueConstraint("code", name=op.f("uq_stores_code")),
        sa.UniqueConstraint("merchant_id", "id", name=op.f("uq_stores_merchant_id_id")),
    )
    op.create_table(
        "access_tokens",
        sa.Column("id", db.BigInt, nullable=False),
        sa.Column("token_hash", db.text_of(64), nullable=False),
        sa.Column("kind", db.text_of(10), nullable=False),
        sa.Column("merchant_id", db.BigInt, nullable=True),
        sa.Column("store_id", db.BigInt, nullable=True),
        sa.Column("user_id", db.BigInt, nullable=True),
        sa.Column("customer_id", db.BigInt, nullable=True),
        sa.Column("name", db.text_of(100), nullable=False),
        sa.Column("scopes", db.text_of(200), nullable=False),
        sa.Column("pin_exempt", db.Flag(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", db.UtcDateTime(), nullable=False),
        sa.Column("expires_at", db.UtcDateTime(), nullable=True),
        sa.Column("revoked_at", db.UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('user', 'customer', 'api_key')", name=op.f("ck_access_tokens_kind")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_access_tokens_customer_id")
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_access_tokens_merchant_id")
        ),
        sa.ForeignKeyConstraint(
            ["store_id"], ["stores.id"], name=op.f("fk_access_tokens_store_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_access_tokens_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_access_tokens_token_hash")),
    )
    op.create_index("ix_access_tokens_customer_id", "access_tokens", ["customer_id"], unique=False)
    op.create_index(
        "ix_access_tokens_merchant_id_kind", "access_tokens", ["merchant_id", "kind"], unique=False
    )
    op.create_index("ix_access_tokens_user_id", "access_tokens", ["user_id"], unique=False)

    op.create_table(
        "consents",
        sa.Column("id", db.BigInt, nullable=False),
        sa.Column("merchant_id", db.BigInt, nullable=False),
        sa.Column("customer_id", db.BigInt, nullable=False),
        sa.Column("purpose", db.text_of(30), nullable=False),
        sa.Column("granted", db.Flag(), nullable=False),
        sa.Column("text_version", db.text_of(30), nullable=False),
        sa.Column("locale", db.text_of(8), nullable=False),
        sa.Column("channel", db.text_of(30), nullable=False),
        sa.Column("ip_address", db.text_of(45), nullable=True),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_consents_customer_id")
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_consents_merchant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    op.create_index(
        "ix_consents_merchant_id_customer_id",
        "consents",
        ["merchant_id", "customer_id"],
        unique=False,
    )

    op.create_table(
        "loyalty_cards",
        sa.Column("id", db.BigInt, nullable=False),
        sa.Column("merchant_id", db.BigInt, nullable=False),
        sa.Column("program_id", db.BigInt, nullable=False),
        sa.Column("customer_id", db.BigInt, nullable=False),
        sa.Column("enrolled_store_id", db.BigInt, nullable=False),
        sa.Column("uid", db.text_of(32), nullable=False),
        sa.Column("card_number", db.text_of(32), nullable=False),
        sa.Column("qr_code_data", db.text_of(32), nullable=False),
        sa.Column("status", db.text_of(10), nullable=False),
        sa.Column("stamp_count", db.BigInt, nullable=False),
        sa.Column("points_balance", db.BigInt, nullable=False),
        sa.Column("total_stamps_earned", db.BigInt, nullable=False),
        sa.Column("welcome_bonus_due", sa.Integer(), nullable=False),
        sa.Column("stamps_target", sa.Integer(), nullable=False),
        sa.Column("reward_description", db.text_of(100), nullable=False),
        sa.Column("last_stamp_at", db.UtcDateTime(), nullable=True),
        sa.Column("last_activity_at", db.UtcDateTime(), nullable=False),
        sa.Column("revision", db.BigInt, nullable=False),
        sa.Column("last_sequence", db.BigInt, nullable=False),
        sa.Column("head_hash", db.text_of(64), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "status IN ('active', 'suspended', 'merged', 'erased')",
            name=op.f("ck_loyalty_cards_status"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_loyalty_cards_customer_id")
        ),
        sa.ForeignKeyConstraint(
            ["enrolled_store_id"], ["stores.id"], name=op.f("fk_loyalty_cards_enrolled_store_id")
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_loyalty_cards_merchant_id")
        ),
        sa.ForeignKeyConstraint(
            ["program_id"], ["loyalty_programs.id"], name=op.f("fk_loyalty_cards_program_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_loyalty_cards")),
        sa.UniqueConstraint(
            "merchant_id", "card_number", name=op.f("uq_loyalty_cards_merchant_id_card_number")
        ),
        sa.UniqueConstraint(
            "merchant_id", "customer_id", name=op.f("uq_loyalty_cards_merchant_id_customer_id")
        ),
        sa.UniqueConstraint("qr_code_data", name=op.f("uq_loyalty_cards_qr_code_data")),
        sa.UniqueConstraint("uid", name=op.f("uq_loyalty_cards_uid")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index("ix_loyalty_cards_card_number", "loyalty_cards", ["card_number"], unique=False)
    op.create_index(
        "ix_loyalty_cards_merchant_id_last_activity_at_id",
        "loyalty_cards",
        ["merchant_id", "last_activity_at", "id"],
        unique=False,
    )

    op.create_table(
        "memberships",
        sa.Column("id", db.BigInt, nullable=False),
        sa.Column("merchant_id", db.BigInt, nullable=False),
        sa.Column("user_id", db.BigInt, nullable=False),
        sa.Column("store_id", db.BigInt, nullable=True),
        sa.Column("role", db.text_of(10), nullable=False),
        sa.CheckConstraint(
            "role IN ('owner', 'manager', 'cashier')", name=op.f("ck_memberships_role")
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_memberships_merchant_id")
        ),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_memberships_store_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_memberships_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_memberships")),
        sa.UniqueConstraint(
            "merchant_id", "user_id", name=op.f("uq_memberships_merchant_id_user_id")
        ),
    )
    op.create_index("ix_memberships_user_id", "memberships", ["user_id"], unique=False)

    op.create_table(
        "terminals",
        sa.Column("id", db.BigInt, nullable=False),
        sa.Column("merchant_id", db.BigInt, nullable=False),
        sa.Column("store_id", db.BigInt, nullable=False),
        sa.Column("name", db.text_of(100), nullable=False),
        sa.Column("token_hash", db.text_of(64), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", db.UtcDateTime(), nullable=False),
        sa.Column("revoked_at", db.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_terminals_merchant_id")
        ),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_terminals_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_terminals")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_terminals_token_hash")),
    )
    op.create_index(
        "ix_terminals_merchant_id_store_id", "terminals", ["merchant_id", "store_id"], unique=False
    )

    op.create_table(
        "audit_log",
        sa.Column("id", db.BigInt, nullable=False),
        sa.Column("merchant_id", db.BigInt, nullable=True),
        sa.Column("store_id", db.BigInt, nullable=True),
        sa.Column("terminal_id", db.BigInt, nullable=True),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.Column("actor_kind", db.text_of(10), nullable=False),
        sa.Column("actor_id", db.BigInt, nullable=True),
        sa.Column("action", db.text_of(50), nullable=False),
        sa.Column("subject", db.text_of(100), nullable=False),
        sa.Column("old", sa.JSON(), nullable=True),
        sa.Column("new", sa.JSON(), nullable=True),
        sa.Column("ip_address", db.text_of(45), nullable=True),
        sa.Column("request_id", db.text_of(64), nullable=True),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_audit_log_merchant_id")
        ),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_audit_log_store_id")),
        sa.ForeignKeyConstraint(
            ["terminal_id"], ["terminals.id"], name=op.f("fk_audit_log_terminal_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index("ix_audit_log_merchant_id_at", "audit_log", ["merchant_id", "at"], unique=False)

    op.create_table(
        "card_codes",
        sa.Column("id", db.BigInt, nullable=False),
        sa.Column("merchant_id", db.BigInt, nullable=False),
        sa.Column("kind", db.text_of(10), nullable=False),
        sa.Column("code", db.text_of(64), nullable=False),
        sa.Column("card_id", db.BigInt, nullable=False),
        sa.Column("state", db.text_of(10), nullable=False),
        sa.CheckConstraint("kind IN ('number', 'qr')", name=op.f("ck_card_codes_kind")),
        sa.CheckConstraint(
            "state IN ('replaced', 'merged', 'imported')", name=op.f("ck_card_codes_state")
        ),
        sa.ForeignKeyConstraint(
            ["card_id"], ["loyalty_cards.id"], name=op.f("fk_card_codes_card_id")
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_card_codes_merchant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_card_codes")),
        sa.UniqueConstraint(
            "merchant_id", "kind", "code", name=op.f("uq_card_codes_merchant_id_kind_code")
        ),
    )
    op.create_index("ix_card_codes_code", "card_codes", ["code"], unique=False)

    op.create_table(
        "loyalty_transactions",
        sa.Column("id", db.BigInt, nullable=False),
        sa.Column("merchant_id", db.BigInt, nullable=False),
        sa.Column("card_id", db.BigInt, nullable=False),
        sa.Column("sequence", db.BigInt, nullable=False),
        sa.Column("type", db.text_of(20), nullable=False),
        sa.Column("stamps_delta", db.BigInt, nullable=False),
        sa.Column("points_delta", db.BigInt, nullable=False),
        sa.Column("stamps_after", db.BigInt, nullable=False),
        sa.Column("points_after", db.BigInt, nullable=False),
        sa.Column("stamps_target", db.BigInt, nullable=False),
        sa.Column("reward_description", db.text_of(100), nullable=False),
        sa.Column("store_id", db.BigInt, nullable=False),
        sa.Column("terminal_id", db.BigInt, nullable=True),
        sa.Column("actor_kind", db.text_of(10), nullable=False),
        sa.Column("actor_id", db.BigInt, nullable=True),
        sa.Column("amount_cents", db.BigInt, nullable=True),
        sa.Column("currency", db.text_of(3), nullable=True),
        sa.Column("order_reference", db.text_of(64), nullable=True),
        sa.Column("reward_id", db.BigInt, nullable=True),
        sa.Column("voids_id", db.BigInt, nullable=True),
        sa.Column("overrides_limits", db.Flag(), nullable=False),
        sa.Column("program_revision", db.BigInt, nullable=False),
        sa.Column("business_day", db.LocalDate(), nullable=False),
        sa.Column("occurred_at", db.UtcDateTime(), nullable=False),
        sa.Column("recorded_at", db.UtcDateTime(), nullable=False),
        sa.Column("request_id", db.text_of(64), nullable=True),
        sa.Column("key_id", db.text_of(8), nullable=False),
        sa.Column("hash", db.text_of(64), nullable=False),
        sa.CheckConstraint(
            "stamps_delta <> 0 OR points_delta <> 0 OR type IN ('card_created', 'card_suspended', 'card_reactivated', 'card_replaced', 'cards_merged', 'customer_erased')",
            name=op.f("ck_loyalty_transactions_says_something"),
        ),
        sa.CheckConstraint(
            "type IN ('card_created', 'welcome_bonus', 'stamp_earned', 'stamp_redeemed', 'stamp_voided', 'stamp_refunded', 'stamps_adjusted', 'points_earned', 'points_redeemed', 'points_voided', 'points_refunded', 'points_adjusted', 'points_expired', 'points_reinstated', 'card_suspended', 'card_reactivated', 'card_replaced', 'cards_merged', 'imported', 'customer_erased')",
            name=op.f("ck_loyalty_transactions_type"),
        ),
        sa.ForeignKeyConstraint(
            ["card_id"], ["loyalty_cards.id"], name=op.f("fk_loyalty_transactions_card_id")
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_loyalty_transactions_merchant_id")
        ),
        sa.ForeignKeyConstraint(
            ["store_id"], ["stores.id"], name=op.f("fk_loyalty_transactions_store_id")
        ),
        sa.ForeignKeyConstraint(
            ["terminal_id"], ["terminals.id"], name=op.f("fk_loyalty_transactions_terminal_id")
        ),
        sa.ForeignKeyConstraint(
            ["voids_id"], ["loyalty_transactions.id"], name=op.f("fk_loyalty_transactions_voids_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_loyalty_transactions")),
        sa.UniqueConstraint(
            "merchant_id",
            "card_id",
            "sequence",
            name=op.f("uq_loyalty_transactions_merchant_id_card_id_sequence"),
        ),
        sa.UniqueConstraint(
            "merchant_id", "voids_id", name=op.f("uq_loyalty_transactions_merchant_id_voids_id")
        ),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_loyalty_transactions_merchant_id_card_id_business_day",
        "loyalty_transactions",
        ["merchant_id", "card_id", "business_day"],
        unique=False,
    )
    op.create_index(
        "ix_loyalty_transactions_merchant_id_recorded_at",
        "loyalty_transactions",
        ["merchant_id", "recorded_at"],
        unique=False,
    )

    op.create_table(
        "staff_pins",
        sa.Column("id", db.BigInt, nullable=False),
        sa.Column("merchant_id", db.BigInt, nullable=False),
        sa.Column("store_id", db.BigInt, nullable=True),
        sa.Column("name", db.text_of(100), nullable=False),
        sa.Column("staff_code", db.text_of(30), nullable=True),
        sa.Column("role", db.text_of(10), nullable=False),
        sa.Column("can_void", db.Flag(), nullable=False),
        sa.Column("can_override", db.Flag(), nullable=False),
        sa.Column("own_card_id", db.BigInt, nullable=True),
        sa.Column("is_active", db.Flag(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("pin_hash", db.text_of(100), nullable=False),
        sa.Column("pin_lookup", db.text_of(64), nullable=False),
        sa.Column("key_id", db.text_of(8), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        sa.Column("deleted_at", db.UtcDateTime(), nullable=True),
        sa.CheckConstraint("role IN ('cashier', 'manager')", name=op.f("ck_staff_pins_role")),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_staff_pins_merchant_id")
        ),
        sa.ForeignKeyConstraint(
            ["own_card_id"], ["loyalty_cards.id"], name=op.f("fk_staff_pins_own_card_id")
        ),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_staff_pins_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_pins")),
    )
    op.create_index(
        "uq_staff_pins_merchant_id_pin_lookup",
        "staff_pins",
        ["merchant_id", "pin_lookup"],
        unique=True,
        sqlite_where=sa.text("is_active = 1 AND deleted_at IS NULL"),
        postgresql_where=sa.text("is_active AND deleted_at IS NULL"),
    )

    op.create_table(
        "wallet_passes",
        sa.Column("id", db.BigInt, nullable=False),
        sa.Column("merchant_id", db.BigInt, nullable=False),
        sa.Column("card_id", db.BigInt, nullable=False),
        sa.Column("provider", db.text_of(10), nullable=False),
        sa.Column("target_revision", db.BigInt, nullable=False),
        sa.Column("synced_revision", db.BigInt, nullable=False),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "provider IN ('google', 'apple')", name=op.f("ck_wallet_passes_provider")
        ),
        sa.ForeignKeyConstraint(
            ["card_id"], ["loyalty_cards.id"], name=op.f("fk_wallet_passes_card_id")
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_wallet_passes_merchant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wallet_passes")),
        sa.UniqueConstraint(
            "merchant_id",
            "card_id",
            "provider",
            name=op.f("uq_wallet_passes_merchant_id_card_id_provider"),
        ),
    )
    op.create_index(
        "ix_wallet_passes_stale",
        "wallet_passes",
        ["provider", "id"],
        unique=False,
        sqlite_where=sa.text("synced_revision < target_revision"),
        postgresql_where=sa.text("synced_revision < target_revision"),
    )

    op.create_table(
        "idempotency_keys",
        sa.Column("merchant_id", db.BigInt, nullable=False),
        sa.Column("key", db.text_of(300), nullable=False),
        sa.Column("request_hash", db.text_of(64), nullable=False),
        sa.Column("card_id", db.BigInt, nullable=False),
        sa.Column("transaction_id", db.BigInt, nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["card_id"], ["loyalty_cards.id"], name=op.f("fk_idempotency_keys_card_id")
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_idempotency_keys_merchant_id")
        ),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["loyalty_transactions.id"],
            name=op.f("fk_idempotency_keys_transaction_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(
        "ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"], unique=False
    )

    op.create_table(
        "loyalty_transaction_details",
        sa.Column("transaction_id", db.BigInt, autoincrement=False, nullable=False),
        sa.Column("merchant_id", db.BigInt, nullable=False),
        sa.Column("ip_address", db.text_of(45), nullable=True),
        sa.Column("user_agent", db.text_of(300), nullable=True),
        sa.Column("notes", db.text_of(500), nullable=True),
        sa.ForeignKeyConstraint(
            ["merchant_id"],
            ["merchants.id"],
            name=op.f("fk_loyalty_transaction_details_merchant_id"),
        ),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["loyalty_transactions.id"],
            name=op.f("fk_loyalty_transaction_details_transaction_id"),
        ),
        sa.PrimaryKeyConstraint("transaction_id", name=op.f("pk_loyalty_transaction_details")),
    )
    op.create_index(
        "ix_loyalty_transaction_details_merchant_id",
        "loyalty_transaction_details",
        ["merchant_id"],
        unique=False,
    )

    ledger_guard.install(op.get_bind())


def downgrade() -> None:
    ledger_guard.remove(op.get_bind())
    op.drop_index(
        "ix_loyalty_transaction_details_merchant_id", table_name="loyalty_transaction_details"
    )

    op.drop_table("loyalty_transaction_details")
    op.drop_index("ix_idempotency_keys_created_at", table_name="idempotency_keys")

    op.drop_table("idempotency_keys")
    op.drop_index(
        "ix_wallet_passes_stale",
        table_name="wallet_passes",
        sqlite_where=sa.text("synced_revision < target_revision"),
        postgresql_where=sa.text("synced_revision < target_revision"),
    )

    op.drop_table("wallet_passes")
    op.drop_index(
        "uq_staff_pins_merchant_id_pin_lookup",
        table_name="staff_pins",
        sqlite_where=sa.text("is_active = 1 AND deleted_at IS NULL"),
        postgresql_where=sa.text("is_active AND deleted_at IS NULL"),
    )

    op.drop_table("staff_pins")
    op.drop_index(
        "ix_loyalty_transactions_merchant_id_recorded_at", table_name="loyalty_transactions"
    )
    op.drop_index(
        "ix_loyalty_transactions_merchant_id_card_id_business_day",
        table_name="loyalty_transactions",
    )

    op.drop_table("loyalty_transactions")
    op.drop_index("ix_card_codes_code", table_name="card_codes")

    op.drop_table("card_codes")
    op.drop_index("ix_audit_log_merchant_id_at", table_name="audit_log")

    op.drop_table("audit_log")
    op.drop_index("ix_terminals_merchant_id_store_id", table_name="terminals")

    op.drop_table("terminals")
    op.drop_index("ix_memberships_user_id", table_name="memberships")

    op.drop_table("memberships")
    op.drop_index("ix_loyalty_cards_merchant_id_last_activity_at_id", table_name="loyalty_cards")
    op.drop_index("ix_loyalty_cards_card_number", table_name="loyalty_cards")

    op.drop_table("loyalty_cards")
    op.drop_index("ix_consents_merchant_id_customer_id", table_name="consents")

    op.drop_table("consents")
    op.drop_index("ix_access_tokens_user_id", table_name="access_tokens")
    op.drop_index("ix_access_tokens_merchant_id_kind", table_name="access_tokens")
    op.drop_index("ix_access_tokens_customer_id", table_name="access_tokens")

    op.drop_table("access_tokens")
    op.drop_table("stores")
    op.drop_table("pin_entry_locks")
    op.drop_table("merchant_loyalty_settings")
    op.drop_table("loyalty_programs")
    op.drop_index(
        "uq_customers_merchant_id_phone",
        table_name="customers",
        sqlite_where=sa.text("phone_pending = 0"),
        postgresql_where=sa.text("NOT phone_pending"),
    )
    op.drop_index(
        "uq_customers_merchant_id_email",
        table_name="customers",
        sqlite_where=sa.text("email_pending = 0"),
        postgresql_where=sa.text("NOT email_pending"),
    )

    op.drop_table("customers")
    op.drop_table("users")
    op.drop_table("merchants")
