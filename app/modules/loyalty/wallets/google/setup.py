"""How this platform speaks to Google Wallet, read from the settings and checked."""

from __future__ import annotations

import ipaddress
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from google.auth import jwt
from google.auth.crypt import RSASigner

from app.core.addresses import leads_here
from app.core.config import get_settings
from app.modules.loyalty.config import LoyaltySettings, get_loyalty_settings
from app.modules.loyalty.wallets.faults import SetupProblem
from app.modules.loyalty.wallets.simulated import is_simulated

CALLBACK_PATH: Final = "/api/v1/loyalty/google/callback"
_ISSUER_ID: Final = re.compile(r"[0-9]{1,20}")
_LARGEST_KEY_FILE: Final = 100_000
_FIELDS: Final = ("client_email", "private_key", "token_uri")
_LOCK = threading.Lock()
# What the settings said and the file was when it was read, and what came of it.
_KNOWN: dict[str, Any] = {"of": None, "setup": None, "problem": None}


@dataclass(frozen=True, slots=True, eq=False)
class GoogleSetup:
    """One issuer account at Google, and the key that speaks for it.

    `signer` holds the private key, loaded once: reading it from its text for each signature
    costs thirty times as much as signing. Addresses have no slash at their end.
    """

    issuer_id: str
    client_email: str
    signer: RSASigner
    token_url: str
    api_url: str
    save_url: str
    keys_url: str
    callback_sender: str
    base_url: str

    @property
    def origins(self) -> tuple[str, ...]:
        """Sites that may show a save button."""
        return (self.base_url,)

    @property
    def callback_url(self) -> str:
        """Where Google says that a pass was saved or removed."""
        return f"{self.base_url}{CALLBACK_PATH}"

    def sign(self, claims: dict[str, Any]) -> str:
        """A JWT (RS256) of these claims."""
        token: bytes = jwt.encode(self.signer, claims)  # type: ignore[no-untyped-call]  # theirs
        return token.decode("ascii")


def load() -> GoogleSetup | None:
    """The setup; None where Google Wallet is not configured.

    Read again only when a setting or the key file (time or size) has changed.

    Raises:
        SetupProblem: it is configured, but wrongly.
    """
    loyalty, platform = get_loyalty_settings(), get_settings()
    file = loyalty.google_service_account_json
    issuer_id = loyalty.google_issuer_id or ""
    has_file = file is not None and str(file) not in ("", ".")
    if not issuer_id and not has_file:
        return None
    stamp = _stamp(file) if file is not None and has_file else None
    of = (
        issuer_id, str(file), stamp, platform.base_url, platform.is_production,
        loyalty.google_api_url, loyalty.google_save_url, loyalty.google_keys_url,
        loyalty.google_callback_sender,
    )  # fmt: skip
    with _LOCK:
        if _KNOWN["of"] != of:
            _KNOWN.update(of=of, setup=None, problem=None)
            try:
                _KNOWN["setup"] = _read(loyalty, issuer_id, file if has_file else None)
            except SetupProblem as problem:
                _KNOWN["problem"] = problem
        setup: GoogleSetup | None = _KNOWN["setup"]
        found: SetupProblem | None = _KNOWN["problem"]
    if found is not None:
        raise SetupProblem(found.cause, **found.params)
    return setup


def check_addresses(base_url: str, vendor: dict[str, str], *, is_production: bool) -> None:
    """Google fetches pictures and calls back, so all must be public, and all must be https.

    Only a simulation may be spoken to in clear: everything then is on this machine, and the
    platform serves no real customers. `vendor` are addresses by the name of their setting.

    Raises:
        SetupProblem: with the address that is not allowed.
    """
    if is_simulated(base_url, *vendor.values(), is_production=is_production):
        return
    for name, url in vendor.items():
        if urlsplit(url).scheme != "https" or leads_here(url):
            raise SetupProblem("google_address_refused", variable=name, address=url)
    if not _is_public_https(base_url):
        raise SetupProblem("google_base_url_not_public", address=base_url)


def _read(loyalty: LoyaltySettings, issuer_id: str, file: Path | None) -> GoogleSetup:
    if not issuer_id or file is None:
        missing = "LOYALTY_GOOGLE_SERVICE_ACCOUNT_JSON" if issuer_id else "LOYALTY_GOOGLE_ISSUER_ID"
        raise SetupProblem("google_incomplete", variable=missing)
    if not _ISSUER_ID.fullmatch(issuer_id):
        raise SetupProblem("google_issuer_invalid")
    account, signer = _account(file)
    platform = get_settings()
    vendor = {
        "token_uri": account["token_uri"].rstrip("/"),
        "LOYALTY_GOOGLE_API_URL": loyalty.google_api_url.rstrip("/"),
        "LOYALTY_GOOGLE_SAVE_URL": loyalty.google_save_url.rstrip("/"),
        "LOYALTY_GOOGLE_KEYS_URL": loyalty.google_keys_url.rstrip("/"),
    }
    check_addresses(platform.base_url, vendor, is_production=platform.is_production)
    token_url, api_url, save_url, keys_url = vendor.values()
    return GoogleSetup(
        issuer_id=issuer_id,
        client_email=account["client_email"],
        signer=signer,
        token_url=token_url,
        api_url=api_url,
        save_url=save_url,
        keys_url=keys_url,
        callback_sender=loyalty.google_callback_sender,
        base_url=platform.base_url,
    )


def _account(file: Path) -> tuple[dict[str, str], RSASigner]:
    try:
        with file.open("rb") as stream:
            content = stream.read(_LARGEST_KEY_FILE)
    except OSError:
        raise SetupProblem("google_key_unreadable", file=file.name) from None
    try:
        account = orjson.loads(content)
        texts = {name: account[name] for name in _FIELDS}
        if not all(isinstance(text, str) and text for text in texts.values()):
            raise ValueError
        signer: RSASigner = RSASigner.from_service_account_info(account)  # type: ignore[no-untyped-call]  # theirs
    except (ValueError, KeyError, TypeError):  # no JSON, another kind of file, or a broken key
        raise SetupProblem("google_key_invalid", file=file.name) from None
    return texts, signer


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _is_public_https(url: str) -> bool:
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        is_public = ipaddress.ip_address(host).is_global
    except ValueError:
        last = host.rpartition(".")[2]
        is_public = "." in host and last not in ("localhost", "local", "internal", "lan", "home")
    return parts.scheme == "https" and is_public
