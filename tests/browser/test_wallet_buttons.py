"""The buttons that put a card into a phone's wallet, in a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.modules.loyalty.config import get_loyalty_settings
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.services import wallet_service
from tests import factories
from tests.browser.conftest import SignedIn, Theme, check_page
from tests.factories import NOW, Shop

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 26_1 like Mac OS X) Version/26.1 Mobile Safari/605.1"
ANDROID = "Mozilla/5.0 (Linux; Android 16; Pixel 9) Chrome/142.0 Mobile Safari/537.36"
LOOKS: list[tuple[str, Theme, str]] = [
    ("small", "light", "fr"),
    ("phone", "dark", "lb"),
    ("desktop", "light", "en"),
]
BADGE = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 199 55'>"
    "<rect width='199' height='55' rx='8'/></svg>"
)


@pytest.fixture(autouse=True)
def _wallets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both wallets on offer; the links lead to a page of ours instead of a vendor's."""
    urls = {
        "google_wallet_url": "/loyalty/history?google",
        "apple_wallet_url": "/loyalty/history?apple",
    }
    monkeypatch.setattr(wallet_service, "available", lambda: {"google": True, "apple": True})
    monkeypatch.setattr(wallet_service, "button_urls", lambda *_a, **_k: urls)


def buttons_on(page: Page) -> Locator:
    return page.locator(".wallet-buttons a")


def opened(signed_in: SignedIn, path: str = "/loyalty/dashboard", **looks: object) -> Page:
    page = signed_in(stamps=3, **looks).new_page()
    page.goto(path)
    return page


def test_given_an_iphone_and_an_android_phone_when_shown_then_each_sees_its_own_wallet_first(
    signed_in: SignedIn,
) -> None:
    for user_agent, words in (
        (IPHONE, ["Add to Apple Wallet", "Add to Google Wallet"]),
        (ANDROID, ["Add to Google Wallet", "Add to Apple Wallet"]),
    ):
        page = opened(signed_in, user_agent=user_agent)
        expect(buttons_on(page)).to_have_text(words)


@pytest.mark.parametrize(("size", "theme", "language"), LOOKS)
def test_given_any_device_when_shown_then_the_buttons_fit_and_are_accessible(
    signed_in: SignedIn, size: str, theme: Theme, language: str
) -> None:
    looks = {"size": size, "theme": theme, "language": language}
    for path in ("/loyalty/enroll/success", "/loyalty/dashboard"):
        page = opened(signed_in, path, **looks)
        check_page(page, f"wallet{path.replace('/', '-')}-{size}-{theme}-{language}")
        first, second = (buttons_on(page).nth(number).bounding_box() for number in (0, 1))
        assert first is not None
        assert second is not None
        assert min(first["height"], second["height"]) >= 48
        assert second["y"] - (first["y"] + first["height"]) >= 8
        main = page.locator("main .brand-button").first
        if main.count():
            box = main.bounding_box()
            assert box is not None
            assert first["width"] == box["width"]


def test_given_letters_twice_as_large_when_shown_then_nothing_is_cut_off(
    signed_in: SignedIn,
) -> None:
    page = opened(signed_in, "/loyalty/enroll/success", size="small", language="de")
    page.evaluate("document.documentElement.style.setProperty('font-size', '200%')")
    check_page(page, "wallet-200-percent")


def test_given_a_keyboard_when_used_then_the_button_is_seen_and_leads_on(
    signed_in: SignedIn,
) -> None:
    page = opened(signed_in, user_agent=ANDROID)
    button = buttons_on(page).first
    for _ in range(12):
        page.keyboard.press("Tab")
        if button.evaluate("button => button === document.activeElement"):
            break
    expect(button).to_be_focused()
    assert button.evaluate("button => getComputedStyle(button).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url("**/loyalty/history?google")


def test_given_a_pass_on_a_phone_when_shown_then_a_quiet_line_that_adds_it_again(
    db: Session, signed_in: SignedIn, shop: Shop
) -> None:
    page = opened(signed_in, user_agent=ANDROID)
    card = db.execute(
        select(LoyaltyCard).where(LoyaltyCard.merchant_id == shop.merchant_id)
    ).scalar_one()
    factories.make_pass(db, card=card, held_since=NOW)
    line = page.locator(".wallet-held")
    expect(line).to_contain_text("In your Google Wallet")  # the page asks by itself
    expect(buttons_on(page)).to_have_text(["Add again", "Add to Apple Wallet"])
    check_page(page, "wallet-held")
    line.get_by_role("link").click()
    page.wait_for_url("**/loyalty/history?google")


def test_given_the_vendors_badge_when_shown_then_it_stands_in_for_our_button(
    signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "google-en.svg").write_text(BADGE)
    monkeypatch.setattr(get_loyalty_settings(), "wallet_buttons_dir", tmp_path)
    page = opened(signed_in, user_agent=ANDROID)
    badge = page.get_by_role("img", name="Add to Google Wallet")
    expect(badge).to_be_visible()
    box = badge.bounding_box()
    assert box is not None
    assert (box["height"], round(box["width"])) == (56, 203)
    check_page(page, "wallet-badge")
