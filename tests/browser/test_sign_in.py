"""Protecting a fresh card, signing in elsewhere, and the account, on the customer's phone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session

from app.core.i18n import Catalogue
from app.modules.loyalty.models import LoyaltyCard
from tests import factories, reads
from tests.architecture.sources import ROOT
from tests.browser.conftest import NewDevice, SignedIn, Watch, check_page
from tests.browser.customer import fill_in, join_address, number_on
from tests.factories import Shop
from tests.modules.loyalty.services.mailbox import newest_code

LANGUAGES = ("en", "fr", "de", "lb")
TEXTS = Catalogue.load([ROOT / "app/locales", ROOT / "app/modules/loyalty/locales"])


def address(shop: Shop) -> str:
    """An address of this test's own: its codes are counted over all merchants of the site."""
    return f"anna.{shop.merchant_id}@example.com"


def join(page: Page, shop: Shop) -> str:
    """Join from the poster; the card's number."""
    page.goto(join_address(shop))
    fill_in(page, contact=address(shop))
    page.get_by_role("button", name="Get my card").click()
    page.wait_for_url("**/loyalty/enroll/success")
    return number_on(page)


def code_for(db: Session, shop: Shop) -> str:
    db.rollback()
    return newest_code(db, merchant_id=shop.merchant_id, to=address(shop))


def member(db: Session, shop: Shop) -> LoyaltyCard:
    customer = factories.make_customer(
        db, merchant_id=shop.merchant_id, email=address(shop), first_name="Anna", locale=None
    )
    return factories.make_card(db, shop=shop, customer_id=customer.id, stamps=4)


def test_given_a_fresh_card_when_the_code_is_pasted_then_it_is_protected_and_opens_elsewhere(
    new_device: NewDevice, shop: Shop, db: Session, watch: Watch
) -> None:
    # given
    watch.allowed.append("status of 401")
    page = new_device().new_page()
    number = join(page, shop)
    code = code_for(db, shop)
    # when
    page.get_by_label("Code from the e-mail").fill(f"{int(code) ^ 1:06d}")
    page.get_by_role("button", name="Protect my card").click()
    expect(page.get_by_role("alert")).to_contain_text("Tries left: 4")
    page.get_by_label("Code from the e-mail").fill(f"{code[:3]} {code[3:]}")
    page.get_by_role("button", name="Protect my card").click()
    # then
    page.wait_for_url("**/loyalty/account?said=confirmed")
    expect(page.get_by_role("status")).to_contain_text("Your card is protected")
    expect(page.get_by_text("(confirmed)")).to_be_visible()
    # and
    laptop = new_device(size="desktop").new_page()
    laptop.goto(f"/loyalty/dashboard?store={shop.store.code}")
    laptop.get_by_role("link", name="I already have a card").click()
    laptop.get_by_label("E-mail address").fill(address(shop))
    laptop.get_by_role("button", name="Send me a code").click()
    expect(laptop.get_by_role("status")).to_contain_text("a code is on its way")
    laptop.get_by_label("Code from the e-mail").fill(code_for(db, shop))
    laptop.get_by_role("button", name="Open my card").click()
    laptop.wait_for_url("**/loyalty/dashboard")
    assert number_on(laptop) == number


def test_given_a_known_address_when_confirmed_then_the_phone_shows_the_older_card(
    new_device: NewDevice, shop: Shop, db: Session
) -> None:
    older = member(db, shop)
    page = new_device().new_page()
    assert join(page, shop) != older.card_number
    page.get_by_role("button", name="Send a new code").click()
    page.wait_for_url("**/loyalty/protect?sent=true")
    expect(page.get_by_role("status")).to_contain_text(address(shop))
    page.get_by_label("Code from the e-mail").fill(code_for(db, shop))
    page.get_by_role("button", name="Protect my card").click()
    page.wait_for_url("**/loyalty/account?said=merged")
    expect(page.get_by_role("status")).to_contain_text("You had a card already")
    page.get_by_role("link", name="Back to my card").click()
    assert number_on(page) == older.card_number


