"""What the library lets through where a connection breaks at a bad moment."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from h2.exceptions import ProtocolError

from app.modules.loyalty.types import FaultKind
from app.modules.loyalty.wallets.apple.apns import PushService
from app.modules.loyalty.wallets.apple.setup import AppleSetup
from app.modules.loyalty.wallets.faults import WalletFault


def test_given_a_line_that_breaks_as_it_is_opened_when_pushed_then_it_is_a_fault_that_may_pass(
    apple: AppleSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_request: Any, **_options: Any) -> None:
        raise ProtocolError("Invalid input SEND_SETTINGS in state CLOSED")

    monkeypatch.setattr(httpx2.AsyncClient, "stream", broken)
    service = PushService(apple)
    try:
        with pytest.raises(WalletFault) as raised:
            service.push("ab" * 32)
    finally:
        service.close()
    assert (raised.value.kind, raised.value.reason) == (FaultKind.TRANSIENT, "unreachable")
