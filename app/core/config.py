"""The platform's settings, read from ORION_* variables and `.env`."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.core.mail.message import Sender
from app.core.mail.server import SmtpServer

_MINIMUM_SECRET_LENGTH = 32
_SECRETS = ("secret_key", "pin_pepper", "ledger_key")


class ConfigError(Exception):
    """The settings do not allow a start; the message is one sentence for the operator."""


def _kept_in_data_dir(name: str) -> Callable[[dict[str, Any]], SecretStr]:
    """Default of a secret: none in production, else made once and kept in the data dir."""

    def make(earlier: dict[str, Any]) -> SecretStr:
        if earlier.get("env") == "production":
            raise ConfigError(f"ORION_{name.upper()} must be set in production.")
        if "data_dir" not in earlier:  # invalid itself: that complaint comes first
            return SecretStr("")
        return SecretStr(_remembered(earlier["data_dir"] / f"{name}.secret"))

    return make


def _default_database(earlier: dict[str, Any]) -> str:
    return f"sqlite:///{earlier.get('data_dir', Path('var')) / 'orion.db'}"


def _default_base_url(earlier: dict[str, Any]) -> str:
    if earlier.get("env") == "production":
        raise ConfigError("ORION_BASE_URL must be set in production.")
    return f"http://127.0.0.1:{earlier.get('port', 8000)}"


def _default_mail_from(earlier: dict[str, Any]) -> str:
    host = urlsplit(earlier.get("base_url", "")).hostname or "localhost"
    # An address of numbers or without a dot is no domain that mail can come from.
    return f"no-reply@{host if host.strip('0123456789.:') and '.' in host else 'localhost'}"


class Settings(BaseSettings):
    """Settings of the platform; modules have their own (`LOYALTY_*`), read at the same start.

    Order matters: the defaults of later fields look at earlier ones.
    """

    model_config = SettingsConfigDict(
        env_prefix="ORION_",
        env_file=".env",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=True,
    )

    env: Literal["development", "production"] = "development"
    data_dir: Path = Path("var")
    database_url: str = Field(default_factory=_default_database)
    sqlite_synchronous: Literal["FULL", "NORMAL"] = "FULL"

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    base_url: str = Field(default_factory=_default_base_url)
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()

    secret_key: SecretStr = Field(default_factory=_kept_in_data_dir("secret_key"))
    pin_pepper: SecretStr = Field(default_factory=_kept_in_data_dir("pin_pepper"))
    ledger_key: SecretStr = Field(default_factory=_kept_in_data_dir("ledger_key"))
    old_pin_peppers: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    old_secret_keys: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    old_ledger_keys: Annotated[tuple[SecretStr, ...], NoDecode] = ()

    timezone: str = "Europe/Luxembourg"
    default_language: Literal["en", "fr", "de", "lb"] = "en"
    brand_name: str = "Orion Loyalty"
    brand_logo: str | None = Field(None, pattern=r"^/[^/\\]", description="A path of this site.")
    brand_support_email: str | None = None
    brand_legal_url: str | None = Field(None, pattern=r"^(https://|/[^/\\])")

    jobs: Literal["embedded", "off"] = "embedded"
    smtp_url: SecretStr | None = None
    mail_from: str = Field(default_factory=_default_mail_from)

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    rate_limits: dict[str, str] = Field(
        default_factory=dict, description='Limits by name, such as {"login": "10/minute"}.'
    )
    nonce: str | None = Field(None, description="Answered by /healthz, so that a caller knows us.")

    @property
    def is_production(self) -> bool:
        """True where real customers are served."""
        return self.env == "production"

    @property
    def is_https(self) -> bool:
        """True where browsers reach the platform by https: cookies are then Secure."""
        return self.base_url.startswith("https://")

    @property
    def smtp_server(self) -> SmtpServer | None:
        """Where e-mail goes out; None where no server is set."""
        return SmtpServer.parse(self.smtp_url.get_secret_value()) if self.smtp_url else None

    @property
    def mail_sender(self) -> Sender:
        """Who e-mails come from."""
        return Sender.parse(self.mail_from, name=self.brand_name)

    @field_validator(
        "trusted_proxies", "old_secret_keys", "old_pin_peppers", "old_ledger_keys", mode="before"
    )
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _accept_single_addresses(cls, value: object) -> object:
        if isinstance(value, list | tuple):
            return tuple(ip_network(part, strict=False) for part in value)
        return value

    @field_validator("data_dir")
    @classmethod
    def _make_absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, value: str) -> str:
        scheme, _, rest = value.rstrip("/").partition("://")
        if scheme not in ("http", "https") or not rest or "/" in rest or "@" in rest:
            raise ValueError("must be http(s)://host, without a path")
        return value.rstrip("/").lower()

    @field_validator("smtp_url")
    @classmethod
    def _check_smtp_url(cls, value: SecretStr | None) -> SecretStr | None:
        if not value:  # set to nothing
            return None
        SmtpServer.parse(value.get_secret_value())
        return value

    @field_validator("mail_from")
    @classmethod
    def _check_mail_from(cls, value: str) -> str:
        Sender.parse(value)
        return value

    @field_validator("timezone")
    @classmethod
    def _check_timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError("must be a time zone such as Europe/Luxembourg") from None
        return value

    @model_validator(mode="after")
    def _refuse_weak_production(self) -> Settings:
        if not self.is_production:
            return self
        if not self.is_https:
            raise ConfigError("ORION_BASE_URL must begin with https:// in production.")
        values = [getattr(self, name).get_secret_value() for name in _SECRETS]
        for name, value in zip(_SECRETS, values, strict=True):
            if len(value) < _MINIMUM_SECRET_LENGTH or len(set(value)) < 8:
                raise ConfigError(
                    f"ORION_{name.upper()} must be a random text of at least "
                    f"{_MINIMUM_SECRET_LENGTH} characters in production."
                )
        if len(set(values)) < len(values):
            raise ConfigError(
                "ORION_SECRET_KEY, ORION_PIN_PEPPER and ORION_LEDGER_KEY must differ."
            )
        return self


@cache
def get_settings() -> Settings:
    """The settings of this process, read once.

    Raises:
        ConfigError: one sentence that names the variable; never its value.
    """
    return load_settings()


def load_settings(**values: Any) -> Settings:
    """Read the settings now; `values` come before the environment.

    Raises:
        ConfigError: as `get_settings`.
    """
    try:
        return Settings(**values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = "_".join(str(part) for part in first["loc"][:1]).upper()
        raise ConfigError(f"ORION_{name}: {first['msg']}.") from None


def _remembered(file: Path) -> str:
    """The secret in `file`, made (mode 0600) by whichever process comes first."""
    try:
        return file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        pass
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=file.parent, prefix=".draft-")  # mkstemp gives 0600
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(secrets.token_urlsafe(32))
    try:
        os.link(draft, file)  # fails where another process was faster; never half a file
    except FileExistsError:
        pass
    finally:
        Path(draft).unlink()
    return file.read_text(encoding="ascii").strip()
