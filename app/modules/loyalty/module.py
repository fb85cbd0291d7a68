"""The loyalty module, as the application puts it together."""

from __future__ import annotations

from pathlib import Path

from app.core.module import Module
from app.modules.loyalty.routes.api import (
    admin,
    admin_wallet,
    apple,
    apple_passes,
    google_wallet,
    public,
    store_card_changes,
    store_cards,
    store_codes,
    store_points,
    store_program,
    store_refunds,
    store_rewards,
    store_staff,
    store_stamps,
    store_stats,
    store_transactions,
    storefront,
    storefront_account,
    storefront_auth,
)
from app.modules.loyalty.routes.pages import account as account_pages
from app.modules.loyalty.routes.pages import card_details, wallet_part
from app.modules.loyalty.routes.pages import media as media_pages
from app.modules.loyalty.routes.pages import sign_in as sign_in_pages
from app.modules.loyalty.routes.pages import store as store_pages
from app.modules.loyalty.routes.pages import storefront as storefront_pages
from app.modules.loyalty.services import wallet_report
from app.modules.loyalty.tasks import JOBS

_HERE = Path(__file__).parent

MODULE = Module(
    code="loyalty",
    depends_on=("tenancy", "customers"),
    api_routers=(
        store_stamps.router,  # first: routes are tried in this order, and this one is asked most
        store_points.router,
        store_refunds.router,
        store_program.router,
        store_rewards.router,
        store_cards.router,
        store_card_changes.router,
        store_codes.router,
        store_staff.router,
        store_stats.router,
        store_transactions.router,
        admin.router,
        admin_wallet.router,
        storefront.router,
        storefront_auth.router,
        storefront_account.router,
        public.router,
        google_wallet.router,
        apple_passes.router,
        apple.router,
    ),
    page_routers=(
        store_pages.router,
        card_details.router,
        storefront_pages.router,
        sign_in_pages.router,
        account_pages.router,
        media_pages.router,
        wallet_part.router,
    ),
    jobs=JOBS,
    report=wallet_report.in_a_word,
    locales_dir=_HERE / "locales",
    templates_dir=_HERE / "templates",
)