def test_given_no_script_when_signing_in_then_it_works_all_the_same(
    new_device: NewDevice, shop: Shop, db: Session, watch: Watch
) -> None:
    watch.allowed.append("status of 422")
    card = member(db, shop)
    page = new_device(java_script_enabled=False).new_page()
    page.goto(f"/loyalty/sign-in?store={shop.store.code}")
    page.get_by_label("E-mail address").fill("anna@localhost")
    page.get_by_role("button", name="Send me a code").click()
    expect(page.get_by_role("alert")).to_contain_text("not an e-mail address")
    page.get_by_label("E-mail address").fill(address(shop))
    page.get_by_role("button", name="Send me a code").click()
    code = code_for(db, shop)
    page.goto("/loyalty/sign-in")
    page.get_by_role("link", name="I have a code").click()
    page.get_by_label("E-mail address").fill(address(shop))
    page.get_by_label("Code from the e-mail").fill(code)
    page.get_by_role("button", name="Open my card").click()
    page.wait_for_url("**/loyalty/dashboard")
    assert number_on(page) == card.card_number


def test_given_the_account_when_language_and_news_are_changed_then_kept_and_shown(
    signed_in: SignedIn, shop: Shop, db: Session
) -> None:
    page = signed_in().new_page()
    page.goto("/loyalty/dashboard")
    page.get_by_role("link", name="My account").click()
    expect(page.get_by_role("checkbox", name="may send me news")).not_to_be_checked()
    page.get_by_label("First name").fill("Ana")
    page.get_by_label("Language", exact=True).select_option("fr")
    page.get_by_role("checkbox", name="may send me news").check()
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/loyalty/account?said=saved")
    expect(page.get_by_role("status")).to_contain_text("est enregistré")
    expect(page.get_by_label("Prénom")).to_have_value("Ana")
    expect(page.get_by_role("checkbox", name="envoyer des nouvelles")).to_be_checked()


def test_given_the_account_when_exporting_and_leaving_then_a_file_and_nothing_is_left(
    signed_in: SignedIn, shop: Shop, db: Session
) -> None:
    page = signed_in(stamps=3).new_page()
    page.goto("/loyalty/account")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download my data").click()
    file = Path(download.value.path())
    assert "Weber" in file.read_text(encoding="utf-8")
    assert json.loads(file.read_text(encoding="utf-8"))
    page.get_by_text("Leave the program").click()
    page.get_by_role("checkbox", name="Yes, delete my card").check()
    page.get_by_role("button", name="Leave and delete").click()
    page.wait_for_url("**/loyalty/left")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your card is deleted")
    db.rollback()
    (card,) = reads.rows_of(db, LoyaltyCard, merchant_id=shop.merchant_id)
    assert card.status == "erased"
    page.goto("/loyalty/account")
    page.wait_for_url("**/loyalty/dashboard")
    expect(page.get_by_role("heading", level=1)).to_have_text("No card on this device yet")


@pytest.mark.parametrize("language", LANGUAGES)
def test_given_any_language_when_the_pages_are_shown_then_accessible_and_fitting(
    new_device: NewDevice, shop: Shop, watch: Watch, language: str
) -> None:
    watch.allowed.append("status of 401")
    t = TEXTS.translator(language).t
    page = new_device(language=language).new_page()
    page.goto(f"/loyalty/sign-in?store={shop.store.code}")
    check_page(page, f"sign-in-{language}")
    page.get_by_label(t("loyalty.storefront.sign_in.email")).fill(address(shop))
    page.get_by_role("button", name=t("loyalty.storefront.sign_in.send")).click()
    page.get_by_label(t("loyalty.storefront.sign_in.code")).fill("12")
    check_page(page, f"sign-in-code-{language}")
    page.get_by_role("button", name=t("loyalty.storefront.sign_in.open")).click()
    expect(page.get_by_role("alert")).to_be_visible()
    check_page(page, f"sign-in-wrong-{language}")
    page.goto(join_address(shop))
    page.get_by_label(t("loyalty.storefront.enroll.contact")).fill(address(shop))
    page.get_by_role("checkbox").check()
    page.wait_for_timeout(1_100)
    page.get_by_role("button", name=t("loyalty.storefront.enroll.submit")).click()
    page.wait_for_url("**/loyalty/enroll/success")
    check_page(page, f"protect-{language}")
    page.get_by_role("button", name=t("loyalty.storefront.sign_in.again")).click()
    page.wait_for_url("**/loyalty/protect?sent=true")
    check_page(page, f"protect-again-{language}")
    page.goto("/loyalty/account")
    for details in page.locator("details.storefront-terms summary").all():
        details.click()
    check_page(page, f"account-{language}")
