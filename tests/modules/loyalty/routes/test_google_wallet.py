"""Google Wallet over HTTP: our short link, and what Google posts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.fakes.faults import Fault
from app.fakes.google import FakeGoogle
from app.fakes.google_keys import ISSUER_ID
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.services import google_wallet_service
from tests import factories
from tests.google_wallet import configure, forget_settings, serving

PATH = "/api/v1/loyalty/passes/google"
CALLBACK = "/api/v1/loyalty/google/callback"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeGoogle]:
    with serving(tmp_path_factory.mktemp("google"), allow_http=True) as google:
        yield google


@pytest.fixture
def google(running: FakeGoogle, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGoogle]:
    running.forget()
    configure(monkeypatch, running)
    yield running
    monkeypatch.undo()
    forget_settings()
    assert google_wallet_service.sender() is None  # the last one hangs up


@pytest.fixture
def card(google: FakeGoogle, db: Session) -> LoyaltyCard:
    card = factories.make_card(db, stamps=3)
    factories.make_pass(db, card=card, synced_revision=0)
    return card


@pytest.fixture
def link(db: Session, card: LoyaltyCard) -> str:
    url = google_wallet_service.add_link(db, merchant_id=card.merchant_id, card_id=card.id)
    assert url is not None
    assert url.startswith("http://127.0.0.1:8000/api/v1/loyalty/passes/google/")
    return url.removeprefix("http://127.0.0.1:8000")


def test_given_our_link_when_opened_then_it_leads_to_googles_page_and_is_not_kept(
    google: FakeGoogle, client: TestClient, link: str
) -> None:
    answer = client.get(link, follow_redirects=False)
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(f"{google.url}/save/")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert len(google.objects) == 1


def test_given_no_link_of_ours_when_opened_then_it_is_not_found(
    google: FakeGoogle, client: TestClient
) -> None:
    for bad in ("A" * 48, "x", "%00", "é"):
        answer = client.get(f"{PATH}/{bad}", follow_redirects=False)
        assert answer.status_code in (404, 422)
    assert client.get(f"{PATH}/{'A' * 101}").status_code == 422


def test_given_a_google_that_is_down_when_opened_then_it_says_so(
    google: FakeGoogle, client: TestClient, link: str
) -> None:
    google.faults.always.append(Fault(status=500))
    answer = client.get(link, follow_redirects=False)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "60"


def test_given_google_is_not_configured_any_more_when_opened_then_it_says_so(
    client: TestClient, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(
        monkeypatch, None, LOYALTY_GOOGLE_ISSUER_ID="", LOYALTY_GOOGLE_SERVICE_ACCOUNT_JSON=""
    )
    answer = client.get(link, follow_redirects=False)
    assert (answer.status_code, answer.json()["code"]) == (503, "wallet_not_configured")


def test_given_callbacks_when_posted_then_good_ones_are_taken_and_others_refused(
    google: FakeGoogle, client: TestClient
) -> None:
    good = google.callback(f"{ISSUER_ID}.{'0' * 32}", "save")
    json_type = {"Content-Type": "application/json"}
    for _time in (1, 2):
        answer = client.post(CALLBACK, content=good, headers=json_type)
        assert (answer.status_code, answer.content) == (204, b"")
    forged = good.replace(b"save", b"del_")
    assert client.post(CALLBACK, content=forged, headers=json_type).status_code == 403
    for garbage in (b"", b"{}", b"[1]", b"\xff\xfe", b"{" * 3000):
        answer = client.post(CALLBACK, content=garbage, headers=json_type)
        assert answer.status_code == 422
    assert client.post(CALLBACK, content=b"x" * 20_001).status_code == 413
