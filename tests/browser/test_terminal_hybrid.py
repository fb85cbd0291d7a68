"""Stamps and points of one purchase, and points over a line that may be bad."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, Request, Route, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.clock import utc_now
from app.modules.loyalty.models import LoyaltyCard, LoyaltyTransaction
from tests.browser.conftest import NewDevice, Site, Watch
from tests.browser.till import (
    API,
    entries,
    expect_result,
    find,
    give_points,
    make_card,
    make_counter,
    make_reward,
    open_till,
    points_entries,
    ready,
    requests_to,
    stamps_on,
    type_amount,
    type_pin,
    until,
)
from tests.factories import Shop

LATE_MS = 15_000


@pytest.fixture
def shop(db: Session) -> Shop:
    shop = make_counter(db, loyalty_type="hybrid")
    make_reward(db, shop, "Loaf of bread", 100)
    return shop


@pytest.fixture
def page(new_device: NewDevice, db: Session, site: Site, shop: Shop, watch: Watch) -> Page:
    watch.allowed.append("net::ERR_")
    return open_till(new_device(), db, site, shop)


def lose_the_answer(route: Route) -> None:
    """The server does what it was asked; nobody hears that."""
    route.fetch()
    route.abort()


def test_given_one_purchase_when_stamps_and_points_are_given_then_under_one_receipt_and_pin(
    page: Page, db: Session, shop: Shop
) -> None:
    # given
    card = make_card(db, shop, stamps=3)
    find(page, card.card_number)
    stamp, points = requests_to(page, "/stamp"), requests_to(page, "/points")
    # when
    page.locator("#more").click()
    type_amount(page, "2500", reference="A-1")
    page.locator("#amount-along").click()
    expect(page.locator("#amount-submit")).to_have_text("Give 250 points and 2 stamps")
    page.locator("#amount-submit").click()
    type_pin(page)
    # then
    expect_result(page, "250 points and 2 stamps")
    assert entries(db, card) == ["stamp_earned"]
    assert points_entries(db, card) == [("points_earned", 250)]
    sent = [*stamp, *points]
    assert len(sent) == 2
    assert {body_of(request)["order_reference"] for request in sent} == {"A-1"}
    assert len({request.headers["idempotency-key"] for request in sent}) == 2
    # when: both are undone together
    page.locator("#result-undo").click()
    # then
    expect_result(page, "Undone")
    assert stamps_on(db, card) == 3
    assert points_entries(db, card)[-1] == ("points_voided", -250)


def test_given_points_that_are_refused_when_stamps_were_given_then_they_stay_and_it_says_so(
    page: Page, db: Session, shop: Shop, watch: Watch
) -> None:
    # given: the receipt has earned points already
    watch.allowed.append("status of 409")
    card = make_card(db, shop)
    give_points(page, card, "900", reference="A-2")
    expect_result(page, "+90 points")
    page.locator("#result-next").click()
    # when
    find(page, card.card_number)
    type_amount(page, "2500", reference="A-2")
    page.locator("#amount-along").click()
    page.locator("#amount-submit").click()
    # then
    expect_result(page, "Only half done")
    expect(page.locator("#result-detail")).to_contain_text("Given: 1 stamp.")
    assert entries(db, card) == ["stamp_earned"]
    assert points_entries(db, card) == [("points_earned", 90)]
    # when: the sheet is still there for the points alone
    page.locator("#result-next").click()
    expect(page.locator("#amount-value")).to_have_text("€25.00")
    expect(page.locator("#amount-stamps")).not_to_be_checked()
    page.locator("#amount-reference").fill("A-3")
    page.locator("#amount-submit").click()
    # then
    expect_result(page, "+250 points")
    assert entries(db, card) == ["stamp_earned"]


def test_given_a_cooldown_when_an_amount_is_typed_then_only_points_can_be_given(
    new_device: NewDevice, db: Session, site: Site
) -> None:
    # given
    shop = make_counter(db, loyalty_type="hybrid", cooldown_minutes=15, require_staff_pin=False)
    card = make_card(db, shop)
    page = open_till(new_device(), db, site, shop)
    find(page, card.card_number)
    page.keyboard.press("F2")
    expect_result(page, "Stamp 1 of 10")
    page.locator("#result-next").click()
    # when
    find(page, card.card_number)
    type_amount(page, "2500")
    # then
    expect(page.locator("#amount-along-word")).to_contain_text("Next stamp in 14:", timeout=5_000)
    expect(page.locator("#amount-stamps")).to_be_disabled()
    page.keyboard.press("Enter")
    expect_result(page, "+250 points")
    assert len(entries(db, card)) == 1


def test_given_a_reward_ready_when_redeemed_then_the_stamp_card_is_one_of_the_choices(
    page: Page, db: Session, shop: Shop
) -> None:
    # given
    card = make_card(db, shop, stamps=10, points=120)
    find(page, card.card_number)
    # when
    page.keyboard.press("F4")
    lines = page.locator("#catalogue-list button")
    expect(lines.nth(0)).to_contain_text("Free coffee")
    expect(lines.nth(0)).to_contain_text("10 stamps")
    lines.nth(1).click()
    type_pin(page)
    # then
    expect_result(page, "Redeemed: Loaf of bread")
    assert points_entries(db, card) == [("points_redeemed", -100)]
    assert stamps_on(db, card) == 10


def test_given_a_lost_answer_when_sent_again_by_itself_then_points_once(
    page: Page, db: Session, shop: Shop
) -> None:  # C25
    # given
    card = make_card(db, shop)
    sent = requests_to(page, "/points")
    page.route(f"{API}/points", lose_the_answer, times=1)
    find(page, card.card_number)
    # when
    type_amount(page, "2500", reference="ORD-12345")
    page.keyboard.press("Enter")
    type_pin(page)
    # then
    expect_result(page, "No line")
    expect(page.locator("#result-word")).to_have_text("+250 points", timeout=LATE_MS)
    assert points_entries(db, card) == [("points_earned", 250)]
    assert len({request.headers["idempotency-key"] for request in sent}) == 1


def test_given_no_line_when_a_code_is_read_then_points_are_kept_and_tell_when_they_were_given(
    page: Page, db: Session, shop: Shop, watch: Watch
) -> None:
    # given
    watch.allowed.append("status of 403")
    card = make_card(db, shop)
    page.wait_for_load_state("networkidle")  # the reader of codes is there
    page.clock.install()
    page.context.set_offline(True)
    page.locator("#entry-text").fill(card.card_number)
    page.keyboard.press("Enter")
    expect(page.locator("#card-name")).to_have_text("Card without connection")
    # when: the page counts the points by itself
    type_amount(page, "2500")
    expect(page.locator("#amount-hint")).to_have_text("= 250 points")
    given_at = utc_now()
    page.keyboard.press("Enter")
    type_pin(page)
    expect_result(page, "No line")
    page.clock.fast_forward("00:10")
    expect(page.locator("#pending")).to_contain_text("250 points · Card without connection")
    # when: the line is back half an hour later by this device's clock
    sent = requests_to(page, "/points")
    page.clock.fast_forward("30:00")
    page.context.set_offline(False)
    until(page, lambda: bool(points_entries(db, card)))
    # then
    assert points_entries(db, card) == [("points_earned", 250)]
    assert "occurred_at" in body_of(sent[-1])
    assert abs(occurred_at(db, card) - given_at) < timedelta(seconds=30)


def test_given_points_that_never_left_when_loaded_again_then_the_pin_is_asked_for(
    page: Page, db: Session, shop: Shop, watch: Watch
) -> None:
    # given
    watch.allowed.append("status of 403")
    card = make_card(db, shop)
    page.route(f"{API}/points", lambda route: route.abort())
    give_points(page, card, "2500")
    expect_result(page, "No line")
    # when: the page is gone before the line is back, else it would send by itself
    address = page.url
    page.goto("about:blank")
    page.unroute(f"{API}/points")
    page.goto(address)
    pending = ready(page).locator("#pending")
    expect(pending).to_contain_text("250 points · Anna W.")
    assert points_entries(db, card) == []
    pending.get_by_role("button", name="Enter PIN").click()
    type_pin(page)
    # then
    expect_result(page, "+250 points")
    assert points_entries(db, card) == [("points_earned", 250)]


def test_given_another_rule_on_the_server_when_typed_then_its_number_counts(
    page: Page, db: Session, shop: Shop
) -> None:
    # given: the page was opened before the rate changed
    card = make_card(db, shop)
    find(page, card.card_number)
    answer = {"points_earned": 500, "points_balance": 500}
    page.route(
        f"{API}/points/preview",
        lambda route: route.fulfill(content_type="application/json", body=json.dumps(answer)),
    )
    # when
    type_amount(page, "2500")
    # then
    expect(page.locator("#amount-hint")).to_have_text("= 500 points")
    expect(page.locator("#amount-submit")).to_have_text("Give 500 points")


def body_of(request: Request) -> dict[str, Any]:
    """What the page sent."""
    body: dict[str, Any] = json.loads(request.post_data or "{}")
    return body


def occurred_at(db: Session, card: LoyaltyCard) -> datetime:
    """When the card's points were given, by its ledger."""
    db.rollback()
    entry = LoyaltyTransaction
    return db.execute(
        select(entry.occurred_at).where(
            entry.merchant_id == card.merchant_id,
            entry.card_id == card.id,
            entry.type == "points_earned",
        )
    ).scalar_one()
