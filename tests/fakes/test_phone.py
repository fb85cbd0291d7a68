"""The simulated iPhone does as iPhones do, and what it shows is what the platform sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from cryptography import x509
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.core.config import load_settings
from app.core.db import atomic
from app.fakes import apns as fake_apns
from app.fakes import phone_page
from app.fakes.apns import PushControl
from app.fakes.keys import AppleChain, make_server_files
from app.fakes.phone import Phone, Refused, announcement, is_here
from app.fakes.pkpass import BadPass, PassFile, open_pass
from app.main import create_app
from app.modules.loyalty.models import AppleDeviceRegistration, WalletPass
from app.modules.loyalty.routes.api import apple, apple_passes
from app.modules.loyalty.services import apple_devices, pass_pictures
from app.modules.loyalty.services.apple_wallet_service import download_url
from app.modules.loyalty.types import Draft, EntryType
from app.modules.loyalty.types.pictures import PassPicture
from app.modules.loyalty.wallets.apple import package
from app.modules.loyalty.wallets.apple.apns import PushService
from app.modules.loyalty.wallets.apple.setup import AppleSetup, load
from tests import factories
from tests.apple_wallet import configure_apple, forget_settings
from tests.databases import SqliteFiles

HERE = "http://localhost:8000"
PNG = b"\x89PNG as drawn"


@pytest.fixture
def chain(monkeypatch: pytest.MonkeyPatch) -> Iterator[AppleChain]:
    yield configure_apple(
        monkeypatch, ORION_BASE_URL=HERE, LOYALTY_APPLE_PUSH_URL="https://127.0.0.1:1"
    )
    forget_settings()


@pytest.fixture
def setup(chain: AppleChain) -> AppleSetup:
    found = load()
    assert found is not None
    return found


@pytest.fixture
def root(chain: AppleChain) -> x509.Certificate:
    return x509.load_pem_x509_certificate(chain.root.read_bytes())


@pytest.fixture(scope="module")
def place(
    sqlite_files: SqliteFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Engine, TestClient]]:
    """One application for all tests here: each has a pass of its own."""
    url = sqlite_files.copy_to(tmp_path_factory.mktemp("platform") / "orion.db")
    application = create_app(load_settings(database_url=url))
    paths = {getattr(route, "path", "") for route in application.routes}
    for router in (apple.router, apple_passes.router):
        if not any(path.startswith(f"/api/v1{router.prefix}") for path in paths):
            application.include_router(router, prefix="/api/v1")
    engine: Engine = application.state.engine
    with TestClient(application) as client:
        yield engine, client
    engine.dispose()


@pytest.fixture
def engine(place: tuple[Engine, TestClient]) -> Engine:
    return place[0]


@pytest.fixture
def client(place: tuple[Engine, TestClient]) -> TestClient:
    return place[1]


@pytest.fixture
def phone(client: TestClient, root: x509.Certificate) -> Phone:
    return Phone(root, client, device_ids=(token_hex(16), token_hex(16)))


class Shop:
    """A card with a pass, and what happens to it."""

    def __init__(self, db: Session) -> None:
        self.db = db
        self.card = factories.make_card(db, stamps=3)
        self.kept = factories.make_pass(db, card=self.card, provider="apple")

    @property
    def url(self) -> str:
        return download_url(self.kept.serial)

    def stamp(self, tag: int) -> None:
        factories.post(self.db, self.card, [Draft(EntryType.STAMPS_ADJUSTED, stamps_delta=1)])
        with atomic(self.db):
            self.db.execute(
                update(WalletPass)
                .where(WalletPass.merchant_id == self.card.merchant_id)
                .values(target_revision=WalletPass.target_revision + 1, tag=tag)
                .execution_options(synchronize_session=False)
            )

    def registrations(self) -> list[tuple[str, str]]:
        one = AppleDeviceRegistration
        query = select(one.device_id, one.push_token).where(
            one.merchant_id == self.card.merchant_id
        )
        found = [(row.device_id, row.push_token) for row in self.db.execute(query)]
        self.db.commit()
        return sorted(found)


@pytest.fixture
def shop(db: Session, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Its pictures, which have tests of their own, are not drawn."""
    picture = PassPicture("p.png", hashlib.sha1(PNG, usedforsecurity=False).hexdigest(), PNG)
    for name in ("face", "stamp_row", "banner"):
        monkeypatch.setattr(pass_pictures, name, lambda *_, **__: picture)
    return Shop(db)


def stamps_on(phone: Phone) -> str:
    (held,) = phone.passes.values()
    return str(next(held.file.fields("headerFields"))["value"])


