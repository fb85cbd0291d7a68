"""Bad Wi-Fi and hasty fingers: whatever happens on the way, one stamp stays one stamp."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, Route, expect
from sqlalchemy.orm import Session

from tests.browser.conftest import NewDevice, Site, Watch
from tests.browser.till import (
    API,
    PIN,
    entries,
    expect_result,
    find,
    kept_on_device,
    make_card,
    make_counter,
    open_till,
    ready,
    requests_to,
    type_pin,
    until,
)
from tests.factories import Shop

LATE_MS = 15_000


@pytest.fixture
def shop(db: Session) -> Shop:
    return make_counter(db)


@pytest.fixture
def page(new_device: NewDevice, db: Session, site: Site, shop: Shop, watch: Watch) -> Page:
    watch.allowed.append("net::ERR_")
    return open_till(new_device(), db, site, shop)


def hold(page: Page, path: str) -> list[Route]:
    """Fills up with the requests to `path`, which wait until the test lets them go on."""
    held: list[Route] = []

    def keep(route: Route) -> None:
        held.append(route)

    page.route(f"{API}{path}", keep)
    return held


def lose_the_answer(route: Route) -> None:
    """The server does what it was asked; nobody hears that."""
    route.fetch()
    route.abort()


def test_given_a_lost_answer_when_sent_again_by_itself_then_one_stamp(
    page: Page, db: Session, shop: Shop
) -> None:
    # given
    card = make_card(db, shop)
    sent = requests_to(page, "/stamp")
    page.route(f"{API}/stamp", lose_the_answer, times=1)
    find(page, card.card_number)
    # when
    page.locator("#add").click()
    type_pin(page)
    # then
    expect_result(page, "No line")
    expect(page.locator("#result-word")).to_have_text("Stamp 1 of 10", timeout=LATE_MS)
    assert entries(db, card) == ["stamp_earned"]
    assert len(sent) == 2
    assert len({request.headers["idempotency-key"] for request in sent}) == 1
    expect(page.locator("#pending")).to_be_hidden()


def test_given_no_answer_at_all_when_four_seconds_are_over_then_it_says_so_and_goes_on_trying(
    page: Page, db: Session, shop: Shop
) -> None:
    # given
    card = make_card(db, shop)
    held = hold(page, "/stamp")
    find(page, card.card_number)
    # when
    page.locator("#add").click()
    type_pin(page)
    expect(page.locator("#pin-keys button[value='1']")).to_be_disabled()
    # then
    expect(page.locator("#result-word")).to_have_text("No line", timeout=6_000)
    while len(held) < 2:
        page.wait_for_timeout(100)
    held[1].continue_()
    expect_result(page, "Stamp 1 of 10")
    assert entries(db, card) == ["stamp_earned"]


def test_given_a_busy_server_when_it_answers_503_then_the_same_key_is_sent_again(
    page: Page, db: Session, shop: Shop, watch: Watch
) -> None:
    # given
    watch.allowed.append("status of 503")
    card = make_card(db, shop)
    sent = requests_to(page, "/stamp")
    busy = json.dumps({"status": 503, "code": "unavailable", "detail": "Busy.", "params": {}})
    page.route(
        f"{API}/stamp",
        lambda route: route.fulfill(
            status=503, content_type="application/problem+json", body=busy,
            headers={"Retry-After": "1"},
        ),
        times=1,
    )  # fmt: skip
    find(page, card.card_number)
    # when
    page.locator("#add").click()
    type_pin(page)
    # then
    expect(page.locator("#result-word")).to_have_text("Stamp 1 of 10", timeout=LATE_MS)
    assert len({request.headers["idempotency-key"] for request in sent}) == 1
    assert entries(db, card) == ["stamp_earned"]


def test_given_a_lost_answer_when_the_page_is_loaded_again_then_no_pin_and_one_stamp(
    page: Page, db: Session, shop: Shop
) -> None:
    # given: the server has given the stamp, the page does not know
    card = make_card(db, shop)
    page.route(f"{API}/stamp", lose_the_answer)
    find(page, card.card_number)
    page.locator("#add").click()
    type_pin(page)
    expect_result(page, "No line")
    kept = kept_on_device(page)
    assert str(card.id) in kept
    assert f'"{PIN}"' not in kept
    assert "staff_" not in kept
    assert "Weber" not in kept
    # when
    page.unroute(f"{API}/stamp")
    page.reload()
    # then
    expect(ready(page).locator("#recent-list")).to_contain_text("1 stamp")
    expect(page.locator("#pending")).to_be_hidden()
    expect(page.locator("#pin")).to_be_hidden()
    assert entries(db, card) == ["stamp_earned"]
    # when: and once more
    page.reload()
    expect(ready(page).locator("#recent-list")).to_contain_text("1 stamp")
    assert entries(db, card) == ["stamp_earned"]


def test_given_a_stamp_that_never_left_when_loaded_again_then_the_pin_is_asked_for(
    page: Page, db: Session, shop: Shop, watch: Watch
) -> None:
    # given
    watch.allowed.append("status of 403")
    card = make_card(db, shop)
    page.route(f"{API}/stamp", lambda route: route.abort())
    find(page, card.card_number)
    page.locator("#add").click()
    type_pin(page)
    expect_result(page, "No line")
    # when
    page.unroute(f"{API}/stamp")
    page.reload()
    pending = ready(page).locator("#pending")
    expect(pending).to_contain_text("1 operation not finished")
    assert entries(db, card) == []
    pending.get_by_role("button", name="Enter PIN").click()
    type_pin(page)
    # then
    expect_result(page, "Stamp 1 of 10")
    expect(pending).to_be_hidden()
    assert entries(db, card) == ["stamp_earned"]


def test_given_a_stamp_that_never_left_when_discarded_then_nothing_is_given(
    page: Page, db: Session, shop: Shop, watch: Watch
) -> None:
    # given
    watch.allowed.append("status of 403")
    card = make_card(db, shop)
    page.route(f"{API}/stamp", lambda route: route.abort())
    find(page, card.card_number)
    page.locator("#add").click()
    type_pin(page)
    expect_result(page, "No line")
    page.unroute(f"{API}/stamp")
    page.reload()
    # when
    ready(page).locator("#pending").get_by_role("button", name="Discard").click()
    # then
    expect(page.locator("#pending")).to_be_hidden()
    page.reload()
    expect(ready(page).locator("#pending")).to_be_hidden()
    assert entries(db, card) == []


def test_given_a_stamp_refused_behind_ones_back_when_the_line_returns_then_somebody_decides(
    new_device: NewDevice, db: Session, site: Site, watch: Watch
) -> None:
    # given: two stamps wait, and the program allows one in fifteen minutes
    watch.allowed += ["net::ERR_", "status of 409"]
    shop = make_counter(db, cooldown_minutes=15, require_staff_pin=False)
    card = make_card(db, shop)
    page = open_till(new_device(), db, site, shop)
    page.route(f"{API}/stamp", lambda route: route.abort())
    for _ in range(2):
        find(page, card.card_number)
        page.locator("#add").click()
        expect_result(page, "No line")
        page.locator("#result-next").click()
    expect(page.locator("#pending")).to_contain_text("2 operations not finished")
    # when
    page.unroute(f"{API}/stamp")
    # then
    pending = page.locator("#pending")
    expect(pending.get_by_role("button", name="Try again")).to_be_visible(timeout=LATE_MS)
    expect(pending).to_contain_text("1 operation not finished")
    assert "stamp_cooldown" not in pending.inner_text()
    assert entries(db, card) == ["stamp_earned"]
    pending.get_by_role("button", name="Discard").click()
    expect(pending).to_be_hidden()


def test_given_no_line_when_a_number_is_typed_then_the_stamp_waits_and_is_sent_once(
    page: Page, db: Session, shop: Shop
) -> None:
    # given
    card = make_card(db, shop)
    page.wait_for_load_state("networkidle")  # the reader of codes is there
    page.context.set_offline(True)
    expect(page.locator("#line")).to_contain_text("Offline")
    # when
    find(page, card.card_number)
    expect(page.locator("#card-name")).to_have_text("Card without connection")
    expect(page.locator("#redeem")).to_be_disabled()
    page.locator("#add").click()
    type_pin(page)
    expect_result(page, "No line")
    page.locator("#result-next").click()
    assert entries(db, card) == []
    page.context.set_offline(False)
    # then
    expect(page.locator("#notice")).to_have_text("Sent now: 1 stamp, Anna W.", timeout=LATE_MS)
    expect(page.locator("#line")).to_contain_text("Online")
    assert entries(db, card) == ["stamp_earned"]


def test_given_no_line_when_the_page_is_loaded_again_then_the_shell_is_there(
    new_device: NewDevice, db: Session, site: Site, shop: Shop, watch: Watch
) -> None:
    # given
    watch.allowed.append("net::ERR_")
    page = open_till(new_device(), db, site, shop, keeps_shell=True)
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.reload()  # now through the service worker, which keeps the page
    ready(page)
    # when
    page.context.set_offline(True)
    page.reload()
    # then
    expect(ready(page).locator("#line")).to_contain_text("Offline")
    expect(page.locator("#entry-text")).to_be_focused()
    page.context.set_offline(False)


# C46
@pytest.mark.parametrize("act", ["add", "redeem"])
@pytest.mark.parametrize("twice", ["click", "Enter"])
def test_given_a_slow_server_when_pressed_twice_then_one_request_and_a_disabled_button(
    new_device: NewDevice, db: Session, site: Site, act: str, twice: str
) -> None:
    # given
    shop = make_counter(db, require_staff_pin=False)
    card = make_card(db, shop, stamps=10)
    page = open_till(new_device(), db, site, shop)
    path = "/stamp" if act == "add" else "/stamp/redeem"
    sent = requests_to(page, path)
    held = hold(page, path)
    find(page, card.card_number)
    button = page.locator("#add")
    if act == "redeem":
        page.locator("#redeem").click()
        button = page.locator("#confirm-yes")
    # when
    if twice == "click":
        button.dblclick()
    else:
        button.focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
    # then
    expect(page.locator(f"#{act}")).to_be_disabled()
    expect(page.locator("#add")).to_have_text("Sending…", use_inner_text=True)
    page.keyboard.press("F2")
    page.keyboard.press("F4")
    until(page, lambda: len(held) > 0)  # it is kept on the device before it is sent
    page.wait_for_timeout(300)
    assert len(held) == 1
    held[0].continue_()
    expect(page.locator("#result")).to_be_visible()
    assert len(sent) == 1
    assert len(entries(db, card)) == 1
    ready(page, again=True)
    assert len(sent) == 1


def test_given_an_error_when_it_is_read_then_the_button_works_again(
    new_device: NewDevice, db: Session, site: Site, watch: Watch
) -> None:
    # given
    watch.allowed.append("status of 409")
    shop = make_counter(db, require_staff_pin=False)
    card = make_card(db, shop)
    page = open_till(new_device(), db, site, shop)
    refusal = {"status": 409, "code": "program_inactive", "detail": "Switched off.", "params": {}}
    page.route(
        f"{API}/stamp",
        lambda route: route.fulfill(
            status=409, content_type="application/problem+json", body=json.dumps(refusal)
        ),
        times=1,
    )
    find(page, card.card_number)
    # when
    page.locator("#add").click()
    expect(page.locator("#result-detail")).to_have_text("Switched off.")
    page.locator("#result-next").click()
    # then
    expect(page.locator("#add")).to_be_enabled()
    page.locator("#add").click()
    expect_result(page, "Stamp 1 of 10")
    assert entries(db, card) == ["stamp_earned"]
