"""The life of a pass, as docs/wallets/local-testing.md tells it: `make run` to a phone that rings.

The platform and the simulated wallets run as processes of their own, as `make run` starts them.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy.orm import Session

from app.core.db import build_engine, build_sessionmaker
from app.fakes.run import Ports, settings_of
from tests import databases, factories
from tests.browser.customer import fill_in, join_address, number_on, stamp

WITHIN_MS = 10_000
_FAKES = """
import sys
from pathlib import Path
from app.fakes.run import run
google, apns, phone = map(int, sys.argv[2:5])
run(directory=Path(sys.argv[1]), google_port=google, apns_port=apns, phone_port=phone,
    base_url=sys.argv[5])
"""
_SERVE = "from app.cli import main; main()"


@dataclass(frozen=True)
class Street:
    """A shop's platform, and where the phones are."""

    url: str
    ports: Ports
    database_url: str


def free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens on {port}")


@pytest.fixture(scope="module")
def street(
    sqlite_files: databases.SqliteFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Street]:
    folder = tmp_path_factory.mktemp("street")
    port, *others = free_ports(4)
    ports, url = Ports(*others), f"http://127.0.0.1:{port}"
    database_url = sqlite_files.copy_to(folder / "orion.db")
    environment = (
        os.environ
        | settings_of(folder / "wallets", ports)
        | {
            "ORION_DATABASE_URL": database_url,
            "ORION_DATA_DIR": str(folder / "data"),
            "ORION_PORT": str(port),
            "ORION_BASE_URL": url,
            "ORION_JOBS": "embedded",
            "ORION_LOG_LEVEL": "ERROR",
        }
    )
    numbers = [str(number) for number in (ports.google, ports.apns, ports.phone)]
    commands = (
        [sys.executable, "-c", _FAKES, str(folder / "wallets"), *numbers, url],
        [sys.executable, "-c", _SERVE, "serve"],
    )
    running = [subprocess.Popen(command, env=environment) for command in commands]
    try:
        for number in (port, ports.google, ports.phone):
            wait_for(number)
        yield Street(url, ports, database_url)
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(30)


@pytest.fixture
def db(street: Street) -> Iterator[Session]:
    engine = build_engine(street.database_url, sqlite_synchronous="NORMAL")
    with build_sessionmaker(engine)() as session:
        yield session
    engine.dispose()


def new_page(browser: Browser, url: str) -> Page:
    page = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
    page.goto(url)
    return page


def test_given_a_card_in_both_wallets_when_stamped_then_both_show_it_within_seconds(
    browser: Browser, street: Street, db: Session
) -> None:
    shop = factories.make_shop(db, require_staff_pin=False, stamps_reward_description="Coffee")
    page = new_page(browser, street.url + join_address(shop))
    fill_in(page)
    page.get_by_role("button", name="Get my card").click()
    google = page.get_by_role("link", name="Add to Google Wallet").get_attribute("href")
    apple = page.get_by_role("link", name="Add to Apple Wallet").get_attribute("href")
    number = number_on(page)

    phone = new_page(browser, f"http://127.0.0.1:{street.ports.phone}/phone")
    phone.get_by_placeholder("Address of a .pkpass").fill(str(apple))
    phone.get_by_role("button", name="Add", exact=True).click()
    expect(phone.get_by_text("0/10")).to_be_visible(timeout=WITHIN_MS)
    android = new_page(browser, str(google))
    android.get_by_role("button", name="Add to Wallet").click()
    expect(android.get_by_text("0/10")).to_be_visible(timeout=WITHIN_MS)

    stamp(db, shop, number, quantity=4)
    expect(phone.get_by_text("4/10 · 6 more stamps for: Coffee")).to_be_visible(timeout=WITHIN_MS)
    expect(phone.get_by_text("4/10", exact=True)).to_be_visible(timeout=WITHIN_MS)
    expect(android.get_by_text("4/10")).to_be_visible(timeout=WITHIN_MS)
    page.goto(f"{street.url}/loyalty/dashboard")
    expect(page.get_by_text("In your Apple Wallet")).to_be_visible()
    expect(page.get_by_text("In your Google Wallet")).to_be_visible()