def test_given_a_pass_when_added_stamped_and_pushed_then_the_phone_shows_and_says_it(
    shop: Shop, phone: Phone, chain: AppleChain, setup: AppleSetup, tmp_path: Path
) -> None:
    phone.add(shop.url)
    assert shop.registrations() == [(one, phone.push_token) for one in sorted(phone.device_ids)]
    phone.set_language("fr")
    control = PushControl(on_push=phone.hear_push)
    files = make_server_files(tmp_path)
    with fake_apns.running(control, files=files, chain=chain) as url:
        service = PushService(replace(setup, push_url=url, push_ca_path=files.ca))
        for tag in (1, 2):
            shop.stamp(tag)
            (tokens,) = apple_devices.push_tokens(shop.db, [shop.kept.id]).values()
            for token in tokens:
                service.push(token)
            assert control.wait()
        service.close()
    assert stamps_on(phone) == "5/10"
    assert [note.text[:4] for note in phone.notes] == ["5/10", "4/10"]
    assert "A coffee" in phone.notes[0].text
    assert phone.complaints == []
    assert len(control.accepted()) == 2


def test_given_a_phone_with_updates_off_when_pushed_then_only_pulling_down_fetches(
    shop: Shop, phone: Phone
) -> None:
    serial = phone.add(shop.url)
    phone.set_updates(on=False)
    assert shop.registrations() == []
    shop.stamp(1)
    phone.hear_push(phone.push_token)
    assert stamps_on(phone) == "3/10"
    assert phone.refresh(serial) is True
    assert phone.refresh(serial) is False
    assert stamps_on(phone) == "4/10"
    phone.set_updates(on=True)
    assert len(shop.registrations()) == 2


def test_given_a_restored_phone_when_it_registers_again_then_the_platform_has_its_new_token(
    shop: Shop, phone: Phone
) -> None:
    phone.add(shop.url)
    old = phone.push_token
    phone.new_token()
    assert {token for _, token in shop.registrations()} == {phone.push_token} != {old}
    shop.stamp(1)
    phone.hear_push(old)
    assert stamps_on(phone) == "3/10"


def test_given_a_pass_when_deleted_then_it_is_unregistered_and_gone(
    shop: Shop, phone: Phone
) -> None:
    phone.remove(phone.add(shop.url))
    assert (shop.registrations(), phone.passes) == ([], {})


def test_given_an_address_without_a_pass_when_added_then_refused(shop: Shop, phone: Phone) -> None:
    for url in (f"{HERE}/healthz", shop.url + "x", "https://example.com/x.pkpass", "file:///etc"):
        with pytest.raises(Refused):
            phone.add(url)
    assert phone.passes == {}


def test_given_a_platform_that_refuses_when_pushed_then_the_phone_tells_its_log(
    shop: Shop, phone: Phone
) -> None:
    phone.add(shop.url)
    shop.stamp(1)
    (held,) = phone.passes.values()
    right = held.file.said["authenticationToken"]
    held.file.said["authenticationToken"] = "0" * 43
    phone.hear_push(phone.push_token)
    assert set(phone.complaints) == {"the newest pass was not served: 401"}
    assert [line for _, line in apple_devices.read_log(shop.db)] == phone.complaints
    held.file.said["authenticationToken"] = right
    phone.hear_push(phone.push_token)
    assert stamps_on(phone) == "4/10"


def test_given_the_phones_page_when_used_then_it_shows_passes_and_does_as_told(
    shop: Shop, phone: Phone
) -> None:
    page = TestClient(phone_page.create_app(phone, shop_url=HERE))
    assert "No passes yet" in page.get("/").text
    before = page.get("/phone/state").json()
    shown = page.post("/phone/add", data={"url": shop.url}).text
    serial = shop.kept.serial
    for text in ("3/10", f'data-serial="{serial}"', "<svg", "A coffee", "background: rgb("):
        assert text in shown, text
    assert page.get("/phone/state").json() != before
    strip = page.get(f"/phone/passes/{serial}/strip.png")
    assert (strip.status_code, strip.content) == (200, PNG)
    shop.stamp(1)
    assert "4/10" in page.post(f"/phone/passes/{serial}/refresh").text
    assert 'lang="de"' in page.post("/phone/settings", data={"language": "de"}).text
    page.post("/phone/settings", data={"updates": "off"})
    assert shop.registrations() == []
    assert "No passes yet" in page.post(f"/phone/passes/{serial}/remove").text
    refused = page.post("/phone/add", data={"url": "http://192.0.2.1/"})
    assert (refused.status_code, "beyond this machine" in refused.text) == (422, True)
    assert page.get("/phone/passes/none/icon.png").status_code == 404


WORDS = {"en": "Stamps: %@", "fr": "Tampons : %@"}


