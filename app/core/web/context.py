"""What belongs to one application, and what belongs to one request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

from starlette.requests import HTTPConnection

from app.core.config import Settings
from app.core.i18n import Catalogue, Translator, negotiate, normalise_language
from app.core.security import Keyring
from app.core.web.cookies import Cookies
from app.core.web.rate_limits import RateLimits

if TYPE_CHECKING:
    from app.core.module import Report
    from app.core.web.templates import Templates


@dataclass(frozen=True)
class Web:
    """The parts that handlers share; stands in `app.state.web`."""

    settings: Settings
    keyring: Keyring
    catalogue: Catalogue
    cookies: Cookies
    limits: RateLimits
    templates: Templates
    reports: tuple[Report, ...] = ()


def web_of(request: HTTPConnection) -> Web:
    """The parts of the application that serves this request."""
    return cast(Web, request.app.state.web)


def language_of(request: HTTPConnection) -> str:
    """The language of the answer.

    In this order: the choice made on this device (cookie), the account's language
    (`request.state.language`), `Accept-Language`, the page owner's language
    (`request.state.default_language`), the platform's. `request.state.languages` narrows
    the choice to those of a store.
    """
    web = web_of(request)
    state = request.state
    offered = getattr(state, "languages", None) or web.catalogue.languages
    for choice in (web.cookies.read(request, "lang"), getattr(state, "language", None)):
        if choice and normalise_language(choice) in offered:
            return normalise_language(choice)
    default = normalise_language(
        getattr(state, "default_language", None) or web.settings.default_language
    )
    return negotiate(request.headers.get("accept-language"), offered, default)


def translator_of(request: HTTPConnection) -> Translator:
    """Texts and formats for the answer, in `language_of` the request."""
    return web_of(request).catalogue.translator(language_of(request))


def timezone_of(request: HTTPConnection) -> ZoneInfo:
    """The zone of written times: the store's (`request.state.timezone`), or the platform's."""
    return ZoneInfo(getattr(request.state, "timezone", None) or web_of(request).settings.timezone)


def log_context(request: HTTPConnection, **facts: Any) -> None:
    """Add facts (merchant_id, store_id, actor, card_id) to the request's line in the log."""
    request.state.log.update(facts)


def is_htmx(request: HTTPConnection) -> bool:
    """Did htmx ask, so that a fragment of a page is wanted?"""
    return request.headers.get("hx-request") == "true"


def wants_page(request: HTTPConnection) -> bool:
    """Is a person looking at this in a browser (and not a program at the API)?"""
    if request.url.path.startswith("/api/"):
        return False
    return is_htmx(request) or "text/html" in request.headers.get("accept", "")
