"""Google's save address, and our short one."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.auth import jwt
from starlette.testclient import TestClient

from app.core.security import Key
from app.fakes.google import FakeGoogle
from app.fakes.google_keys import ISSUER_ID
from app.modules.loyalty.wallets.google import content, save_link
from app.modules.loyalty.wallets.google.client import GoogleWallet
from tests.google_wallet import BASE_URL, PLACE, SERIAL, make_design, make_view, setup_of

KEY = Key("a key of the platform, long enough")
NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
OBJECT_ID, CLASS_ID = f"{ISSUER_ID}.{SERIAL}", f"{ISSUER_ID}.t7_p3"


def save_url(google: FakeGoogle, now: datetime = NOW) -> str:
    return save_link.save_url(setup_of(google), object_id=OBJECT_ID, class_id=CLASS_ID, now=now)


def test_given_a_pass_when_its_save_address_is_made_then_it_is_short_and_names_it_only(
    google: FakeGoogle,
) -> None:
    token = save_url(google).removeprefix(f"{google.url}/save/")
    assert len(token) < save_link.MOST_CHARACTERS
    claims: dict[str, Any] = jwt.decode(  # type: ignore[no-untyped-call]  # google-auth's own
        token, verify=False
    )
    assert claims == {
        "iss": google.keys.client_email,
        "aud": "google",
        "typ": "savetowallet",
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 3600,
        "origins": [BASE_URL],
        "payload": {"loyaltyObjects": [{"id": OBJECT_ID, "classId": CLASS_ID}]},
    }


def test_given_the_longest_ids_when_the_address_is_made_then_it_still_fits(
    google: FakeGoogle,
) -> None:
    setup = setup_of(google, base_url="https://" + "a" * 60 + "." + "b" * 60 + ".example.com")
    issuer = "9" * 20
    class_id = content.class_id(issuer, 2**63 - 1, 2**63 - 1)
    url = save_link.save_url(setup, object_id=f"{issuer}.{SERIAL}", class_id=class_id, now=NOW)
    assert len(url.rpartition("/")[2]) < save_link.MOST_CHARACTERS


def test_given_a_link_when_read_then_it_names_the_pass_for_a_year() -> None:
    link = save_link.make_link(KEY, SERIAL, now=NOW)
    assert re.fullmatch(r"[A-Za-z0-9_-]{48}", link)
    assert save_link.read_link(KEY, link, now=NOW) == SERIAL
    last = NOW + timedelta(days=365)
    assert save_link.read_link(KEY, link, now=last - timedelta(seconds=1)) == SERIAL
    assert save_link.read_link(KEY, link, now=last) is None


@pytest.mark.parametrize("spoil", [0, 20, 24, 30, 47])
def test_given_a_link_with_another_letter_when_read_then_it_is_none_of_ours(spoil: int) -> None:
    link = save_link.make_link(KEY, SERIAL, now=NOW)
    other = "A" if link[spoil] != "A" else "B"
    assert save_link.read_link(KEY, link[:spoil] + other + link[spoil + 1 :], now=NOW) is None


@pytest.mark.parametrize("link", ["", "x", SERIAL, "é" * 48, "A" * 48, "A" * 100, "=" * 48])
def test_given_nonsense_when_read_then_it_is_none_of_ours(link: str) -> None:
    assert save_link.read_link(KEY, link, now=NOW) is None


def test_given_a_link_of_another_key_when_read_then_it_is_none_of_ours() -> None:
    link = save_link.make_link(Key("another key of the platform, long"), SERIAL, now=NOW)
    assert save_link.read_link(KEY, link, now=NOW) is None


def test_given_a_saved_card_when_its_phone_is_looked_at_then_it_shows_what_was_sent(
    google: FakeGoogle, wallet: GoogleWallet
) -> None:
    """The simulated phone: save, see, change, remove."""
    klass = content.class_payload(PLACE, make_design())
    klass["callbackOptions"] = {"url": f"{google.url}/nobody-listens"}
    google.allow_http = True
    for stamps in (7, 8):
        thing = content.object_payload(PLACE, make_view(stamps=stamps), hero_url=None)
        wallet.send_object(thing, class_payload=klass, ring=False)
    path = save_url(google, datetime.now(UTC)).removeprefix(google.url)
    with TestClient(google) as phone:
        page = phone.get(f"{path}?hl=de").text
        assert "Coffee card" in page
        assert "8/10" in page
        assert "Nächste" in page
        assert OBJECT_ID not in phone.get("/google/cards").text
        assert "8/10" in phone.post(path).text
        assert google.objects[OBJECT_ID]["hasUsers"] is True
        phone.post(f"/google/cards/{OBJECT_ID}/remove")
        assert google.objects[OBJECT_ID]["hasUsers"] is False
        assert phone.get(f"{path}x").status_code == 400
    google.allow_http = False
    assert google.callbacks == [(OBJECT_ID, 404)] * 2


def test_given_a_save_address_that_is_over_when_opened_then_it_is_refused(
    google: FakeGoogle, wallet: GoogleWallet
) -> None:
    thing = content.object_payload(PLACE, make_view(), hero_url=None)
    wallet.send_object(thing, class_payload=content.class_payload(PLACE, make_design()), ring=False)
    with TestClient(google) as phone:
        for age in (timedelta(hours=2), timedelta(minutes=-30)):
            path = save_url(google, datetime.now(UTC) - age).removeprefix(google.url)
            assert phone.get(path).status_code == 400
