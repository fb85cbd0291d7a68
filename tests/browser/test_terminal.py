"""A cashier's work at the terminal, from the scan to the reward."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy.orm import Session

from app.modules.loyalty.services import stamp_service
from app.modules.loyalty.types import ActorKind, Caller
from tests import factories
from tests.browser.conftest import NewDevice, Site, Watch
from tests.browser.till import (
    PIN,
    TERMINAL,
    entries,
    expect_result,
    find,
    kept_on_device,
    make_card,
    make_counter,
    open_till,
    ready,
    requests_to,
    sign_in,
    stamps_on,
    type_pin,
)
from tests.factories import Shop


@pytest.fixture
def shop(db: Session) -> Shop:
    return make_counter(db)


@pytest.fixture
def page(new_device: NewDevice, db: Session, site: Site, shop: Shop) -> Page:
    return open_till(new_device(), db, site, shop)


def test_given_a_card_before_the_camera_when_scanned_then_stamped_by_hand_and_undone(
    new_device: NewDevice,
    browser_that_sees: Callable[[str], Browser],
    db: Session,
    site: Site,
    shop: Shop,
) -> None:
    # given
    card = make_card(db, shop)
    page = open_till(new_device(of=browser_that_sees(card.qr_code_data)), db, site, shop)
    # when: the scan alone gives nothing
    expect(page.locator("#card-name")).to_have_text("Anna Weber")
    assert stamps_on(db, card) == 0
    page.locator("#add").click()
    type_pin(page)
    # then
    expect_result(page, "Stamp 1 of 10")
    expect(page.locator("#result-name")).to_have_text("Anna W.")
    assert entries(db, card) == ["stamp_earned"]
    # when: the PIN session is open, so undo asks for nothing
    page.locator("#result-undo").click()
    # then
    expect_result(page, "Undone")
    assert entries(db, card) == ["stamp_earned", "stamp_voided"]
    assert stamps_on(db, card) == 0
    expect(page.locator("#result")).to_be_hidden()
    expect(page.locator("#session")).to_contain_text("Ana")


def test_given_one_stamp_missing_when_stamped_then_reward_is_ready_and_redeemed(
    page: Page, db: Session, shop: Shop
) -> None:
    # given
    card = make_card(db, shop, stamps=9)
    find(page, card.card_number)
    expect(page.locator("#redeem")).to_be_disabled()
    expect(page.locator("#redeem")).to_contain_text("1 more stamp")
    # when
    page.keyboard.press("F2")
    type_pin(page)
    # then
    expect_result(page, "Reward ready!")
    expect(page.locator("#result-detail")).to_have_text("Free coffee")
    # when: typing goes on with the next card at once
    page.keyboard.type(card.card_number)
    page.keyboard.press("Enter")
    expect(page.locator("#card-reward")).to_contain_text("1 reward ready: Free coffee")
    page.keyboard.press("F4")
    expect(page.locator("#confirm")).to_contain_text("Free coffee")
    expect(page.locator("#confirm")).to_contain_text("Anna Weber")
    assert entries(db, card) == ["stamp_earned"]
    page.locator("#confirm-yes").click()
    # then
    expect_result(page, "Redeemed: Free coffee")
    assert entries(db, card) == ["stamp_earned", "stamp_redeemed"]
    assert stamps_on(db, card) == 0


def test_given_several_coffees_when_the_stepper_is_used_then_one_operation(
    page: Page, db: Session, shop: Shop
) -> None:
    # given
    card = make_card(db, shop)
    find(page, card.card_number)
    # when
    for _ in range(6):
        if page.locator("#more").is_enabled():
            page.locator("#more").click()
    expect(page.locator("#quantity")).to_have_text("5")
    expect(page.locator("#more")).to_be_disabled()
    page.locator("#add").click()
    type_pin(page)
    # then
    expect_result(page, "Stamp 5 of 10")
    assert entries(db, card) == ["stamp_earned"]


def test_given_a_wrong_pin_when_typed_then_tries_are_told_and_at_last_it_is_locked(
    page: Page, db: Session, shop: Shop, watch: Watch
) -> None:
    # given
    watch.allowed += ["status of 403", "status of 423"]
    card = make_card(db, shop)
    find(page, card.card_number)
    page.locator("#add").click()
    # when
    for left in ("4 tries left", "3 tries left", "2 tries left", "1 try left"):
        type_pin(page, "9173")
        # then: the pad is empty again and says how often
        expect(page.locator("#pin-error")).to_contain_text(left)
        expect(page.locator("#pin-dots .is-filled")).to_have_count(0)
    type_pin(page, "9173")
    expect(page.locator("#pin-left")).to_have_text(re.compile(r"^(30:00|29:5\d)$"))
    expect(page.locator("#pin-keys button[value='1']")).to_be_disabled()
    page.keyboard.type(PIN)
    expect(page.locator("#pin-dots .is-filled")).to_have_count(0)
    assert entries(db, card) == []


def test_given_the_pin_pad_when_a_hand_scanner_types_into_it_then_no_try_is_spent(
    page: Page, db: Session, shop: Shop
) -> None:
    # given
    card = make_card(db, shop)
    find(page, card.card_number)
    page.locator("#add").click()
    sent = requests_to(page, "/stamp")
    # when
    type_pin(page, card.card_number)
    # then
    expect(page.locator("#pin-error")).to_contain_text("at most 8 digits")
    assert sent == []
    type_pin(page)
    expect_result(page, "Stamp 1 of 10")


def test_given_own_keys_when_pressed_with_a_finger_then_they_do_as_the_keyboard_does(
    page: Page, db: Session, shop: Shop
) -> None:
    # given
    card = make_card(db, shop)
    find(page, card.card_number)
    page.locator("#add").click()
    # when
    enter = page.locator("#pin-keys button[value='enter']")
    for key in ("4", "8", "9", "backspace", "2", "6"):
        expect(enter).to_be_disabled()
        page.locator(f"#pin-keys button[value='{key}']").click()
    enter.click()
    # then
    expect_result(page, "Stamp 1 of 10")


def test_given_an_open_session_when_locked_by_hand_then_the_next_stamp_asks_again(
    page: Page, db: Session, shop: Shop
) -> None:
    # given
    card = make_card(db, shop)
    find(page, card.card_number)
    page.locator("#add").click()
    type_pin(page)
    expect_result(page, "Stamp 1 of 10")
    page.locator("#result-next").click()
    find(page, card.card_number)
    page.locator("#add").click()
    expect_result(page, "Stamp 2 of 10")
    page.locator("#result-next").click()
    # then: neither PIN nor session is anywhere but in the page's memory
    kept = kept_on_device(page)
    assert PIN not in re.sub(r"\d{10,}", "", kept)
    assert "session" not in kept
    assert "Weber" not in kept
    # when
    page.locator("#session").click()
    find(page, card.card_number)
    page.locator("#add").click()
    # then
    expect(page.locator("#pin")).to_be_visible()


def test_given_a_stamp_elsewhere_when_stamped_too_early_then_a_sentence_counts_down(
    new_device: NewDevice, db: Session, site: Site, watch: Watch
) -> None:
    # given
    watch.allowed += ["status of 409"]
    shop = make_counter(db, cooldown_minutes=15, require_staff_pin=False)
    card = make_card(db, shop)
    page = open_till(new_device(), db, site, shop)
    find(page, card.card_number)
    _stamp_elsewhere(db, shop, card.card_number)
    # when
    page.locator("#add").click()
    # then
    expect_result(page, "Not possible")
    expect(page.locator("#result-left")).to_have_text(re.compile(r"^(15:00|14:5\d)$"))
    assert "stamp_cooldown" not in page.locator("#result").inner_text()
    page.locator("#result-next").click()
    expect(page.locator("#card-note")).to_have_text(re.compile(r"^Next stamp in 14:\d\d$"))
    expect(page.locator("#add")).to_be_disabled()
    assert entries(db, card) == ["stamp_earned"]


def test_given_a_program_without_pins_when_redeemed_then_it_is_confirmed_and_can_be_undone(
    new_device: NewDevice, db: Session, site: Site
) -> None:
    # given
    shop = make_counter(db, require_staff_pin=False)
    card = make_card(db, shop, stamps=12)
    page = open_till(new_device(), db, site, shop)
    find(page, card.card_number)
    expect(page.locator("#card-count")).to_have_text(re.compile(r"^\s*2\s*/ 10\s*$"))
    # when
    page.locator("#redeem").click()
    page.locator("#confirm-no").click()
    assert entries(db, card) == []
    page.locator("#redeem").click()
    page.locator("#confirm-yes").click()
    expect_result(page, "Redeemed: Free coffee")
    page.locator("#result-next").click()
    # then: it stands in the list of this device, from where it can be undone too
    page.locator("#recent-list").get_by_role("button", name="Undo: Anna W.").click()
    expect_result(page, "Undone")
    assert entries(db, card) == ["stamp_redeemed", "stamp_voided"]
    assert stamps_on(db, card) == 12


@pytest.mark.parametrize(
    ("contact", "field"), [("zoe.new@example.com", "email"), ("621 000 321", "phone")]
)
def test_given_nobody_known_when_enrolled_at_the_counter_then_the_card_lies_ready(
    page: Page, shop: Shop, contact: str, field: str
) -> None:
    # given
    sent = requests_to(page, "/cards/enroll")
    # when
    page.keyboard.press("F8")
    page.get_by_label("Or type: e-mail or phone").fill(contact)
    page.get_by_label("First name").fill("Zoé")
    page.locator("#enrol-submit").dblclick()
    # then
    expect(page.locator("#card-name")).to_have_text("Zoé")
    expect(page.locator("#notice")).to_have_text("New card made. It can be used now.")
    assert len(sent) == 1
    assert json.loads(sent[0].post_data or "")[field] == contact
    # when: once more
    page.keyboard.press("F8")
    page.get_by_label("Or type: e-mail or phone").fill(contact)
    page.keyboard.press("Enter")
    # then
    expect(page.locator("#notice")).to_have_text("This customer already has a card.")


# C44: what scanners and people make of a number.
@pytest.mark.parametrize("form", ["0{n}", " {g} ", "]Q1{n}", "{azerty}", "{n}\t"])
def test_given_a_scanners_habits_when_a_number_arrives_then_the_card_is_found(
    page: Page, db: Session, shop: Shop, form: str
) -> None:
    # given
    card = make_card(db, shop)
    number = card.card_number
    typed = form.format(
        n=number,
        g=f"{number[:4]} {number[4:8]} {number[8:]}",
        azerty=number.translate(str.maketrans("0123456789", "à&é\"'(-è_ç")),
    )
    # when
    find(page, typed)
    # then
    expect(page.locator("#card-name")).to_have_text("Anna Weber")


def test_given_nothing_found_when_typed_then_a_sentence_and_the_text_stays_to_be_mended(
    page: Page, watch: Watch
) -> None:
    # given
    watch.allowed += ["status of 404"]
    entry = page.locator("#entry-text")
    # when
    page.keyboard.press("/")
    page.keyboard.type("nobody@example.com")
    page.keyboard.press("Enter")
    # then
    expect(page.locator("#notice")).not_to_be_empty()
    assert "card_not_found" not in page.locator("#notice").inner_text()
    expect(entry).to_have_value("nobody@example.com")
    expect(entry).to_be_focused()
    # when: the contact is taken over where somebody wants a card
    page.keyboard.press("F8")
    # then
    expect(page.get_by_label("Or type: e-mail or phone")).to_have_value("nobody@example.com")


# C53
@pytest.mark.parametrize(
    "name",
    ["O'Brien", "<b>Bold</b>", "{{7*7}}", "%@", "דנה Cohen", "محمد", "👩‍👩‍👧", "Null", "A" * 100],
)
def test_given_any_name_when_shown_then_it_is_text_and_keeps_to_itself(
    page: Page, db: Session, shop: Shop, name: str
) -> None:
    # given
    card = make_card(db, shop, first=name, last="", stamps=7)
    # when
    find(page, card.card_number)
    # then
    shown = page.locator("#card-name bdi")
    expect(shown).to_have_text(name)
    assert page.locator("#card-name").evaluate("e => e.querySelectorAll('b').length") == 0
    expect(page.locator("#card-count bdi")).to_have_attribute("dir", "ltr")


def test_given_a_card_when_escape_is_pressed_then_it_is_put_aside_and_the_field_has_the_focus(
    page: Page, db: Session, shop: Shop
) -> None:
    # given
    find(page, make_card(db, shop).card_number)
    # when
    page.keyboard.press("Escape")
    # then
    expect(page.locator("#card")).to_be_hidden()
    expect(page.locator("#entry-text")).to_be_focused()


def test_given_nobody_signed_in_when_opened_then_the_way_leads_through_the_sign_in(
    new_device: NewDevice, shop: Shop
) -> None:
    page = new_device().new_page()
    page.goto(TERMINAL)
    assert page.url.endswith(f"/login?next={TERMINAL}")


def test_given_two_stores_when_opened_then_one_is_chosen_once(
    new_device: NewDevice, db: Session, site: Site, shop: Shop
) -> None:
    # given
    other = factories.make_store(db, merchant_id=shop.merchant_id, name="Gare")
    device = new_device()
    sign_in(device, db, site, shop)
    page = device.new_page()
    page.goto(TERMINAL)
    expect(page.get_by_role("heading", level=1)).to_have_text("Which store is this device in?")
    # when
    page.get_by_role("link", name="Gare").click()
    # then
    expect(ready(page).locator("header")).to_contain_text(other.name)
    page.goto(TERMINAL)
    expect(ready(page).locator("header")).to_contain_text(other.name)


@pytest.mark.parametrize(
    ("role", "said"), [("owner", "Create the program first"), ("cashier", "ask the owner")]
)
def test_given_no_program_when_opened_then_it_says_what_to_do(
    new_device: NewDevice, db: Session, site: Site, role: str, said: str
) -> None:
    # given
    merchant = factories.make_merchant(db)
    store = factories.make_store(db, merchant_id=merchant.id)
    device = new_device()
    sign_in(device, db, site, Shop(merchant, store, None), role=role)  # type: ignore[arg-type]
    page = device.new_page()
    # when
    page.goto(TERMINAL)
    # then
    expect(page.get_by_role("heading", level=1)).to_have_text("No loyalty program yet")
    expect(page.locator("main")).to_contain_text(said)


def _stamp_elsewhere(db: Session, shop: Shop, card_number: str) -> None:
    stamp_service.add_stamp(
        db,
        card_number=card_number,
        store_id=shop.store.id,
        caller=Caller(merchant_id=shop.merchant_id, store_id=shop.store.id, kind=ActorKind.USER),
    )
