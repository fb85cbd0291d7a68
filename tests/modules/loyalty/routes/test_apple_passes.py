"""Downloading a card as an Apple pass: by its address, or signed in, and in no other way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import structlog

from app.fakes.keys import AppleChain, make_apple_chain
from app.modules.loyalty.models import LoyaltyCard, WalletPass
from app.modules.loyalty.services import wallet_service
from app.modules.loyalty.services.apple_wallet_service import authentication_token, download_url
from tests import factories, reads
from tests.apple_wallet import (
    PASS_TYPE,
    TEAM,
    configure_apple,
    forget_settings,
    throw_away_chain,
)
from tests.modules.loyalty.routes.conftest import (
    Api,
    make_customer_session,
    make_session,
    problem_of,
)
from tests.modules.loyalty.wallets.apple.validators.tools import openssl_faults
from tests.modules.loyalty.wallets.apple.views import files_of

PASSES = "/api/v1/loyalty/passes/apple"
STATUS = "/api/v1/admin/loyalty/wallet/status"


@pytest.fixture(autouse=True)
def chain(monkeypatch: pytest.MonkeyPatch) -> Iterator[AppleChain]:
    yield configure_apple(monkeypatch)
    forget_settings()


@pytest.fixture
def card(api: Api) -> LoyaltyCard:
    return api.card(stamps=3)


@pytest.fixture
def apple_pass(api: Api, card: LoyaltyCard) -> WalletPass:
    return factories.make_pass(api.db, card=card, provider="apple", serial="5e" * 16)


def get(api: Api, url: str, **headers: str) -> Any:
    parts = urlsplit(url)
    return api.client.get(f"{parts.path}?{parts.query}", headers=headers)


def as_customer(api: Api, card: LoyaltyCard) -> dict[str, str]:
    return {"Authorization": f"Bearer {make_customer_session(api.db, card)}"}


def test_given_its_address_when_opened_then_a_phone_gets_a_pass_that_nobody_keeps(
    api: Api, apple_pass: WalletPass, chain: AppleChain, tmp_path: Path
) -> None:
    answer = get(api, download_url(apple_pass.serial))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/vnd.apple.pkpass"
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "etag" not in answer.headers
    assert parsedate_to_datetime(answer.headers["last-modified"]).microsecond == 0
    assert openssl_faults(files_of(answer.content), chain.root, tmp_path) == ""


def test_given_a_customer_when_they_open_their_card_then_no_token_is_needed(
    api: Api, card: LoyaltyCard, apple_pass: WalletPass
) -> None:
    path = f"{PASSES}/{apple_pass.serial}.pkpass"
    assert get(api, path, **as_customer(api, card)).status_code == 200
    assert problem_of(get(api, path, **as_customer(api, api.card()))) == (404, "not_found")
    assert problem_of(get(api, path, **api.headers("owner"))) == (404, "not_found")


def test_c64_given_guesses_when_opened_then_all_are_answered_alike(
    api: Api, card: LoyaltyCard, apple_pass: WalletPass
) -> None:
    serial = apple_pass.serial
    following = f"{int(serial, 16) + 1:032x}"
    guesses = (
        f"{serial}.pkpass", f"{following}.pkpass", "1.pkpass", f"{card.id}.pkpass",
        f"{card.card_number}.pkpass", f"{card.qr_code_data}.pkpass", f"{serial.upper()}.pkpass",
        f"{serial}.pkpass?token={authentication_token(serial)}", f"{following}.pkpass?token=1.x",
        f"{'a' * 500}.pkpass", "%00.pkpass", "%C3%A9.pkpass?token=%F0%9F",
    )  # fmt: skip
    answers = [get(api, f"{PASSES}/{guess}") for guess in guesses]
    found = {problem_of(answer) for answer in answers if answer.status_code != 422}
    assert found == {(404, "not_found")}
    bodies = [answer.json() | {"request_id": ""} for answer in answers[:2]]
    assert bodies[0] == bodies[1]  # one there is, and one there is not
    assert get(api, f"{PASSES}/../x.pkpass").status_code == 404


def test_c64_given_a_download_when_the_log_is_read_then_neither_serial_nor_token_stand_in_it(
    api: Api, apple_pass: WalletPass
) -> None:
    url = download_url(apple_pass.serial)
    with structlog.testing.capture_logs() as lines:
        get(api, url)
    assert [line["event"] for line in lines] == ["request"]
    assert apple_pass.serial not in str(lines)
    assert url.partition("token=")[2] not in str(lines)
    assert lines[0]["route"] == PASSES + "/{serial}.pkpass"


def test_given_no_setup_when_opened_then_it_says_so_and_the_card_goes_on(
    api: Api, card: LoyaltyCard, apple_pass: WalletPass, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = download_url(apple_pass.serial)
    configure_apple(monkeypatch, LOYALTY_APPLE_TEAM_ID="Z9Y8X7W6V5")
    assert problem_of(get(api, url)) == (503, "wallet_not_configured")
    assert api.post("/stamp", {"card_id": card.id}).status_code == 200


def test_c10_given_an_ended_certificate_when_it_is_replaced_then_an_old_card_verifies_at_once(
    api: Api,
    card: LoyaltyCard,
    apple_pass: WalletPass,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    ended = make_apple_chain(tmp_path, pass_type_id=PASS_TYPE, team_id=TEAM, days=-1)
    configure_apple(monkeypatch, ended)
    url = download_url(apple_pass.serial)
    assert problem_of(get(api, url)) == (503, "wallet_not_configured")
    assert wallet_service.available()["apple"] is False
    assert wallet_service.get_add_to_wallet_urls(api.db, card)["apple_wallet_url"] is None
    renewed = make_apple_chain(tmp_path, pass_type_id=PASS_TYPE, team_id=TEAM)
    answer = get(api, url)
    assert openssl_faults(files_of(answer.content), renewed.root, tmp_path) == ""
    assert wallet_service.available()["apple"] is True


@pytest.mark.parametrize(
    ("days", "swapped", "cause"),
    [
        (-1, (), "apple_certificate_expired"),
        (365, ("wwdr",), "apple_wrong_intermediate"),
        (365, ("key",), "apple_key_mismatch"),
        (10, (), None),
    ],
    ids=["expired", "another intermediate", "another key", "ten days left"],
)
def test_c10_given_a_setup_when_somebody_joins_then_they_do_and_only_good_files_are_given(
    api: Api,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    days: int,
    swapped: tuple[str, ...],
    cause: str | None,
) -> None:
    chain = make_apple_chain(tmp_path, pass_type_id=PASS_TYPE, team_id=TEAM, days=days)
    others = throw_away_chain()
    configure_apple(
        monkeypatch, replace(chain, **{name: getattr(others, name) for name in swapped})
    )
    # when
    joined = api.post("/cards/enroll", {"email": "zoe@example.com"})
    shown = api.get("/program", "owner").json()["wallet"]
    admin = {"Authorization": f"Bearer {make_session(api.db, merchant_id=None)}"}
    apple = api.client.get(STATUS, headers=admin).json()["vendors"][1]["setup"]
    # then
    is_good = cause is None
    assert (joined.status_code, shown["apple"]) == (201, is_good)
    assert (apple["problem"] or {}).get("cause") == cause
    card = reads.rows_of(api.db, LoyaltyCard, merchant_id=api.merchant_id)[-1]
    assert card.id == joined.json()["card_id"]
    url = wallet_service.get_add_to_wallet_urls(api.db, card)["apple_wallet_url"]
    if url is None:
        kept = factories.make_pass(api.db, card=card, provider="apple")
        answer = get(api, download_url(kept.serial))
        assert problem_of(answer) == (503, "wallet_not_configured")
    else:
        assert is_good
        assert "apple_expires_soon" in {warning["cause"] for warning in apple["warnings"]}
        assert openssl_faults(files_of(get(api, url).content), chain.root, tmp_path) == ""
