"""What a customer does with the pages, and what staff do to the card meanwhile."""

from __future__ import annotations

import re

from playwright.sync_api import Page
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.modules.loyalty.services import stamp_service
from app.modules.loyalty.types import ActorKind, Caller
from tests.factories import Shop

CASHIER_MS = 3_000  # a stamp at the till is on the phone by then


def join_address(shop: Shop) -> str:
    return f"/loyalty/enroll?store={shop.store.code}"


def fill_in(page: Page, *, contact: str = "anna@example.com", first_name: str = "") -> None:
    page.get_by_label("E-mail or phone number").fill(contact)
    if first_name:
        page.get_by_label("First name").fill(first_name)
    page.wait_for_timeout(1_100)  # nobody fills a form in within a second


def cards_of(db: Session, shop: Shop) -> int:
    db.rollback()
    count: int = db.execute(
        text("SELECT count(*) FROM loyalty_cards WHERE merchant_id = :m"), {"m": shop.merchant_id}
    ).scalar_one()
    return count


def stamp(db: Session, shop: Shop, number: str, quantity: int = 1) -> None:
    stamp_service.add_stamp(
        db,
        card_number=number,
        quantity=quantity,
        store_id=shop.store.id,
        caller=Caller(merchant_id=shop.merchant_id, store_id=shop.store.id, kind=ActorKind.USER),
    )


def number_on(page: Page) -> str:
    shown = page.locator(".loyalty-card-number bdi").inner_text()
    return re.sub(r"\D", "", shown)
