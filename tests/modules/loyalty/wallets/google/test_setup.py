"""The configuration for Google: not there, in order, or wrong with its cause."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from app.fakes.google_keys import ISSUER_ID
from app.modules.loyalty.wallets.faults import SetupProblem
from app.modules.loyalty.wallets.google import setup
from tests.google_wallet import configure, keys_in

pytestmark = pytest.mark.usefixtures("fresh_settings")
GOOGLE = {
    "token_uri": "https://oauth2.googleapis.com/token",
    "LOYALTY_GOOGLE_API_URL": "https://walletobjects.googleapis.com",
}
HERE = dict.fromkeys(GOOGLE, "http://127.0.0.1:9000")


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a key file holds."""
    return keys_in(tmp_path_factory.mktemp("keys")).service_account.read_text()


@pytest.fixture
def good(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, account: str) -> Path:
    """Google as it is configured in production; the key file."""
    file = tmp_path / "service-account.json"
    file.write_text(account)
    configure(
        monkeypatch,
        None,
        ORION_BASE_URL="https://loyalty.example.com",
        LOYALTY_GOOGLE_ISSUER_ID=ISSUER_ID,
        LOYALTY_GOOGLE_SERVICE_ACCOUNT_JSON=str(file),
    )
    return file


def problem() -> SetupProblem:
    with pytest.raises(SetupProblem) as caught:
        setup.load()
    return caught.value


def test_given_nothing_configured_when_loaded_then_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configure(
        monkeypatch, None, LOYALTY_GOOGLE_ISSUER_ID="", LOYALTY_GOOGLE_SERVICE_ACCOUNT_JSON=""
    )
    assert setup.load() is None


def test_given_all_configured_when_loaded_then_it_is_read_once(good: Path) -> None:
    first = setup.load()
    assert first is not None
    assert first.callback_url == "https://loyalty.example.com/api/v1/loyalty/google/callback"
    assert first.save_url == "https://pay.google.com/gp/v/save"
    assert setup.load() is first


def test_given_a_new_key_file_when_loaded_then_it_is_seen_at_once(good: Path) -> None:
    first = setup.load()
    account = json.loads(good.read_text()) | {"client_email": "new@example.com"}
    good.write_text(json.dumps(account))
    second = setup.load()
    assert first is not None
    assert second is not None
    assert (first.client_email, second.client_email) != (second.client_email, first.client_email)
    assert second.client_email == "new@example.com"


@pytest.mark.parametrize(
    ("variable", "value", "cause"),
    [
        ("LOYALTY_GOOGLE_ISSUER_ID", "", "google_incomplete"),
        ("LOYALTY_GOOGLE_SERVICE_ACCOUNT_JSON", "", "google_incomplete"),
        ("LOYALTY_GOOGLE_ISSUER_ID", "me@example.com", "google_issuer_invalid"),
        ("LOYALTY_GOOGLE_SERVICE_ACCOUNT_JSON", "/nowhere/key.json", "google_key_unreadable"),
        ("LOYALTY_GOOGLE_API_URL", "http://walletobjects.googleapis.com", "google_address_refused"),
        ("LOYALTY_GOOGLE_API_URL", "http://127.0.0.1:9000", "google_address_refused"),
        ("ORION_BASE_URL", "http://loyalty.example.com", "google_base_url_not_public"),
        ("ORION_BASE_URL", "https://192.168.1.5", "google_base_url_not_public"),
        ("ORION_BASE_URL", "https://shop.local", "google_base_url_not_public"),
        ("ORION_BASE_URL", "https://tills", "google_base_url_not_public"),
    ],
)
def test_given_something_wrong_when_loaded_then_the_cause_is_told_each_time(
    good: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, cause: str
) -> None:
    configure(monkeypatch, None, **{variable: value})
    assert [problem().cause, problem().cause] == [cause, cause]
    configure(monkeypatch, None, ORION_BASE_URL="https://loyalty.example.com")


@pytest.mark.parametrize("text", ["", "[]", "{}", "no json", '{"client_email": 1}'])
def test_given_another_file_when_loaded_then_it_is_no_key(good: Path, text: str) -> None:
    good.write_text(text)
    os.utime(good, ns=(1, 1))
    assert problem().cause == "google_key_invalid"


def test_given_a_broken_key_when_loaded_then_it_is_no_key_and_is_not_told(good: Path) -> None:
    account = json.loads(good.read_text())
    good.write_text(json.dumps(account | {"private_key": account["private_key"][:200]}))
    found = problem()
    assert found.cause == "google_key_invalid"
    assert "PRIVATE" not in str(found.params)


def test_c16_given_localhost_when_loaded_then_nothing_is_ever_sent_from_it(
    good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, None, ORION_BASE_URL="http://localhost:8000")
    found = problem()
    assert found.cause == "google_base_url_not_public"
    assert found.params == {"address": "http://localhost:8000"}


@pytest.mark.parametrize(
    ("base_url", "vendor", "is_production", "is_allowed"),
    [
        ("https://loyalty.example.com", GOOGLE, True, True),
        ("https://loyalty.example.com", HERE, False, False),
        ("http://127.0.0.1:8000", HERE, False, True),
        ("http://localhost:8000", HERE, False, True),
        ("http://[::1]:8000", HERE, False, True),
        ("http://127.0.0.1:8000", HERE, True, False),
        ("http://127.0.0.1:8000", GOOGLE, False, False),
        ("http://127.0.0.1:8000", HERE | {"token_uri": GOOGLE["token_uri"]}, False, False),
        ("http://127.0.0.1.example.com", HERE, False, False),
        ("https://8.8.8.8", GOOGLE, True, True),
    ],
)
def test_given_addresses_when_checked_then_clear_http_is_for_simulations_only(
    base_url: str, vendor: dict[str, str], is_production: bool, is_allowed: bool
) -> None:
    if is_allowed:
        setup.check_addresses(base_url, vendor, is_production=is_production)
    else:
        with pytest.raises(SetupProblem):
            setup.check_addresses(base_url, vendor, is_production=is_production)
