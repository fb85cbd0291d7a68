"""Apple's web service, as iPhones call it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session, sessionmaker
from starlette.testclient import TestClient

from app.core.clock import utc_now
from app.core.config import load_settings
from app.core.db import atomic
from app.core.security import Key
from app.main import create_app
from app.modules.loyalty import config
from app.modules.loyalty.models import LoyaltyProgram, WalletPass
from app.modules.loyalty.routes.api import apple
from app.modules.loyalty.services import (
    apple_devices,
    apple_wallet_service,
    pass_pictures,
    wallet_passes,
)
from app.modules.loyalty.services.apple_wallet_service import authentication_token
from app.modules.loyalty.types import PassEnd
from app.modules.loyalty.types.pictures import PassPicture
from tests import tenant_guard
from tests.apple_wallet import PASS_TYPE, configure_apple, forget_settings
from tests.databases import SqliteFiles
from tests.modules.loyalty.routes.conftest import problem_of
from tests.modules.loyalty.routes.iphone import BASE, TOKEN, Wallet, pass_of, stamps_of


@pytest.fixture(autouse=True)
def _configured(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Apple Wallet is set up; its pictures, which have tests of their own, are not drawn."""
    configure_apple(monkeypatch)
    picture = PassPicture("p.png", "0" * 40, b"png")
    for name in ("face", "stamp_row", "banner"):
        monkeypatch.setattr(pass_pictures, name, lambda *_, **__: picture)
    yield
    forget_settings()


@pytest.fixture(scope="module")
def place(
    sqlite_files: SqliteFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Engine, TestClient]]:
    """One application for all tests here: each has a pass of its own."""
    url = sqlite_files.copy_to(tmp_path_factory.mktemp("apple") / "orion.db")
    application = create_app(load_settings(database_url=url))
    engine: Engine = application.state.engine
    tenant_guard.install(engine)
    if not any(getattr(route, "path", "").startswith(BASE) for route in application.routes):
        application.include_router(apple.router, prefix="/api/v1")
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
def wallet(client: TestClient, db: Session) -> Wallet:
    return Wallet(client, db)


def test_given_a_phone_when_it_registers_twice_then_201_and_200_and_the_newest_token(
    wallet: Wallet, session_factory: sessionmaker[Session]
) -> None:
    assert wallet.register().status_code == 201
    assert wallet.register(token="cd" * 32).status_code == 200
    assert wallet.register(device="another-id", token="cd" * 32).status_code == 201
    with session_factory() as fresh:
        tokens = apple_devices.push_tokens(fresh, [wallet.kept.id])
    assert tokens == {wallet.kept.id: {"cd" * 32}}


