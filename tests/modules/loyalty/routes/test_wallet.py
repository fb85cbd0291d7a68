"""Wallets over HTTP: what is on offer, how cards stand, links, buttons, and the admins' view."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.modules.loyalty.config import get_loyalty_settings
from app.modules.loyalty.models import LoyaltyCard, WalletPass
from app.modules.loyalty.routes import wallet_links
from app.modules.loyalty.services import wallet_report, wallet_service
from app.modules.loyalty.types import Provider
from app.modules.tenancy.models import AuditEntry
from tests import factories, reads
from tests.modules.loyalty.routes.conftest import (
    STOREFRONT,
    Api,
    make_customer_session,
    make_session,
    problem_of,
)

ADMIN = "/api/v1/admin/loyalty/wallet"
GOOGLE, APPLE = "https://pay.google.example/save/abc", "https://orion.example/card.pkpass"
NEITHER = {"google_wallet_url": None, "apple_wallet_url": None}
BOTH = {"google_wallet_url": GOOGLE, "apple_wallet_url": APPLE}
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 26_1 like Mac OS X) AppleWebKit/605.1.15 Mobile"
ANDROID = "Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 Chrome/142.0 Mobile"


def offer(monkeypatch: pytest.MonkeyPatch, *, google: bool = True, apple: bool = True) -> None:
    """Wallets as they are with keys of a vendor, which tests of the vendors make."""
    urls = {
        "google_wallet_url": GOOGLE if google else None,
        "apple_wallet_url": APPLE if apple else None,
    }
    monkeypatch.setattr(wallet_service, "available", lambda: {"google": google, "apple": apple})
    monkeypatch.setattr(wallet_service, "button_urls", lambda *_a, **_k: urls)
    monkeypatch.setattr(wallet_service, "get_add_to_wallet_urls", lambda *_a, **_k: urls)


def at(monkeypatch: pytest.MonkeyPatch, minute: int) -> None:
    now = datetime(2026, 3, 10, 9, minute, tzinfo=UTC)
    monkeypatch.setattr(wallet_links, "utc_now", lambda: now)


def own_card(api: Api, card: LoyaltyCard, **headers: str) -> Any:
    token = make_customer_session(api.db, card)
    sent = {"Authorization": f"Bearer {token}", "X-Store-Code": api.shop.store.code} | headers
    return api.client.get(f"{STOREFRONT}/card", headers=sent)


def dashboard(
    api: Api, card: LoyaltyCard, user_agent: str, path: str = "/loyalty/dashboard"
) -> str:
    api.client.cookies.set("orion_customer", make_customer_session(api.db, card))
    answer = api.client.get(path, headers={"User-Agent": user_agent})
    assert answer.status_code == 200
    return str(answer.text)


def links_on(html: str) -> list[str]:
    part = html.partition('<div class="wallet-buttons">')[2].partition("</div>")[0]
    return re.findall(r'href="([^"]+)"', part)


def test_given_wallets_on_offer_when_the_program_is_asked_for_then_they_are_named(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = api.get("/program")
    offer(monkeypatch, apple=False)
    after = api.get("/program", **{"If-None-Match": before.headers["ETag"]})
    assert before.json()["wallet"] == {"google": False, "apple": False}
    assert after.json()["wallet"] == {"google": True, "apple": False}


def test_given_a_card_in_a_wallet_when_staff_ask_then_in_words_and_not_in_the_vendors(
    api: Api,
) -> None:
    card = api.card()
    refusal: dict[str, Any] = {"parked_at": factories.NOW, "last_error": "invalidResource"}
    factories.make_pass(
        api.db, card=card, synced_revision=0, last_error_detail="Field heroImage", **refusal
    )
    factories.make_pass(api.db, card=card, provider="apple", held_since=factories.NOW)
    answer = api.get(f"/cards/{card.id}", **{"Accept-Language": "de"})
    google, apple = answer.json()["wallets"]
    assert (google["state"], google["last_error"]) == ("parked", "invalidResource")
    assert google["message"].startswith("Dieses Wallet nimmt die Karte zurzeit nicht an.")
    assert "heroImage" not in answer.text
    assert (apple["state"], apple["held"]) == ("current", True)
    assert apple["message"] == "Auf einem Handy und aktuell."


def test_given_passes_when_staff_ask_then_a_sentence_fits_each(api: Api) -> None:
    expected: dict[str, dict[str, Any]] = {
        "Ready to be added. No phone is known to have it yet.": {},
        "An update is on its way.": {"synced_revision": 0},
        "The last try failed. It goes on by itself.": {
            "synced_revision": 0, "last_error": "timeout",
        },
        "No longer valid in this wallet.": {"ended_as": "replaced"},
    }  # fmt: skip
    for message, columns in expected.items():
        card = api.card()
        factories.make_pass(api.db, card=card, **columns)
        google, apple = api.get(f"/cards/{card.id}").json()["wallets"]
        assert google["message"] == message
        assert (apple["state"], apple["message"]) == ("none", "Not made for this wallet.")


def test_given_a_manager_when_syncing_a_card_then_its_passes_wait_to_be_sent(api: Api) -> None:
    card = api.card()
    made = factories.make_pass(api.db, card=card)
    answer = api.post(f"/cards/{card.id}/sync", {}, "manager")
    assert answer.status_code == 200
    assert [one["state"] for one in answer.json()["wallets"]] == ["waiting", "none"]
    [row] = reads.rows_of(api.db, WalletPass, merchant_id=api.merchant_id)
    assert (row.id, row.synced_revision < row.target_revision) == (made.id, True)
    assert problem_of(api.post("/cards/999999/sync", {}, "manager")) == (404, "card_not_found")


def test_given_no_wallet_when_the_own_card_is_asked_for_then_its_links_are_null(api: Api) -> None:
    assert own_card(api, api.card()).json()["wallet_urls"] == NEITHER


def test_given_wallets_when_the_own_card_is_kept_then_its_links_never_get_old(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = api.card()
    plain = own_card(api, card).headers["ETag"]
    offer(monkeypatch)
    at(monkeypatch, minute=1)
    first = own_card(api, card, **{"If-None-Match": plain})
    assert first.json()["wallet_urls"] == BOTH
    known = {"If-None-Match": first.headers["ETag"]}
    at(monkeypatch, minute=29)
    assert own_card(api, card, **known).status_code == 304
    at(monkeypatch, minute=31)
    assert own_card(api, card, **known).status_code == 200


def test_given_wallets_when_somebody_joins_then_the_answer_has_the_links(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch)
    headers = {"X-Store-Code": api.shop.store.code}
    body = {"email": "zoe@example.com"}
    joined = api.client.post(f"{STOREFRONT}/enroll", json=body, headers=headers).json()
    assert joined["wallet_urls"] == joined["card"]["wallet_urls"] == BOTH


@pytest.mark.parametrize("path", ["/loyalty/dashboard", "/loyalty/enroll/success"])
def test_given_a_phone_when_a_page_is_shown_then_its_own_wallet_comes_first(
    api: Api, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    offer(monkeypatch)
    card = api.card()
    assert links_on(dashboard(api, card, IPHONE, path)) == [APPLE, GOOGLE]
    assert links_on(dashboard(api, card, ANDROID, path)) == [GOOGLE, APPLE]


def test_given_one_wallet_or_none_when_the_page_is_shown_then_no_dead_button(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = api.card()
    html = dashboard(api, card, IPHONE)
    assert "wallet" not in html
    offer(monkeypatch, apple=False)
    html = dashboard(api, card, IPHONE)
    assert links_on(html) == [GOOGLE]
    assert "Apple Wallet" not in html


def test_given_a_phone_that_takes_the_pass_when_the_page_asks_then_it_hears_of_it(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch)
    card = api.card()
    before = dashboard(api, card, ANDROID, "/loyalty/dashboard/card")
    [etag] = re.findall(r'data-etag="([^"]+)"', before)
    known = {"If-None-Match": etag.replace("&#34;", '"')}
    assert api.client.get("/loyalty/dashboard/card", headers=known).status_code == 304
    factories.make_pass(api.db, card=card, held_since=factories.NOW)
    after = api.client.get("/loyalty/dashboard/card", headers=known)
    assert after.status_code == 200
    assert "In your Google Wallet" in after.text
    assert "Add to Google Wallet" not in after.text
    assert "Add to Apple Wallet" in after.text


@pytest.fixture
def badges(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "badges"
    folder.mkdir()
    (folder / "google-en.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (folder / "apple-fr.png").write_bytes(b"\x89PNG")
    (folder / "secret.txt").write_text("secret")
    (tmp_path / "google-en.svg").write_text("outside")
    monkeypatch.setattr(get_loyalty_settings(), "wallet_buttons_dir", folder)
    return folder


def test_given_a_badge_when_asked_for_then_it_is_served_as_a_picture_and_nothing_else(
    client: TestClient, badges: Path
) -> None:
    for name, content_type in (("google-en.svg", "image/svg+xml"), ("apple-fr.png", "image/png")):
        answer = client.get(f"/loyalty/wallet-buttons/{name}")
        assert (answer.status_code, answer.content) == (200, (badges / name).read_bytes())
        assert answer.headers["content-type"] == content_type
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none';")
        assert client.head(f"/loyalty/wallet-buttons/{name}").status_code == 200


def test_given_another_name_when_asked_for_then_there_is_nothing(
    client: TestClient, badges: Path
) -> None:
    assert badges.is_dir()
    for name in (
        "secret.txt", "google-de.svg", "google-en.svgz", "..%2Fgoogle-en.svg",
        "google-en.svg%0a", "GOOGLE-en.svg", "google-xx.svg",
    ):  # fmt: skip
        assert client.get(f"/loyalty/wallet-buttons/{name}").status_code == 404, name


def test_given_a_folder_of_badges_when_the_page_is_shown_then_each_in_its_language_or_english(
    api: Api, monkeypatch: pytest.MonkeyPatch, badges: Path
) -> None:
    assert badges.is_dir()
    offer(monkeypatch)
    card = api.card()
    api.client.cookies.set("orion_lang", "fr")
    html = dashboard(api, card, ANDROID)
    assert '<img src="/loyalty/wallet-buttons/google-en.svg" alt="Ajouter à Google Wallet">' in html
    assert '<img src="/loyalty/wallet-buttons/apple-fr.png" alt="Ajouter à Cartes Apple">' in html
    api.client.cookies.set("orion_lang", "de")
    html = dashboard(api, card, ANDROID)
    assert "apple-fr.png" not in html
    assert "Zu Apple Wallet hinzufügen" in html


@pytest.fixture
def admin(api: Api) -> dict[str, str]:
    return {"Authorization": f"Bearer {make_session(api.db, merchant_id=None)}"}


def parked_pass(db: Session, card: LoyaltyCard) -> WalletPass:
    return factories.make_pass(
        db, card=card, synced_revision=0, parked_at=factories.NOW,
        last_error="invalidResource", last_error_detail="Invalid value for field heroImage.",
    )  # fmt: skip


def test_given_a_wrong_setup_when_an_admin_asks_then_cause_and_cure_in_words(
    api: Api, admin: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def setup_of(provider: Provider, **_options: object) -> wallet_report.SetupReport:
        is_apple = provider is Provider.APPLE
        problem = wallet_report.Fault(
            cause="apple_certificate_expired", params={"date": "2026-11-01"}
        )
        return wallet_report.SetupReport(
            is_configured=is_apple, problem=problem if is_apple else None, warnings=[],
            account=None, certificate_days_left=None,
        )  # fmt: skip

    monkeypatch.setattr(wallet_report, "setup_of", setup_of)
    google, apple = api.client.get(f"{ADMIN}/status", headers=admin).json()["vendors"]
    assert google["setup"]["problem"] is None
    problem = apple["setup"]["problem"]
    assert problem["cause"] == "apple_certificate_expired"
    assert "2026-11-01" in problem["message"]


def test_given_a_refused_pass_when_an_admin_tries_again_then_it_is_no_longer_parked(
    api: Api, admin: dict[str, str]
) -> None:
    parked = parked_pass(api.db, api.card())
    status = api.client.get(f"{ADMIN}/status?limit=1", headers=admin).json()
    [line] = status["parked"]["items"]
    assert (line["pass_id"], line["merchant_name"]) == (parked.id, api.shop.merchant.name)
    assert line["last_error_detail"] == "Invalid value for field heroImage."
    answer = api.client.post(f"{ADMIN}/parked/{parked.id}/retry", headers=admin)
    assert (answer.status_code, answer.json()["state"]) == (200, "waiting")
    status = api.client.get(f"{ADMIN}/status", headers=admin).json()
    assert status["parked"]["items"] == []
    [entry] = reads.rows_of(api.db, AuditEntry, merchant_id=api.merchant_id)
    assert entry.action == "wallet_pass_retried"


def test_given_no_such_pass_when_an_admin_tries_again_then_it_does_not_exist(
    api: Api, admin: dict[str, str]
) -> None:
    answer = api.client.post(f"{ADMIN}/parked/999999/retry", headers=admin)
    assert problem_of(answer) == (404, "pass_not_found")
