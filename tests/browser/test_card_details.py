"""The page of one card for staff, in a browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session

from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.services import wallet_service
from app.modules.loyalty.types import Draft, EntryType
from tests import factories
from tests.browser.conftest import NewDevice, Site, Theme, Watch, check_page
from tests.browser.till import find, make_card, make_counter, open_till, sign_in
from tests.factories import NOW, Shop

LOOKS: list[tuple[str, Theme, str]] = [
    ("small", "light", "fr"),
    ("phone", "dark", "en"),
    ("desktop", "light", "en"),
]


@pytest.fixture(autouse=True)
def _wallets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wallet_service, "available", lambda: {"google": True, "apple": True})


@pytest.fixture
def shop(db: Session) -> Shop:
    return make_counter(db, card_name="Coffee card", card_color="#7A3E2B", stamp_icon="coffee")


@pytest.fixture
def card(db: Session, shop: Shop) -> LoyaltyCard:
    """A card with a long name and more than a page of history, parked at Google."""
    card = make_card(
        db, shop, first="Anne-Sophie", last="Schmit-Weber", stamps=7,
        note="Takes oat milk.\nLost the card in May.",
    )  # fmt: skip
    factories.post(db, card, [Draft(EntryType.STAMPS_ADJUSTED, stamps_delta=1)] * 24)
    factories.make_pass(db, card=card, parked_at=NOW, synced_at=NOW, last_error="refused")
    factories.make_pass(db, card=card, provider="apple", held_since=NOW, synced_at=NOW)
    return card


def opened(
    new_device: NewDevice, db: Session, site: Site, shop: Shop, card: LoyaltyCard, **looks: object
) -> Page:
    device = new_device(**looks)
    sign_in(device, db, site, shop, role="owner", locale=None)
    page = device.new_page()
    page.goto(f"/store/loyalty/cards/{card.id}")
    return page


@pytest.mark.parametrize(("size", "theme", "language"), LOOKS)
def test_given_any_device_when_shown_then_it_fits_and_is_accessible(
    new_device: NewDevice, db: Session, site: Site, shop: Shop, card: LoyaltyCard,
    size: str, theme: Theme, language: str,
) -> None:  # fmt: skip
    page = opened(new_device, db, site, shop, card, size=size, theme=theme, language=language)
    check_page(page, f"card-details-{size}-{theme}-{language}")


def test_given_a_keyboard_when_synced_then_the_notice_is_said_and_the_keyboard_stays(
    new_device: NewDevice, db: Session, site: Site, shop: Shop, card: LoyaltyCard
) -> None:
    page = opened(new_device, db, site, shop, card)
    google = page.get_by_role("listitem").filter(has_text="Google Wallet")
    expect(google).to_contain_text("does not take the card")
    page.locator("#sync").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Marked to be sent again.")
    expect(google).to_contain_text("It goes on by itself.")
    expect(page.locator("#sync")).to_be_focused()
    check_page(page, "card-details-sent")


def test_given_a_long_ledger_when_more_is_wanted_then_it_comes_below_and_the_keyboard_goes_on(
    new_device: NewDevice, db: Session, site: Site, shop: Shop, card: LoyaltyCard
) -> None:
    page = opened(new_device, db, site, shop, card)
    lines = page.locator(".activity-lines > li")
    expect(lines).to_have_count(20)
    page.get_by_role("link", name="Show older entries").click()
    expect(lines).to_have_count(26)
    expect(lines.last).to_contain_text("Card made")
    assert page.evaluate("document.activeElement.tagName") == "H3"
    expect(page.locator("#older")).to_have_count(0)
    check_page(page, "card-details-all")


def test_given_no_such_card_when_opened_then_the_page_leads_back(
    new_device: NewDevice, db: Session, site: Site, shop: Shop, watch: Watch
) -> None:
    watch.allowed.append("status of 404")
    page = opened(new_device, db, site, shop, LoyaltyCard(id=10**12), theme="dark")
    check_page(page, "card-missing")
    page.get_by_role("link", name="To the terminal").click()
    page.wait_for_url("**/store/loyalty/terminal")


def test_given_a_card_on_the_counter_when_its_details_are_opened_then_and_back_again(
    new_device: NewDevice, db: Session, site: Site, shop: Shop, card: LoyaltyCard
) -> None:
    page = open_till(new_device(), db, site, shop)
    find(page, card.card_number)
    page.get_by_role("link", name="Card details").click()
    page.wait_for_url(f"**/store/loyalty/cards/{card.id}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Anne-Sophie Schmit-Weber")
    page.get_by_role("link", name="To the terminal").click()
    page.wait_for_url("**/store/loyalty/terminal")
