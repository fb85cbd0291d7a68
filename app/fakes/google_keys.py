"""A throw-away service account, and keys as Google signs its callbacks with."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

CLIENT_EMAIL: Final = "orion-loyalty@throw-away.iam.gserviceaccount.com"
ISSUER_ID: Final = "3388000000022222222"
PROTOCOL: Final = "ECv2SigningOnly"
SENDER: Final = "GooglePayPasses"
_DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class GoogleKeys:
    """What both sides need: our account's key file, and what the simulated Google knows."""

    service_account: Path
    client_email: str
    account_public_pem: str
    root: ec.EllipticCurvePrivateKey


def make_google_keys(directory: Path, *, token_url: str) -> GoogleKeys:
    """Write the key files to `directory`, or read those that are there.

    `token_url` is where the account gets its tokens; it is written anew each time.
    """
    directory.mkdir(parents=True, exist_ok=True)
    file, root_file = directory / "google-service-account.json", directory / "google-root.pem"
    known = json.loads(file.read_text()) if file.exists() else None
    private_pem = known["private_key"] if known else _pem(rsa.generate_private_key(65537, 2048))
    account = {
        "type": "service_account",
        "private_key_id": known["private_key_id"] if known else uuid4().hex,
        "private_key": private_pem,
        "client_email": CLIENT_EMAIL,
        "token_uri": token_url,
    }
    _write(file, json.dumps(account, indent=2))
    if not root_file.exists():
        _write(root_file, _pem(ec.generate_private_key(ec.SECP256R1())))
    root = load_pem_private_key(root_file.read_bytes(), None)
    private = load_pem_private_key(private_pem.encode(), None)
    assert isinstance(root, ec.EllipticCurvePrivateKey)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return GoogleKeys(file, CLIENT_EMAIL, public.decode(), root)


def root_keys(keys: GoogleKeys, *, ends_at: float | None = None) -> dict[str, object]:
    """What Google publishes of its root keys. `ends_at`: seconds since 1970."""
    ends_ms = int((ends_at or time.time() + 365 * _DAY_S) * 1000)
    entry = {
        "keyValue": _der(keys.root),
        "keyExpiration": str(ends_ms),
        "protocolVersion": PROTOCOL,
    }
    return {"keys": [entry]}


def sign_callback(
    keys: GoogleKeys,
    message: dict[str, object],
    *,
    issuer_id: str = ISSUER_ID,
    sender: str = SENDER,
    key_ends_at: float | None = None,
) -> dict[str, object]:
    """A callback as Google sends it: `message` signed by a key that the root key signed."""
    intermediate = ec.generate_private_key(ec.SECP256R1())
    ends_ms = int((key_ends_at or time.time() + 7 * _DAY_S) * 1000)
    signed_key = json.dumps({"keyValue": _der(intermediate), "keyExpiration": str(ends_ms)})
    text = json.dumps(message, ensure_ascii=False)
    return {
        "signature": _signature(intermediate, sender, issuer_id, PROTOCOL, text),
        "intermediateSigningKey": {
            "signedKey": signed_key,
            "signatures": [_signature(keys.root, sender, PROTOCOL, signed_key)],
        },
        "protocolVersion": PROTOCOL,
        "signedMessage": text,
    }


def _signature(key: ec.EllipticCurvePrivateKey, *parts: str) -> str:
    content = b"".join(len(part.encode()).to_bytes(4, "little") + part.encode() for part in parts)
    return base64.b64encode(key.sign(content, ec.ECDSA(SHA256()))).decode()


def _der(key: ec.EllipticCurvePrivateKey) -> str:
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(public).decode()


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _write(file: Path, text: str) -> None:
    file.touch(mode=0o600)
    file.write_text(text, encoding="utf-8")
