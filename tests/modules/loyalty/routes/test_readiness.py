"""/readyz: a vendor that is down or set up wrongly is named there, and decides nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import delete
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.core.clock import utc_now
from app.core.db import atomic
from app.modules.loyalty.models import WalletVendor
from tests.apple_wallet import configure_apple, forget_settings
from tests.factories import save


@pytest.fixture(autouse=True)
def as_before(db: Session) -> Iterator[None]:
    with atomic(db):
        db.execute(delete(WalletVendor))
    yield
    forget_settings()


def test_given_no_wallet_when_asked_then_ready_and_both_are_off(client: TestClient) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "google_wallet": "off", "apple_wallet": "off"}


@pytest.mark.parametrize(("seconds", "word"), [(-1, "ok"), (60, "paused")])
def test_given_a_vendor_that_is_down_when_asked_then_ready_all_the_same(
    client: TestClient, db: Session, monkeypatch: pytest.MonkeyPatch, seconds: int, word: str
) -> None:
    configure_apple(monkeypatch)
    until = utc_now() + timedelta(seconds=seconds)
    save(db, WalletVendor(provider="apple", paused_until=until))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["apple_wallet"]) == (200, word)


def test_given_a_wrong_setup_when_asked_then_it_says_so(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure_apple(monkeypatch, LOYALTY_APPLE_TEAM_ID="Z9Y8X7W6V5")
    assert client.get("/readyz").json()["apple_wallet"] == "wrong"
