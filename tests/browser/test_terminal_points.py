"""A day with points at the terminal: earning, rewards, undoing, refunds, in any currency."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session

from tests import factories
from tests.browser.conftest import NewDevice, Site, Watch
from tests.browser.till import (
    entries,
    expect_result,
    find,
    give_points,
    make_card,
    make_counter,
    make_reward,
    open_till,
    points_entries,
    requests_to,
    stamps_on,
    type_amount,
    type_pin,
)
from tests.factories import Shop

# A hand scanner's keys come within milliseconds, however busy the machine is.
SCAN = """text => {
    for (const key of [...text, "Enter"]) {
        document.activeElement.dispatchEvent(
            new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }),
        );
    }
}"""


@pytest.fixture
def shop(db: Session) -> Shop:
    """A bakery with points alone: ten for a euro, from two euros on."""
    shop = make_counter(db, loyalty_type="points", minimum_purchase_cents=200)
    make_reward(db, shop, "Loaf of bread", 100)
    make_reward(db, shop, "Cake for eight", 290)
    return shop


@pytest.fixture
def page(new_device: NewDevice, db: Session, site: Site, shop: Shop) -> Page:
    return open_till(new_device(size="desktop"), db, site, shop)


def test_given_a_purchase_when_its_amount_is_typed_then_points_once_for_a_receipt(
    page: Page, db: Session, shop: Shop
) -> None:
    # given
    card = make_card(db, shop)
    find(page, card.card_number)
    expect(page.locator("#add")).to_be_hidden()
    expect(page.locator("#card-points")).to_contain_text("100 more points: Loaf of bread")
    # when: a purchase, with the points before it is sent
    type_amount(page, "2599", reference="A-1")
    expect(page.locator("#amount-value")).to_have_text("€25.99")
    expect(page.locator("#amount-hint")).to_have_text("= 259 points")
    expect(page.locator("#amount-submit")).to_have_text("Give 259 points")
    page.keyboard.press("Enter")
    type_pin(page)
    # then
    expect_result(page, "+259 points")
    expect(page.locator("#result-detail")).to_have_text("Balance: 259 points")
    assert points_entries(db, card) == [("points_earned", 259)]
    # when: the same receipt again
    page.keyboard.press("Enter")
    find(page, card.card_number)
    type_amount(page, "2599", reference="A-1")
    page.keyboard.press("Enter")
    # then
    expect_result(page, "Booked before")
    expect(page.locator("#result-undo")).to_be_hidden()
    assert len(points_entries(db, card)) == 1


def test_given_enough_points_when_a_reward_is_chosen_by_keyboard_then_given_and_taken_back(
    page: Page, db: Session, shop: Shop
) -> None:
    # given
    card = make_card(db, shop, points=259)
    find(page, card.card_number)
    # when
    page.keyboard.press("F4")
    lines = page.locator("#catalogue-list button")
    expect(lines.nth(0)).to_contain_text("Loaf of bread")
    expect(lines.nth(1)).to_be_disabled()
    expect(lines.nth(1)).to_contain_text("31 points missing")
    page.keyboard.press("Enter")
    type_pin(page)
    # then
    expect_result(page, "Redeemed: Loaf of bread")
    expect(page.locator("#result-detail")).to_have_text("Balance: 159 points")
    # when: it was a mistake
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect_result(page, "Undone")
    expect(page.locator("#result-detail")).to_have_text("Balance: 259 points")
    assert points_entries(db, card) == [("points_redeemed", -100), ("points_voided", 100)]
    # when: the PIN session is open now, so it is asked whether this is meant
    page.keyboard.press("Enter")
    find(page, card.card_number)
    page.keyboard.press("F4")
    page.keyboard.press("Enter")
    expect(page.locator("#confirm")).to_contain_text("100 points")
    assert len(points_entries(db, card)) == 2
    page.keyboard.press("Enter")
    # then
    expect_result(page, "Redeemed: Loaf of bread")
    assert points_entries(db, card)[-1] == ("points_redeemed", -100)


def test_given_an_order_when_refunded_in_part_and_whole_then_its_points_go(
    page: Page, db: Session, shop: Shop, watch: Watch
) -> None:
    # given
    watch.allowed.append("status of 409")
    card = make_card(db, shop)
    give_points(page, card, "2500", reference="A-2")
    expect_result(page, "+250 points")
    page.locator("#result-next").click()
    # when: a part that nobody can read, then one
    open_refund(page, "A-2")
    page.locator("#refund-in-part").check()
    page.locator("#refund-amount").fill("ten")
    page.keyboard.press("Enter")
    expect(page.locator("#refund-error")).to_contain_text("for example 12.50")
    page.locator("#refund-amount").fill("10,00")
    page.keyboard.press("Enter")
    # then
    expect_result(page, "Refunded")
    expect(page.locator("#result-detail")).to_have_text("Taken back: 100 points")
    expect(page.locator("#result-undo")).to_be_hidden()
    page.locator("#result-next").click()
    # when: the rest, and once more
    open_refund(page, "A-2")
    page.keyboard.press("Enter")
    expect(page.locator("#result-detail")).to_have_text("Taken back: 150 points")
    page.locator("#result-next").click()
    open_refund(page, "A-2")
    page.keyboard.press("Enter")
    # then: refused, and what was typed is still there
    expect_result(page, "Not possible")
    page.locator("#result-next").click()
    expect(page.locator("#refund-order")).to_have_value("A-2")
    taken = [("points_refunded", -100), ("points_refunded", -150)]
    assert points_entries(db, card) == [("points_earned", 250), *taken]


def test_given_points_already_spent_when_refunded_then_the_till_says_why_there_are_none(
    page: Page, db: Session, shop: Shop
) -> None:  # C30
    # given
    card = make_card(db, shop)
    give_points(page, card, "2500", reference="A-3")
    expect_result(page, "+250 points")
    page.locator("#result-next").click()
    find(page, card.card_number)
    page.locator("#redeem").click()
    page.keyboard.press("Enter")
    page.locator("#confirm-yes").click()
    expect_result(page, "Redeemed: Loaf of bread")
    page.locator("#result-next").click()
    # when
    open_refund(page, "A-3")
    page.keyboard.press("Enter")
    expect_result(page, "Refunded")
    page.locator("#result-next").click()
    find(page, card.card_number)
    # then
    expect(page.locator("#card-points-word")).to_have_text("0 points")
    expect(page.locator("#card-points-more")).to_have_text(
        "A refund was larger than the points: 100 points are still to be collected."
    )
    expect(page.locator("#redeem")).to_be_disabled()


def test_given_too_small_a_purchase_when_typed_then_it_says_so_and_sends_nothing(
    page: Page, db: Session, shop: Shop
) -> None:
    # given
    card = make_card(db, shop)
    find(page, card.card_number)
    sent = requests_to(page, "/points")
    # when
    type_amount(page, "199")
    page.keyboard.press("Enter")
    # then
    expect(page.locator("#amount-hint")).to_have_text("Points from €2.00 on.")
    expect(page.locator("#amount-submit")).to_be_disabled()
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")
    page.keyboard.type("2.")
    expect(page.locator("#amount-value")).to_have_text("€12.00")
    expect(page.locator("#amount-submit")).to_be_enabled()
    assert sent == []


@pytest.mark.parametrize(
    ("language", "sign", "shown", "points"),
    [
        ("en", ".", "€1,234.50", "= 12,345 points"),
        ("fr", ",", "1\u202f234,50\xa0€", "= 12\u202f345 points"),
        ("de", ",", "1.234,50\xa0€", "= 12.345 Punkte"),
        ("lb", ",", "1.234,50\xa0€", "= 12.345 Punkten"),
    ],
)
def test_given_a_language_when_an_amount_is_typed_then_it_stands_as_people_write_it(
    new_device: NewDevice,
    db: Session,
    site: Site,
    shop: Shop,
    language: str,
    sign: str,
    shown: str,
    points: str,
) -> None:  # C50
    # given
    card = make_card(db, shop)
    page = open_till(new_device(language=language), db, site, shop, locale=None)
    find(page, card.card_number)
    page.locator("#add-points").click()
    # when: by its own keys; the decimal sign makes whole units of what is there
    assert page.locator("#amount-decimal").inner_text() == sign
    for key in ("1", "2", "3", "4", "decimal", "5"):
        page.locator(f"#amount-keys button[value='{key}']").click()
    # then
    assert page.locator("#amount-value").inner_text() == shown
    assert page.locator("#amount-hint").inner_text() == points
    # when: digits alone fill up from the right, and either sign of a till's keyboard will do
    for written in ("123450", "1234.5", "1234,5"):
        page.keyboard.press("Delete")
        page.keyboard.type(written, delay=60)
        assert page.locator("#amount-value").inner_text() == shown


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", ["0 points", "1 point", "2 points", "1,000 points", "1,000,000 points"]),
        (
            "fr",
            ["0 point", "1 point", "2 points", "1\u202f000 points",
             "1\u202f000\u202f000 de points"],
        ),
        ("de", ["0 Punkte", "1 Punkt", "2 Punkte", "1.000 Punkte", "1.000.000 Punkte"]),
        ("lb", ["0 Punkten", "1 Punkt", "2 Punkten", "1.000 Punkten", "1.000.000 Punkten"]),
    ],
)  # fmt: skip
def test_given_any_number_of_points_when_shown_then_the_word_fits(
    new_device: NewDevice, db: Session, site: Site, language: str, expected: list[str]
) -> None:  # C50
    # given
    shop = make_counter(db, loyalty_type="points")
    card = make_card(db, shop)
    page = open_till(new_device(language=language), db, site, shop, locale=None)
    find(page, card.card_number)
    page.locator("#add-points").click()
    # when and then: 10 points a euro; the dearest purchase is worth a million
    for cents, points in zip(("9", "10", "20", "10000", "10000000"), expected, strict=True):
        page.keyboard.press("Delete")
        page.keyboard.type(cents)
        assert page.locator("#amount-hint").inner_text() == f"= {points}"


@pytest.mark.parametrize(
    ("currency", "rate", "typed", "shown", "points"),
    [
        ("JPY", 1, "2500", "JP¥2,500", 2500),
        ("KWD", 10, "12345", "KWD\xa012.345", 123),
        ("KWD", 10, "12.5", "KWD\xa012.500", 125),
    ],
)
def test_given_a_currency_when_an_amount_is_typed_then_its_decimals_count(
    new_device: NewDevice,
    db: Session,
    site: Site,
    currency: str,
    rate: int,
    typed: str,
    shown: str,
    points: int,
) -> None:
    # given
    merchant = factories.make_merchant(db, currency=currency)
    shop = make_counter(
        db, merchant=merchant, loyalty_type="points", points_per_euro=rate, require_staff_pin=False
    )
    card = make_card(db, shop)
    page = open_till(new_device(), db, site, shop)
    find(page, card.card_number)
    # when
    type_amount(page, typed)
    # then
    assert page.locator("#amount-value").inner_text() == shown
    decimal = page.locator("#amount-keys button[value='decimal']")
    assert decimal.is_disabled() is (currency == "JPY")
    page.keyboard.press("Enter")
    expect_result(page, f"+{points:,} points")
    assert points_entries(db, card) == [("points_earned", points)]


def test_given_a_hand_scanner_when_it_reads_the_receipt_then_the_amount_stays(
    page: Page, db: Session, shop: Shop
) -> None:
    # given
    card = make_card(db, shop)
    find(page, card.card_number)
    type_amount(page, "2500")
    # when: it types all at once and presses Enter
    page.wait_for_timeout(100)
    page.evaluate(SCAN, "R2026-0815")
    # then
    expect(page.locator("#amount-reference")).to_have_value("R2026-0815")
    expect(page.locator("#amount-value")).to_have_text("€25.00")
    assert points_entries(db, card) == []
    page.wait_for_timeout(100)
    page.keyboard.press("Enter")
    type_pin(page)
    expect_result(page, "+250 points")


def test_given_a_shop_that_wants_receipts_when_none_is_there_then_the_sheet_asks_for_it(
    new_device: NewDevice, db: Session, site: Site
) -> None:
    # given
    shop = make_counter(db, loyalty_type="points", require_staff_pin=False)
    factories.make_settings(db, merchant_id=shop.merchant_id, require_order_reference=True)
    card = make_card(db, shop)
    page = open_till(new_device(), db, site, shop)
    find(page, card.card_number)
    # when and then
    type_amount(page, "2500")
    expect(page.locator("#amount-hint")).to_have_text("Please enter the receipt number.")
    expect(page.locator("#amount-submit")).to_be_disabled()
    page.locator("#amount-reference").fill("A-9")
    page.keyboard.press("Enter")
    expect_result(page, "+250 points")


@pytest.mark.parametrize(
    ("policy", "program_asks", "asks"), [("required", False, True), ("disabled", True, False)]
)
def test_given_the_platforms_word_on_pins_when_points_are_given_then_it_counts(
    new_device: NewDevice, db: Session, site: Site, policy: str, program_asks: bool, asks: bool
) -> None:
    # given
    shop = make_counter(db, loyalty_type="points", require_staff_pin=program_asks)
    factories.make_settings(db, merchant_id=shop.merchant_id, staff_pin_policy=policy)
    card = make_card(db, shop)
    page = open_till(new_device(), db, site, shop)
    find(page, card.card_number)
    sent = requests_to(page, "/points")
    # when
    type_amount(page, "2500")
    page.keyboard.press("Enter")
    # then: asked for before anything is sent, or not at all
    if asks:
        expect(page.locator("#pin")).to_be_visible()
        assert sent == []
        type_pin(page)
    expect_result(page, "+250 points")
    assert len(sent) == 1


def test_given_stamps_from_before_when_only_points_are_collected_then_they_can_be_redeemed(
    page: Page, db: Session, shop: Shop
) -> None:
    # given
    card = make_card(db, shop, stamps=10)
    find(page, card.card_number)
    expect(page.locator("#card-count")).to_have_text(re.compile(r"^\s*10\s*/ 10\s*$"))
    # when
    page.locator("#redeem").click()
    page.locator("#catalogue-list").get_by_role("button", name="Free coffee").click()
    type_pin(page)
    # then
    expect_result(page, "Redeemed: Free coffee")
    assert entries(db, card) == ["stamp_redeemed"]
    assert stamps_on(db, card) == 0


def open_refund(page: Page, reference: str) -> None:
    page.locator("[popovertarget=menu]").click()
    page.locator("#open-refund").click()
    page.locator("#refund-order").fill(reference)
