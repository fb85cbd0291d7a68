"""The card on the phone: live, in full size, offline, signed out."""

from __future__ import annotations

import re

from playwright.sync_api import expect
from sqlalchemy.orm import Session

from tests.browser.conftest import SignedIn, Site, Watch, check_page, violations
from tests.browser.customer import CASHIER_MS, number_on, stamp
from tests.factories import Shop


def test_given_an_open_card_when_a_stamp_is_given_then_it_lands_and_is_said(
    signed_in: SignedIn, shop: Shop, db: Session
) -> None:
    # given
    page = signed_in(stamps=7).new_page()
    page.goto("/loyalty/dashboard")
    number = number_on(page)
    expect(page.locator(".stamp-slot[data-filled]")).to_have_count(7)
    # when
    stamp(db, shop, number)
    # then
    expect(page.locator(".stamp-slot[data-filled]")).to_have_count(8, timeout=CASHIER_MS)
    expect(page.get_by_role("heading", level=1)).to_contain_text("2 more stamps until")
    expect(page.locator("[data-slot='8']")).to_have_class(re.compile("stamp-lands"))
    expect(page.get_by_role("status")).to_contain_text("8 of 10 stamps. 2 more stamps until")
    expect(page.locator(".activity li").first).to_contain_text("1 stamp collected")
    expect(page.locator(".activity li").first).to_contain_text(shop.store.name)


def test_given_the_code_in_full_size_when_stamps_complete_the_card_then_the_reward_shows(
    signed_in: SignedIn, shop: Shop, db: Session
) -> None:
    # given
    page = signed_in(stamps=8).new_page()
    page.goto("/loyalty/dashboard")
    page.get_by_role("button", name="Enlarge the code").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    assert dialog.evaluate("d => getComputedStyle(d).backgroundColor") == "rgb(255, 255, 255)"
    assert violations(page, "dialog") == []
    # when
    stamp(db, shop, number_on(page), quantity=4)
    # then
    expect(dialog).to_be_hidden(timeout=CASHIER_MS)
    expect(page.get_by_role("heading", level=1)).to_contain_text("1 reward ready")
    expect(page.locator(".stamp-slot[data-filled]")).to_have_count(2)
    page.get_by_role("button", name="Show this to redeem").click()
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_given_a_hidden_page_when_time_passes_then_it_asks_nothing_until_it_is_seen_again(
    signed_in: SignedIn, shop: Shop, db: Session
) -> None:
    # given
    page = signed_in(stamps=1).new_page()
    page.goto("/loyalty/dashboard")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate(
        """() => { Object.defineProperty(document, 'hidden', {value: true, configurable: true});
                   document.dispatchEvent(new Event('visibilitychange')); }"""
    )
    # when
    stamp(db, shop, number_on(page))
    page.wait_for_timeout(2_600)
    # then
    assert [url for url in asked if "dashboard" in url] == []
    page.evaluate(
        """() => { Object.defineProperty(document, 'hidden', {value: false, configurable: true});
                   document.dispatchEvent(new Event('visibilitychange')); }"""
    )
    expect(page.locator(".stamp-slot[data-filled]")).to_have_count(2, timeout=CASHIER_MS)


def test_given_a_lost_line_when_it_comes_back_then_the_card_says_so_and_catches_up(
    signed_in: SignedIn, shop: Shop, db: Session, watch: Watch
) -> None:
    # given
    watch.allowed.append("net::ERR_INTERNET_DISCONNECTED")
    device = signed_in(stamps=3)
    page = device.new_page()
    page.goto("/loyalty/dashboard")
    banner = page.locator(".storefront-banner")
    expect(banner).to_be_hidden()
    # when
    device.set_offline(True)
    # then
    expect(banner).to_be_visible()
    expect(page.locator(".loyalty-card .qr")).to_be_visible()
    check_page(page, "dashboard-offline")
    # when
    stamp(db, shop, number_on(page))
    device.set_offline(False)
    # then
    expect(page.locator(".stamp-slot[data-filled]")).to_have_count(4, timeout=CASHIER_MS)
    expect(banner).to_be_hidden()


def test_given_nothing_new_when_the_card_asks_then_the_answer_is_empty(signed_in: SignedIn) -> None:
    # given
    page = signed_in(stamps=3).new_page()
    page.goto("/loyalty/dashboard")
    # when
    with page.expect_response("**/loyalty/dashboard/card") as asked:
        page.wait_for_timeout(2_500)
    # then
    assert asked.value.status == 304


def test_given_a_debt_when_shown_then_it_is_nought_and_says_why(signed_in: SignedIn) -> None:
    # given
    page = signed_in(stamps=-2).new_page()
    # when
    page.goto("/loyalty/dashboard")
    # then
    expect(page.locator(".loyalty-card-count")).to_have_text("0 / 10")
    expect(page.locator(".storefront-notice")).to_contain_text("Your next 2 stamps settle this.")
    check_page(page, "dashboard-owed")


def test_given_a_card_when_its_owner_signs_out_then_the_device_forgets_it(
    signed_in: SignedIn, shop: Shop
) -> None:
    # given
    page = signed_in(stamps=3).new_page()
    page.goto("/loyalty/dashboard")
    # when
    page.get_by_text("Sign out of this device").click()
    page.get_by_role("button", name="Sign out now").click()
    # then
    page.wait_for_url("**/loyalty/signed-out")
    expect(page.get_by_role("heading", level=1)).to_have_text("You are signed out")
    page.goto("/loyalty/dashboard")
    expect(page.get_by_role("heading", level=1)).to_have_text("No card on this device yet")


def test_given_an_open_card_when_it_is_signed_out_elsewhere_then_the_page_says_so(
    signed_in: SignedIn, site: Site, watch: Watch
) -> None:
    # given
    watch.allowed.append("status of 401")
    device = signed_in(stamps=3)
    page = device.new_page()
    page.goto("/loyalty/dashboard")
    # when
    device.clear_cookies(name="orion_customer")
    # then
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "No card on this device yet", timeout=5_000
    )


def test_given_the_language_menu_when_another_is_chosen_then_the_page_speaks_it(
    signed_in: SignedIn,
) -> None:
    # given
    page = signed_in(stamps=7).new_page()
    page.goto("/loyalty/dashboard")
    # when
    page.locator("summary", has_text="Language").click()
    page.get_by_role("button", name="Lëtzebuergesch").click()
    # then
    expect(page.locator("html")).to_have_attribute("lang", "lb")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Nach 3 Stempele bis")
