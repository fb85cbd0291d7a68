"""Phones that hold Apple passes, and how the wallets' vendors are doing."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, BigInt, UtcDateTime, text_of


class AppleDeviceRegistration(Base):
    """A phone that wants to hear of a pass's changes.

    `device_id` (deviceLibraryIdentifier) is the phone's secret. One phone may use several of
    them with the same push token, so tokens are not unique.
    """

    __tablename__ = "apple_device_registrations"
    __table_args__ = (
        UniqueConstraint("merchant_id", "pass_id", "device_id"),
        Index("ix_apple_device_registrations_device_id", "device_id"),
        Index("ix_apple_device_registrations_push_token", "push_token"),
    )

    id: Mapped[int] = mapped_column(BigInt, primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    pass_id: Mapped[int] = mapped_column(ForeignKey("wallet_passes.id"))
    device_id: Mapped[str] = mapped_column(text_of(100))
    push_token: Mapped[str] = mapped_column(text_of(200))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class WalletVendor(Base):
    """How a vendor is doing, for all processes. One row each for `google` and `apple`.

    Nothing is sent before `paused_until`. `health` counts the last answers as bits, the newest
    lowest: 1 is a failure that may pass.
    """

    __tablename__ = "wallet_vendors"

    provider: Mapped[str] = mapped_column(text_of(10), primary_key=True)
    paused_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    pause_reason: Mapped[str | None] = mapped_column(text_of(60))
    pause_detail: Mapped[str | None] = mapped_column(text_of(500))
    health: Mapped[int] = mapped_column(default=0)
    last_success_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_failure_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(text_of(60))
    last_callback_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class WalletCallback(Base):
    """A callback of Google that was heard, by its nonce, so that it counts once."""

    __tablename__ = "wallet_callbacks"

    nonce: Mapped[str] = mapped_column(text_of(100), primary_key=True)
    heard_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class AppleDeviceLog(Base):
    """A line that a phone had to say about our passes. The newest 200 are kept."""

    __tablename__ = "apple_device_logs"

    id: Mapped[int] = mapped_column(BigInt, primary_key=True)
    line: Mapped[str] = mapped_column(text_of(500))
    heard_at: Mapped[datetime] = mapped_column(UtcDateTime)


class StampPicture(Base):
    """A row of stamps as wallets show it, drawn once per look, count and size.

    Logos and large pictures as passes need them are kept here too, with `filled` 0.
    `design` is a hash of everything that is drawn but the count. `name` is a hash of the
    content, under which anybody gets it; `sha1` is Apple's manifest digest of it.
    """

    __tablename__ = "stamp_pictures"
    __table_args__ = (UniqueConstraint("merchant_id", "design", "filled", "size"),)

    id: Mapped[int] = mapped_column(BigInt, primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    design: Mapped[str] = mapped_column(text_of(40))
    filled: Mapped[int]
    size: Mapped[str] = mapped_column(text_of(10))
    name: Mapped[str] = mapped_column(text_of(80), index=True)
    sha1: Mapped[str] = mapped_column(text_of(40))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
