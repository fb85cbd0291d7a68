"""The certificates that sign Apple passes: read once per process, and whenever they change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID, ObjectIdentifier

from app.core import clock
from app.core.config import get_settings
from app.modules.loyalty.config import LoyaltySettings, get_loyalty_settings
from app.modules.loyalty.wallets.faults import SetupProblem
from app.modules.loyalty.wallets.simulated import is_simulated

EXPIRES_SOON_DAYS: Final = 30
# Apple, "Certificate Authority": "Worldwide Developer Relations - G4", valid until 2030-12-10.
APPLE_G4_SERIAL: Final = 0x13DC77955271E53DC632E8CCFFE521F3CCC5CED2
_PASS_TYPE: Final = ObjectIdentifier("1.2.840.113635.100.6.1.16")
_PASS_SIGNING: Final = ObjectIdentifier("1.2.840.113635.100.4.14")
_FILES: Final = ("apple_wwdr_cert_path", "apple_signer_cert_path", "apple_signer_key_path")
_NEEDED: Final = ("apple_pass_type_id", "apple_team_id", *_FILES)
_DER_STRING_HEAD: Final = 2

_Parsed = TypeVar("_Parsed")


@dataclass(frozen=True, slots=True)
class AppleSetup:
    """What signs passes, and where phones and pushes go. Everything in it has been checked.

    The same object until a file, a setting or the day changes. `signer` may have been read
    from PEM or DER. `warnings` are causes that stop nothing, as `SetupProblem`s for their
    texts. `base_url` is the platform's, `push_url` the push service's.
    """

    pass_type_id: str
    team_id: str
    signer: x509.Certificate
    key: RSAPrivateKey = field(repr=False)
    intermediate: x509.Certificate
    base_url: str
    push_url: str
    push_ca_path: Path | None
    push_type: str
    days_left: int
    warnings: tuple[SetupProblem, ...]


_remembered: tuple[object, AppleSetup | SetupProblem] | None = None


def load(*, now: datetime | None = None) -> AppleSetup | None:
    """What the operator configured; None where Apple Wallet is not.

    Cheap: files are read again only where one has changed, so that a renewed certificate
    needs no restart.

    Raises:
        SetupProblem: it is configured, but passes made with it would not open.
    """
    global _remembered  # noqa: PLW0603 - one setup per process
    settings, now = get_loyalty_settings(), now or clock.utc_now()
    if not any(_is_set(getattr(settings, name)) for name in _NEEDED):
        return None
    state = _state_of(settings, now)
    if _remembered is None or _remembered[0] != state:
        _remembered = state, _outcome(settings, now)
    found = _remembered[1]
    if isinstance(found, SetupProblem):
        raise SetupProblem(found.cause, **found.params)
    _check_dates(found, now)
    return found


def _outcome(settings: LoyaltySettings, now: datetime) -> AppleSetup | SetupProblem:
    try:
        return _checked(settings, now)
    except SetupProblem as problem:
        return problem


def _checked(settings: LoyaltySettings, now: datetime) -> AppleSetup:
    missing = [name for name in _NEEDED if not _is_set(getattr(settings, name))]
    if missing:
        raise SetupProblem("apple_incomplete", variables=", ".join(map(_variable, missing)))
    assert settings.apple_pass_type_id is not None
    assert settings.apple_team_id is not None
    _check_urls(settings)
    intermediate = _certificate(settings, "apple_wwdr_cert_path")
    signer = _certificate(settings, "apple_signer_cert_path")
    key = _key(settings)
    if key.public_key() != signer.public_key():
        raise SetupProblem("apple_key_mismatch")
    _check_issuer(signer, intermediate)
    _check_marks(signer, pass_type_id=settings.apple_pass_type_id, team_id=settings.apple_team_id)
    return AppleSetup(
        pass_type_id=settings.apple_pass_type_id,
        team_id=settings.apple_team_id,
        signer=signer,
        key=key,
        intermediate=intermediate,
        base_url=get_settings().base_url,
        push_url=settings.apple_push_url.rstrip("/"),
        push_ca_path=settings.apple_push_ca_path,
        push_type=settings.apple_push_type,
        days_left=(signer.not_valid_after_utc - now).days,
        warnings=tuple(_warnings(signer, intermediate, now)),
    )


def _check_urls(settings: LoyaltySettings) -> None:
    platform, push_url = get_settings(), settings.apple_push_url
    if not push_url.startswith("https://"):
        raise SetupProblem("apple_push_url_not_https")
    if not platform.base_url.startswith("https://") and not is_simulated(
        platform.base_url, push_url, is_production=platform.is_production
    ):
        raise SetupProblem("apple_base_url_not_https")


def _certificate(settings: LoyaltySettings, name: str) -> x509.Certificate:
    content = _content(settings, name)
    is_pem = b"-----BEGIN" in content
    load_it = x509.load_pem_x509_certificate if is_pem else x509.load_der_x509_certificate
    return _parsed(load_it, content, "apple_certificate_unreadable", name)


def _key(settings: LoyaltySettings) -> RSAPrivateKey:
    name, secret = "apple_signer_key_path", settings.apple_signer_key_password
    content = _content(settings, name)
    password = secret.get_secret_value().encode() if secret else None
    load_it = load_pem_private_key if b"-----BEGIN" in content else load_der_private_key
    try:
        key = _parsed(lambda data: load_it(data, password), content, "apple_key_unreadable", name)
    except TypeError:  # locked and no password, or the reverse
        raise SetupProblem("apple_key_password") from None
    if not isinstance(key, RSAPrivateKey):
        raise SetupProblem("apple_key_unreadable", variable=_variable(name))
    return key


def _parsed(load_it: Callable[[bytes], _Parsed], content: bytes, cause: str, name: str) -> _Parsed:
    try:
        return load_it(content)
    except (ValueError, UnsupportedAlgorithm):
        raise SetupProblem(cause, variable=_variable(name)) from None


def _content(settings: LoyaltySettings, name: str) -> bytes:
    try:
        return Path(getattr(settings, name)).read_bytes()
    except OSError:
        raise SetupProblem("apple_file_unreadable", variable=_variable(name)) from None


def _check_issuer(signer: x509.Certificate, intermediate: x509.Certificate) -> None:
    try:
        signer.verify_directly_issued_by(intermediate)
    except (ValueError, TypeError, InvalidSignature):
        raise SetupProblem("apple_wrong_intermediate") from None


def _check_marks(signer: x509.Certificate, *, pass_type_id: str, team_id: str) -> None:
    """Phones refuse a pass whose identifiers are not those of its certificate."""
    try:
        usages = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        mark = signer.extensions.get_extension_for_oid(_PASS_TYPE).value
    except (x509.ExtensionNotFound, ValueError):
        raise SetupProblem("apple_not_a_pass_certificate") from None
    if _PASS_SIGNING not in usages or not isinstance(mark, x509.UnrecognizedExtension):
        raise SetupProblem("apple_not_a_pass_certificate")
    marked = mark.value[_DER_STRING_HEAD:].decode("ascii", "replace")
    for found in (_said(signer, NameOID.USER_ID), marked):
        if found != pass_type_id:
            raise SetupProblem("apple_pass_type_differs", wanted=pass_type_id, found=found)
    found = _said(signer, NameOID.ORGANIZATIONAL_UNIT_NAME)
    if found != team_id:
        raise SetupProblem("apple_team_differs", wanted=team_id, found=found)


def _check_dates(setup: AppleSetup, now: datetime) -> None:
    signer, intermediate = setup.signer, setup.intermediate
    if now >= signer.not_valid_after_utc:
        raise SetupProblem("apple_certificate_expired", date=_day(signer.not_valid_after_utc))
    if now < signer.not_valid_before_utc:
        raise SetupProblem("apple_certificate_too_new", date=_day(signer.not_valid_before_utc))
    if now >= intermediate.not_valid_after_utc:
        raise SetupProblem(
            "apple_intermediate_expired", date=_day(intermediate.not_valid_after_utc)
        )


def _warnings(
    signer: x509.Certificate, intermediate: x509.Certificate, now: datetime
) -> list[SetupProblem]:
    found = []
    if signer.not_valid_after_utc - now <= timedelta(days=EXPIRES_SOON_DAYS):
        date = _day(signer.not_valid_after_utc)
        found.append(SetupProblem("apple_expires_soon", date=date))
    if intermediate.serial_number != APPLE_G4_SERIAL:
        found.append(SetupProblem("apple_not_apples_intermediate"))
    return found


def _state_of(settings: LoyaltySettings, now: datetime) -> object:
    """What the outcome depends on: equal states, equal outcome."""
    platform, secret = get_settings(), settings.apple_signer_key_password
    return (
        now.date(),
        platform.base_url,
        platform.is_production,
        settings.apple_push_url,
        settings.apple_push_ca_path,
        settings.apple_push_type,
        secret,
        *(getattr(settings, name) for name in _NEEDED),
        *(_stamp(getattr(settings, name)) for name in _FILES),
    )


def _stamp(path: Path | None) -> tuple[int, ...] | None:
    try:
        found = path.stat() if path else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino) if found else None


def _is_set(value: object) -> bool:
    return value is not None and str(value) not in ("", ".")  # an empty path is written "."


def _said(certificate: x509.Certificate, name: ObjectIdentifier) -> str:
    values = certificate.subject.get_attributes_for_oid(name)
    return str(values[0].value) if values else ""


def _variable(name: str) -> str:
    return f"LOYALTY_{name.upper()}"


def _day(instant: datetime) -> str:
    return instant.date().isoformat()
