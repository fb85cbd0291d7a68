"""The camera: one look-up for each showing of a code, and a sentence for everything that fails."""

from __future__ import annotations

import pytest
import segno
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session

from tests.browser.conftest import NewDevice, Site, Watch
from tests.browser.till import TERMINAL, find, make_card, make_counter, ready, requests_to, sign_in
from tests.factories import Shop

# A camera that films what the test draws: show("data:image/png…"), hide(), damage().
CAMERA = """
(() => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [640, 480];
  const picture = canvas.getContext("2d");
  let shown, isDamaged = false, beat = 0;
  setInterval(() => {
    picture.fillStyle = "#605a54";
    picture.fillRect(0, 0, 640, 480);
    if (shown) picture.drawImage(shown, 170, 90, 300, 300);
    picture.fillStyle = "#605a54";
    if (shown && isDamaged) picture.fillRect(230, 90, 60, 300);
    picture.fillRect(beat = 1 - beat, 0, 1, 1);
  }, 40);
  window.show = async (address) => {
    const image = new Image();
    image.src = address;
    await image.decode();
    shown = image;
    isDamaged = false;
  };
  window.hide = () => (shown = undefined);
  window.damage = () => (isDamaged = true);
  window.tracks = [];
  window.works = async () => {
    const stream = canvas.captureStream(25);
    window.tracks.push(...stream.getTracks());
    return stream;
  };
})();
"""
# (An empty page, where these scripts run too, has no devices.)
FILMED = CAMERA + "if (navigator.mediaDevices) navigator.mediaDevices.getUserMedia = window.works;"


def fails(name: str) -> str:
    return CAMERA + (
        "if (navigator.mediaDevices) navigator.mediaDevices.getUserMedia = async () => {"
        f"  throw new DOMException('No.', '{name}');"
        "};"
        "window.mend = () => (navigator.mediaDevices.getUserMedia = window.works);"
    )


NO_DEVICES = CAMERA + (
    "Object.defineProperty(navigator, 'mediaDevices', {value: undefined, configurable: true});"
    "window.mend = () => Object.defineProperty(navigator, 'mediaDevices',"
    "  {value: {getUserMedia: window.works}, configurable: true});"
)
INSECURE = "Object.defineProperty(window, 'isSecureContext', {value: false});" + NO_DEVICES
ASKING = CAMERA + (
    "if (navigator.mediaDevices) navigator.mediaDevices.getUserMedia = () => new Promise((done) =>"
    "  (window.mend = () => window.works().then(done)));"
)


@pytest.fixture
def shop(db: Session) -> Shop:
    return make_counter(db)


def open_with(script: str, device_of: NewDevice, db: Session, site: Site, shop: Shop) -> Page:
    device = device_of()
    device.add_init_script(script)
    sign_in(device, db, site, shop)
    page = device.new_page()
    page.goto(TERMINAL)
    return ready(page)


def picture_of(text: str) -> str:
    picture: str = segno.make(text, error="m", micro=False).png_data_uri(scale=8, border=4)
    return picture


# C42
def test_given_codes_come_and_go_when_filmed_then_one_look_up_for_each_showing(
    new_device: NewDevice, db: Session, site: Site, shop: Shop
) -> None:
    # given
    first = make_card(db, shop)
    second = make_card(db, shop, first="Tom", last="Kieffer")
    page = open_with(FILMED, new_device, db, site, shop)
    sent = requests_to(page, "/cards/lookup")
    stamped = requests_to(page, "/stamp")
    # when: five seconds before the camera, with a moment in which a hand is in the way
    page.evaluate("show", picture_of(first.qr_code_data))
    expect(page.locator("#card-name")).to_have_text("Anna Weber")
    page.wait_for_timeout(2_500)
    page.evaluate("hide()")
    page.wait_for_timeout(500)
    page.evaluate("show", picture_of(first.qr_code_data))
    page.wait_for_timeout(2_000)
    # then
    assert len(sent) == 1
    # when: taken away, and shown again
    page.keyboard.press("Escape")
    page.evaluate("hide()")
    page.wait_for_timeout(2_000)
    page.evaluate("show", picture_of(first.qr_code_data))
    expect(page.locator("#card")).to_be_visible()
    # then
    assert len(sent) == 2
    # when: another one right after it
    page.evaluate("show", picture_of(second.qr_code_data))
    expect(page.locator("#card-name")).to_have_text("Tom Kieffer")
    # then
    assert len(sent) == 3
    assert stamped == []


def test_given_damaged_or_foreign_codes_when_filmed_then_nothing_is_asked(
    new_device: NewDevice, db: Session, site: Site, shop: Shop
) -> None:
    # given
    card = make_card(db, shop)
    page = open_with(FILMED, new_device, db, site, shop)
    expect(page.locator("#finder")).to_have_attribute("data-camera", "on")
    sent = requests_to(page, "/cards/lookup")
    # when
    page.evaluate("(address) => show(address).then(damage)", picture_of(card.qr_code_data))
    page.wait_for_timeout(1_500)
    # then
    assert sent == []
    # when: a poster
    page.evaluate("show", picture_of(f"{site.url}/loyalty/enroll?store=x"))
    # then
    expect(page.locator("#notice")).to_have_text("This code is not a loyalty card.")
    assert sent == []
    # when: and the control, the same code undamaged
    page.evaluate("show", picture_of(card.qr_code_data))
    expect(page.locator("#card-name")).to_have_text("Anna Weber")
    # then
    assert len(sent) == 1


