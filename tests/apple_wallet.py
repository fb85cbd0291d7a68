"""Apple Wallet as an operator sets it up, with certificates that are thrown away."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import pytest

from app.core.config import get_settings
from app.fakes.keys import AppleChain, make_apple_chain
from app.modules.loyalty.config import get_loyalty_settings

PASS_TYPE = "pass.com.example.loyalty"
TEAM = "A1B2C3D4E5"
BASE_URL = "https://cards.example.com"


@cache
def throw_away_chain() -> AppleChain:
    """A chain in good order, made once per process."""
    folder = Path(tempfile.mkdtemp(prefix="orion-apple-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return make_apple_chain(folder, pass_type_id=PASS_TYPE, team_id=TEAM)


def configure_apple(
    monkeypatch: pytest.MonkeyPatch, chain: AppleChain | None = None, **changed: str | None
) -> AppleChain:
    """Set the variables for `chain`; `changed` overrides some (None: not set)."""
    chain = chain or throw_away_chain()
    variables: dict[str, str | None] = {
        "ORION_BASE_URL": BASE_URL,
        "LOYALTY_APPLE_PASS_TYPE_ID": PASS_TYPE,
        "LOYALTY_APPLE_TEAM_ID": TEAM,
        "LOYALTY_APPLE_WWDR_CERT_PATH": str(chain.wwdr),
        "LOYALTY_APPLE_SIGNER_CERT_PATH": str(chain.signer),
        "LOYALTY_APPLE_SIGNER_KEY_PATH": str(chain.key),
        **changed,
    }
    for name, value in variables.items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    forget_settings()
    return chain


def forget_settings() -> None:
    """Have the environment read again."""
    get_settings.cache_clear()
    get_loyalty_settings.cache_clear()
