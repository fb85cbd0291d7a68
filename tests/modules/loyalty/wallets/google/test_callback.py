"""Callbacks: Google's own are believed, all others are not."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.fakes.faults import Fault
from app.fakes.google import FakeGoogle
from app.fakes.google_keys import ISSUER_ID, SENDER, root_keys, sign_callback
from app.modules.loyalty.wallets.faults import WalletFault
from app.modules.loyalty.wallets.google import callback
from app.modules.loyalty.wallets.google.callback import CallbackRefused, PassEvent, RootKeys
from tests.google_wallet import SERIAL, keys_in, setup_of

OBJECT_ID = f"{ISSUER_ID}.{SERIAL}"


@pytest.fixture(scope="module")
def keys(running: FakeGoogle) -> RootKeys:
    """Root keys, fetched once for all tests that only use them."""
    running.forget()
    keys = RootKeys(setup_of(running))
    keys.at(datetime.now(UTC))
    return keys


@pytest.fixture
def no_keys(google: FakeGoogle) -> RootKeys:
    """Root keys that are still to be fetched."""
    return RootKeys(setup_of(google))


def hear(body: bytes, keys: RootKeys, *, now: datetime | None = None, **of: str) -> PassEvent:
    how = {"sender": SENDER, "issuer_id": ISSUER_ID, **of}
    return callback.verify(body, keys, now=now or datetime.now(UTC), **how)


@pytest.mark.parametrize(("event", "is_saved"), [("save", True), ("del", False)])
def test_given_a_callback_of_google_when_heard_then_it_tells_the_event(
    google: FakeGoogle, keys: RootKeys, event: str, is_saved: bool
) -> None:
    body = google.callback(OBJECT_ID, event, nonce="n-1")
    assert hear(body, keys) == PassEvent(OBJECT_ID, is_saved, "n-1")


def test_given_a_text_beyond_ascii_when_signed_then_its_length_counts_in_bytes(
    google: FakeGoogle, keys: RootKeys
) -> None:
    body = google.callback(OBJECT_ID, "save", nonce="é☕-1", note="Lëtzebuerg")
    assert "Lëtzebuerg".encode() in body
    assert hear(body, keys).nonce == "é☕-1"


def change(envelope: dict[str, Any], **message: Any) -> None:
    said = json.loads(envelope["signedMessage"]) | message
    envelope["signedMessage"] = json.dumps(said)


FORGERIES: dict[str, Callable[[dict[str, Any]], None]] = {
    "another object": lambda e: change(e, objectId=f"{ISSUER_ID}.{'f' * 32}"),
    "another event": lambda e: change(e, eventType="del"),
    "a later end": lambda e: change(e, expTimeMillis=99999999999999),
    "another signature": lambda e: e.update(signature=e["intermediateSigningKey"]["signatures"][0]),
    "no signature": lambda e: e.pop("signature"),
    "empty signature": lambda e: e.update(signature=""),
    "no base64": lambda e: e.update(signature="%%%"),
    "another protocol": lambda e: e.update(protocolVersion="ECv1"),
    "another key": lambda e: e["intermediateSigningKey"].update(signedKey="{}"),
    "no key": lambda e: e.pop("intermediateSigningKey"),
    "no key signatures": lambda e: e["intermediateSigningKey"].update(signatures=[]),
    "a number": lambda e: e.update(signedMessage=7),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_given_a_forged_callback_when_heard_then_it_is_refused(
    google: FakeGoogle, keys: RootKeys, name: str
) -> None:
    envelope = json.loads(google.callback(OBJECT_ID, "save"))
    FORGERIES[name](envelope)
    with pytest.raises(CallbackRefused):
        hear(json.dumps(envelope).encode(), keys)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"null", b'"x"', b"\xff\xfe", b"{" * 5000, b"x" * 30_000,
     b'{"intermediateSigningKey": {"signedKey": 1, "signatures": [[]]}}'],
)  # fmt: skip
def test_given_garbage_when_heard_then_it_is_refused_without_asking_google(
    google: FakeGoogle, no_keys: RootKeys, body: bytes
) -> None:
    google.faults.always.append(Fault(path="/keys"))
    with pytest.raises(CallbackRefused) as caught:
        hear(body, no_keys)
    assert caught.value.reason in callback.NO_CALLBACK


def test_given_a_stranger_who_signs_rightly_when_heard_then_it_is_refused(
    google: FakeGoogle, keys: RootKeys, tmp_path: Path
) -> None:
    message = json.loads(json.loads(google.callback(OBJECT_ID, "save"))["signedMessage"])
    body = json.dumps(sign_callback(keys_in(tmp_path), message)).encode()
    with pytest.raises(CallbackRefused, match="key_not_signed"):
        hear(body, keys)


def test_given_a_callback_for_another_issuer_when_heard_then_it_is_refused(
    google: FakeGoogle, keys: RootKeys
) -> None:
    with pytest.raises(CallbackRefused, match="message_not_signed"):
        hear(google.callback(OBJECT_ID, "save"), keys, issuer_id="1")
    with pytest.raises(CallbackRefused, match="malformed"):
        hear(google.callback(f"1.{SERIAL}", "save"), keys)


@pytest.mark.parametrize(("seconds", "is_heard"), [(1, True), (0, False), (-1, False)])
def test_given_a_callback_when_its_time_is_over_then_it_is_stale(
    google: FakeGoogle, keys: RootKeys, seconds: int, is_heard: bool
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    ends_ms = int((now + timedelta(seconds=seconds)).timestamp() * 1000)
    body = google.callback(OBJECT_ID, "save", expTimeMillis=str(ends_ms))
    if is_heard:
        assert hear(body, keys, now=now).is_saved
    else:
        with pytest.raises(CallbackRefused, match="stale"):
            hear(body, keys, now=now)


def test_given_an_intermediate_key_that_is_over_when_heard_then_it_is_refused(
    google: FakeGoogle, keys: RootKeys
) -> None:
    message = json.loads(json.loads(google.callback(OBJECT_ID, "save"))["signedMessage"])
    ended = datetime.now(UTC).timestamp() - 1
    body = json.dumps(sign_callback(google.keys, message, key_ends_at=ended)).encode()
    with pytest.raises(CallbackRefused, match="key_expired"):
        hear(body, keys)


def test_given_root_keys_when_used_then_they_are_fetched_once_a_day(
    google: FakeGoogle, no_keys: RootKeys
) -> None:
    now = datetime.now(UTC)
    no_keys.at(now)
    google.faults.always.append(Fault(path="/keys"))
    first = no_keys.at(now + timedelta(hours=23))
    assert no_keys.at(now + timedelta(hours=25)) == first  # they can't be had: the old ones go on


def test_given_no_root_keys_when_asked_then_google_is_not_asked_again_for_a_minute(
    google: FakeGoogle, no_keys: RootKeys
) -> None:
    now = datetime.now(UTC)
    google.faults.add(Fault(path="/keys"))
    for seconds in (0, 59):
        with pytest.raises(WalletFault):
            no_keys.at(now + timedelta(seconds=seconds))
    assert len(no_keys.at(now + timedelta(seconds=60))) == 1


def test_given_root_keys_that_are_over_when_asked_then_they_are_not_used(
    google: FakeGoogle, no_keys: RootKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    ends_at = (now + timedelta(hours=1)).timestamp()
    monkeypatch.setattr("app.fakes.google.root_keys", lambda made: root_keys(made, ends_at=ends_at))
    assert no_keys.at(now)
    with pytest.raises(WalletFault):
        no_keys.at(now + timedelta(hours=2))
