"""The client and every answer of Google, over real HTTP on the loopback."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from app.fakes.faults import Fault
from app.fakes.google import FakeGoogle
from app.modules.loyalty.rules.pass_view import PassView
from app.modules.loyalty.types import FaultKind, PassEnd
from app.modules.loyalty.wallets.faults import WalletFault
from app.modules.loyalty.wallets.google import content
from app.modules.loyalty.wallets.google.client import GoogleWallet
from tests.google_wallet import PLACE, make_design, make_view, setup_of

CLASS = content.class_payload(PLACE, make_design())
CLASS_ID, OBJECT_ID = CLASS["id"], content.object_payload(PLACE, make_view(), hero_url=None)["id"]


def send(wallet: GoogleWallet, view: PassView | None = None, *, ring: bool = False) -> bool:
    payload = content.object_payload(PLACE, view or make_view(), hero_url=None)
    return wallet.send_object(payload, class_payload=CLASS, ring=ring)


def asked(google: FakeGoogle) -> list[tuple[str, int]]:
    return [(f"{call.method} {call.path.partition('/')[0]}", call.status) for call in google.calls]


def balance_of(google: FakeGoogle) -> Any:
    return google.objects[OBJECT_ID]["loyaltyPoints"]["balance"]


def test_given_nothing_when_a_pass_is_sent_then_class_and_object_are_made(
    google: FakeGoogle, wallet: GoogleWallet
) -> None:
    assert send(wallet) is False
    assert asked(google) == [
        ("PATCH loyaltyObject", 404),
        ("POST loyaltyObject", 404),
        ("PATCH loyaltyClass", 404),
        ("POST loyaltyClass", 200),
        ("POST loyaltyObject", 200),
    ]
    assert google.classes[CLASS_ID]["reviewStatus"] == "APPROVED"
    assert balance_of(google) == {"string": "7/10"}


def test_given_an_object_when_sent_again_then_it_is_patched_whole(
    google: FakeGoogle, wallet: GoogleWallet
) -> None:
    send(wallet, make_view(points=250))
    google.calls.clear()
    send(wallet, make_view(stamps=None, points=40, holder=""))
    assert asked(google) == [("PATCH loyaltyObject", 200)]
    kept = google.objects[OBJECT_ID]
    assert kept["loyaltyPoints"]["balance"] == {"int": 40}
    assert "secondaryLoyaltyPoints" not in kept
    assert "accountName" not in kept


def test_given_a_class_when_its_design_changes_then_what_is_gone_is_cleared(
    google: FakeGoogle, wallet: GoogleWallet
) -> None:
    wallet.send_class(CLASS)
    bare = make_design(hero_image=None, terms_text="", stores=(), card_color="#ff0000")
    wallet.send_class(content.class_payload(PLACE, bare))
    kept = google.classes[CLASS_ID]
    assert kept["hexBackgroundColor"] == "#ff0000"
    assert {"heroImage", "textModulesData", "merchantLocations"} & kept.keys() == set()


def test_given_a_pass_of_no_card_when_sent_then_nothing_of_a_card_is_left(
    google: FakeGoogle, wallet: GoogleWallet
) -> None:
    send(wallet)
    over = make_view(stamps=None, ended=PassEnd.REPLACED, holder="", card_number="")
    send(wallet, over)
    kept = google.objects[OBJECT_ID]
    assert kept["state"] == "INACTIVE"
    assert {"accountId", "accountName", "barcode", "loyaltyPoints"} & kept.keys() == set()


def test_given_a_pass_of_no_card_that_google_never_had_when_sent_then_none_is_made(
    google: FakeGoogle, wallet: GoogleWallet
) -> None:
    send(wallet, make_view(stamps=None, ended=PassEnd.ERASED))
    assert google.objects == {}


def test_given_one_token_when_many_threads_send_then_it_is_asked_for_once(
    google: FakeGoogle, wallet: GoogleWallet
) -> None:
    send(wallet)
    google.token_requests = 0
    google.tokens.clear()  # all of them are refused from now on
    threads = [threading.Thread(target=send, args=(wallet,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert google.token_requests == 1
    assert balance_of(google) == {"string": "7/10"}


def test_given_a_key_that_google_does_not_know_when_sent_then_all_is_paused(
    google: FakeGoogle,
) -> None:
    stranger = GoogleWallet(setup_of(google, client_email="else@example.com"))
    with pytest.raises(WalletFault) as caught:
        send(stranger)
    assert (caught.value.kind, caught.value.reason) == (FaultKind.PAUSE, "account_refused")
    assert caught.value.detail == "invalid_grant: Invalid JWT Signature."
    stranger.close()


REFUSALS = {
    "bad payload": (Fault(status=400, reason="invalidResource", message="Bad image"),
                    FaultKind.PARK, "invalidResource"),
    "odd status": (Fault(status=418, reason="", message=""), FaultKind.PARK, "http_418"),
    "no permission": (Fault(status=403, reason="permissionDenied"), FaultKind.PAUSE,
                      "permissionDenied"),
    "silent quota": (Fault(status=403, reason="quotaExceeded"), FaultKind.TRANSIENT,
                     "quotaExceeded"),
    "rate": (Fault(status=403, reason="rateLimitExceeded"), FaultKind.TRANSIENT,
             "rateLimitExceeded"),
    "too many": (Fault(status=429, reason="rateLimitExceeded", headers={"retry-after": "17"}),
                 FaultKind.TRANSIENT, "rateLimitExceeded"),
    "down": (Fault(status=503), FaultKind.TRANSIENT, "backendError"),
    "moved": (Fault(status=302, reason=""), FaultKind.TRANSIENT, "http_302"),
    "a proxy's page": (Fault("html"), FaultKind.TRANSIENT, "unreadable_answer"),
    "cut": (Fault("cut"), FaultKind.TRANSIENT, "unreadable_answer"),
    "huge": (Fault("huge"), FaultKind.TRANSIENT, "answer_too_large"),
    "another resource": (Fault("wrong"), FaultKind.TRANSIENT, "wrong_answer"),
    "reset": (Fault("reset"), FaultKind.TRANSIENT, "unreachable"),
    "token refused": (Fault(status=401, path="/token"), FaultKind.PAUSE, "account_refused"),
    "token down": (Fault(status=500, path="/token", headers={"retry-after": "17"}),
                   FaultKind.TRANSIENT, "token_unavailable"),
    "token nonsense": (Fault("html", path="/token"), FaultKind.TRANSIENT, "unreadable_answer"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_given_an_answer_that_is_no_success_when_sent_then_the_fault_says_what_to_do(
    google: FakeGoogle, wallet: GoogleWallet, name: str
) -> None:
    fault, kind, reason = REFUSALS[name]
    if fault.path == "/token":
        google.tokens.clear()
    google.faults.always.append(replace(fault, path=fault.path or "/walletobjects"))
    with pytest.raises(WalletFault) as caught:
        send(wallet)
    assert (caught.value.kind, caught.value.reason) == (kind, reason)
    wait = 17 if "retry-after" in fault.headers else None
    assert caught.value.retry_after_s == wait
    assert "ya29" not in caught.value.detail


def test_given_a_token_refused_for_good_when_sent_then_it_is_renewed_once_and_all_paused(
    google: FakeGoogle, wallet: GoogleWallet
) -> None:
    send(wallet)
    google.token_requests = 0
    google.faults.always.append(Fault(status=401, reason="authError", path="/walletobjects"))
    with pytest.raises(WalletFault) as caught:
        send(wallet)
    assert (caught.value.kind, caught.value.reason) == (FaultKind.PAUSE, "unauthorized")
    assert google.token_requests == 1


def test_given_holders_on_several_pages_when_asked_then_all_are_told(
    google: FakeGoogle, wallet: GoogleWallet
) -> None:
    wallet.send_class(CLASS)
    for number in range(1050):
        found = {"id": f"{PLACE.issuer_id}.{number:032x}", "classId": CLASS_ID}
        google.objects[found["id"]] = {**found, "hasUsers": number % 3 == 0}
    holders = dict(wallet.holders(CLASS_ID))
    assert len(holders) == 1050
    assert sum(holders.values()) == 350
    assert asked(google).count(("GET loyaltyObject", 200)) == 3
    assert list(wallet.holders(f"{PLACE.issuer_id}.none")) == []


def test_c16_given_an_address_that_google_cant_fetch_when_sent_then_it_is_refused(
    google: FakeGoogle, wallet: GoogleWallet
) -> None:
    """The simulation can refuse; the setup never lets such an address come this far."""
    local = content.Place(PLACE.issuer_id, "http://localhost:8000", PLACE.callback_url)
    with pytest.raises(WalletFault) as caught:
        wallet.send_class(content.class_payload(local, make_design()))
    assert caught.value.kind is FaultKind.PARK
    assert "Image cannot be loaded" in caught.value.detail


def test_c17_given_a_class_that_exists_when_two_insert_it_then_both_succeed(
    google: FakeGoogle, wallet: GoogleWallet
) -> None:
    missing = Fault(status=404, reason="classNotFound", path="loyaltyClass", method="PATCH")
    wallet.send_class(CLASS)
    google.calls.clear()
    google.faults.add(missing)  # the other one inserted it after this one looked
    wallet.send_class(CLASS)
    assert asked(google) == [("POST loyaltyClass", 409), ("PATCH loyaltyClass", 200)]
    assert len(google.classes) == 1


def test_c17_given_an_object_that_exists_when_inserted_then_it_gets_the_newest_balance(
    google: FakeGoogle, wallet: GoogleWallet
) -> None:
    send(wallet)
    google.faults.add(Fault(status=404, path="loyaltyObject", method="PATCH"))
    send(wallet, make_view(stamps=8))
    assert balance_of(google) == {"string": "8/10"}


def test_c17_given_a_lost_object_when_patched_then_it_is_made_with_the_balance(
    google: FakeGoogle, wallet: GoogleWallet
) -> None:
    send(wallet)
    google.objects.clear()
    send(wallet, make_view(stamps=9), ring=True)
    assert balance_of(google) == {"string": "9/10"}


def test_c17_given_an_answer_that_was_lost_when_sent_again_then_the_state_is_the_same(
    google: FakeGoogle, wallet: GoogleWallet
) -> None:
    google.faults.add(Fault("lost", path="loyaltyObject", method="POST"))
    wallet.send_class(CLASS)
    with pytest.raises(WalletFault) as caught:
        send(wallet)
    assert caught.value.kind is FaultKind.TRANSIENT
    send(wallet)
    assert len(google.objects) == 1
    assert balance_of(google) == {"string": "7/10"}


def test_c18_given_an_issuer_that_may_not_name_shops_when_sent_then_it_goes_without_them(
    google: FakeGoogle, new_wallet: GoogleWallet
) -> None:
    google.allow_locations = False
    new_wallet.send_class(CLASS)
    assert "merchantLocations" not in google.classes[CLASS_ID]
    google.calls.clear()
    new_wallet.send_class(CLASS)
    assert asked(google) == [("PATCH loyaltyClass", 200)]


def test_c18_given_a_class_that_is_refused_when_sent_then_googles_reason_is_kept(
    google: FakeGoogle, wallet: GoogleWallet
) -> None:
    refused = Fault(status=400, reason="invalidResource", message="No logo", path="loyaltyClass")
    google.faults.always.append(refused)
    with pytest.raises(WalletFault) as caught:
        send(wallet)
    assert (caught.value.kind, caught.value.reason) == (FaultKind.PARK, "invalidResource")
    assert caught.value.detail == "No logo"
    google.faults.clear()
    send(wallet)
    assert google.classes[CLASS_ID]["reviewStatus"] == "APPROVED"


def test_c19_given_five_stamps_and_a_reward_in_a_day_when_sent_then_three_ring_and_all_arrive(
    google: FakeGoogle, wallet: GoogleWallet
) -> None:
    send(wallet, make_view(stamps=0))
    google.calls.clear()
    rang = []
    for stamps in (1, 2, 3, 4, 5, 0):
        rang.append(send(wallet, make_view(stamps=stamps), ring=True))
        assert balance_of(google) == {"string": f"{stamps}/10"}
    assert rang == [True, True, True, False, False, False]
    assert [status for _, status in asked(google)] == [200] * 3 + [403, 200] * 3


def test_c19_given_a_change_that_should_not_ring_when_sent_then_it_does_not_ask_for_it(
    google: FakeGoogle, wallet: GoogleWallet
) -> None:
    send(wallet)
    assert send(wallet, make_view(stamps=8), ring=False) is False
    assert google.rings == {}
    assert send(wallet, make_view(stamps=9), ring=True) is True
    assert len(google.rings[OBJECT_ID]) == 1
