"""A customer's phone at the poster: joining, once, on any line."""

from __future__ import annotations

import gzip
from typing import Any
from urllib.parse import urljoin
from urllib.request import urlopen

import pytest
from playwright.sync_api import Route, expect
from sqlalchemy.orm import Session

from tests import factories
from tests.browser.conftest import NewDevice, Site, Watch, check_page
from tests.browser.customer import cards_of, fill_in, join_address, number_on
from tests.factories import Shop


def test_given_a_poster_when_somebody_joins_then_the_card_appears_and_stays_on_the_device(
    new_device: NewDevice, shop: Shop, db: Session
) -> None:
    # given
    page = new_device().new_page()
    page.goto(join_address(shop))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Collect 10 stamps, get")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Free coffee")
    expect(page.get_by_role("checkbox")).not_to_be_checked()
    # when
    fill_in(page, contact="anna@example.com", first_name="Anna")
    page.get_by_role("button", name="Get my card").click()
    # then
    page.wait_for_url("**/loyalty/enroll/success")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your card is ready")
    expect(page.locator(".loyalty-card .qr")).to_be_in_viewport(ratio=1)
    number = number_on(page)
    assert len(number) == 12
    # and
    page.get_by_role("link", name="Open my card").click()
    page.wait_for_url("**/loyalty/dashboard")
    expect(page.get_by_role("heading", level=1)).to_contain_text("10 more stamps until")
    assert number_on(page) == number
    page.goto(join_address(shop))
    page.wait_for_url("**/loyalty/dashboard")
    assert cards_of(db, shop) == 1


def test_given_no_script_when_somebody_joins_then_it_works_all_the_same(
    new_device: NewDevice, shop: Shop, db: Session, watch: Watch
) -> None:
    # given
    watch.allowed.append("status of 422")
    page = new_device(java_script_enabled=False).new_page()
    page.goto(join_address(shop))
    # when
    fill_in(page, contact=" ")
    page.get_by_role("button", name="Get my card").click()
    expect(page.get_by_role("alert")).to_contain_text("Please enter your e-mail address")
    fill_in(page, contact="+352 621 123 456")
    page.get_by_role("button", name="Get my card").click()
    # then
    page.wait_for_url("**/loyalty/enroll/success")
    assert cards_of(db, shop) == 1


@pytest.mark.parametrize("twice", ["double click", "enter enter"])
def test_given_a_slow_answer_when_the_form_is_sent_twice_then_one_card(
    new_device: NewDevice, shop: Shop, db: Session, twice: str
) -> None:  # C46
    # given
    page = new_device().new_page()
    page.goto(join_address(shop))
    fill_in(page)
    sent: list[str] = []

    def answer_late(route: Route) -> None:
        if route.request.method == "POST":
            sent.append(route.request.post_data or "")
            page.wait_for_timeout(1_500)
        route.continue_()

    page.route("**/loyalty/enroll*", answer_late)
    button = page.locator("#join-form button[type=submit]")
    # when
    if twice == "double click":
        button.dblclick(no_wait_after=True)
    else:
        page.get_by_label("E-mail or phone number").press("Enter", no_wait_after=True)
        page.keyboard.press("Enter")
    # then
    expect(button).to_be_disabled()
    expect(button).to_have_text("One moment…")
    page.wait_for_url("**/loyalty/enroll/success")
    page.go_back()
    page.wait_for_load_state()
    page.goto("/loyalty/enroll/success")
    page.reload()
    assert len(sent) == 1
    assert cards_of(db, shop) == 1


def test_given_the_same_form_when_a_script_sends_it_twice_at_once_then_one_card(
    new_device: NewDevice, shop: Shop, db: Session
) -> None:  # C46
    # given
    page = new_device().new_page()
    page.goto(join_address(shop))
    fill_in(page)
    # when
    kinds = page.evaluate(
        """async () => {
             const form = document.querySelector('#join-form');
             const send = () => fetch(form.action, {method: 'POST', redirect: 'manual',
               body: new URLSearchParams(new FormData(form))});
             return (await Promise.all([send(), send(), send()])).map(answer => answer.type);
           }"""
    )
    # then
    assert kinds == ["opaqueredirect"] * 3
    assert cards_of(db, shop) == 1