# C43
@pytest.mark.parametrize(
    ("script", "said"),
    [
        (INSECURE, "secure address"),
        (NO_DEVICES, "This browser cannot read codes here"),
        (fails("NotAllowedError"), "not allowed for this page"),
        (fails("NotFoundError"), "No camera was found"),
        (fails("NotReadableError"), "Another app is using the camera"),
        (ASKING, "Please allow the camera"),
    ],
    ids=["insecure", "no-support", "denied", "no-camera", "busy", "asking"],
)
def test_given_no_camera_when_opened_then_a_sentence_says_why_and_the_field_works(
    new_device: NewDevice, db: Session, site: Site, shop: Shop, script: str, said: str
) -> None:
    # given
    card = make_card(db, shop)
    # when
    page = open_with(script, new_device, db, site, shop)
    # then
    expect(page.locator("#camera-text")).to_contain_text(said, timeout=2_500)
    expect(page.locator("#camera-wait")).to_be_hidden()
    expect(page.locator("#entry-text")).to_be_focused()
    find(page, card.card_number)
    page.keyboard.press("Escape")
    # when: mended, without loading the page again
    page.evaluate("mend()")
    if script != ASKING:
        page.locator("#camera-retry").click()
    # then
    expect(page.locator("#finder")).to_have_attribute("data-camera", "on")
    expect(page.locator("#camera-problem")).to_be_hidden()
    page.evaluate("show", picture_of(card.qr_code_data))
    expect(page.locator("#card-name")).to_have_text("Anna Weber")


def test_given_a_camera_when_nobody_looks_then_it_is_off_and_comes_back(
    new_device: NewDevice, db: Session, site: Site, shop: Shop
) -> None:
    # given
    page = open_with(FILMED, new_device, db, site, shop)
    expect(page.locator("#finder")).to_have_attribute("data-camera", "on")
    states = "tracks.map((track) => track.readyState)"
    assert page.evaluate(states) == ["live"]
    look_away = """(hidden) => {
      Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    # when
    page.evaluate(look_away, True)
    # then
    assert page.evaluate(states) == ["ended"]
    # when
    page.evaluate(look_away, False)
    # then
    expect(page.locator("#finder")).to_have_attribute("data-camera", "on")
    assert page.evaluate(states) == ["ended", "live"]
    # when: switched off for good, which this device remembers
    page.get_by_role("button", name="Menu").click()
    page.locator("#switch-camera").uncheck()
    # then
    assert page.evaluate(states) == ["ended", "ended"]
    page.reload()
    expect(page.locator("#camera-text")).to_have_text("The camera is switched off.")
    assert page.evaluate(states) == []


def test_given_a_camera_when_the_page_is_left_then_it_is_off(
    new_device: NewDevice, db: Session, site: Site, shop: Shop
) -> None:
    # given
    page = open_with(FILMED, new_device, db, site, shop)
    expect(page.locator("#finder")).to_have_attribute("data-camera", "on")
    # when
    page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
    # then
    assert page.evaluate("tracks.map((track) => track.readyState)") == ["ended"]


def test_given_a_browser_with_its_own_reader_when_filmed_then_ours_is_not_loaded(
    new_device: NewDevice, db: Session, site: Site, shop: Shop
) -> None:
    # given
    card = make_card(db, shop)
    native = (
        "window.BarcodeDetector = class {"
        "  static getSupportedFormats() { return Promise.resolve(['qr_code']); }"
        f"  detect() {{ return Promise.resolve([{{rawValue: '{card.qr_code_data}'}}]); }}"
        "};"
    )
    loaded: list[str] = []
    device = new_device()
    device.on("request", lambda request: loaded.append(request.url))
    device.add_init_script(FILMED + native)
    sign_in(device, db, site, shop)
    page = device.new_page()
    # when
    page.goto(TERMINAL)
    # then
    expect(page.locator("#card-name")).to_have_text("Anna Weber")
    assert not any(url.endswith(".wasm") for url in loaded)


def test_given_the_reader_cannot_be_loaded_when_opened_then_it_says_so_and_retries(
    new_device: NewDevice, db: Session, site: Site, shop: Shop, watch: Watch
) -> None:
    # given
    watch.allowed += ["net::ERR_", "wasm", "falling back"]
    card = make_card(db, shop)
    device = new_device()
    device.route("**/*.wasm", lambda route: route.abort())
    device.add_init_script(FILMED)
    sign_in(device, db, site, shop)
    page = device.new_page()
    # when
    page.goto(TERMINAL)
    # then
    expect(page.locator("#camera-text")).to_contain_text("The reader for codes could not be loaded")
    # when
    device.unroute("**/*.wasm")
    page.locator("#camera-retry").click()
    # then
    expect(page.locator("#finder")).to_have_attribute("data-camera", "on")
    page.evaluate("show", picture_of(card.qr_code_data))
    expect(page.locator("#card-name")).to_have_text("Anna Weber")
