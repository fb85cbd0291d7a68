"""What Google's refusals mean for us."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from app.modules.loyalty.types import FaultKind
from app.modules.loyalty.wallets.faults import WalletFault
from app.modules.loyalty.wallets.transport import Answer, retry_after_s

# Google names limits of the project's rate in several ways, all of which pass.
_PASSES: Final = ("quotaExceeded", "rateLimitExceeded", "userRateLimitExceeded")
_LOCATIONS_REFUSED: Final = "not allowlisted for merchant locations"
_MOST_WORD: Final = 60


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is no success. `reason` is Google's word, such as `quotaExceeded`."""

    answer: Answer
    reason: str
    message: str

    @property
    def is_missing(self) -> bool:
        """The object, or the class it belongs to, is not there."""
        return self.answer.status == 404 or self.reason == "classNotFound"

    @property
    def is_there_already(self) -> bool:
        return self.answer.status == 409

    @property
    def is_over_quota(self) -> bool:
        """Enough notifications for today; Google says so by 403, not by 429."""
        return self.answer.status == 403 and self.reason == "quotaExceeded"

    @property
    def is_about_locations(self) -> bool:
        """The issuer may not name shops (it must be allow-listed for that)."""
        return self.answer.status == 400 and _LOCATIONS_REFUSED in self.message.lower()

    def fault(self) -> WalletFault:
        """What it asks for.

        Source: Google, Wallet API, "Error codes"; what integrators report of 403.
        """
        status, wait = self.answer.status, retry_after_s(self.answer)
        if status == 401:
            return WalletFault(FaultKind.PAUSE, "unauthorized", self.message)
        if status == 403 and self.reason not in _PASSES:
            return WalletFault(FaultKind.PAUSE, self.reason or "forbidden", self.message)
        if status == 403 or not 400 <= status < 500 or status in (404, 408, 409, 425, 429):
            reason = self.reason or f"http_{status}"
            return WalletFault(FaultKind.TRANSIENT, reason, self.message, retry_after_s=wait)
        return WalletFault(FaultKind.PARK, self.reason or f"http_{status}", self.message)


def refusal_of(answer: Answer) -> Refusal | None:
    """None for a success. A body that is not Google's, such as a proxy's page, says nothing."""
    if 200 <= answer.status < 300:
        return None
    try:
        error = answer.json()["error"]
        details = error.get("errors") or [{}]
        reason, message = details[0].get("reason"), error.get("message")
    except (WalletFault, LookupError, TypeError, AttributeError):
        reason = message = None
    return Refusal(answer, _word(reason), message if isinstance(message, str) else "")


def resource_of(answer: Answer, expected_id: str) -> dict[str, Any]:
    """The resource that a success holds.

    Raises:
        WalletFault: (transient) it is not the one that was asked for.
    """
    resource = answer.json()
    if not isinstance(resource, dict) or resource.get("id") != expected_id:
        raise WalletFault(FaultKind.TRANSIENT, "wrong_answer")
    return resource


def _word(reason: object) -> str:
    if not isinstance(reason, str) or not (reason.isascii() and reason.isalnum()):
        return ""
    return reason[:_MOST_WORD]
