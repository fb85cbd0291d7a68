"""Photograph the demo shops' pages into docs/images, at phone, tablet and desktop size.

Starts a server of its own on fresh demo data in a temporary folder; nothing else is touched.
The two pictures of the README come out as `terminal.png` and `dashboard.png`.
"""

from __future__ import annotations

import io
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import segno
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
SIZES = {"phone": (390, 844), "tablet": (820, 1180), "desktop": (1440, 900)}
THEMES = ("light", "dark")
CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
START_S = 60
COUNTER = (96, 90, 84)
PASSWORD = "orion-demo-2026"


@dataclass(frozen=True)
class Shop:
    """A demo shop: its people, what its pictures' names begin with, what the new card is given."""

    code: str
    owner: str
    cashier: str
    prefix: str
    units: Mapping[str, int]


CAFE = Shop("cafe-bleu", "owner@cafe-bleu.example", "cashier@cafe-bleu.example", "", {"stamp": 7})
BAKERY = Shop(
    "schmit", "owner@schmit.example", "owner@schmit.example", "bakery-",
    {"stamp": 5, "points": 840},
)  # fmt: skip


@contextmanager
def demo_server() -> Iterator[str]:
    """A server on a free port with fresh demo data; yields its address."""
    with tempfile.TemporaryDirectory(prefix="orion-pictures-") as folder:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        nonce = secrets.token_hex(8)
        environment = os.environ | {
            "ORION_DATA_DIR": folder,
            "ORION_PORT": str(port),
            "ORION_NONCE": nonce,
            "ORION_BASE_URL": f"http://localhost:{port}",
        }
        orion = Path(sys.executable).with_name("orion")
        server = subprocess.Popen(
            [orion, "serve", "--demo"], env=environment, stdout=subprocess.DEVNULL
        )
        try:
            address = f"http://localhost:{port}"
            wait_for(address, nonce)
            yield address
        finally:
            server.terminate()
            server.wait(timeout=30)


def wait_for(address: str, nonce: str) -> None:
    """Until our own server answers."""
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{address}/healthz") as answer:
                if answer.headers["X-Orion-Nonce"] == nonce:
                    return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(address)


def camera(file: Path) -> None:
    """What the camera sees: somebody's phone with a code, held a little askew."""
    code = io.BytesIO()
    segno.make("ORION", error="m", micro=False).save(code, kind="png", scale=12, border=3)
    phone = Image.open(code).convert("RGB").rotate(6, expand=True, fillcolor=COUNTER)
    frame = Image.new("RGB", (640, 480), COUNTER)
    frame.paste(phone, ((640 - phone.width) // 2, (480 - phone.height) // 2))
    with file.open("wb") as film:
        for _ in range(10):
            frame.save(film, "JPEG", quality=85)


def give(address: str, shop: Shop, card_number: str, **units: int) -> None:
    """A card with some history photographs better than an empty one."""
    account = {"email": shop.owner, "password": PASSWORD, "token": True}
    token = post(address, shop, "/api/v1/auth/login", account)["token"]
    for unit, delta in units.items():
        body = {"card_number": card_number, "delta": delta, "reason": "paper card"}
        path = f"/api/v1/store/loyalty/{unit}/adjust"
        post(address, shop, path, body, token=token)


def post(
    address: str, shop: Shop, path: str, body: dict[str, object], token: str = ""
) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "X-Store-Code": shop.code}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(address + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def photograph(browser: Browser, address: str, size: str, theme: str) -> None:
    """All pages at one size, in one theme."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=theme,
        reduced_motion="reduce",
        locale="en-GB",
        timezone_id="Europe/Luxembourg",
        device_scale_factor=2 if size == "phone" else 1,
    )
    page = context.new_page()

    def keep(name: str) -> None:
        page.screenshot(path=IMAGES / f"{name}-{size}-{theme}.png")

    customer(page, address, CAFE, keep)
    cashier(page, address, CAFE, keep)
    counter(page, "zoe.muller@example.com", keep)
    context.clear_cookies()
    number = customer(page, address, BAKERY, keep)
    page.goto(f"{address}/loyalty/history")
    keep("bakery-history")
    cashier(page, address, BAKERY, keep)
    counter(page, number, keep, prefix="bakery-")
    points(page, keep)
    context.close()


def customer(page: Page, address: str, shop: Shop, keep: Callable[[str], None]) -> str:
    """Joins, and looks at the card once something is on it; returns the card's number."""
    page.goto(f"{address}/loyalty/enroll?store={shop.code}")
    keep(f"{shop.prefix}enroll")
    page.locator("form input[name=contact]").fill(f"{secrets.token_hex(6)}@example.com")
    page.wait_for_timeout(1200)  # nobody fills a form in less
    page.locator("form input[name=first_name]").fill("Anna")
    page.locator("form:has(input[name=contact]) button[type=submit]").click()
    page.wait_for_url("**/loyalty/enroll/success*")
    keep(f"{shop.prefix}success")
    number = page.locator(".loyalty-card-number bdi").first.text_content() or ""
    give(address, shop, number, **shop.units)
    page.goto(f"{address}/loyalty/dashboard")
    keep(f"{shop.prefix}dashboard")
    return number


def cashier(page: Page, address: str, shop: Shop, keep: Callable[[str], None]) -> None:
    page.goto(f"{address}/login?next=/store/loyalty/terminal")
    if shop is CAFE:
        keep("login")
    page.locator("input[name=email]").fill(shop.cashier)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("form:has(input[name=password]) button[type=submit]").click()
    page.wait_for_url("**/store/loyalty/terminal*")
    page.wait_for_timeout(1500)
    keep(f"{shop.prefix}terminal-ready")


def counter(page: Page, contact: str, keep: Callable[[str], None], *, prefix: str = "") -> None:
    """Somebody's card on the counter."""
    page.keyboard.type(contact)
    page.keyboard.press("Enter")
    page.locator("#card").wait_for()
    page.wait_for_timeout(500)
    keep(f"{prefix}terminal")


def points(page: Page, keep: Callable[[str], None]) -> None:
    """The keypad, and the rewards to choose from."""
    page.keyboard.press("F3")
    page.keyboard.type("1840", delay=60)
    page.wait_for_timeout(500)
    keep("bakery-keypad")
    page.keyboard.press("Escape")
    page.keyboard.press("F4")
    page.wait_for_timeout(300)
    keep("bakery-rewards")


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    found = os.environ.get("CHROMIUM") or next((p for p in CHROMIUM if Path(p).exists()), None)
    film = Path(tempfile.mkdtemp()) / "camera.mjpeg"
    camera(film)
    with demo_server() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found,
            chromium_sandbox=os.geteuid() != 0,
            args=[
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-video-capture={film}",
            ],
        )
        for size in SIZES:
            for theme in THEMES:
                photograph(browser, address, size, theme)
        browser.close()
    for name in ("terminal", "dashboard"):
        (IMAGES / f"{name}-phone-light.png").replace(IMAGES / f"{name}.png")


if __name__ == "__main__":
    main()
