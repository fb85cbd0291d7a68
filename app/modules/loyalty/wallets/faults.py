"""How a vendor's service, or the way to it, fails us."""

from __future__ import annotations

from app.modules.loyalty.types import FaultKind


class WalletFault(Exception):
    """The vendor did not take what it was sent.

    `reason` is a stable word for logs and the operator's page, `detail` what the vendor said
    (never a token, at most 500 characters). `retry_after_s`: when it wants to be asked again.
    """

    def __init__(
        self, kind: FaultKind, reason: str, detail: str = "", *, retry_after_s: int | None = None
    ) -> None:
        super().__init__(f"{kind}: {reason}")
        self.kind = kind
        self.reason = reason
        self.detail = detail[:500]
        self.retry_after_s = retry_after_s


class SetupProblem(Exception):
    """A vendor is configured, but wrongly: no pass is made and no button shown.

    `cause` is a stable word (texts: `loyalty.wallet.setup.<cause>`, with what to do about it),
    `params` fill its places; never a secret.
    """

    def __init__(self, cause: str, **params: str) -> None:
        super().__init__(cause)
        self.cause = cause
        self.params = params
