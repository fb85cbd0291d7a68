"""Staff PINs, and the locks that too many wrong ones bring."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import threading
from datetime import datetime

import bcrypt
from sqlalchemy import CheckConstraint, ForeignKey, Index, PrimaryKeyConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, BigInt, Flag, UtcDateTime, text_of
from app.core.security import Key, UnknownKey
from app.modules.loyalty.config import pin_keys
from app.modules.loyalty.rules.pins import check_pin_format

BCRYPT_ROUNDS = 10
# Each hash takes a core for some 70 ms: no more at once than there are cores.
_HASHING = threading.BoundedSemaphore(os.cpu_count() or 1)


class StaffPin(Base):
    """One member of staff. `version` rises with every change; `deleted_at` hides, never removes.

    `pin_lookup` is a keyed hash that finds the row, `pin_hash` the bcrypt hash that proves
    it, `key_id` names the pepper behind both.
    """

    __tablename__ = "staff_pins"
    __table_args__ = (
        Index(
            "uq_staff_pins_merchant_id_pin_lookup",
            "merchant_id",
            "pin_lookup",
            unique=True,
            sqlite_where=text("is_active = 1 AND deleted_at IS NULL"),
            postgresql_where=text("is_active AND deleted_at IS NULL"),
        ),
        CheckConstraint("role IN ('cashier', 'manager')", name="role"),
    )

    id: Mapped[int] = mapped_column(BigInt, primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    store_id: Mapped[int | None] = mapped_column(ForeignKey("stores.id"))
    name: Mapped[str] = mapped_column(text_of(100))
    staff_code: Mapped[str | None] = mapped_column(text_of(30))
    role: Mapped[str] = mapped_column(text_of(10), default="cashier")
    can_void: Mapped[bool] = mapped_column(Flag, default=False)
    can_override: Mapped[bool] = mapped_column(Flag, default=False)
    own_card_id: Mapped[int | None] = mapped_column(ForeignKey("loyalty_cards.id"))
    is_active: Mapped[bool] = mapped_column(Flag, default=True)
    version: Mapped[int] = mapped_column(default=1)
    pin_hash: Mapped[str] = mapped_column(text_of(100))
    pin_lookup: Mapped[str] = mapped_column(text_of(64))
    key_id: Mapped[str] = mapped_column(text_of(8))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    def set_pin(self, pin: str) -> None:
        """Take `pin` (4 to 8 ASCII digits) with the current pepper. Slow on purpose.

        Raises:
            ValidationFailed: it is not 4 to 8 ASCII digits.
        """
        check_pin_format(pin)
        key = pin_keys().current
        self.key_id = key.id
        self.pin_lookup = pin_lookup(key, merchant_id=self.merchant_id, pin=pin)
        with _HASHING:
            salt = bcrypt.gensalt(BCRYPT_ROUNDS)
            self.pin_hash = bcrypt.hashpw(
                _peppered(key, merchant_id=self.merchant_id, pin=pin), salt
            ).decode()

    def verify_pin(self, pin: str) -> bool:
        """Is this the PIN? Slow on purpose; never call it inside a transaction."""
        try:
            key = pin_keys()[self.key_id]
        except UnknownKey:
            return False
        with _HASHING:
            return bcrypt.checkpw(
                _peppered(key, merchant_id=self.merchant_id, pin=pin), self.pin_hash.encode()
            )


class PinEntryLock(Base):
    """Failed PIN tries of one person, terminal, API key or store (`subject_id` by `scope`)."""

    __tablename__ = "pin_entry_locks"
    __table_args__ = (
        PrimaryKeyConstraint("merchant_id", "scope", "subject_id"),
        CheckConstraint("scope IN ('person', 'terminal', 'api_key', 'store')", name="scope"),
    )

    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    scope: Mapped[str] = mapped_column(text_of(10))
    subject_id: Mapped[int] = mapped_column(BigInt)
    failed_attempts: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


def pin_lookup(key: Key, *, merchant_id: int, pin: str) -> str:
    """The keyed hash (64 hex digits) that finds a merchant's PIN without telling it."""
    message = f"{merchant_id}|{pin}".encode("utf-8", "surrogatepass")
    return hmac.new(key.derive("pin-lookup"), message, hashlib.sha256).hexdigest()


def _peppered(key: Key, *, merchant_id: int, pin: str) -> bytes:
    # base64, since bcrypt must not see NUL bytes; 44 bytes stay below its 72.
    message = f"{merchant_id}|{pin}".encode("utf-8", "surrogatepass")
    return base64.b64encode(hmac.digest(key.derive("pin-pepper"), message, "sha256"))
