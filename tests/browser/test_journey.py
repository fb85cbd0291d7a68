"""The whole way in two windows: a customer joins, a cashier scans that very code."""

from __future__ import annotations

import io
from collections.abc import Callable

import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from sqlalchemy.orm import Session

from tests.browser.conftest import NewDevice, Site
from tests.browser.customer import fill_in, join_address, number_on
from tests.browser.till import expect_result, make_counter, open_till, type_pin


def read_code(page: Page) -> str:
    """What a camera reads from the phone's screen."""
    picture = page.locator(".loyalty-card .qr").screenshot()
    codes = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)))
    assert [code.format for code in codes] == [zxingcpp.BarcodeFormat.QRCode]
    return codes[0].text


def type_card(till: Page, number: str) -> None:
    """The next card may be typed while the last result still shows."""
    till.keyboard.type(number)
    till.keyboard.press("Enter")
    expect(till.locator("#card-name")).to_have_text("Anna")
    expect(till.locator("#result")).to_be_hidden()


def test_given_a_poster_and_a_till_when_somebody_joins_then_stamps_lead_to_the_reward(
    new_device: NewDevice,
    browser_that_sees: Callable[[str], Browser],
    db: Session,
    site: Site,
) -> None:
    # given: a customer joins in one window
    shop = make_counter(db, stamps_target=2)
    phone = new_device().new_page()
    phone.goto(join_address(shop))
    fill_in(phone, contact="anna@example.com", first_name="Anna")
    phone.get_by_role("button", name="Get my card").click()
    phone.wait_for_url("**/loyalty/enroll/success")
    code, number = read_code(phone), number_on(phone)
    phone.goto(f"{site.url}/loyalty/dashboard")
    heading = phone.get_by_role("heading", level=1)
    # when: the code is held in front of the till's camera in the other
    till = open_till(new_device(of=browser_that_sees(code)), db, site, shop)
    expect(till.locator("#card-name")).to_have_text("Anna")
    till.locator("#add").click()
    type_pin(till)
    # then: both windows say so, the customer's without being touched
    expect_result(till, "Stamp 1 of 2")
    expect(heading).to_contain_text("1 more stamp until", timeout=10_000)
    # when: the second stamp earns the reward, which is given out
    type_card(till, number)
    till.locator("#add").click()
    expect_result(till, "Reward ready!")
    type_card(till, number)
    till.locator("#redeem").click()
    till.locator("#confirm-yes").click()
    expect_result(till, "Redeemed: Free coffee")
    expect(heading).to_contain_text("2 more stamps until", timeout=10_000)
    # when: it was the wrong card
    till.locator("#result-undo").click()
    expect_result(till, "Undone")
    # then: the reward is back
    type_card(till, number)
    expect(till.locator("#card-reward")).to_contain_text("1 reward ready: Free coffee")
