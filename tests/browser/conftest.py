"""A real browser on a real server: what all browser tests share.

The server runs in a thread on a free port, on a migrated SQLite file. The browser is the
system's Chromium, or the one that $CHROMIUM names. Every page a test opens is watched: an
error in its console, an exception or a sideways scroll bar fails the test.
"""

from __future__ import annotations

import io
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
import segno
import uvicorn
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, BrowserType, ConsoleMessage, Page
from sqlalchemy.orm import Session, sessionmaker

from app.core.clock import utc_now
from app.core.config import load_settings
from app.main import create_app
from app.modules.loyalty.types import Draft
from app.modules.tenancy.services import auth_service
from tests import databases, factories, tenant_guard
from tests.factories import Shop

HERE = Path(__file__).parent
CANDIDATES = (
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SIZES: dict[str, tuple[int, int]] = {
    "phone": (390, 844),
    "tablet": (820, 1180),
    "desktop": (1440, 900),
    "small": (320, 640),
}
Theme = Literal["light", "dark"]
# English in every size and theme; the other languages where most people see them.
LOOKS: list[tuple[str, Theme, str]] = [
    *(
        (size, theme, "en")
        for size in ("phone", "tablet", "desktop")
        for theme in ("light", "dark")
    ),
    *(("phone", "light", language) for language in ("fr", "de", "lb")),
]
_CAMERA_BACKGROUND = (96, 90, 84)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last: their driver keeps an event loop running."""
    items.sort(key=lambda item: item.path.is_relative_to(HERE))


@dataclass(frozen=True)
class Site:
    """The running application."""

    url: str
    session_factory: sessionmaker[Session]


@pytest.fixture(scope="session")
def site(
    sqlite_files: databases.SqliteFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """The application behind uvicorn, with a database of its own and the tenant guard."""
    folder = tmp_path_factory.mktemp("site")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        settings = load_settings(
            database_url=sqlite_files.copy_to(folder / "orion.db"),
            sqlite_synchronous="NORMAL",
            port=port,
            rate_limits={
                "enrolments_by_address": "10000/hour",
                "enrolments_by_store": "10000/hour",
                "login": "10000/hour",
            },
        )
        app = create_app(settings)
        tenant_guard.install(app.state.engine)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield Site(f"http://127.0.0.1:{port}", app.state.sessionmaker)
        server.should_exit = True
        thread.join(timeout=10)


@pytest.fixture
def db(site: Site) -> Iterator[Session]:
    """A session on the running application's database."""
    with site.session_factory() as session:
        yield session


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Chromium as it is installed; quiet, and with a camera that shows an empty counter."""
    return {**browser_type_launch_args, **launch_arguments()}


def launch_arguments(camera_file: Path | None = None) -> dict[str, Any]:
    """How to start Chromium; `camera_file` (see `film`) is what its camera sees."""
    found = os.environ.get("CHROMIUM") or next((p for p in CANDIDATES if Path(p).exists()), None)
    camera = [f"--use-file-for-fake-video-capture={camera_file}"] if camera_file else []
    return {
        **({"executable_path": found} if found else {}),
        "chromium_sandbox": os.geteuid() != 0,  # as root it starts without only
        "args": [
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--disable-quic",
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            *camera,
        ],
    }


@pytest.fixture
def browser_that_sees(
    browser_type: BrowserType, tmp_path: Path
) -> Iterator[Callable[[str], Browser]]:
    """Start browsers whose camera sees a code: `browser_that_sees("BCDE…")`."""
    started: list[Browser] = []

    def start(text: str) -> Browser:
        camera_file = tmp_path / f"camera-{len(started)}.mjpeg"
        film(text, camera_file)
        started.append(browser_type.launch(**launch_arguments(camera_file)))
        return started[-1]

    yield start
    for browser in started:
        browser.close()


def film(text: str, path: Path) -> None:
    """A clip for the fake camera: a counter, then a phone's code held a little askew."""
    drawn = io.BytesIO()
    segno.make(text, error="m", micro=False).save(drawn, kind="png", scale=8, border=4)
    code = Image.open(drawn).convert("RGB").rotate(8, expand=True, fillcolor=_CAMERA_BACKGROUND)
    code.thumbnail((300, 300))
    with path.open("wb") as clip:  # JPEGs one after the other are a film that Chromium loops
        for number in range(30):
            frame = Image.new("RGB", (640, 480), _CAMERA_BACKGROUND)
            if number >= 6:
                corner = ((640 - code.width) // 2 + number % 3, (480 - code.height) // 2)
                frame.paste(code, corner)
            frame.save(clip, "JPEG", quality=85)


@dataclass
class Watch:
    """What went wrong in the pages of a test. `allowed`: parts of messages that are meant to be."""

    faults: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def on_page(self, page: Page) -> None:
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.faults.append(f"exception: {error}"))

    def _on_console(self, message: ConsoleMessage) -> None:
        is_meant = any(part in message.text for part in self.allowed)
        if message.type in ("error", "warning") and not is_meant:
            self.faults.append(f"{message.type}: {message.text} ({message.location.get('url')})")


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Fails the test at its end for every fault the browser reported."""
    watching = Watch()
    yield watching
    assert watching.faults == []


NewDevice = Callable[..., BrowserContext]


@pytest.fixture
def new_device(browser: Browser, site: Site, watch: Watch) -> Iterator[NewDevice]:
    """Make a device with its own cookies: `new_device(size="phone", theme="dark")`."""
    devices: list[BrowserContext] = []

    def make(
        *,
        size: str = "phone",
        theme: Theme = "light",
        language: str = "en",
        motion: Literal["reduce", "no-preference"] = "reduce",
        of: Browser | None = None,
        **options: Any,
    ) -> BrowserContext:
        width, height = SIZES[size]
        device = (of or browser).new_context(
            base_url=site.url,
            viewport={"width": width, "height": height},
            color_scheme=theme,
            locale=language,
            timezone_id="Europe/Luxembourg",
            reduced_motion=motion,
            **options,
        )
        device.set_default_timeout(10_000)
        device.on("page", watch.on_page)
        devices.append(device)
        return device

    yield make
    for device in devices:
        device.close()


@pytest.fixture
def shop(db: Session) -> Shop:
    """A café whose every field is filled in."""
    return factories.make_shop(
        db,
        cooldown_minutes=0,
        max_daily_stamps=50,
        require_staff_pin=False,
        stamps_reward_description="Free coffee",
        card_name="Coffee card",
        card_color="#7A3E2B",
        terms_text="One stamp for each coffee.\nNo cash value, no transfer.",
        privacy_url="https://example.com/privacy",
        welcome_bonus_stamps=0,
    )


SignedIn = Callable[..., BrowserContext]


@pytest.fixture
def signed_in(db: Session, shop: Shop, site: Site, new_device: NewDevice) -> SignedIn:
    """A device that shows the card of somebody: `signed_in(stamps=7, size="phone")`.

    `drafts` are posted as they are, a day ago, after the card was made.
    """

    def make(
        *,
        of: Shop = shop,
        stamps: int = 0,
        drafts: Sequence[Draft] = (),
        first_name: str = "Anna",
        **looks: object,
    ) -> BrowserContext:
        customer = factories.make_customer(
            db, merchant_id=of.merchant_id, first_name=first_name, last_name="Weber", locale=None
        )
        yesterday = utc_now() - timedelta(days=1)
        card = factories.make_card(
            db, shop=of, customer_id=customer.id, stamps=stamps, now=yesterday
        )
        for draft in drafts:
            factories.post(db, card, [draft], now=yesterday)
        token = auth_service.issue_customer_token(
            db, merchant_id=of.merchant_id, customer_id=customer.id
        )
        device = new_device(**looks)
        device.add_cookies([{"name": "orion_customer", "value": token, "url": site.url}])
        return device

    return make


def violations(page: Page, scope: str | None = None) -> list[str]:
    """What axe finds wrong on the page (or inside the selector `scope`), one line each."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        "([scope, rules]) => axe.run(scope ? {include: [scope]} : document, {runOnly: rules})"
        ".then(r => r.violations)",
        [scope, AXE_RULES],
    )
    return [
        f"{fault['id']} ({fault['impact']}): {node['html'][:160]}: {node['failureSummary'][:300]}"
        for fault in found
        for node in fault["nodes"]
    ]


def sideways_scroll(page: Page) -> int:
    """By how many pixels the page is wider than the screen."""
    wide: int = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return max(0, wide)


def check_page(page: Page, name: str = "") -> None:
    """The page is accessible and fits; with $SCREENSHOTS its picture is kept as `name`."""
    photograph(page, name)
    assert violations(page) == []
    assert sideways_scroll(page) == 0


def photograph(page: Page, name: str) -> None:
    """Keep a picture of the whole page in the folder $SCREENSHOTS, if there is one."""
    folder = os.environ.get("SCREENSHOTS")
    if folder and name:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
