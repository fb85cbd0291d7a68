"""How points look at the terminal: accessible at every step, in every size, theme and language."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from sqlalchemy.orm import Session

from tests.browser.conftest import LOOKS, NewDevice, Site, Theme, check_page
from tests.browser.test_terminal_looks import too_small
from tests.browser.till import find, give_points, make_card, make_counter, make_reward, open_till
from tests.factories import Shop


@pytest.fixture
def shop(db: Session) -> Shop:
    shop = make_counter(db, loyalty_type="hybrid", minimum_purchase_cents=500)
    for name, cost in (("Loaf of bread", 100), ("Cake for eight", 2500), ("Breakfast", 600)):
        make_reward(db, shop, name, cost)
    return shop


@pytest.mark.parametrize(("size", "theme", "language"), LOOKS)
def test_given_a_hybrid_card_when_points_are_given_then_every_step_is_accessible_and_fits(
    new_device: NewDevice,
    db: Session,
    site: Site,
    shop: Shop,
    size: str,
    theme: Theme,
    language: str,
) -> None:
    # given
    card = make_card(db, shop, first="Anne-Sophie", last="Schmit", stamps=4, points=1250)
    device = new_device(size=size, theme=theme, language=language)
    page = open_till(device, db, site, shop, locale=None)
    name = f"points-{size}-{theme}-{language}"
    # when and then: one step after the other
    find(page, card.card_number)
    check_page(page, f"{name}-card")
    page.locator("#add-points").click()
    page.keyboard.type("499")
    check_page(page, f"{name}-below")
    page.keyboard.press("Delete")
    page.keyboard.type("2599")
    page.locator("#amount-along").click()
    check_page(page, f"{name}-amount")
    page.keyboard.press("Escape")
    page.locator("#redeem").click()
    check_page(page, f"{name}-catalogue")
    page.keyboard.press("Escape")
    page.locator("[popovertarget=menu]").click()
    page.locator("#open-refund").click()
    page.locator("#refund-in-part").check()
    check_page(page, f"{name}-refund")


@pytest.mark.parametrize("size", ["small", "phone", "tablet", "desktop"])
def test_given_a_thumb_when_points_are_given_then_everything_is_large_enough_and_in_reach(
    new_device: NewDevice, db: Session, site: Site, shop: Shop, size: str
) -> None:
    # given
    card = make_card(db, shop, stamps=10, points=1250)
    page = open_till(new_device(size=size), db, site, shop)
    # when
    find(page, card.card_number)
    # then
    assert too_small(page) == []
    if size != "small":
        for action in ("#add", "#add-points", "#redeem", "#more"):
            expect(page.locator(action)).to_be_in_viewport(ratio=1)
    # when
    page.locator("#add-points").click()
    # then
    assert too_small(page) == []
    if size != "small":
        for part in [*page.locator("#amount-keys button").all(), page.locator("#amount-submit")]:
            expect(part).to_be_in_viewport(ratio=1)
    # when
    page.keyboard.press("Escape")
    page.locator("#redeem").click()
    # then
    assert too_small(page) == []
    page.keyboard.press("Escape")
    page.locator("[popovertarget=menu]").click()
    page.locator("#open-refund").click()
    page.locator("#refund-in-part").check()
    assert too_small(page) == []


# Keys that stand on the words of their button.
COVERED = """() => [...document.querySelectorAll('.act-key')].filter((key) => {
  const box = key.getBoundingClientRect();
  return [...key.parentElement.querySelectorAll('span')].some((word) => {
    const range = document.createRange();
    range.selectNodeContents(word);
    return [...range.getClientRects()].some((line) => line.right > box.left
      && line.left < box.right && line.bottom > box.top && line.top < box.bottom);
  });
}).map((key) => key.parentElement.innerText)"""


@pytest.mark.parametrize("language", ["en", "fr", "de", "lb"])
def test_given_long_words_when_keys_are_shown_beside_them_then_they_cover_nothing(
    new_device: NewDevice, db: Session, site: Site, shop: Shop, language: str
) -> None:
    card = make_card(db, shop, stamps=4, points=50)
    device = new_device(size="desktop", language=language)
    page = open_till(device, db, site, shop, locale=None)
    find(page, card.card_number)
    keys = page.locator(".act-key")
    assert [keys.nth(n).is_visible() for n in range(keys.count())] == [True] * 3
    assert page.evaluate(COVERED) == []


# Buttons of the result whose words come closer to their edge than 8 px.
CRAMPED = """() => [...document.querySelectorAll('.result-button')].filter((button) => {
  const box = button.getBoundingClientRect();
  const range = document.createRange();
  range.selectNodeContents(button);
  return [...range.getClientRects()].some((part) => part.width > 0
    && (part.left < box.left + 8 || part.right > box.right - 8));
}).map((button) => button.innerText)"""


@pytest.mark.parametrize("size", ["small", "phone"])
@pytest.mark.parametrize("language", ["en", "fr", "de", "lb"])
def test_given_a_narrow_screen_when_points_are_given_then_the_words_have_room_in_their_buttons(
    new_device: NewDevice, db: Session, site: Site, shop: Shop, size: str, language: str
) -> None:
    card = make_card(db, shop)
    page = open_till(new_device(size=size, language=language), db, site, shop, locale=None)
    give_points(page, card, "2500")
    expect(page.locator("#result-undo-left")).not_to_be_empty()
    assert page.evaluate(CRAMPED) == []