def packed(setup: AppleSetup, said: dict[str, Any] | None = None, **files: bytes) -> bytes:
    """A small pass; `files` by their names with `_` for the dot."""
    content = {
        "formatVersion": 1, "passTypeIdentifier": setup.pass_type_id,
        "teamIdentifier": setup.team_id, "serialNumber": "s" * 32, "organizationName": "Café",
        "description": "Card", "storeCard": {},
    } | (said or {})  # fmt: skip
    named = {name.replace("_", "."): data for name, data in files.items()}
    return package.pack(
        {"icon.png": b"png", "pass.json": json.dumps(content).encode(), **named}, setup, sha1={}
    )


def with_fields(*fields: dict[str, Any]) -> PassFile:
    said = {"storeCard": {"headerFields": list(fields)}}
    tables = {language: {"C": text, "L": f"word {language}"} for language, text in WORDS.items()}
    return PassFile(said, {}, tables)


def field(value: object, key: str = "stamps", message: str | None = "C") -> dict[str, Any]:
    return {"key": key, "value": value} | ({"changeMessage": message} if message else {})


def test_given_two_passes_when_one_follows_the_other_then_the_lock_screen_says_as_ios() -> None:
    three, four = with_fields(field("3")), with_fields(field("4"))
    assert announcement(three, four, "fr") == "Tampons : 4"
    assert announcement(three, four, "de") == "Stamps: 4"
    assert announcement(three, three, "en") is None
    assert announcement(three, with_fields(field("4", message=None)), "en") is None
    both = with_fields(field("4"), field("9", key="points"))
    assert announcement(three, both, "en") == "The pass was updated."
    plain = with_fields(field("4", message="without a place"))
    assert announcement(three, plain, "en") == "The pass was updated."
    assert announcement(three, with_fields(field("L")), "fr") == "Tampons : word fr"


def test_given_a_pass_in_order_when_opened_then_its_words_are_there(
    setup: AppleSetup, root: x509.Certificate
) -> None:
    said = r'"L_A" = "say \"hi\"\n\\now";' + "\n/* note */\n" + '"L_B"="é";'
    for table in (said.encode(), said.encode("utf-16")):
        opened = open_pass(packed(setup, None, **{"en.lproj/pass_strings": table}), root=root)
        assert opened.word("L_A", "fr") == 'say "hi"\n\\now'
        assert opened.word("L_B", "en") == "é"
        assert opened.word("L_C", "en") == "L_C"


@pytest.mark.parametrize(
    "changed",
    [
        {"formatVersion": 2}, {"passTypeIdentifier": "pass.com.example.other"},
        {"teamIdentifier": "ZZZZZZZZZZ"}, {"serialNumber": ""}, {"organizationName": None},
        {"storeCard": None}, {"backgroundColor": "#4F46E5"}, {"labelColor": "rgb(0, 0, 256)"},
        {"webServiceURL": HERE}, {"webServiceURL": HERE, "authenticationToken": "x" * 15},
        {"storeCard": {"headerFields": [field("1")], "backFields": [field("2")]}},
    ],
    ids=str,
)  # fmt: skip
def test_given_a_pass_that_says_something_wrong_when_opened_then_refused(
    setup: AppleSetup, root: x509.Certificate, changed: dict[str, Any]
) -> None:
    with pytest.raises(BadPass):
        open_pass(packed(setup, changed), root=root)


def test_given_a_pass_that_was_tampered_with_when_opened_then_refused(
    setup: AppleSetup, root: x509.Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = packed(setup)
    assert open_pass(good, root=root).serial == "s" * 32
    broken = [
        good.replace(b"Caf", b"Cof"), good[:-40], b"", b"PK",
        good.replace(b"icon.png", b"nope.png"),
        package.pack({"icon.png": b"png"}, setup, sha1={}),
        package.pack({"icon.png": b"png"}, setup, sha1={"icon.png": "0" * 40}),
    ]  # fmt: skip
    with monkeypatch.context() as changed:
        signature = package.sign(b"another manifest", setup)
        changed.setattr(package, "sign", lambda *_: signature)
        broken.append(packed(setup))
        for content in (b"", b"\x30", b"\x30\x82", signature[:-300], b"\x00" * 50):
            changed.setattr(package, "sign", lambda *_, _content=content: _content)
            broken.append(packed(setup))
    for content in broken:
        with pytest.raises(BadPass):
            open_pass(content, root=root)
    with pytest.raises(BadPass):
        open_pass(good, root=setup.intermediate)


def test_given_addresses_when_looked_at_then_only_this_machines_are_here() -> None:
    assert all(map(is_here, ("http://localhost:8000/x", "https://127.0.0.1", "http://[::1]:1/")))
    others = (
        "http://localhost.example.com",
        "http://192.0.2.1",
        "ftp://localhost",
        "",
        "localhost",
    )
    assert not any(map(is_here, others))
