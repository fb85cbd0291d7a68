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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


def give_stamps(address: str, card_number: str) -> None:
    """A card with some history photographs better than an empty one."""
    account = {"email": "owner@cafe-bleu.example", "password": PASSWORD, "token": True}
    token = post(address, "/api/v1/auth/login", account)["token"]
    body = {"card_number": card_number, "delta": 7, "reason": "paper card"}
    post(address, "/api/v1/store/loyalty/stamp/adjust", body, token=token)


def post(address: str, path: str, body: dict[str, object], token: str = "") -> dict[str, str]:
    headers = {"Content-Type": "application/json", "X-Store-Code": "cafe-bleu"}
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

    customer(page, address, keep)
    cashier(page, address, keep)
    context.close()


def customer(page: Page, address: str, keep: Callable[[str], None]) -> None:
    page.goto(f"{address}/loyalty/enroll?store=cafe-bleu")
    keep("enroll")
    page.locator("form input[name=contact]").fill(f"{secrets.token_hex(6)}@example.com")
    page.wait_for_timeout(1200)  # nobody fills a form in less
    page.locator("form input[name=first_name]").fill("Anna")
    page.locator("form:has(input[name=contact]) button[type=submit]").click()
    page.wait_for_url("**/loyalty/enroll/success*")
    keep("success")
    number = page.locator(".loyalty-card-number bdi").first.text_content() or ""
    give_stamps(address, number)
    page.goto(f"{address}/loyalty/dashboard")
    keep("dashboard")


def cashier(page: Page, address: str, keep: Callable[[str], None]) -> None:
    page.goto(f"{address}/login")
    keep("login")
    page.locator("input[name=email]").fill("cashier@cafe-bleu.example")
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("form:has(input[name=password]) button[type=submit]").click()
    page.wait_for_url("**/store/loyalty/terminal*")
    page.wait_for_timeout(1500)
    keep("terminal-ready")
    page.keyboard.type("zoe.muller@example.com")
    page.keyboard.press("Enter")
    page.get_by_text("Zoé Muller").first.wait_for()
    page.wait_for_timeout(500)
    keep("terminal")


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
