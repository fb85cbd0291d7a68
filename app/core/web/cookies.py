"""The platform's cookies: their names, and how they are set."""

from __future__ import annotations

from typing import Literal

from starlette.requests import HTTPConnection
from starlette.responses import Response

# session: a merchant's user or an admin; terminal: a till; customer: a phone with a card;
# browser: an anonymous random id, to which the CSRF token is bound; lang: chosen language;
# store: the store whose pages this device saw last.
CookieKind = Literal["session", "terminal", "customer", "browser", "lang", "store"]
KINDS: tuple[CookieKind, ...] = ("session", "terminal", "customer", "browser", "lang", "store")
_NAMELESS: frozenset[CookieKind] = frozenset({"lang", "store"})
ONE_YEAR_S = 365 * 24 * 3600


class Cookies:
    """Reads and writes the cookies under the names that fit the base URL.

    Over https they are `Secure` and carry the `__Host-` prefix, which ties them to this very
    host (RFC 6265bis, 4.1.3.2). Always `HttpOnly`, `SameSite=Lax`, `Path=/`.
    """

    def __init__(self, *, secure: bool) -> None:
        self._secure = secure
        prefix = "__Host-" if secure else ""
        self._names: dict[CookieKind, str] = {kind: f"{prefix}orion_{kind}" for kind in KINDS}

    def name(self, kind: CookieKind) -> str:
        """The cookie's name, such as `__Host-orion_session`."""
        return self._names[kind]

    def read(self, request: HTTPConnection, kind: CookieKind) -> str | None:
        """The cookie's value, if the request carries it."""
        return request.cookies.get(self._names[kind])

    def any_in(self, request: HTTPConnection) -> bool:
        """Does the request carry a cookie that says who asks?"""
        sent = request.cookies
        return any(name in sent for kind, name in self._names.items() if kind not in _NAMELESS)

    def set(
        self,
        response: Response,
        kind: CookieKind,
        value: str,
        *,
        max_age_s: int | None = ONE_YEAR_S,
    ) -> None:
        """Set it for `max_age_s` seconds; None: until the browser is closed."""
        response.set_cookie(
            self._names[kind],
            value,
            max_age=max_age_s,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )

    def delete(self, response: Response, kind: CookieKind) -> None:
        """Make the browser forget it."""
        response.delete_cookie(
            self._names[kind], path="/", secure=self._secure, httponly=True, samesite="lax"
        )
