"""Throw-away certificates that look like Apple's, for tests and for local work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

# As on Apple's own certificates: the marks of a pass type's and of the intermediate's.
_PASS_TYPE: Final = ObjectIdentifier("1.2.840.113635.100.6.1.16")
_PASS_SIGNING: Final = ObjectIdentifier("1.2.840.113635.100.4.14")
_INTERMEDIATE: Final = ObjectIdentifier("1.2.840.113635.100.6.2.1")
_KEY_USES: Final = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
    "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AppleChain:
    """PEM files of a chain: `root`, the intermediate `wwdr`, and the pass type's own two."""

    root: Path
    wwdr: Path
    signer: Path
    key: Path


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """PEM files of a TLS server on this machine: who vouches for it, and its own two."""

    ca: Path
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey


def make_apple_chain(
    directory: Path,
    *,
    pass_type_id: str,
    team_id: str,
    days: int = 365,
    password: str | None = None,
    is_marked: bool = True,
    now: datetime | None = None,
) -> AppleChain:
    """Write a root, an intermediate and a pass type's certificate with its key to `directory`.

    `days` is how long the pass type's certificate is still valid; it began a year before it
    ends. Not `is_marked`: it lacks what makes it a pass type's.
    """
    now = now or datetime.now(UTC)
    root = authority("Root CA", now=now)
    wwdr = authority("Worldwide Developer Relations Certification Authority", now=now, by=root)
    key = new_key()
    signer = _sign_pass_type(
        key, wwdr, pass_type_id=pass_type_id, team_id=team_id,
        ends_at=now + timedelta(days=days), is_marked=is_marked,
    )  # fmt: skip
    directory.mkdir(parents=True, exist_ok=True)
    return AppleChain(
        root=write_certificate(directory / "root.pem", root.certificate),
        wwdr=write_certificate(directory / "wwdr.pem", wwdr.certificate),
        signer=write_certificate(directory / "signer.pem", signer),
        key=write_key(directory / "signer.key", key, password=password),
    )


def make_server_files(directory: Path, *, now: datetime | None = None) -> ServerFiles:
    """Write a certificate for `localhost` and its addresses to `directory`, and its authority."""
    now = now or datetime.now(UTC)
    ca, key = authority("Server CA", now=now), new_key()
    names = [
        x509.DNSName("localhost"),
        x509.IPAddress(ip_address("127.0.0.1")),
        x509.IPAddress(ip_address("::1")),
    ]
    certificate = (
        _certificate(_name("localhost", []), ca.certificate.subject, key, ca.key)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_uses("digital_signature"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(ca.key, SHA256())
    )
    directory.mkdir(parents=True, exist_ok=True)
    return ServerFiles(
        ca=write_certificate(directory / "server-ca.pem", ca.certificate),
        certificate=write_certificate(directory / "server.pem", certificate),
        key=write_key(directory / "server.key", key),
    )


def new_key() -> rsa.RSAPrivateKey:
    """A key as Apple's certificates have it."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def authority(name: str, *, now: datetime, by: Pair | None = None) -> Pair:
    """A certificate that may issue others, for ten years; issued `by` one, or by itself."""
    key = new_key()
    subject = _name(f"Throw-away {name}", [])
    issuer, issuer_key = (by.certificate.subject, by.key) if by else (subject, key)
    builder = (
        _certificate(subject, issuer, key, issuer_key)
        .not_valid_before(now - timedelta(days=730))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_uses("key_cert_sign", "crl_sign"), critical=True)
    )
    if by:
        builder = builder.add_extension(
            x509.UnrecognizedExtension(_INTERMEDIATE, b"\x05\x00"), critical=False
        )
    return Pair(builder.sign(issuer_key, SHA256()), key)


def write_certificate(file: Path, certificate: x509.Certificate) -> Path:
    """The certificate as PEM in `file`."""
    file.write_bytes(certificate.public_bytes(Encoding.PEM))
    return file


def write_key(file: Path, key: rsa.RSAPrivateKey, *, password: str | None = None) -> Path:
    """The key as PEM (PKCS #8) in `file`, readable by its owner only."""
    locked = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    file.touch(mode=0o600)
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    return file


def _sign_pass_type(
    key: rsa.RSAPrivateKey,
    by: Pair,
    *,
    pass_type_id: str,
    team_id: str,
    ends_at: datetime,
    is_marked: bool,
) -> x509.Certificate:
    subject = _name(
        f"Pass Type ID: {pass_type_id}",
        [(NameOID.USER_ID, pass_type_id), (NameOID.ORGANIZATIONAL_UNIT_NAME, team_id)],
    )
    builder = (
        _certificate(subject, by.certificate.subject, key, by.key)
        .not_valid_before(ends_at - timedelta(days=365))
        .not_valid_after(ends_at)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_uses("digital_signature"), critical=True)
    )
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
    if is_marked:
        usages.append(_PASS_SIGNING)
        mark = b"\x0c" + bytes([len(pass_type_id)]) + pass_type_id.encode("ascii")  # UTF8String
        builder = builder.add_extension(
            x509.UnrecognizedExtension(_PASS_TYPE, mark), critical=False
        )
    builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return builder.sign(by.key, SHA256())


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey, issuer_key: rsa.RSAPrivateKey
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )


def _name(common_name: str, more: list[tuple[ObjectIdentifier, str]]) -> x509.Name:
    parts = [*more, (NameOID.COMMON_NAME, common_name), (NameOID.ORGANIZATION_NAME, "Throw-away")]
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])


def _uses(*allowed: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{use: use in allowed for use in _KEY_USES})
