"""The customer's pages on every device, in every colour, with every name."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session

from app.core.color import MINIMUM_CONTRAST, contrast
from tests import factories
from tests.browser.conftest import LOOKS, NewDevice, SignedIn, Theme, check_page, violations
from tests.browser.customer import fill_in, join_address
from tests.factories import Shop

HARD_COLORS = ["#FFD200", "#FFFFFF", "#000000", "#808080", "#3D98D3", "#00FF88"]
NAMES = [
    "O'Brien",
    "D\u2019Arcy",
    "\u05d3\u05e0\u05d4 Cohen",
    "\u05d1\u05df 7/10",
    "\u0645\u062d\u0645\u062f \u0627\u0644\u0639\u0644\u064a",
    "Lucy \U0001f469\u200d\U0001f469\u200d\U0001f467",
    "Null",
    "<b>Bold</b>",
    "{{7*7}}",
    "%@ %s %d",
    "A" * 100,
]
NAMES = [
    "O'Brien",
    "D\u2019Arcy",
    "\u05d3\u05e0\u05d4 Cohen",
    "\u05d1\u05df 7/10",
    "\u0645\u062d\u0645\u062f \u0627\u0644\u0639\u0644\u064a",
    "Lucy \U0001f469\u200d\U0001f469\u200d\U0001f467",
    "Null",
    "<b>Bold</b>",
    "{{7*7}}",
    "%@ %s %d",
    "A" * 100,
]


@pytest.mark.parametrize("name", NAMES)
def test_given_any_name_when_somebody_joins_then_it_is_shown_as_typed(
    new_device: NewDevice, shop: Shop, name: str
) -> None:  # C53
    # given
    page = new_device().new_page()
    page.goto(join_address(shop))
    # when
    fill_in(page, first_name=name)
    page.get_by_role("button", name="Get my card").click()
    page.wait_for_url("**/loyalty/enroll/success")
    page.goto("/loyalty/dashboard")
    # then
    shown = page.locator(".storefront-hello bdi")
    assert shown.inner_text() == name
    assert page.locator(".loyalty-card-holder").inner_text() == name
    assert page.locator("b", has_text="Bold").count() == 0
    # "0 / 10" keeps its order beside a name that runs from right to left.
    assert page.locator(".loyalty-card-count bdi").get_attribute("dir") == "ltr"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("color", HARD_COLORS)
def test_given_any_brand_colour_when_the_card_is_shown_then_every_text_is_readable(
    db: Session, signed_in: SignedIn, color: str
) -> None:  # C48
    # given
    shop = factories.make_shop(
        db, card_color=color, stamps_reward_description="Free coffee", stamps_target=6
    )
    page = signed_in(of=shop, stamps=8).new_page()
    page.goto("/loyalty/dashboard")
    # when
    worst = {
        selector: worst_contrast(page, selector)
        for selector in (
            ".loyalty-card-merchant",
            ".loyalty-card-name",
            ".loyalty-card-count",
            ".loyalty-card-reward",
            ".loyalty-card-holder",
            ".loyalty-card-monogram",
            "[data-slot='1'] .stamp-icon",
            "[data-slot='3'] span",
            "[data-slot='6'] .stamp-icon",
            ".reward-ready .brand-button",
            ".storefront-monogram",
        )
    }
    # then
    assert {where: ratio for where, ratio in worst.items() if ratio < MINIMUM_CONTRAST} == {}
    assert violations(page) == []


def worst_contrast(page: Page, selector: str) -> float:
    """The least contrast between an element's text and the pixels that are painted behind it."""
    element = page.locator(selector).first
    color = element.evaluate(
        """element => {
             const canvas = document.createElement('canvas').getContext('2d');
             canvas.fillStyle = getComputedStyle(element).color;
             return canvas.fillStyle;
           }"""
    )
    element.evaluate(
        "element => { element.style.setProperty('color', 'transparent', 'important'); }"
    )
    picture = Image.open(io.BytesIO(element.screenshot(animations="disabled"))).convert("RGB")
    element.evaluate("element => { element.style.removeProperty('color'); }")
    # The middle, without round corners and borders.
    inset_x, inset_y = picture.width // 4, picture.height // 4
    middle = picture.crop((inset_x, inset_y, picture.width - inset_x, picture.height - inset_y))
    pixels = zip(*[iter(middle.tobytes())] * 3, strict=True)
    behind = {f"#{bytes(pixel).hex()}" for pixel in pixels}
    return min(contrast(color, pixel) for pixel in behind)


@pytest.mark.parametrize(("size", "theme", "language"), LOOKS)
def test_given_any_device_and_language_when_pages_are_opened_then_they_fit_and_are_accessible(
    new_device: NewDevice, signed_in: SignedIn, shop: Shop, size: str, theme: Theme, language: str
) -> None:
    looks = {"size": size, "theme": theme, "language": language}
    name = f"{size}-{theme}-{language}"
    # joining
    page = new_device(**looks).new_page()
    page.goto(join_address(shop))
    assert page.locator("html").get_attribute("lang") == language
    check_page(page, f"enroll-{name}")
    # no card yet
    page.goto("/loyalty/dashboard")
    check_page(page, f"signed-out-{name}")
    # a card just made, one in use, one with a reward
    page = signed_in(stamps=7, **looks).new_page()
    page.goto("/loyalty/enroll/success")
    check_page(page, f"success-{name}")
    page.goto("/loyalty/dashboard")
    expect(page.locator(".loyalty-card .qr")).to_be_in_viewport(ratio=1)
    check_page(page, f"dashboard-{name}")
    page = signed_in(stamps=12, **looks).new_page()
    page.goto("/loyalty/dashboard")
    expect(page.locator(".loyalty-card .qr")).to_be_in_viewport(ratio=1)
    check_page(page, f"reward-{name}")


@pytest.mark.parametrize("target", [2, 3, 7, 12, 20, 35, 50])
def test_given_a_small_screen_and_any_target_when_shown_then_nothing_is_cut_off(
    db: Session, signed_in: SignedIn, target: int
) -> None:
    # given
    shop = factories.make_shop(
        db, stamps_target=target, stamps_reward_description="A whole chocolate cake, " * 4
    )
    page = signed_in(of=shop, stamps=target - 1, size="small", first_name="W" * 60).new_page()
    # when
    page.goto("/loyalty/dashboard")
    # then
    check_page(page, f"target-{target}")
    right_most = page.locator(".stamp-grid").evaluate(
        "grid => Math.max(...[...grid.children].map(slot => slot.getBoundingClientRect().right))"
    )
    assert right_most <= page.locator(".loyalty-card").evaluate(
        "card => card.getBoundingClientRect().right"
    )


def test_given_letters_twice_as_large_when_shown_then_nothing_is_cut_off(
    signed_in: SignedIn, shop: Shop
) -> None:
    # given
    page = signed_in(stamps=12, size="phone").new_page()
    page.goto("/loyalty/dashboard")
    # when
    page.evaluate("document.documentElement.style.setProperty('font-size', '200%')")
    # then
    check_page(page, "dashboard-200-percent")


def test_given_faults_on_purpose_when_axe_looks_then_it_finds_them(new_device: NewDevice) -> None:
    # given
    page = new_device().new_page()
    page.set_content(
        "<html lang=en><title>Control</title><main><h1>Control</h1>"
        "<p style='color:#999;background:#fff'>pale</p><button></button><img src='data:,'>"
        "<input></main></html>"
    )
    # when
    found = " ".join(violations(page))
    # then
    for fault in ("color-contrast", "button-name", "image-alt", "label"):
        assert fault in found
