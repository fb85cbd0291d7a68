"""How the terminal looks: accessible in every state, theme and language, large enough, light."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session

from app.core.clock import utc_now
from tests.browser.conftest import LOOKS, NewDevice, Site, Theme, Watch, check_page
from tests.browser.till import (
    API,
    TERMINAL,
    expect_result,
    find,
    make_card,
    make_counter,
    open_till,
    ready,
    sign_in,
    type_pin,
)
from tests.factories import Shop

MAXIMUM_KB = 130
FINGER_PX = 56


@pytest.fixture
def shop(db: Session) -> Shop:
    return make_counter(db)


@pytest.mark.parametrize(("size", "theme", "language"), LOOKS)
def test_given_a_stamp_when_looked_at_then_every_step_is_accessible_and_fits(
    new_device: NewDevice,
    db: Session,
    site: Site,
    shop: Shop,
    watch: Watch,
    size: str,
    theme: Theme,
    language: str,
) -> None:
    # given
    watch.allowed.append("status of 403")
    card = make_card(db, shop, first="Anne-Sophie", last="Schmit", stamps=10)
    device = new_device(size=size, theme=theme, language=language)
    page = open_till(device, db, site, shop, locale=None)
    name = f"terminal-{size}-{theme}-{language}"
    # when and then: one step after the other
    expect(page.locator("#finder")).to_have_attribute("data-camera", "on")
    check_page(page, f"{name}-ready")
    find(page, card.card_number)
    check_page(page, f"{name}-card")
    page.locator("#add").click()
    page.keyboard.type("48")
    check_page(page, f"{name}-pin")
    type_pin(page, "9173")
    expect(page.locator("#pin-error")).not_to_be_empty()
    check_page(page, f"{name}-pin-wrong")
    type_pin(page)
    expect(page.locator("#result")).to_be_visible()
    check_page(page, f"{name}-done")


@pytest.mark.parametrize(("size", "theme", "language"), LOOKS)
def test_given_other_states_when_looked_at_then_each_is_accessible_and_fits(
    new_device: NewDevice,
    db: Session,
    site: Site,
    watch: Watch,
    size: str,
    theme: Theme,
    language: str,
) -> None:
    # given
    watch.allowed += ["status of 409", "net::ERR_"]
    shop = make_counter(db, require_staff_pin=False)
    card = make_card(db, shop, stamps=10)
    device = new_device(size=size, theme=theme, language=language)
    page = open_till(device, db, site, shop, locale=None)
    name = f"terminal-{size}-{theme}-{language}"
    find(page, card.card_number)
    # when and then: a reward, a refusal, somebody new, the menu, a line that is gone
    page.locator("#redeem").click()
    check_page(page, f"{name}-confirm")
    page.locator("#confirm-no").click()
    refuse(page, "/stamp")
    page.locator("#add").click()
    expect(page.locator("#result")).to_have_attribute("data-tone", "refused")
    check_page(page, f"{name}-refused")
    page.locator("#result-next").click()
    page.keyboard.press("F8")
    check_page(page, f"{name}-enrol")
    page.keyboard.press("Escape")
    page.locator("[popovertarget=menu]").click()
    check_page(page, f"{name}-menu")
    page.keyboard.press("Escape")
    page.route(f"{API}/stamp", lambda route: route.abort())
    page.locator("#add").click()
    expect(page.locator("#result")).to_have_attribute("data-tone", "waiting")
    check_page(page, f"{name}-waiting")
    page.locator("#result-next").click()
    check_page(page, f"{name}-pending")


@pytest.mark.parametrize(("size", "theme", "language"), LOOKS)
def test_given_the_overview_when_looked_at_then_it_is_accessible_and_says_what_is_left(
    new_device: NewDevice,
    db: Session,
    site: Site,
    shop: Shop,
    size: str,
    theme: Theme,
    language: str,
) -> None:
    # given
    device = new_device(size=size, theme=theme, language=language)
    sign_in(device, db, site, shop, role="owner", locale=None)
    page = device.new_page()
    # when
    page.goto("/store/loyalty")
    # then: program and PIN are there, a customer is not
    marks = page.locator(".step-mark")
    expect(marks).to_have_count(3)
    assert [mark.get_attribute("data-done") for mark in marks.all()] == ["true", "true", "false"]
    check_page(page, f"overview-{size}-{theme}-{language}")
    page.goto("/store/loyalty/stores")
    check_page(page, f"stores-{size}-{theme}-{language}")
    page.get_by_role("link", name=shop.store.name).click()
    ready(page)


@pytest.mark.parametrize("size", ["small", "phone", "tablet", "desktop"])
def test_given_a_thumb_when_it_presses_then_everything_is_large_enough_and_in_reach(
    new_device: NewDevice, db: Session, site: Site, shop: Shop, size: str
) -> None:
    # given
    card = make_card(db, shop, stamps=10)
    page = open_till(new_device(size=size), db, site, shop)
    assert too_small(page) == []
    # when
    find(page, card.card_number)
    # then
    assert too_small(page) == []
    if size != "small":
        for action in ("#add", "#redeem", "#more"):
            expect(page.locator(action)).to_be_in_viewport(ratio=1)
    # when: the pad of a phone is a sheet at the thumb's end
    page.locator("#add").click()
    assert too_small(page) == []
    for key in page.locator("#pin-keys button").all():
        expect(key).to_be_in_viewport(ratio=1)
    type_pin(page)
    expect_result(page, "Stamp 1 of 10")
    # then
    assert too_small(page) == []
    expect(page.locator("#result-undo")).to_be_in_viewport(ratio=1)


def test_given_the_page_when_loaded_then_it_weighs_little(
    new_device: NewDevice, db: Session, site: Site, shop: Shop
) -> None:
    # given
    device = new_device()
    sign_in(device, db, site, shop)
    page = device.new_page()
    page.goto(TERMINAL)
    ready(page)
    # when: what the page itself needs; the QR reader comes later and only where it is missing
    addresses = page.evaluate(
        "[location.href, ...performance.getEntriesByType('resource')"
        ".map((entry) => entry.name).filter((name) => !/wasm|chunk-|healthz/.test(name))]"
    )
    weight = sum(len(gzip.compress(page.request.get(url).body())) for url in set(addresses))
    # then
    assert weight <= MAXIMUM_KB * 1000


def test_given_the_manifest_when_asked_for_then_the_terminal_can_be_kept_among_the_apps(
    new_device: NewDevice, site: Site
) -> None:
    answer = new_device().request.get("/store/loyalty/terminal.webmanifest")
    assert answer.headers["content-type"] == "application/manifest+json"
    manifest = answer.json()
    assert manifest["start_url"] == TERMINAL
    assert manifest["display"] == "standalone"
    icon = new_device().request.get(manifest["icons"][0]["src"])
    assert icon.ok


def refuse(page: Page, path: str) -> None:
    """The next operation is refused with a sentence of everyday length."""
    soon = utc_now() + timedelta(minutes=14)
    refusal = {
        "status": 409,
        "code": "stamp_cooldown",
        "detail": "This card was stamped a moment ago. The next stamp is possible at 14:05.",
        "params": {"next_stamp_available_at": soon.isoformat()},
    }
    page.route(
        f"{API}{path}",
        lambda route: route.fulfill(
            status=409, content_type="application/problem+json", body=json.dumps(refusal)
        ),
        times=1,
    )


def too_small(page: Page) -> list[str]:
    """Visible things to press on the topmost layer that are smaller than a finger needs."""
    found: list[str] = page.evaluate(
        """(least) => [...(document.querySelector("dialog[open]") ?? document.body)
          .querySelectorAll("button, a[href], input")]
          .filter((thing) => thing.checkVisibility() && !thing.closest(".sr-only"))
          .filter((thing) => !thing.classList.contains("sr-only") && thing.id !== "entry-text")
          .map((one) => [one, /checkbox|radio/.test(one.type) ? one.closest("label") : one])
          .map(([thing, hit]) => [thing.id || thing.textContent, hit.getBoundingClientRect()])
          .filter(([, box]) => box.height < least - 0.5 && box.width > 2)
          .map(([name, box]) => `${name}: ${box.width} by ${box.height}`)""",
        FINGER_PX,
    )
    return found
