"""Points on the phone: what they buy, what is missing, when they run out, and all that happened."""

from __future__ import annotations

import gzip
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session

from app.core.clock import utc_now
from app.core.color import MINIMUM_CONTRAST
from app.modules.loyalty.services import points_service
from app.modules.loyalty.types import ActorKind, Caller, Draft, EntryType
from tests import factories
from tests.browser.conftest import LOOKS, NewDevice, SignedIn, Theme, check_page, violations
from tests.browser.customer import CASHIER_MS, join_address, number_on
from tests.browser.test_storefront_looks import HARD_COLORS, worst_contrast
from tests.browser.till import make_reward
from tests.factories import Shop

MAXIMUM_KB = 110
FSI, PDI = "\u2068", "\u2069"


@pytest.fixture
def shop(db: Session) -> Shop:
    """A bakery with points, whose rewards cost 100, 600 and 2,500 of them."""
    return make_bakery(db)


@pytest.fixture
def hybrid(db: Session) -> Shop:
    return make_bakery(db, loyalty_type="hybrid", stamps_reward_description="Free coffee")


def make_bakery(db: Session, **program: object) -> Shop:
    rules: dict[str, object] = {
        "loyalty_type": "points",
        "cooldown_minutes": 0,
        "require_staff_pin": False,
        "card_name": "Bread card",
        "card_color": "#B45309",
        "points_expiration_days": 365,
        "minimum_redemption_points": 50,
    }
    merchant = factories.make_merchant(db, name="Boulangerie Schmit")
    shop = factories.make_shop(db, merchant, **rules | program)
    for name, cost in (("Loaf of bread", 100), ("Cake for eight", 2500), ("Breakfast", 600)):
        make_reward(db, shop, name, cost)
    return shop


def collected(points: int, amount_cents: int | None = None) -> Draft:
    return Draft(
        EntryType.POINTS_EARNED, points_delta=points, amount_cents=amount_cents or points * 10
    )


def open_card(signed_in: SignedIn, shop: Shop, points: int, **looks: object) -> Page:
    page = signed_in(of=shop, drafts=[collected(points)], **looks).new_page()
    page.goto("/loyalty/dashboard")
    return page


def test_given_points_when_the_card_is_opened_then_it_says_what_they_buy(
    signed_in: SignedIn, shop: Shop
) -> None:
    # when
    page = open_card(signed_in, shop, 1250)
    # then
    expect(page.get_by_role("heading", level=1)).to_contain_text("2 rewards in reach")
    expect(page.locator(".points-balance")).to_have_text("1,250 points")
    expect(page.get_by_role("progressbar")).to_have_accessible_name("1,250 of 2,500 points")
    assert page.locator("progress").get_attribute("value") == "50"
    ready, later = page.locator(".catalogue li[data-ready]"), page.locator(".catalogue li").last
    expect(ready).to_have_count(2)
    expect(ready.first).to_contain_text("Breakfast")
    expect(ready.first).to_contain_text("At the counter")
    expect(later).to_contain_text("Cake for eight")
    expect(later).to_contain_text("1,250 points missing")
    expect(page.locator(".stamp-grid")).to_have_count(0)
    expect(page.locator(".catalogue-valid")).to_contain_text("Valid until")
    expect(page.locator(".activity li").first).to_contain_text("1,250 points for €125.00")


def test_given_an_open_card_when_points_are_given_then_they_land_and_are_said(
    signed_in: SignedIn, shop: Shop, db: Session
) -> None:
    # given
    page = open_card(signed_in, shop, 60)
    expect(page.get_by_role("heading", level=1)).to_have_text("40 more points until Loaf of bread")
    # when
    points_service.earn_points(
        db,
        card_number=number_on(page),
        purchase_amount_cents=2500,
        store_id=shop.store.id,
        caller=Caller(merchant_id=shop.merchant_id, store_id=shop.store.id, kind=ActorKind.USER),
    )
    # then
    expect(page.locator(".points-balance")).to_have_text("310 points", timeout=CASHIER_MS)
    expect(page.locator(".points-land")).to_have_count(1)
    expect(page.get_by_role("status")).to_have_text("310 points.")
    expect(page.get_by_role("heading", level=1)).to_contain_text("1 reward in reach")


