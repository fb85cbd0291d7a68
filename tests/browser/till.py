"""The terminal as its tests see it: opening one, and pressing what a cashier presses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import BrowserContext, Page, Request, expect
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.clock import utc_now
from app.modules.loyalty.models import LoyaltyCard, LoyaltyReward
from app.modules.loyalty.types import Draft, EntryType
from app.modules.tenancy.models import Merchant
from app.modules.tenancy.services import auth_service
from tests import factories
from tests.browser.conftest import Site
from tests.factories import Shop

TERMINAL = "/store/loyalty/terminal"
API = "**/api/v1/store/loyalty"
PIN = "4826"


def make_counter(db: Session, merchant: Merchant | None = None, **program: Any) -> Shop:
    """A café without limits in the way, and with one member of staff: Ana, whose PIN is `PIN`."""
    rules: dict[str, Any] = {
        "cooldown_minutes": 0,
        "max_daily_stamps": 100,
        "stamps_reward_description": "Free coffee",
    }
    shop = factories.make_shop(db, merchant, **rules | program)
    factories.make_pin(db, merchant_id=shop.merchant_id, pin=PIN, name="Ana")
    return shop


def make_reward(db: Session, shop: Shop, name: str, cost_points: int) -> LoyaltyReward:
    """A line of the points catalogue."""
    reward = LoyaltyReward(
        merchant_id=shop.merchant_id, name=name, cost_points=cost_points, created_at=utc_now()
    )
    made = factories.save(db, reward)
    db.expunge(made)
    return made


def make_card(
    db: Session,
    shop: Shop,
    *,
    first: str = "Anna",
    last: str = "Weber",
    points: int = 0,
    **card: Any,
) -> LoyaltyCard:
    customer = factories.make_customer(
        db, merchant_id=shop.merchant_id, first_name=first, last_name=last
    )
    made = factories.make_card(db, shop=shop, customer_id=customer.id, now=utc_now(), **card)
    if points:
        collected = Draft(EntryType.POINTS_ADJUSTED, points_delta=points)
        factories.post(db, made, [collected], now=utc_now())
    db.expunge(made)
    return made


def sign_in(
    device: BrowserContext,
    db: Session,
    site: Site,
    shop: Shop,
    *,
    keeps_shell: bool = False,
    **user: Any,
) -> None:
    """Sign a new person in. Without `keeps_shell` the device gets no service worker.

    What passes through one can neither be watched nor stopped by a test.
    """
    if not keeps_shell:
        device.add_init_script("delete Navigator.prototype.serviceWorker")
    person = factories.make_user(db, merchant_id=shop.merchant_id, **{"role": "cashier"} | user)
    signed_in = auth_service.sign_in(db, email=person.email, password=factories.PASSWORD)
    device.add_cookies([{"name": "orion_session", "value": signed_in.token, "url": site.url}])


def open_till(
    device: BrowserContext,
    db: Session,
    site: Site,
    shop: Shop,
    *,
    keeps_shell: bool = False,
    **user: Any,
) -> Page:
    """Sign somebody in on the device and open the terminal."""
    sign_in(device, db, site, shop, keeps_shell=keeps_shell, **user)
    page = device.new_page()
    page.goto(TERMINAL)
    return ready(page)


def ready(page: Page, *, again: bool = False) -> Page:
    """The terminal once it is ready; `again` loads it anew first."""
    if again:
        page.reload()
    expect(page.locator("#till")).to_have_attribute("data-ready", "true")
    return page


def find(page: Page, typed: str) -> None:
    """Type something into the field, as a person or a hand scanner does, and wait for the card."""
    page.locator("#entry-text").fill(typed)
    page.keyboard.press("Enter")
    expect(page.locator("#card")).to_be_visible()


def type_pin(page: Page, pin: str = PIN) -> None:
    expect(page.locator("#pin")).to_be_visible()
    page.keyboard.type(pin)
    page.keyboard.press("Enter")


def expect_result(page: Page, word: str) -> None:
    expect(page.locator("#result-word")).to_have_text(word)
    expect(page.locator("#result")).to_be_visible()


def entries(db: Session, card: LoyaltyCard) -> list[str]:
    """The types of the stamp operations in the card's ledger, oldest first."""
    db.rollback()
    rows = db.execute(
        text(
            "SELECT type FROM loyalty_transactions WHERE merchant_id = :m AND card_id = :c"
            " AND type IN ('stamp_earned', 'stamp_redeemed', 'stamp_voided') ORDER BY sequence"
        ),
        {"m": card.merchant_id, "c": card.id},
    ).scalars()
    return list(rows)


def stamps_on(db: Session, card: LoyaltyCard) -> int:
    db.rollback()
    count: int = db.execute(
        text("SELECT stamp_count FROM loyalty_cards WHERE merchant_id = :m AND id = :c"),
        {"m": card.merchant_id, "c": card.id},
    ).scalar_one()
    return count


def points_entries(db: Session, card: LoyaltyCard) -> list[tuple[str, int]]:
    """Type and change of the points operations in the card's ledger, oldest first."""
    db.rollback()
    rows = db.execute(
        text(
            "SELECT type, points_delta FROM loyalty_transactions WHERE merchant_id = :m"
            " AND card_id = :c AND type LIKE 'points%' AND type <> 'points_adjusted'"
            " ORDER BY sequence"
        ),
        {"m": card.merchant_id, "c": card.id},
    ).all()
    return [(row.type, row.points_delta) for row in rows]


def type_amount(page: Page, digits: str, *, reference: str = "") -> None:
    """Open the keypad and type an amount (and the receipt's number) without sending it."""
    page.keyboard.press("F3")
    expect(page.locator("#amount")).to_be_visible()
    page.keyboard.type(digits)
    if reference:
        page.locator("#amount-reference").fill(reference)


def give_points(page: Page, card: LoyaltyCard, digits: str, *, reference: str = "") -> None:
    """One purchase, from the scan to the PIN; the result is on the screen then."""
    find(page, card.card_number)
    type_amount(page, digits, reference=reference)
    page.keyboard.press("Enter")
    type_pin(page)


def requests_to(page: Page, path: str) -> list[Request]:
    """Fills up with the requests the page sends to `path` from now on."""
    seen: list[Request] = []
    wanted = re.compile(re.escape(path) + "$")
    page.on("request", lambda request: seen.append(request) if wanted.search(request.url) else None)
    return seen


def kept_on_device(page: Page) -> str:
    """Everything the page keeps in IndexedDB and the two storages, as one text."""
    kept = page.evaluate(
        """async () => {
          const db = await new Promise((done, fail) => {
            const asked = indexedDB.open("orion-terminal");
            asked.onsuccess = () => done(asked.result);
            asked.onerror = () => fail(asked.error);
          });
          const all = {};
          for (const name of db.objectStoreNames) {
            all[name] = await new Promise((done) => {
              const asked = db.transaction(name).objectStore(name).getAll();
              asked.onsuccess = () => done(asked.result);
            });
          }
          db.close();
          return [all, {...localStorage}, {...sessionStorage}, location.href];
        }"""
    )
    return json.dumps(kept)


def until(page: Page, is_so: Callable[[], bool], *, seconds: float = 10) -> None:
    """Let the page go on until something seen from outside is so."""
    for _ in range(int(seconds * 20)):
        if is_so():
            return
        page.wait_for_timeout(50)
    raise TimeoutError
