"""Cards in Google Wallet: links, clicks, callbacks and who holds what."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker
from starlette.testclient import TestClient

from app.core.db import atomic
from app.core.errors import Forbidden, NotFound, Unavailable, ValidationFailed
from app.fakes.faults import Fault
from app.fakes.google import FakeGoogle
from app.fakes.google_keys import ISSUER_ID
from app.modules.loyalty.errors import WalletNotConfigured
from app.modules.loyalty.models import LoyaltyCard, WalletClass, WalletPass, WalletVendor
from app.modules.loyalty.rules.pass_view import PassView
from app.modules.loyalty.services import (
    google_holders,
    google_wallet_service,
    wallet_settling,
)
from app.modules.loyalty.types import Draft, EntryType, Provider
from tests import factories
from tests.google_wallet import configure, forget_settings, serving

NOW = datetime.now(UTC).replace(microsecond=0)
YEAR = timedelta(days=365)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeGoogle]:
    with serving(tmp_path_factory.mktemp("google"), allow_http=True) as google:
        yield google


@pytest.fixture
def google(running: FakeGoogle, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGoogle]:
    """The platform as it is set up for local work, with a Google that knows nothing."""
    running.forget()
    configure(monkeypatch, running)
    yield running
    monkeypatch.undo()
    forget_settings()
    assert google_wallet_service.sender() is None  # the last one hangs up


class Desk:
    """A card with 7 stamps and its pass, which Google has not heard of yet."""

    def __init__(self, db: Session, **columns: Any) -> None:
        self.db = db
        self.shop = factories.make_shop(db)
        self.card: LoyaltyCard = factories.make_card(db, shop=self.shop, stamps=7)
        columns = {"synced_revision": 0, "target_revision": 2} | columns
        self.row: WalletPass = factories.make_pass(db, card=self.card, **columns)
        self.object_id = f"{ISSUER_ID}.{self.row.serial}"
        self.who: dict[str, Any] = {"merchant_id": self.shop.merchant_id, "card_id": self.card.id}

    def link(self, now: datetime = NOW) -> str:
        url = google_wallet_service.add_link(self.db, **self.who, now=now)
        assert url is not None
        return url.rpartition("/")[2]

    def open(self, link: str | None = None, now: datetime = NOW) -> str:
        return google_wallet_service.open_link(self.db, link=link or self.link(), now=now)

    def stored(self, sessions: sessionmaker[Session]) -> WalletPass:
        own = (WalletPass.merchant_id == self.shop.merchant_id, WalletPass.id == self.row.id)
        with sessions() as session:
            return session.execute(select(WalletPass).where(*own)).scalar_one()

    def hold(self, since: datetime | None) -> None:
        values = {"since": since and f"{since:%Y-%m-%d %H:%M:%S.%f}", "id": self.row.id}
        if self.db.get_bind().dialect.name == "postgresql":
            values["since"] = since
        with atomic(self.db):
            self.db.execute(
                text("UPDATE wallet_passes SET held_since = :since WHERE id = :id"), values
            )


@pytest.fixture
def desk(google: FakeGoogle, db: Session) -> Desk:
    return Desk(db)


def balance(google: FakeGoogle, desk: Desk) -> Any:
    return google.objects[desk.object_id]["loyaltyPoints"]["balance"]


@pytest.mark.parametrize("wrong", [False, True])
def test_given_no_wallet_when_asked_for_addresses_then_there_are_none(
    google: FakeGoogle, db: Session, monkeypatch: pytest.MonkeyPatch, wrong: bool
) -> None:
    desk = Desk(db)
    link = desk.link()
    if wrong:
        configure(monkeypatch, google, ORION_BASE_URL="http://shop.example.com")
    else:
        configure(
            monkeypatch, None, LOYALTY_GOOGLE_ISSUER_ID="", LOYALTY_GOOGLE_SERVICE_ACCOUNT_JSON=""
        )
    assert google_wallet_service.sender() is None
    assert google_wallet_service.add_url(db, **desk.who) is None
    assert google_wallet_service.add_link(db, **desk.who) is None
    with pytest.raises(WalletNotConfigured):
        desk.open(link)
    with pytest.raises(NotFound):
        google_holders.hear_callback(db, body=b"{}")
    assert google_holders.reconcile_holders(db, keep_alive=lambda: None)["passes"] == 0


def test_given_a_card_without_a_pass_when_asked_then_it_has_no_address(
    google: FakeGoogle, db: Session
) -> None:
    card = factories.make_card(db)
    who: dict[str, Any] = {"merchant_id": card.merchant_id, "card_id": card.id}
    assert google_wallet_service.add_url(db, **who) is None
    assert google_wallet_service.add_link(db, **who) is None


def test_given_one_setup_when_asked_for_its_sender_then_it_is_always_the_same(
    google: FakeGoogle,
) -> None:
    first = google_wallet_service.sender()
    assert first is not None
    assert google_wallet_service.sender() is first


def test_given_a_pass_that_google_lacks_when_its_link_is_opened_then_it_is_made_first(
    google: FakeGoogle, desk: Desk, session_factory: sessionmaker[Session]
) -> None:
    url = desk.open()
    assert balance(google, desk) == {"string": "7/10"}
    uri = google.objects[desk.object_id]["heroImage"]["sourceUri"]["uri"]
    assert uri.startswith("http://127.0.0.1:8000/media/")
    with TestClient(google) as phone:
        assert phone.get(urlsplit(url).path).status_code == 200
    stored = desk.stored(session_factory)
    assert stored.held_since == NOW
    assert stored.synced_revision == 0  # only the worker writes what Google has


def test_given_a_pass_that_google_has_when_opened_then_google_is_not_asked(
    google: FakeGoogle, db: Session
) -> None:
    held = NOW - YEAR
    desk = Desk(db, held_since=held, synced_revision=99)
    assert desk.open().startswith(f"{google.url}/save/")
    assert google.calls == []
    assert desk.row.held_since == held


def test_given_a_pass_that_is_behind_when_opened_then_the_newest_balance_is_saved(
    google: FakeGoogle, desk: Desk, db: Session
) -> None:
    desk.open()
    factories.post(db, desk.card, [Draft(EntryType.STAMPS_ADJUSTED, stamps_delta=1)])
    desk.open()
    assert balance(google, desk) == {"string": "8/10"}


def test_given_a_stamp_while_a_pass_is_sent_when_opened_then_the_older_state_is_not_the_last(
    google: FakeGoogle, desk: Desk, db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = google_wallet_service.sender()
    assert sender is not None
    send, stamps = sender.send_pass, [1, 1]

    def meanwhile(view: PassView, **how: Any) -> bool:
        if stamps:
            draft = Draft(EntryType.STAMPS_ADJUSTED, stamps_delta=stamps.pop())
            factories.post(db, desk.card, [draft])
        return send(view, **how)

    with monkeypatch.context() as patch:
        patch.setattr(sender, "send_pass", meanwhile)
        desk.open()
    assert balance(google, desk) == {"string": "9/10"}


def test_given_a_google_that_is_down_when_opened_then_it_is_unavailable_and_nothing_changed(
    google: FakeGoogle, desk: Desk, session_factory: sessionmaker[Session]
) -> None:
    google.faults.always.append(Fault(status=503, headers={"retry-after": "40"}))
    with pytest.raises(Unavailable) as caught:
        desk.open()
    assert caught.value.params == {"retry_after_seconds": 40}
    assert desk.stored(session_factory).held_since is None


def test_given_a_link_when_it_is_over_or_forged_then_there_is_nothing(
    google: FakeGoogle, desk: Desk
) -> None:
    link = desk.link()
    for bad in ("A" * 48, desk.row.serial, f"{link}A"):
        with pytest.raises(NotFound):
            desk.open(bad)
    with pytest.raises(NotFound):
        desk.open(link, now=NOW + YEAR)
    assert google.calls == []


@pytest.mark.parametrize("ended_as", ["replaced", "merged", "erased"])
def test_given_a_pass_that_stands_for_no_card_when_opened_then_there_is_nothing(
    google: FakeGoogle, desk: Desk, db: Session, ended_as: str
) -> None:
    link = desk.link()
    with atomic(db):
        db.execute(
            text("UPDATE wallet_passes SET ended_as = :why WHERE id = :id"),
            {"why": ended_as, "id": desk.row.id},
        )
    with pytest.raises(NotFound):
        desk.open(link)
    assert google.objects == {}


def hear(db: Session, body: bytes, now: datetime = NOW) -> None:
    google_holders.hear_callback(db, body=body, now=now)


def test_given_a_callback_when_heard_then_the_pass_is_held_until_it_is_removed(
    google: FakeGoogle, desk: Desk, db: Session, session_factory: sessionmaker[Session]
) -> None:
    wallet_settling.vendor_state(db, Provider.GOOGLE)
    saved = google.callback(desk.object_id, "save")
    hear(db, saved)
    assert desk.stored(session_factory).held_since == NOW
    hear(db, google.callback(desk.object_id, "save"), NOW + timedelta(minutes=1))
    assert desk.stored(session_factory).held_since == NOW
    hear(db, google.callback(desk.object_id, "del"))
    assert desk.stored(session_factory).held_since is None
    hear(db, saved)  # repeated, or replayed: it counted once
    assert desk.stored(session_factory).held_since is None
    with session_factory() as session:
        vendor = session.get(WalletVendor, "google")
        assert vendor is not None
        assert vendor.last_callback_at == NOW


def test_given_a_callback_that_is_not_googles_when_heard_then_nothing_changes(
    google: FakeGoogle, desk: Desk, db: Session, session_factory: sessionmaker[Session]
) -> None:
    envelope = json.loads(google.callback(f"{ISSUER_ID}.{'f' * 32}", "save"))
    envelope["signedMessage"] = envelope["signedMessage"].replace("f" * 32, desk.row.serial)
    with pytest.raises(Forbidden):
        hear(db, json.dumps(envelope).encode())
    with pytest.raises(Forbidden):
        hear(db, google.callback(desk.object_id, "save"), NOW + timedelta(hours=2))
    for garbage in (b"", b"[]", b"\xff", b"{" * 10_000):
        with pytest.raises(ValidationFailed):
            hear(db, garbage)
    assert desk.stored(session_factory).held_since is None


def test_given_a_callback_for_a_pass_nobody_knows_when_heard_then_it_is_taken(
    google: FakeGoogle, db: Session
) -> None:
    hear(db, google.callback(f"{ISSUER_ID}.{'f' * 32}", "save"))


def test_given_no_keys_of_google_when_a_callback_comes_then_it_is_asked_for_again(
    google: FakeGoogle, desk: Desk, db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    google.faults.always.append(Fault(path="/keys"))
    monkeypatch.setenv("LOYALTY_GOOGLE_KEYS_URL", f"{google.url}/keys?again")
    forget_settings()
    with pytest.raises(Unavailable):
        hear(db, google.callback(desk.object_id, "save"))


def make_class(db: Session, merchant_id: int) -> None:
    columns = {"provider": "google", "target_revision": 1, "created_at": NOW}
    factories.save(db, WalletClass(merchant_id=merchant_id, is_inserted=True, **columns))


@pytest.mark.parametrize(
    ("is_held", "since", "expected"),
    [
        (True, None, NOW),
        (True, NOW - YEAR, NOW - YEAR),
        (False, NOW - YEAR, None),
        (False, NOW - timedelta(hours=1), NOW - timedelta(hours=1)),
        (False, None, None),
    ],
)
def test_given_what_google_knows_when_compared_then_we_know_it_too(
    google: FakeGoogle,
    desk: Desk,
    session_factory: sessionmaker[Session],
    is_held: bool,
    since: datetime | None,
    expected: datetime | None,
) -> None:
    make_class(desk.db, desk.shop.merchant_id)
    class_id = f"{ISSUER_ID}.t{desk.shop.merchant_id}_p{desk.shop.program.id}"
    google.classes[class_id] = {"id": class_id}
    google.objects[desk.object_id] = {
        "id": desk.object_id, "classId": class_id, "hasUsers": is_held
    }  # fmt: skip
    desk.hold(since)
    report = google_holders.reconcile_holders(desk.db, now=NOW, keep_alive=lambda: None)
    assert desk.stored(session_factory).held_since == expected
    changed = since != expected
    assert report == {
        "passes": report["passes"],
        "held": int(changed and is_held),
        "released": int(changed and not is_held),
        "failed": report["failed"],
    }


def test_given_a_google_that_refuses_us_when_compared_then_nothing_is_released(
    google: FakeGoogle, desk: Desk, session_factory: sessionmaker[Session]
) -> None:
    make_class(desk.db, desk.shop.merchant_id)
    desk.hold(NOW - YEAR)
    google.faults.always.append(Fault(status=403, reason="permissionDenied"))
    report = google_holders.reconcile_holders(desk.db, now=NOW, keep_alive=lambda: None)
    assert (report["failed"], report["released"]) == (1, 0)
    assert desk.stored(session_factory).held_since is not None
