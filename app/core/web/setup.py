"""Puts the core's parts and the modules' routers, words and pages into one application."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

import app
from app.core.config import Settings
from app.core.i18n import Catalogue
from app.core.module import Module, in_order
from app.core.security import Keyring
from app.core.web import dev_outbox, docs, health, language
from app.core.web.body import BodyGuard
from app.core.web.context import Web
from app.core.web.cookies import Cookies
from app.core.web.csrf import CsrfGuard
from app.core.web.middleware import RequestScope
from app.core.web.openapi import install_openapi
from app.core.web.problem import install_error_handlers
from app.core.web.rate_limits import RateLimits
from app.core.web.static import URL_PREFIX, Assets, StaticFilesWithAge
from app.core.web.templates import Templates

API_PREFIX = "/api/v1"
_APP_DIR = Path(app.__file__).parent
LOCALES_DIR = _APP_DIR / "locales"
TEMPLATES_DIR = _APP_DIR / "templates"
STATIC_DIR = _APP_DIR / "static"


def set_up_web(application: FastAPI, settings: Settings, modules: tuple[Module, ...]) -> None:
    """Give an application everything but its database (`app.state.sessionmaker`).

    Raises:
        ValueError: modules depend on missing ones; CatalogueError: a text stands twice.
    """
    ordered = in_order(modules)
    assets = Assets(STATIC_DIR)
    web = Web(
        settings=settings,
        keyring=Keyring(settings.secret_key.get_secret_value()),
        catalogue=load_catalogue(settings, ordered),
        cookies=Cookies(secure=settings.is_https),
        limits=RateLimits(settings.rate_limits),
        templates=Templates(
            [TEMPLATES_DIR, *(m.templates_dir for m in ordered if m.templates_dir)],
            assets=assets,
            settings=settings,
        ),
        reports=tuple(module.report for module in ordered if module.report),
    )
    application.state.web = web
    install_error_handlers(application)
    install_openapi(application)
    # The last one added is the outermost.
    application.add_middleware(CsrfGuard)
    application.add_middleware(BodyGuard)
    application.add_middleware(RequestScope, settings=settings, limits=web.limits)
    _add_routes(application, ordered)


def load_catalogue(settings: Settings, modules: tuple[Module, ...]) -> Catalogue:
    """The texts of the core and of the modules."""
    return Catalogue.load(
        [LOCALES_DIR, *(module.locales_dir for module in modules if module.locales_dir)],
        default=settings.default_language,
        strict=not settings.is_production,
    )


def _add_routes(application: FastAPI, modules: tuple[Module, ...]) -> None:
    for core_part in (health, language, docs, dev_outbox):
        application.include_router(core_part.router)
    for module in modules:
        for api_router in module.api_routers:
            application.include_router(api_router, prefix=API_PREFIX)
        for page_router in module.page_routers:
            application.include_router(page_router, include_in_schema=False)
    files = StaticFilesWithAge(directory=STATIC_DIR, check_dir=False)
    application.mount(URL_PREFIX, GZipMiddleware(files, minimum_size=1024), name="static")
