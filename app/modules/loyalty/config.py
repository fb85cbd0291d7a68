"""Settings of the loyalty module: `LOYALTY_*` in the environment or `.env`, and its keys."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.core.config import ConfigError, get_settings
from app.core.i18n import Catalogue
from app.core.security import Key, Keyring


class LoyaltySettings(BaseSettings):
    """Defaults for merchants and programs that say nothing else."""

    model_config = SettingsConfigDict(env_prefix="LOYALTY_", env_file=".env", extra="ignore")

    default_cooldown_minutes: int = Field(15, ge=0, le=1440, description="Minutes between stamps.")
    default_points_per_euro: int = Field(
        10, ge=1, le=1_000_000, description="Points a whole unit of the currency."
    )
    max_daily_stamps: int = Field(5, ge=1, le=100, description="Stamps a card and business day.")
    pin_max_failed_attempts: int = Field(5, ge=1, le=20, description="Wrong PINs before a lock.")
    pin_lockout_minutes: int = Field(30, ge=1, le=1440, description="Minutes a lock lasts.")

    google_issuer_id: str | None = Field(None, description="Issuer of the Google Wallet console.")
    google_service_account_json: Path | None = Field(None, description="Its key: a file's path.")
    google_api_url: str = "https://walletobjects.googleapis.com"
    google_save_url: str = "https://pay.google.com/gp/v/save"
    google_keys_url: str = "https://pay.google.com/gp/m/issuer/keys"
    google_callback_sender: str = Field("GooglePayPasses", description="As callbacks name it.")
    apple_pass_type_id: str | None = Field(None, description="Such as pass.com.example.loyalty.")
    apple_team_id: str | None = Field(None, description="Ten characters.")
    apple_wwdr_cert_path: Path | None = Field(None, description="Apple's intermediate, WWDR G4.")
    apple_signer_cert_path: Path | None = Field(None, description="The pass type's certificate.")
    apple_signer_key_path: Path | None = Field(None, description="Its private key.")
    apple_signer_key_password: SecretStr | None = None
    apple_push_url: str = "https://api.push.apple.com"
    apple_push_ca_path: Path | None = Field(None, description="Of a simulated push service only.")
    apple_push_type: Literal["background", "none"] = "background"
    wallet_requests_per_second: int = Field(
        15, ge=1, le=20, description="To one vendor, over all processes. Google allows 20."
    )
    wallet_buttons_dir: Path | None = Field(None, description="The vendors' own badges.")


@lru_cache(maxsize=1)
def get_loyalty_settings() -> LoyaltySettings:
    """The module's settings, read and validated once.

    Raises:
        ConfigError: one sentence that names the variable.
    """
    try:
        return LoyaltySettings()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = str(first["loc"][0]).upper()
        raise ConfigError(f"LOYALTY_{name}: {first['msg']}.") from None


@lru_cache(maxsize=1)
def ledger_keys() -> Keyring:
    """The keys of the hash chain: the current one signs, old ones still verify."""
    settings = get_settings()
    return Keyring(settings.ledger_key.get_secret_value(), _values(settings.old_ledger_keys))


@lru_cache(maxsize=1)
def pin_keys() -> Keyring:
    """The peppers of staff PINs: the current one for new PINs, old ones until they are set anew."""
    settings = get_settings()
    return Keyring(settings.pin_pepper.get_secret_value(), _values(settings.old_pin_peppers))


@lru_cache(maxsize=1)
def platform_key() -> Key:
    """The key behind short-lived signatures, such as PIN sessions."""
    return Key(get_settings().secret_key.get_secret_value())


@lru_cache(maxsize=1)
def platform_keys() -> tuple[Key, ...]:
    """The same with the old ones after it, for what lives long in phones."""
    settings = get_settings()
    return (platform_key(), *(Key(value) for value in _values(settings.old_secret_keys)))


@lru_cache(maxsize=1)
def texts() -> Catalogue:
    """The module's texts in all languages, for what is written apart from requests."""
    settings = get_settings()
    return Catalogue.load(
        [Path(__file__).parent / "locales"],
        default=settings.default_language,
        strict=not settings.is_production,
    )


def _values(secrets: tuple[SecretStr, ...]) -> list[str]:
    return [secret.get_secret_value() for secret in secrets]
