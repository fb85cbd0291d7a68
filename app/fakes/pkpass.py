"""A `.pkpass` as a phone reads it: signature, manifest and contents are checked before use."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, Final
from zipfile import BadZipFile, ZipFile

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates
from cryptography.x509.oid import NameOID

_MOST_BYTES: Final = 20_000_000
_MESSAGE_DIGEST: Final = bytes.fromhex("2a864886f70d010904")
_SET, _SEQUENCE, _OCTETS = 0x31, 0x30, 0x04
_ATTRIBUTES: Final = 0xA0
_TEXTS: Final = (
    "passTypeIdentifier", "teamIdentifier", "serialNumber", "organizationName", "description",
)  # fmt: skip
_COLORS: Final = ("backgroundColor", "foregroundColor", "labelColor")
_COLOR: Final = re.compile(r"rgb\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)")
_STRING: Final = re.compile(r'"((?:[^"\\]|\\.)*)"\s*=\s*"((?:[^"\\]|\\.)*)"\s*;')
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t"}
PARTS: Final = (
    "headerFields", "primaryFields", "secondaryFields", "auxiliaryFields", "backFields",
)  # fmt: skip


class BadPass(Exception):
    """A phone would not open it. The text says why, which a phone never does."""


@dataclass(frozen=True)
class PassFile:
    """An opened pass: `said` is its `pass.json`, `strings` its words by language."""

    said: dict[str, Any]
    files: dict[str, bytes]
    strings: dict[str, dict[str, str]]

    @property
    def serial(self) -> str:
        return str(self.said["serialNumber"])

    def fields(self, *parts: str) -> Iterator[dict[str, Any]]:
        """The fields of these parts of the card, of all without any."""
        for part in parts or PARTS:
            yield from self.said["storeCard"].get(part, [])

    def word(self, text: object, language: str) -> str:
        """A text in the phone's language, else in English; it may be a key of the tables."""
        for table in (language, "en"):
            if str(text) in self.strings.get(table, {}):
                return self.strings[table][str(text)]
        return str(text)

    def picture(self, name: str) -> bytes | None:
        """The finest that there is, such as of `strip`."""
        for scale in ("@3x", "@2x", ""):
            if found := self.files.get(f"{name}{scale}.png"):
                return found
        return None


def open_pass(content: bytes, *, root: x509.Certificate) -> PassFile:
    """The pass in the file, whose signature must lead to `root`.

    Raises:
        BadPass.
    """
    files = _unpacked(content)
    try:
        signer = _check_signature(files["signature"], files["manifest.json"], root)
        _check_manifest(files)
        said = json.loads(files["pass.json"])
    except KeyError as missing:
        raise BadPass(f"{missing} is missing") from None
    except (ValueError, IndexError, StopIteration, InvalidSignature) as error:
        raise BadPass(f"it is damaged: {error!r}"[:200]) from None
    _check_contents(said, files, signer)
    strings = {
        name.partition(".lproj/")[0]: _table(content)
        for name, content in files.items()
        if name.endswith(".lproj/pass.strings")
    }
    return PassFile(said, files, strings)