def test_given_a_debt_when_the_card_is_opened_then_it_is_nought_and_says_why(
    signed_in: SignedIn, shop: Shop
) -> None:  # C30
    # given
    drafts = [
        collected(250),
        Draft(EntryType.POINTS_REDEEMED, points_delta=-200),
        Draft(EntryType.POINTS_REFUNDED, points_delta=-250, amount_cents=2500),
    ]
    page = signed_in(of=shop, drafts=drafts).new_page()
    # when
    page.goto("/loyalty/dashboard")
    # then
    sentence = "A refund was larger than your points: 200 points are still to be collected."
    expect(page.locator(".points-balance")).to_have_text("0 points")
    expect(page.locator(".storefront-notice")).to_have_text(sentence)
    assert page.locator("progress").get_attribute("value") == "0"
    expect(page.locator(".catalogue li[data-ready]")).to_have_count(0)
    check_page(page, "points-owed")
    page.goto("/loyalty/history")
    expect(page.locator(".storefront-notice")).to_have_text(sentence)
    expect(page.locator(".history li").first).to_contain_text("Refund: 250 points taken back")
    expect(page.locator(".history li").first).to_contain_text("Balance: 0 points")


@pytest.mark.parametrize(("days", "is_prominent"), [(31, True), (32, False)])
def test_given_a_rule_of_expiry_when_it_comes_near_then_the_date_is_told_in_words(
    db: Session, signed_in: SignedIn, days: int, is_prominent: bool
) -> None:
    # given: collected a day ago, so that 30 or 31 days are left
    shop = make_bakery(db, points_expiration_days=days)
    # when
    page = open_card(signed_in, shop, 250)
    # then
    on = (utc_now() - timedelta(days=1)).astimezone(
        ZoneInfo("Europe/Luxembourg")
    ).date() + timedelta(days=days)
    told = f"{on.day} {on:%B %Y}"
    notice = page.locator(".storefront-notice")
    if is_prominent:
        expect(notice).to_contain_text(f"250 points expire on {told}.")
        expect(page.locator(".catalogue-valid")).to_have_count(0)
    else:
        expect(notice).to_have_count(0)
        expect(page.locator(".catalogue-valid")).to_contain_text(f"Valid until {told}.")


def test_given_a_long_history_when_older_ones_are_asked_for_then_they_come_below(
    signed_in: SignedIn, shop: Shop
) -> None:
    # given
    drafts = [collected(10 * n) for n in range(1, 41)]
    page = signed_in(of=shop, drafts=drafts).new_page()
    page.goto("/loyalty/dashboard")
    page.get_by_role("link", name="All that happened").click()
    # then: in words, newest first, with the balance
    lines = page.locator(".history li")
    expect(lines).to_have_count(30)
    expect(lines.first).to_contain_text("400 points for €40.00")
    expect(lines.first).to_contain_text(f"at {shop.store.name}, Luxembourg")
    expect(lines.first).to_contain_text("Balance: 8,200 points")
    expect(lines.first).to_contain_text("+400")
    # when
    page.get_by_role("link", name="Show older ones").press("Enter")
    # then: the same day goes on without being named again, and the keyboard goes on there
    expect(lines).to_have_count(41)
    expect(lines.last).to_contain_text("You joined")
    expect(page.get_by_role("link", name="Show older ones")).to_have_count(0)
    expect(page.locator(".history-day h2:not(.sr-only)")).to_have_count(1)
    expect(page.locator(".history-day h2").nth(1)).to_be_focused()


def test_given_no_script_when_older_ones_are_asked_for_then_a_page_of_their_own_comes(
    signed_in: SignedIn, shop: Shop
) -> None:
    # given
    drafts = [collected(10) for _ in range(35)]
    page = signed_in(of=shop, drafts=drafts, java_script_enabled=False).new_page()
    page.goto("/loyalty/history")
    # when
    page.get_by_role("link", name="Show older ones").click()
    # then
    expect(page.locator(".history li")).to_have_count(6)
    page.get_by_role("link", name="To the newest").click()
    expect(page.locator(".history li")).to_have_count(30)