def test_given_a_new_key_of_the_platform_when_an_older_pass_is_fetched_then_it_keeps_its_secret(
    wallet: Wallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, old = authentication_token(wallet.kept.serial), config.platform_key()
    new = Key("a-new-secret-key-0123456789abcdefghij")
    for module in (apple_wallet_service, config):
        monkeypatch.setattr(module, "platform_key", lambda: new)
    monkeypatch.setattr(apple_wallet_service, "platform_keys", lambda: (new, old))
    assert authentication_token(wallet.kept.serial) != secret
    headers = {"Authorization": f"ApplePass {secret}"}
    answer = wallet.client.get(f"{BASE}/passes/{PASS_TYPE}/{wallet.kept.serial}", headers=headers)
    assert pass_of(answer)["authenticationToken"] == secret
    monkeypatch.setattr(apple_wallet_service, "platform_keys", lambda: (new,))
    assert wallet.client.get(answer.url.path, headers=headers).status_code == 401


def test_given_a_registered_phone_when_it_unregisters_then_200_however_often(
    wallet: Wallet, session_factory: sessionmaker[Session]
) -> None:
    wallet.register()
    assert [wallet.unregister().status_code for _ in range(2)] == [200, 200]
    assert wallet.changed().status_code == 204
    with session_factory() as fresh:
        assert apple_devices.push_tokens(fresh, [wallet.kept.id]) == {}


def test_c07_given_a_phone_that_never_registered_when_it_unregisters_then_200_or_401(
    wallet: Wallet,
) -> None:
    for _ in range(2):
        assert wallet.unregister().status_code == 200
        wrong = wallet.client.delete(wallet.registration(), headers=wallet.headers("wrong"))
        assert wrong.status_code == 401


def test_c07_given_a_phone_without_tag_or_header_when_it_asks_then_its_serials_and_a_string(
    wallet: Wallet,
) -> None:
    wallet.register()
    for query in ("", "?passesUpdatedSince=", "?passesUpdatedSince=abc", "?passesUpdatedSince=1e3"):
        answer = wallet.changed(query=query)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        assert answer.json() == {"serialNumbers": [wallet.kept.serial], "lastUpdated": "0"}


def test_given_a_change_when_a_phone_asks_with_its_tag_then_the_serial_and_later_nothing(
    wallet: Wallet,
) -> None:
    wallet.register()
    tag = wallet.changed().json()["lastUpdated"]
    assert wallet.changed(query=f"?passesUpdatedSince={tag}").status_code == 204
    wallet.stamp(tag=41)
    answer = wallet.changed(query=f"?passesUpdatedSince={tag}").json()
    assert answer == {"serialNumbers": [wallet.kept.serial], "lastUpdated": "41"}
    assert wallet.changed(query="?passesUpdatedSince=41").status_code == 204


def test_given_an_unknown_phone_or_pass_type_when_it_asks_then_204_without_a_body(
    wallet: Wallet,
) -> None:
    wallet.register()
    for device in ("unknown", "x" * 3000, "%F0%9F%93%B1", "%ff", "%27--"):
        answer = wallet.changed(device)
        assert (answer.status_code, answer.content) == (204, b""), device
    url = f"{BASE}/devices/{wallet.phone}/registrations/pass.com.example.other"
    assert wallet.client.get(url).status_code == 204


def wrong_calls(wallet: Wallet) -> list[tuple[str, dict[str, str]]]:
    """The end of the path, and the headers."""
    serial, right = wallet.kept.serial, authentication_token(wallet.kept.serial)
    unknown = "f" * 32
    return [
        (f"{PASS_TYPE}/{serial}", {}),
        (f"{PASS_TYPE}/{serial}", {"Authorization": ""}),
        (f"{PASS_TYPE}/{serial}", {"Authorization": right}),
        (f"{PASS_TYPE}/{serial}", {"Authorization": f"Bearer {right}"}),
        (f"{PASS_TYPE}/{serial}", {"Authorization": f"Basic {right}"}),
        (f"{PASS_TYPE}/{serial}", {"Authorization": "ApplePass"}),
        (f"{PASS_TYPE}/{serial}", {"Authorization": "ApplePass wrong"}),
        (f"{PASS_TYPE}/{serial}", {"Authorization": f"ApplePass {right[:-1]}"}),
        (f"{PASS_TYPE}/{serial}", {"Authorization": "ApplePass " + "x" * 5000}),
        (f"{PASS_TYPE}/{unknown}", {"Authorization": f"ApplePass {right}"}),
        (f"{PASS_TYPE}/{unknown}", {"Authorization": f"ApplePass {authentication_token(unknown)}"}),
        (f"{PASS_TYPE}/{serial.upper()}x", {"Authorization": f"ApplePass {right}"}),
        (f"{PASS_TYPE}/{'9' * 3000}", {"Authorization": f"ApplePass {right}"}),
        (f"{PASS_TYPE}/1", {"Authorization": f"ApplePass {right}"}),
        (f"pass.com.example.other/{serial}", {"Authorization": f"ApplePass {right}"}),
    ]


def test_given_anything_wrong_about_the_secret_when_called_then_the_same_401(
    wallet: Wallet,
) -> None:
    wallet.register()
    devices = f"{BASE}/devices/{wallet.phone}/registrations"
    said = set()
    for path, headers in wrong_calls(wallet):
        for method, url in (
            ("POST", f"{devices}/{path}"),
            ("DELETE", f"{devices}/{path}"),
            ("GET", f"{BASE}/passes/{path}"),
        ):
            body = {"pushToken": "not heard"} if method == "POST" else None
            answer = wallet.client.request(method, url, headers=headers, json=body)
            assert problem_of(answer) == (401, "unauthenticated"), (method, path, headers)
            assert answer.headers["www-authenticate"] == "ApplePass"
            said.add(answer.json()["detail"])
    assert len(said) == 1
    assert wallet.changed().status_code == 200
    right = {"Authorization": f"applepass  {authentication_token(wallet.kept.serial)} "}
    url = f"{BASE}/passes/{PASS_TYPE}/{wallet.kept.serial}"
    assert wallet.client.get(url, headers=right).status_code == 200


def test_given_a_body_that_is_none_when_registering_then_422(wallet: Wallet) -> None:
    headers = wallet.headers() | {"Content-Type": "application/json"}
    for body in (
        b"", b"{", b"[]", b"null", b'"x"', b"{}", b'{"pushToken": null}', b'{"pushToken": 7}',
        b'{"pushToken": ""}', b'{"pushToken": "a b"}', b'{"pushToken": "\\u0000"}',
        b'{"pushToken": "\\ud800"}', b'{"pushToken": "' + b"a" * 201 + b'"}', b"\xff\xfe",
        b'{"pushToken": "a\\nb"}', '{"pushToken": "é"}'.encode(),
    ):  # fmt: skip
        answer = wallet.client.post(wallet.registration(), content=body, headers=headers)
        assert problem_of(answer) == (422, "validation_error"), body
    assert wallet.changed().status_code == 204


def test_given_a_newer_phone_or_a_longer_id_when_registering_then_up_to_a_measure(
    wallet: Wallet,
) -> None:
    body = {"pushToken": TOKEN, "pushEnvironment": "production"}
    answer = wallet.client.post(wallet.registration(), json=body, headers=wallet.headers())
    assert answer.status_code == 201
    assert wallet.register("x" * 100).status_code == 201
    assert wallet.register("x" * 101).status_code == 422
    assert wallet.unregister("x" * 101).status_code == 200


def test_given_a_stamp_when_the_pass_is_fetched_again_then_it_is_there_and_can_be_announced(
    wallet: Wallet,
) -> None:
    before = wallet.fetch()
    wallet.stamp()
    after = wallet.fetch(since=before.headers["last-modified"])
    assert (stamps_of(before), stamps_of(after)) == ("3/10", "4/10")
    moments = [parsedate_to_datetime(one.headers["last-modified"]) for one in (before, after)]
    assert moments[0] < moments[1]
    (field,) = pass_of(after)["storeCard"]["headerFields"]
    with zipfile.ZipFile(io.BytesIO(after.content)) as file:
        for language in ("en", "fr", "de", "lb"):
            strings = file.read(f"{language}.lproj/pass.strings").decode()
            line = next(one for one in strings.splitlines() if field["changeMessage"] in one)
            assert "%@" in line


def test_given_an_unchanged_pass_when_fetched_again_then_304_without_a_body(
    wallet: Wallet,
) -> None:
    first = wallet.fetch()
    again = wallet.fetch(since=first.headers["last-modified"])
    assert (again.status_code, again.content) == (304, b"")
    for answer in (first, again):
        assert answer.headers["last-modified"] == first.headers["last-modified"]
        assert answer.headers["cache-control"] == "private, no-store"


def test_c12_given_stamps_within_one_second_when_fetched_each_time_then_all_reach_the_phone(
    wallet: Wallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = utc_now().replace(microsecond=0)
    moments = iter(second + timedelta(milliseconds=n) for n in range(999))
    monkeypatch.setattr("app.core.clock.utc_now", lambda: next(moments))
    seen, since = [], None
    for _ in range(4):
        answer = wallet.fetch(since=since)
        seen.append(stamps_of(answer))
        since = answer.headers["last-modified"]
        assert wallet.fetch(since=since).status_code == 304
        wallet.stamp()
    assert seen == ["3/10", "4/10", "5/10", "6/10"]


def test_c12_given_a_new_design_when_fetched_with_the_old_date_then_200_and_the_new_color(
    wallet: Wallet, db: Session
) -> None:
    before = wallet.fetch()
    with atomic(db):
        db.execute(
            update(LoyaltyProgram)
            .where(LoyaltyProgram.merchant_id == wallet.kept.merchant_id)
            .values(card_color="#0A1B2C", revision=LoyaltyProgram.revision + 1)
        )
    after = wallet.fetch(since=before.headers["last-modified"])
    assert pass_of(after)["backgroundColor"] == "rgb(10, 27, 44)"
    assert wallet.fetch(since=after.headers["last-modified"]).status_code == 304


def test_given_a_date_that_is_not_the_newest_versions_when_fetched_then_200(
    wallet: Wallet,
) -> None:
    wallet.fetch()
    for since in (
        "", "abc", "0", "-1", "Tue, 99 Foo 2026 99:99:99 GMT", "Thu, 01 Jan 1970 00:00:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 GMT", "Fri, 31 Dec 99999 23:59:59 GMT", "x" * 5000,
        "Tue, 10 Mar 2026 09:00:00 -0000", "Tue, 10 Mar 2026 09:00:00 +9999", "Tue, 10 Mar",
    ):  # fmt: skip
        assert stamps_of(wallet.fetch(since=since)) == "3/10", since


def test_given_head_when_asked_then_the_headers_alone_and_nothing_is_recorded(
    wallet: Wallet, db: Session
) -> None:
    look = wallet.fetch(method="HEAD")
    assert (look.status_code, look.content) == (200, b"")
    assert look.headers["content-type"] == "application/vnd.apple.pkpass"
    assert look.headers["last-modified"]
    of_pass = WalletPass.merchant_id == wallet.kept.merchant_id
    recorded = db.execute(select(WalletPass.served_at, WalletPass.shown).where(of_pass)).one()
    db.commit()
    assert recorded == (None, None)
    fetched = wallet.fetch()
    again = wallet.fetch(method="HEAD")
    assert again.headers["last-modified"] == fetched.headers["last-modified"]
    since = fetched.headers["last-modified"]
    assert wallet.fetch(since=since, method="HEAD").status_code == 304


def test_given_a_pass_that_ended_when_fetched_then_it_is_void_and_still_served(
    wallet: Wallet, db: Session
) -> None:
    first = wallet.fetch()
    place = {"merchant_id": wallet.kept.merchant_id, "card_id": wallet.kept.card_id}
    with atomic(db):
        wallet_passes.end(db, **place, ended_as=PassEnd.REPLACED)
    ended = pass_of(wallet.fetch(since=first.headers["last-modified"]))
    assert ended["voided"] is True
    assert "barcodes" not in ended
    assert wallet.register().status_code == 201


def test_given_no_certificate_when_fetched_then_503_and_registrations_go_on(
    wallet: Wallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure_apple(monkeypatch, LOYALTY_APPLE_SIGNER_KEY_PATH="/nowhere/at-all.key")
    assert problem_of(wallet.fetch()) == (503, "wallet_not_configured")
    assert wallet.register().status_code == 201


def test_given_a_log_when_posted_then_200_and_its_lines_are_kept(
    wallet: Wallet, session_factory: sessionmaker[Session]
) -> None:
    answer = wallet.client.post(f"{BASE}/log", json={"logs": ["first", "second"]})
    assert (answer.status_code, answer.content) == (200, b"")
    with session_factory() as fresh:
        assert [line for _, line in apple_devices.read_log(fresh, limit=2)] == ["second", "first"]


def test_given_any_body_when_a_log_is_posted_then_no_fault(client: TestClient) -> None:
    headers = {"Content-Type": "application/json"}
    for body, status in (
        (b"{}", 200), (b'{"logs": []}', 200), (b'{"logs": [""], "more": 1}', 200),
        (b'{"logs": "x"}', 422), (b'{"logs": [1]}', 422), (b'{"logs": null}', 422), (b"{", 422),
        (b"", 422), (b'{"logs": ["' + b"x" * 1_100_000 + b'"]}', 413),
    ):  # fmt: skip
        answer = client.post(f"{BASE}/log", content=body, headers=headers)
        assert answer.status_code == status, body[:30]


def test_given_passes_of_two_merchants_when_one_phone_asks_then_it_gets_both(
    client: TestClient, db: Session
) -> None:
    one, other = Wallet(client, db), Wallet(client, db)
    one.register()
    other.register(device=one.phone)
    assert one.kept.merchant_id != other.kept.merchant_id
    serials = {one.kept.serial, other.kept.serial}
    assert set(one.changed().json()["serialNumbers"]) == serials
    one.unregister()
    assert one.changed().json()["serialNumbers"] == [other.kept.serial]


def test_given_a_flood_when_logs_are_posted_then_it_is_slowed(client: TestClient) -> None:
    statuses = [client.post(f"{BASE}/log", json={"logs": []}).status_code for _ in range(31)]
    assert statuses[-1] == 429