def _unpacked(content: bytes) -> dict[str, bytes]:
    try:
        with ZipFile(BytesIO(content)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MOST_BYTES:
                raise BadPass("it is too large")
            return {name: archive.read(name) for name in archive.namelist()}
    except BadZipFile:
        raise BadPass("it is no archive") from None


def _check_manifest(files: dict[str, bytes]) -> None:
    listed = json.loads(files["manifest.json"])
    found = set(files) - {"manifest.json", "signature"}
    if set(listed) != found:
        raise BadPass(f"the manifest differs in {sorted(set(listed) ^ found)}")
    for name, digest in listed.items():
        if hashlib.sha1(files[name], usedforsecurity=False).hexdigest() != digest:
            raise BadPass(f"{name} is not what the manifest says")


def _check_signature(signature: bytes, manifest: bytes, root: x509.Certificate) -> x509.Certificate:
    """The certificate of whoever signed exactly this manifest, by Apple's grace."""
    certificates = load_der_pkcs7_certificates(signature)
    signer = _first(certificates, lambda one: _subject(one, NameOID.USER_ID), "pass certificate")
    issuer = _first(certificates, lambda one: one.subject == signer.issuer, "intermediate")
    signer.verify_directly_issued_by(issuer)
    issuer.verify_directly_issued_by(root)
    now = datetime.now(UTC)
    if not all(
        one.not_valid_before_utc <= now <= one.not_valid_after_utc for one in (signer, issuer)
    ):
        raise BadPass("a certificate has ended")
    attributes, value = _signed_part(signature)
    if _digest_in(attributes) != hashlib.sha256(manifest).digest():
        raise BadPass("the signature is of another manifest")
    public = signer.public_key()
    if not isinstance(public, RSAPublicKey):
        raise BadPass("the key is of another kind")
    # Signed as a SET, though sent under a tag of its own (RFC 5652, 5.4).
    public.verify(value, bytes([_SET]) + attributes[1:], PKCS1v15(), SHA256())
    return signer


def _first(certificates: list[x509.Certificate], fits: Any, what: str) -> x509.Certificate:
    found = next((one for one in certificates if fits(one)), None)
    if found is None:
        raise BadPass(f"there is no {what} in the signature")
    return found


def _signed_part(signature: bytes) -> tuple[bytes, bytes]:
    """The signed attributes and the signature's value of the one SignerInfo (RFC 5652, 5.3)."""
    wrapped = _children(_children(signature)[1])[0]
    infos = [one for one in _children(wrapped) if one[0] == _SET][-1]
    parts = _children(_children(infos)[0])
    attributes = next(one for one in parts if one[0] == _ATTRIBUTES)
    value = next(one for one in parts if one[0] == _OCTETS)
    return attributes, _content(value)


def _digest_in(attributes: bytes) -> bytes:
    for attribute in _children(attributes):
        name, values = _children(attribute)
        if _content(name) == _MESSAGE_DIGEST:
            return _content(_children(values)[0])
    raise BadPass("the signature names no digest")


def _children(element: bytes) -> list[bytes]:
    """The DER elements inside one."""
    inside, found = _content(element), []
    while inside:
        length = _length(inside)
        found.append(inside[:length])
        inside = inside[length:]
    return found


def _content(element: bytes) -> bytes:
    return element[_head(element) : _length(element)]


def _head(element: bytes) -> int:
    return 2 + (element[1] & 0x7F if element[1] & 0x80 else 0)


def _length(element: bytes) -> int:
    """Of the whole element."""
    head = _head(element)
    return head + (int.from_bytes(element[2:head], "big") if head > 2 else element[1])


def _check_contents(
    said: dict[str, Any], files: dict[str, bytes], signer: x509.Certificate
) -> None:
    missing = [name for name in _TEXTS if not isinstance(said.get(name), str) or not said[name]]
    if missing or said.get("formatVersion") != 1 or not isinstance(said.get("storeCard"), dict):
        raise BadPass(f"pass.json lacks {missing or 'formatVersion or storeCard'}")
    ids = (said["passTypeIdentifier"], said["teamIdentifier"])
    if ids != (
        _subject(signer, NameOID.USER_ID),
        _subject(signer, NameOID.ORGANIZATIONAL_UNIT_NAME),
    ):
        raise BadPass("its identifiers are not the certificate's")
    if "icon.png" not in files:
        raise BadPass("icon.png is missing")
    for name in _COLORS:
        numbers = _COLOR.fullmatch(said.get(name, "rgb(0, 0, 0)"))
        if not numbers or any(int(number) > 255 for number in numbers.groups()):
            raise BadPass(f"{name} is no colour")
    if ("webServiceURL" in said) != ("authenticationToken" in said) or (
        "webServiceURL" in said and len(said["authenticationToken"]) < 16
    ):
        raise BadPass("webServiceURL needs an authenticationToken of 16 characters or more")
    keys = [field.get("key") for part in PARTS for field in said["storeCard"].get(part, [])]
    if len(set(keys)) < len(keys) or None in keys:
        raise BadPass("every field needs a key of its own")


def _subject(certificate: x509.Certificate, name: x509.ObjectIdentifier) -> str:
    values = certificate.subject.get_attributes_for_oid(name)
    return str(values[0].value) if values else ""


def _table(content: bytes) -> dict[str, str]:
    """A `pass.strings`: UTF-8, or UTF-16 with its mark."""
    is_utf16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    text = content.decode("utf-16" if is_utf16 else "utf-8")
    return {_plain(key): _plain(value) for key, value in _STRING.findall(text)}


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPED.get(found[1], found[1]), text, flags=re.DOTALL)
