"""Pages: Jinja with autoescape, and the few names every template may use.

In every template: `t(key, …)`, `number`, `money`, `percent`, `date`, `time`, `datetime`,
`lang`, `languages`, `request`, `csp_nonce`, `csrf_token`, `brand`, `is_htmx`, and the globals
`icon`, `static`, `qr_svg`, `ink`, `hex_color`. Import macros `with context`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import segno
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from app.core.color import hex_color, ink
from app.core.config import Settings
from app.core.i18n import Translator
from app.core.security import new_token
from app.core.web.context import is_htmx, timezone_of, translator_of, web_of
from app.core.web.csrf import csrf_token
from app.core.web.static import Assets

LANGUAGE_NAMES = {"en": "English", "fr": "Français", "de": "Deutsch", "lb": "Lëtzebuergesch"}


class Templates:
    """All templates of the core and the modules, in one name space."""

    def __init__(self, directories: Iterable[Path], *, assets: Assets, settings: Settings) -> None:
        self._brand = {
            "name": settings.brand_name,
            "logo": settings.brand_logo,
            "support_email": settings.brand_support_email,
            "legal_url": settings.brand_legal_url,
        }
        self._env = Environment(
            loader=FileSystemLoader([str(directory) for directory in directories]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=not settings.is_production,
        )
        self._env.globals.update(
            icon=assets.icon, static=assets.url, qr_svg=qr_svg, ink=ink, hex_color=hex_color
        )

    def render(self, name: str, /, **context: Any) -> str:
        """A template as text, with nothing but `context` and the globals."""
        return self._env.get_template(name).render(context)

    def response(
        self,
        request: Request,
        name: str,
        /,
        *,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> HTMLResponse:
        """A page or a fragment in the language of the request.

        The first page gives the browser its anonymous id, to which the CSRF token is bound.
        """
        web = web_of(request)
        known = web.cookies.read(request, "browser")
        browser_id = known or new_token()
        shared = _shared(request, translator_of(request)) | {
            "brand": self._brand,
            "csrf_token": csrf_token(web.keyring, browser_id),
        }
        html = self.render(name, **(shared | context))
        response = HTMLResponse(html, status_code, headers=dict(headers or {}))
        if not known:
            web.cookies.set(response, "browser", browser_id)
        return response


def page(request: Request, name: str, /, **context: Any) -> HTMLResponse:
    """Render a template for a route: `return page(request, "loyalty/card.html", card=card)`."""
    return web_of(request).templates.response(request, name, **context)


def qr_svg(text: str, *, title: str | None = None, border: int = 4) -> Markup:
    """A QR code as inline SVG (class `qr`), black on white, without inline styles.

    Error level M; `border` in modules, of which scanners need 4 where nothing else is white.
    """
    code = segno.make(text, error="m", micro=False)
    # segno escapes the title and draws the rest itself.
    return Markup(  # noqa: S704
        code.svg_inline(
            border=border,
            omitsize=True,
            svgclass="qr",
            lineclass=None,
            dark="#000",
            light="#fff",
            title=title,
        )
    )


def _shared(request: Request, translator: Translator) -> dict[str, Any]:
    tz = timezone_of(request)

    def day(value: date | datetime, style: str = "medium") -> str:
        local = value.astimezone(tz).date() if isinstance(value, datetime) else value
        return translator.date(local, style=style)

    def time(value: datetime) -> str:
        return translator.time(value, tz=tz)

    def date_and_time(value: datetime, style: str = "medium") -> str:
        return translator.datetime(value, tz=tz, style=style)

    return {
        "request": request,
        "t": translator.t,
        "number": translator.number,
        "percent": translator.percent,
        "money": translator.money,
        "date": day,
        "time": time,
        "datetime": date_and_time,
        "lang": translator.language,
        "languages": {
            code: LANGUAGE_NAMES.get(code, code)
            for code in getattr(request.state, "languages", None)
            or web_of(request).catalogue.languages
        },
        "csp_nonce": request.state.csp_nonce,
        "is_htmx": is_htmx(request),
    }
