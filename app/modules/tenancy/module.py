"""The tenancy module: merchants, stores, people who sign in, devices, API keys."""

from __future__ import annotations

from pathlib import Path

from app.core.module import Module
from app.modules.tenancy.routes.api import auth as auth_api
from app.modules.tenancy.routes.pages import auth as auth_pages

_DIR = Path(__file__).parent

MODULE = Module(
    code="tenancy",
    api_routers=(auth_api.router,),
    page_routers=(auth_pages.router,),
    locales_dir=_DIR / "locales",
    templates_dir=_DIR / "templates",
)
