"""The loyalty module, as the application puts it together."""

from __future__ import annotations

from pathlib import Path

from app.core.module import Module
from app.modules.loyalty.routes.api import (
    public,
    store_cards,
    store_program,
    store_staff,
    store_stamps,
    storefront,
)
from app.modules.loyalty.routes.pages import store as store_pages
from app.modules.loyalty.routes.pages import storefront as storefront_pages

_HERE = Path(__file__).parent

MODULE = Module(
    code="loyalty",
    depends_on=("tenancy", "customers"),
    api_routers=(
        store_stamps.router,  # first: routes are tried in this order, and this one is asked most
        store_program.router,
        store_cards.router,
        store_staff.router,
        storefront.router,
        public.router,
    ),
    page_routers=(store_pages.router, storefront_pages.router),
    locales_dir=_HERE / "locales",
    templates_dir=_HERE / "templates",
)
