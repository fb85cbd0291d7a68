"""Settings of the loyalty module: `LOYALTY_*` in the environment or `.env`, and its keys."""

from __future__ import annotations

from functools import lru_cache

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.core.config import ConfigError, get_settings
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


def _values(secrets: tuple[SecretStr, ...]) -> list[str]:
    return [secret.get_secret_value() for secret in secrets]