def test_given_a_lost_line_when_the_form_is_sent_again_then_one_card_and_no_lost_entry(
    new_device: NewDevice, shop: Shop, db: Session, watch: Watch
) -> None:
    # given
    watch.allowed.append("net::ERR_FAILED")
    page = new_device().new_page()
    page.goto(join_address(shop))
    fill_in(page)

    def lose_the_answer(route: Route) -> None:
        route.fetch(max_redirects=0)  # it reaches the server, the answer never comes back
        route.abort()

    page.route("**/loyalty/enroll*", lose_the_answer, times=1)
    button = page.get_by_role("button", name="Get my card")
    button.click()
    expect(page.get_by_role("alert")).to_contain_text("No connection")
    expect(button).to_be_enabled()
    expect(page.get_by_label("E-mail or phone number")).to_have_value("anna@example.com")
    # when
    button.click()
    # then
    page.wait_for_url("**/loyalty/enroll/success")
    assert cards_of(db, shop) == 1


@pytest.mark.parametrize(
    ("contact", "message"),
    [
        ("", "Please enter your e-mail address or your phone number."),
        ("anna@", "neither an e-mail address nor a phone number"),
        ("12", "neither an e-mail address nor a phone number"),
    ],
)
def test_given_a_contact_nobody_can_reach_when_sent_then_it_says_so_beside_the_field(
    new_device: NewDevice, shop: Shop, db: Session, watch: Watch, contact: str, message: str
) -> None:
    # given
    watch.allowed.append("status of 422")
    page = new_device().new_page()
    page.goto(join_address(shop))
    fill_in(page, contact=contact)
    # when
    page.get_by_role("button", name="Get my card").click()
    # then
    field = page.get_by_label("E-mail or phone number")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    expect(field).to_have_value(contact)
    expect(page.locator("#contact-note")).to_contain_text(message)
    expect(page.get_by_role("button", name="Get my card")).to_be_enabled()
    check_page(page)
    assert cards_of(db, shop) == 0


def test_given_a_program_that_fills_in_the_trap_when_sent_then_no_card(
    new_device: NewDevice, shop: Shop, db: Session, watch: Watch
) -> None:
    # given
    watch.allowed.append("status of 422")
    page = new_device().new_page()
    page.goto(join_address(shop))
    page.locator("[name=website]").evaluate("field => { field.value = 'https://spam.example'; }")
    fill_in(page)
    # when
    page.get_by_role("button", name="Get my card").click()
    # then
    expect(page.get_by_role("alert").first).to_contain_text("once more")
    assert cards_of(db, shop) == 0


def test_given_a_slow_line_when_the_first_page_loads_then_it_is_light(
    new_device: NewDevice, shop: Shop, site: Site
) -> None:
    # given
    page = new_device().new_page()
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    # when
    page.goto(join_address(shop), wait_until="networkidle")
    # then
    sizes = {url: len(gzip.compress(urlopen(urljoin(site.url, url)).read(), 9)) for url in loaded}  # noqa: S310
    assert sum(sizes.values()) <= 60_000, sizes
    assert not [url for url in loaded if not url.startswith(site.url)]


@pytest.mark.parametrize(
    ("program", "settings", "heading", "status"),
    [
        ({"is_active": False}, None, "Taking a break", 409),
        ({}, {"allow_self_enrollment": False}, "Get your card at the counter", 403),
        (None, None, "No loyalty card here yet", 404),
    ],
)
def test_given_nothing_to_join_when_the_poster_is_scanned_then_a_page_says_what_to_do(
    db: Session,
    new_device: NewDevice,
    watch: Watch,
    program: dict[str, Any] | None,
    settings: dict[str, Any] | None,
    heading: str,
    status: int,
) -> None:
    # given
    watch.allowed.append(f"status of {status}")
    merchant = factories.make_merchant(db)
    store = factories.make_store(db, merchant_id=merchant.id)
    if program is not None:
        factories.make_program(db, merchant_id=merchant.id, **program)
    if settings is not None:
        factories.make_settings(db, merchant_id=merchant.id, **settings)
    page = new_device().new_page()
    # when
    answer = page.goto(f"/loyalty/enroll?store={store.code}")
    # then
    assert answer is not None
    assert answer.status == status
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    assert page.get_by_role("button", name="Get my card").count() == 0
    check_page(page, f"notice-{status}")
