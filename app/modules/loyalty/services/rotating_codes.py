"""Codes that change every half minute, on the passes of programs that want them."""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select

from app.core.security import Key
from app.modules.loyalty.config import platform_key, platform_keys
from app.modules.loyalty.errors import CodeExpired
from app.modules.loyalty.models import WalletPass
from app.modules.loyalty.rules.rotating_code import RotatingCode, is_current

_PURPOSE: Final = "google_rotating_code"


def secret_of(serial: str, key: Key | None = None) -> bytes:
    """What a pass's changing digits are made from (20 bytes); nothing is stored."""
    return hmac.digest((key or platform_key()).derive(_PURPOSE), serial.encode(), "sha1")


def check_shown(
    connection: Connection,
    code: RotatingCode,
    *,
    merchant_id: int,
    card_id: int,
    at: datetime,
) -> None:
    """Refuse a code that a pass of the card did not show around `at` (aware UTC).

    Raises:
        CodeExpired: it is a photo of the pass, or the pass was replaced.

    Source: product rule "Passes", docs/rules.md.
    """
    serials = connection.execute(
        select(WalletPass.serial).where(
            WalletPass.merchant_id == merchant_id,
            WalletPass.card_id == card_id,
            WalletPass.ended_as.is_(None),
        )
    ).scalars()
    # A phone shows the digits of an old key until its pass is sent again.
    secrets = [secret_of(serial, key) for serial in serials for key in platform_keys()]
    if not any(is_current(secret, code.digits, now=at) for secret in secrets):
        raise CodeExpired
