"""Callbacks of Google, checked: that Google says so, that it is meant for us, and that it is new.

Source: Google, Wallet API, "Use callbacks"; the scheme is ECv2SigningOnly of Google Pay.
"""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from app.modules.loyalty.types import FaultKind
from app.modules.loyalty.wallets.faults import WalletFault
from app.modules.loyalty.wallets.google.setup import GoogleSetup
from app.modules.loyalty.wallets.transport import ask, open_client

MOST_BYTES: Final = 20_000
PROTOCOL: Final = "ECv2SigningOnly"
# New root keys are seen within a day, and a failure to get them is not repeated at once.
_KEYS_LIFE: Final = timedelta(days=1)
_KEYS_PAUSE: Final = timedelta(minutes=1)
_MOST_NONCE: Final = 100
_EVENTS: Final = {"save": True, "del": False}
# Reasons of a refusal that say: this has not even the form of a callback.
NO_CALLBACK: Final = ("too_large", "malformed")


class CallbackRefused(Exception):
    """It is not Google's, not for us, or over. `reason` is a stable word for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class PassEvent:
    """Somebody saved a pass (`is_saved`), or removed it. `nonce` names this message."""

    object_id: str
    is_saved: bool
    nonce: str


@dataclass(frozen=True, slots=True)
class RootKey:
    """A key of Google's own, in force until `ends_ms` (milliseconds since 1970)."""

    key: ec.EllipticCurvePublicKey
    ends_ms: int


class RootKeys:
    """Google's root keys, fetched when they are needed, asked for again after a day.

    Where that fails, those that are still in force go on.
    """

    def __init__(self, setup: GoogleSetup) -> None:
        self._url = setup.keys_url
        self._lock = threading.Lock()
        self._keys: tuple[RootKey, ...] = ()
        self._ask_at: datetime | None = None

    def at(self, now: datetime) -> tuple[RootKey, ...]:
        """The keys in force at `now`.

        Raises:
            WalletFault: (transient) they can't be had at the moment.
        """
        with self._lock:
            found = self._in_force(now)
            if self._ask_at is None or now >= self._ask_at or (self._keys and not found):
                fetched = self._fetched()
                self._ask_at = now + (_KEYS_LIFE if fetched else _KEYS_PAUSE)
                self._keys = fetched or found
                self._keys = found = self._in_force(now)
        if not found:
            raise WalletFault(FaultKind.TRANSIENT, "root_keys_unavailable")
        return found

    def _in_force(self, now: datetime) -> tuple[RootKey, ...]:
        now_ms = now.timestamp() * 1000
        return tuple(key for key in self._keys if key.ends_ms > now_ms)

    def _fetched(self) -> tuple[RootKey, ...]:
        client = open_client()
        try:
            answer = ask(client, "GET", self._url, headers={"Accept": "application/json"})
            given = answer.json() if answer.status == 200 else None
        except WalletFault:
            return ()
        finally:
            client.close()
        entries = given.get("keys") if isinstance(given, dict) else None
        return tuple(_root_keys(entries if isinstance(entries, list) else ()))


def verify(body: bytes, keys: RootKeys, *, sender: str, issuer_id: str, now: datetime) -> PassEvent:
    """The event that a callback tells of. Nothing in it is believed before its signature is.

    Raises:
        CallbackRefused.
        WalletFault: Google's root keys can't be had at the moment.
    """
    if len(body) > MOST_BYTES:
        raise CallbackRefused("too_large")
    envelope = _object(body)
    signed_key, signatures = _intermediate(envelope)
    message = _text(envelope, "signedMessage")
    if _text(envelope, "protocolVersion") != PROTOCOL:
        raise CallbackRefused("protocol_unknown")
    key_bytes = _signed_bytes(sender, PROTOCOL, signed_key)
    roots = keys.at(now)
    if not any(_is_signed(root.key, one, key_bytes) for root in roots for one in signatures):
        raise CallbackRefused("key_not_signed")
    key = _intermediate_key(signed_key, now)
    message_bytes = _signed_bytes(sender, issuer_id, PROTOCOL, message)
    if not _is_signed(key, _text(envelope, "signature"), message_bytes):
        raise CallbackRefused("message_not_signed")
    return _event(message, issuer_id, now)


def _event(message: str, issuer_id: str, now: datetime) -> PassEvent:
    said = _object(message.encode())
    if _instant_ms(said.get("expTimeMillis")) <= now.timestamp() * 1000:
        raise CallbackRefused("stale")
    object_id, nonce = _text(said, "objectId"), _text(said, "nonce")
    if not object_id.startswith(f"{issuer_id}.") or len(nonce) > _MOST_NONCE:
        raise CallbackRefused("malformed")
    kind = _text(said, "eventType")
    if kind not in _EVENTS:
        raise CallbackRefused("event_unknown")
    return PassEvent(object_id, _EVENTS[kind], nonce)


def _root_keys(entries: Iterable[Any]) -> Iterator[RootKey]:
    for entry in entries:
        if isinstance(entry, dict) and entry.get("protocolVersion") == PROTOCOL:
            with suppress(CallbackRefused):  # the others may do
                ends_ms = _instant_ms(entry.get("keyExpiration"))
                yield RootKey(_public_key(entry.get("keyValue")), ends_ms)


def _intermediate(envelope: dict[str, Any]) -> tuple[str, list[str]]:
    given = envelope.get("intermediateSigningKey")
    if not isinstance(given, dict):
        raise CallbackRefused("malformed")
    signatures = given.get("signatures")
    if not isinstance(signatures, list) or not 0 < len(signatures) <= 10:
        raise CallbackRefused("malformed")
    return _text(given, "signedKey"), [one for one in signatures if isinstance(one, str)]


def _intermediate_key(signed_key: str, now: datetime) -> ec.EllipticCurvePublicKey:
    given = _object(signed_key.encode())
    if _instant_ms(given.get("keyExpiration")) <= now.timestamp() * 1000:
        raise CallbackRefused("key_expired")
    return _public_key(given.get("keyValue"))


def _signed_bytes(*parts: str) -> bytes:
    """Each part behind its length in bytes, not in characters (4 bytes, the lowest first)."""
    encoded = [part.encode() for part in parts]
    return b"".join(len(part).to_bytes(4, "little") + part for part in encoded)


def _is_signed(key: ec.EllipticCurvePublicKey, signature: str, content: bytes) -> bool:
    try:
        key.verify(_decoded(signature), content, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _public_key(value: object) -> ec.EllipticCurvePublicKey:
    try:
        key = load_der_public_key(_decoded(value))
    except (ValueError, UnsupportedAlgorithm):
        raise CallbackRefused("malformed") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CallbackRefused("malformed")
    return key


def _decoded(value: object) -> bytes:
    try:
        return base64.b64decode(value if isinstance(value, str) else "!", validate=True)
    except (binascii.Error, ValueError):
        raise CallbackRefused("malformed") from None


def _instant_ms(value: object) -> int:
    """Milliseconds since 1970, which Google writes as text."""
    text = str(value) if isinstance(value, int | str) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        raise CallbackRefused("malformed")
    return int(text)


def _object(content: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise CallbackRefused("malformed") from None
    if not isinstance(value, dict):
        raise CallbackRefused("malformed")
    return value


def _text(of: dict[str, Any], name: str) -> str:
    value = of.get(name)
    if not isinstance(value, str) or not value:
        raise CallbackRefused("malformed")
    return value
