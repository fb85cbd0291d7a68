"""Cards in phones' wallets: where they stand, and how the vendors are doing."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

from app.modules.loyalty.schemas.fields import Reply, UtcTime, example
from app.modules.loyalty.types import PassState, Provider


class WalletAvailability(Reply):
    """Which phone wallets take the merchant's cards."""

    google: bool = False
    apple: bool = False


class WalletUrls(Reply):
    """Where to get the passes; null where a wallet is not offered."""

    google_wallet_url: str | None = Field(
        None, description="Google's save link with its token, good for an hour."
    )
    apple_wallet_url: str | None = Field(None, description="The pass to download, for an hour.")


class CardWallet(Reply):
    """The card in one vendor's wallet."""

    provider: Provider
    state: PassState
    held: bool = Field(description="Some phone is known to have it.")
    synced_at: UtcTime | None = Field(description="When the vendor last took it.")
    last_error: str | None = Field(description="A stable word for what went wrong last.")
    message: str = Field(description="The same in words for staff.")


WALLETS_EXAMPLE: Final[list[dict[str, Any]]] = [
    {
        "provider": "google",
        "state": "current",
        "held": True,
        "synced_at": "2026-11-25T09:30:02Z",
        "last_error": None,
        "message": "On a phone and up to date.",
    },
    {
        "provider": "apple",
        "state": "none",
        "held": False,
        "synced_at": None,
        "last_error": None,
        "message": "Not made for this wallet.",
    },
]


class CardWallets(Reply):
    """The card in all of them."""

    model_config = example({"wallets": WALLETS_EXAMPLE})

    wallets: list[CardWallet]


class SetupFault(Reply):
    """Something about our own set-up; `message` says what to do about it."""

    cause: str
    message: str


class WalletSetup(Reply):
    """How this platform is set up at a vendor."""

    is_configured: bool
    problem: SetupFault | None = Field(
        description="While there is one, no pass is made and no button shown."
    )
    warnings: list[SetupFault]
    account: str | None = Field(description="Google's issuer, Apple's pass type.")
    certificate_days_left: int | None = Field(description="Apple only.")


class WalletBacklog(Reply):
    """What the vendor has not been told yet; counts end at 10,000."""

    waiting: int
    parked: int = Field(description="Passes it does not take as they are.")
    oldest_seconds: int | None


class WalletVendorStatus(Reply):
    """One vendor."""

    provider: Provider
    setup: WalletSetup
    paused_until: UtcTime | None = Field(description="Nothing is sent before.")
    pause_reason: str | None
    pause_detail: str | None
    last_success_at: UtcTime | None
    last_failure_at: UtcTime | None
    last_error: str | None
    last_callback_at: UtcTime | None = Field(description="When we last heard from it.")
    backlog: WalletBacklog


class DesignProgress(Reply):
    """A merchant's new design on its way to all passes."""

    provider: Provider
    merchant_id: int
    merchant_name: str
    done: int
    total: int
    started_at: UtcTime | None
    parked_at: UtcTime | None = Field(description="The vendor does not take the design.")
    last_error: str | None
    last_error_detail: str | None


class ParkedPassLine(Reply):
    """A pass that the vendor does not take, with its reason."""

    pass_id: int
    provider: Provider
    merchant_id: int
    merchant_name: str
    card_id: int
    attempts: int
    parked_at: UtcTime
    last_error: str | None
    last_error_detail: str | None = Field(description="In the vendor's own words.")


class ParkedPasses(Reply):
    """A page of them; `next_cursor` is null on the last one."""

    items: list[ParkedPassLine]
    next_cursor: str | None


class DeviceLogLine(Reply):
    """What a phone had to say about our passes."""

    line: str
    heard_at: UtcTime


class WalletStatusResponse(Reply):
    """How the wallets are doing."""

    model_config = example(
        {
            "vendors": [
                {
                    "provider": "google",
                    "setup": {
                        "is_configured": True,
                        "problem": None,
                        "warnings": [],
                        "account": "3388000000012345678",
                        "certificate_days_left": None,
                    },
                    "paused_until": None,
                    "pause_reason": None,
                    "pause_detail": None,
                    "last_success_at": "2026-11-25T09:30:02Z",
                    "last_failure_at": None,
                    "last_error": None,
                    "last_callback_at": "2026-11-25T08:12:44Z",
                    "backlog": {"waiting": 12, "parked": 1, "oldest_seconds": 3},
                }
            ],
            "designs": [
                {
                    "provider": "google",
                    "merchant_id": 1,
                    "merchant_name": "Café Bleu",
                    "done": 120,
                    "total": 312,
                    "started_at": "2026-11-25T09:29:50Z",
                    "parked_at": None,
                    "last_error": None,
                    "last_error_detail": None,
                }
            ],
            "parked": {
                "items": [
                    {
                        "pass_id": 97,
                        "provider": "google",
                        "merchant_id": 1,
                        "merchant_name": "Café Bleu",
                        "card_id": 42,
                        "attempts": 1,
                        "parked_at": "2026-11-25T07:00:10Z",
                        "last_error": "invalidResource",
                        "last_error_detail": "Invalid value for field heroImage.",
                    }
                ],
                "next_cursor": None,
            },
            "device_log": [
                {"line": "Passbook web service error", "heard_at": "2026-11-24T18:03:00Z"}
            ],
        }
    )

    vendors: list[WalletVendorStatus]
    designs: list[DesignProgress] = Field(description="New designs not on all passes yet.")
    parked: ParkedPasses
    device_log: list[DeviceLogLine] = Field(description="The newest lines first.")