def test_given_an_open_history_when_signed_out_elsewhere_then_the_card_page_says_so(
    signed_in: SignedIn, shop: Shop
) -> None:
    # given
    device = signed_in(of=shop, drafts=[collected(10) for _ in range(35)])
    page = device.new_page()
    page.goto("/loyalty/history")
    # when
    device.clear_cookies(name="orion_customer")
    page.get_by_role("link", name="Show older ones").click()
    # then
    page.wait_for_url("**/loyalty/dashboard")
    expect(page.get_by_role("heading", level=1)).to_have_text("No card on this device yet")


def test_given_a_name_from_right_to_left_when_redeemed_then_the_sentence_keeps_its_order(
    signed_in: SignedIn, shop: Shop, db: Session
) -> None:
    # given
    reward = make_reward(db, shop, "\u05dc\u05d7\u05dd", 70)
    drafts = [
        collected(100),
        Draft(EntryType.POINTS_REDEEMED, points_delta=-70, reward_id=reward.id),
    ]
    page = signed_in(of=shop, drafts=drafts).new_page()
    # when
    page.goto("/loyalty/history")
    # then
    what = page.locator(".history .activity-what").first.inner_text()
    assert what == f"{FSI}\u05dc\u05d7\u05dd{PDI}: 70 points redeemed"


def test_given_the_history_page_when_loaded_then_it_weighs_little(
    signed_in: SignedIn, shop: Shop
) -> None:
    # given
    page = open_card(signed_in, shop, 250)
    page.goto("/loyalty/history")
    # when
    addresses = page.evaluate(
        "[location.href, ...performance.getEntriesByType('resource').map((entry) => entry.name)]"
    )
    weight = sum(len(gzip.compress(page.request.get(url).body())) for url in set(addresses))
    # then
    assert weight <= MAXIMUM_KB * 1000


@pytest.mark.parametrize("color", HARD_COLORS)
def test_given_any_brand_colour_when_points_are_shown_then_every_text_is_readable(
    db: Session, signed_in: SignedIn, color: str
) -> None:  # C48
    # given
    page = open_card(signed_in, make_bakery(db, card_color=color), 640)
    # when
    places = (".points-balance", ".points-goal bdi", ".points-goal-cost", ".catalogue-mark svg")
    worst = {selector: worst_contrast(page, selector) for selector in places}
    # then
    assert {where: ratio for where, ratio in worst.items() if ratio < MINIMUM_CONTRAST} == {}
    assert violations(page) == []


@pytest.mark.parametrize(("size", "theme", "language"), LOOKS)
def test_given_any_device_and_language_when_points_are_shown_then_pages_fit_and_are_accessible(
    new_device: NewDevice,
    signed_in: SignedIn,
    shop: Shop,
    hybrid: Shop,
    size: str,
    theme: Theme,
    language: str,
) -> None:
    looks = {"size": size, "theme": theme, "language": language}
    name = f"{size}-{theme}-{language}"
    # joining a shop with points, and one with both
    page = new_device(**looks).new_page()
    for of, kind in ((shop, "points"), (hybrid, "hybrid")):
        page.goto(join_address(of))
        check_page(page, f"{kind}-enroll-{name}")
    # a card with points, one with both, and what happened on it
    page = open_card(signed_in, shop, 640, **looks)
    expect(page.locator(".loyalty-card .qr")).to_be_in_viewport(ratio=1)
    check_page(page, f"points-dashboard-{name}")
    drafts = [
        collected(250, 2500),
        Draft(EntryType.POINTS_REDEEMED, points_delta=-100, reward_id=None),
        Draft(EntryType.WELCOME_BONUS, stamps_delta=2, points_delta=50),
        Draft(EntryType.POINTS_EXPIRED, points_delta=-30),
    ]
    page = signed_in(of=hybrid, stamps=4, drafts=drafts, **looks).new_page()
    page.goto("/loyalty/dashboard")
    check_page(page, f"hybrid-dashboard-{name}")
    page.goto("/loyalty/history")
    check_page(page, f"hybrid-history-{name}")
