"""Where e-mail goes out, as the operator writes it in one address."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from app.core.addresses import is_this_machine

_FORM = "must be smtp://user:password@host:587?starttls=1 or smtps://user:password@host:465"


@dataclass(frozen=True)
class SmtpServer:
    """An SMTP server. `tls`: from the first byte (smtps); `starttls`: after the greeting."""

    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    starttls: bool = False

    @classmethod
    def parse(cls, url: str) -> SmtpServer:
        """Read `smtp(s)://[user:password@]host[:port][?starttls=1]`; names are percent-encoded.

        Raises:
            ValueError: it has another form, or would send a password unencrypted over a network.
        """
        try:
            parts = urlsplit(url)
            port, query = parts.port, parse_qs(parts.query, strict_parsing=bool(parts.query))
        except ValueError:
            raise ValueError(_FORM) from None
        starttls = query.pop("starttls", ["0"])
        if (
            parts.scheme not in ("smtp", "smtps") or not parts.hostname or query
            or parts.path not in ("", "/") or starttls not in (["0"], ["1"])
        ):  # fmt: skip
            raise ValueError(_FORM)
        tls = parts.scheme == "smtps"
        server = cls(
            host=parts.hostname,
            port=port or (465 if tls else 587),
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            tls=tls,
            starttls=starttls == ["1"] and not tls,
        )
        if server.user and not (tls or server.starttls or is_this_machine(server.host)):
            raise ValueError("would send the password unencrypted: add ?starttls=1")
        return server
