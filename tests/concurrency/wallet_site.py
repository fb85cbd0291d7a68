"""Google and Apple as a test wants them, and a shop whose cards are in phones."""

from __future__ import annotations

import io
import json
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session, sessionmaker
from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.db import atomic
from app.fakes import apns
from app.fakes.apns import PushControl
from app.fakes.faults import Faulty
from app.fakes.google import FakeGoogle
from app.fakes.google_keys import ISSUER_ID
from app.fakes.keys import ServerFiles, make_server_files
from app.modules.loyalty.models import LoyaltyCard, WalletPass, WalletVendor
from app.modules.loyalty.services import (
    apple_devices,
    apple_updates,
    google_wallet_service,
    stamp_service,
    wallet_service,
    wallet_vendors,
)
from app.modules.loyalty.services.apple_wallet_service import authentication_token
from app.modules.loyalty.types import Caller, Provider
from app.modules.loyalty.wallets import transport
from app.modules.loyalty.wallets.apple import apns as apple_client
from tests import apple_wallet, google_wallet
from tests.concurrency.wallet_worker import TIMEOUT_S
from tests.factories import Shop, make_card, make_pass, make_shop

LONGER_S = 1.5
TABLES = ("apple_device_registrations", "wallet_passes", "wallet_classes", "wallet_vendors")


@dataclass(frozen=True)
class Asked:
    """A request to Google, by whom (its token), and when it came and was answered."""

    token: str
    path: str
    began: float
    ended: float


class Watched(Faulty):
    """Notes every request, also those that a fault hits."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app)
        self.asked: list[Asked] = []
        self.began: list[float] = []
        self._news = threading.Condition()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.monotonic()
        with self._news:
            self.began.append(began)
            self._news.notify_all()
        try:
            await super().__call__(scope, receive, send)
        finally:
            token = dict(scope["headers"]).get(b"authorization", b"").decode()
            self.asked.append(Asked(token, scope["path"], began, time.monotonic()))

    def await_more(self, count: int, *, timeout_s: float = 10.0) -> bool:
        """Wait for so many further requests; False where they did not come in time."""
        with self._news:
            wanted = len(self.began) + count
            return self._news.wait_for(lambda: len(self.began) >= wanted, timeout_s)

    def most_in_a_second(self) -> int:
        """The most requests that came in any sliding second."""
        return most_in_a_second(self.began)


def most_in_a_second(moments: Sequence[float]) -> int:
    """The most of these moments that any sliding second holds."""
    ordered = sorted(moments)
    return max(sum(1 for at in ordered if first <= at < first + 1) for first in ordered)


@dataclass(frozen=True)
class Site:
    """Both vendors, on this machine. Their clients lose patience after a second."""

    google: FakeGoogle
    watched: Watched
    pushes: PushControl
    apple_url: str
    files: ServerFiles

    def settings(self) -> dict[str, str]:
        """The variables that point a platform at both."""
        chain = apple_wallet.throw_away_chain()
        return {
            "ORION_BASE_URL": "http://127.0.0.1:8000",
            "LOYALTY_GOOGLE_ISSUER_ID": ISSUER_ID,
            "LOYALTY_GOOGLE_SERVICE_ACCOUNT_JSON": str(self.google.keys.service_account),
            "LOYALTY_GOOGLE_API_URL": self.google.url,
            "LOYALTY_GOOGLE_SAVE_URL": f"{self.google.url}/save",
            "LOYALTY_GOOGLE_KEYS_URL": f"{self.google.url}/keys",
            "LOYALTY_APPLE_PASS_TYPE_ID": apple_wallet.PASS_TYPE,
            "LOYALTY_APPLE_TEAM_ID": apple_wallet.TEAM,
            "LOYALTY_APPLE_WWDR_CERT_PATH": str(chain.wwdr),
            "LOYALTY_APPLE_SIGNER_CERT_PATH": str(chain.signer),
            "LOYALTY_APPLE_SIGNER_KEY_PATH": str(chain.key),
            "LOYALTY_APPLE_PUSH_URL": self.apple_url,
            "LOYALTY_APPLE_PUSH_CA_PATH": str(self.files.ca),
        }

    def forget(self) -> None:
        """Everything as at first."""
        self.google.forget()
        self.watched.clear()
        self.watched.asked.clear()
        self.watched.began.clear()
        self.pushes.pushes.clear()
        self.pushes.coming.clear()
        self.pushes.of_token.clear()
        self.pushes.on_push = None

    def at_google(self, serial: str) -> tuple[int, str, str]:
        """What the card shows in Google Wallet: its stamps, code and state."""
        shown = self.google.objects[f"{ISSUER_ID}.{serial}"]
        stamps = shown["loyaltyPoints"]["balance"]["string"].partition("/")[0]
        return int(stamps), shown["barcode"]["value"], shown["state"]

    def stamps_at_google(self, serial: str) -> int:
        """The first of these."""
        return self.at_google(serial)[0]


@contextmanager
def running_site(folder: Path) -> Iterator[Site]:
    """Both vendors while the block runs."""
    files, control = make_server_files(folder), PushControl()
    chain = apple_wallet.throw_away_chain()
    with (
        google_wallet.serving(folder, allow_http=True) as google,
        apns.running(control, files=files, chain=chain) as apple_url,
    ):
        watched = Watched(google.faults)
        google.faults = watched
        yield Site(google, watched, control, apple_url, files)
        hang_up()


def hang_up() -> None:
    """Close what this process keeps open towards vendors."""
    google_wallet_service._SENDERS.clear()
    for _setup, service in wallet_vendors._KEPT:
        service.close()
    wallet_vendors._KEPT.clear()


def point_at(monkeypatch: pytest.MonkeyPatch, site: Site) -> None:
    """Have this process speak to the site, with little patience."""
    for name, value in site.settings().items():
        monkeypatch.setenv(name, value)
    google_wallet.forget_settings()
    monkeypatch.setattr(transport, "TIMEOUT_S", TIMEOUT_S)
    monkeypatch.setattr(apple_client, "TIMEOUT_S", TIMEOUT_S)
    hang_up()


class Phone:
    """An iPhone with one pass: it asks when it is pushed, and only then."""

    def __init__(self, sessions: sessionmaker[Session], serial: str, number: int) -> None:
        self.serial, self.token = serial, f"{number:064x}"
        self.stamps, self.fetched = 0, 0
        self.last_modified: datetime | None = None
        self._sessions, self._device = sessions, f"{number:032x}"
        self._tag: str | None = None
        self._turn = threading.Lock()

    def add(self, now: datetime | None = None) -> None:
        """Put the pass into the wallet."""
        self.fetch(now)
        self.register(now)

    def fetch(self, now: datetime | None = None) -> None:
        """Show the pass, before "Add" is tapped."""
        with self._turn, self._sessions() as db:
            self._fetch(db, now)

    def register(self, now: datetime | None = None) -> None:
        """Ask to be told of changes, once it is added."""
        with self._turn, self._sessions() as db:
            apple_devices.register(
                db, self._row(db), device_id=self._device, push_token=self.token, now=now
            )

    def hear_push(self, now: datetime | None = None) -> None:
        """Ask what has changed, and fetch it."""
        with self._turn, self._sessions() as db:
            found = apple_devices.changed_serials(
                db, device_id=self._device, pass_type=apple_wallet.PASS_TYPE, since=self._tag
            )
            if found is not None:
                self._fetch(db, now)
                self._tag = found[1]

    def _row(self, db: Session) -> Any:
        return apple_devices.pass_of(
            db,
            pass_type=apple_wallet.PASS_TYPE,
            serial=self.serial,
            token=authentication_token(self.serial),
        )

    def _fetch(self, db: Session, now: datetime | None) -> None:
        update = apple_updates.newest(db, self._row(db), known=self.last_modified, now=now)
        self.last_modified = update.last_modified
        if update.content is not None:
            with zipfile.ZipFile(io.BytesIO(update.content)) as file:
                (field,) = json.loads(file.read("pass.json"))["storeCard"]["headerFields"]
            self.stamps, self.fetched = int(field["value"].partition("/")[0]), self.fetched + 1


@dataclass
class Held:
    """A card in both wallets of its customer."""

    card: LoyaltyCard
    google: WalletPass
    phone: Phone


class Counter:
    """A shop whose customers hold their cards in both wallets."""

    def __init__(self, sessions: sessionmaker[Session], *, cards: int, now: datetime) -> None:
        self.sessions = sessions
        with sessions() as db:
            for table in TABLES:  # a drain serves all merchants: none is left from another test
                with atomic(db):
                    db.execute(text(f"DELETE FROM {table}"))
            self.shop: Shop = make_shop(
                db, cooldown_minutes=0, max_daily_stamps=100, require_staff_pin=False
            )
        self.held: list[Held] = []
        self.give_out(cards, now=now)

    def give_out(self, cards: int, *, now: datetime) -> None:
        """So many further cards, whose passes no vendor has seen."""
        with self.sessions() as db:
            for _card in range(cards):
                self.held.append(self._give(db, len(self.held), now))

    def _give(self, db: Session, number: int, now: datetime) -> Held:
        card = make_card(db, shop=self.shop, now=now)
        behind: dict[str, Any] = {
            "target_revision": card.revision,
            "synced_revision": 0,
            "held_since": now,
        }
        google = make_pass(db, card=card, **behind)
        apple = make_pass(db, card=card, provider="apple", **behind)
        return Held(card, google, Phone(self.sessions, apple.serial, number))

    def drain(self, provider: Provider, *, now: datetime) -> Any:
        """One run of the worker's job."""
        with self.sessions() as db:
            return wallet_service.reconcile(db, provider, now=now, keep_alive=lambda: None)

    def install(self, site: Site, now: datetime | None = None) -> None:
        """All phones add their passes, and hear Apple's pushes from now on."""
        by_token = {one.phone.token: one.phone for one in self.held}
        for phone in by_token.values():
            phone.add(now)
        site.pushes.on_push = lambda token: by_token[token].hear_push(now)

    def stamp(self, db: Session, one: Held, *, now: datetime | None = None) -> None:
        """As the till does."""
        caller = Caller(self.shop.merchant_id)
        stamp_service.add_stamp(db, card_id=one.card.id, caller=caller, now=now)

    def stamps_of(self, one: Held) -> int:
        """What the card has."""
        return int(self._read(select(LoyaltyCard.stamp_count).where(
            LoyaltyCard.merchant_id == one.card.merchant_id, LoyaltyCard.id == one.card.id
        )))  # fmt: skip

    def stale(self, *providers: Provider) -> int:
        """How many passes are behind at these vendors, or at all; parked ones too."""
        return int(self._read(select(func.count()).select_from(WalletPass).where(
            WalletPass.merchant_id == self.shop.merchant_id,
            WalletPass.provider.in_([provider.value for provider in providers or Provider]),
            WalletPass.synced_revision < WalletPass.target_revision,
        )))  # fmt: skip

    def reasons(self) -> set[str | None]:
        """Why passes are behind at Google."""
        with self.sessions() as db:
            return set(db.execute(select(WalletPass.last_error).where(
                WalletPass.merchant_id == self.shop.merchant_id,
                WalletPass.provider == Provider.GOOGLE.value,
                WalletPass.synced_revision < WalletPass.target_revision,
            )).scalars())  # fmt: skip

    def forget_class(self) -> None:
        """As if Google had never heard of the shop."""
        with self.sessions() as db, atomic(db):
            db.execute(text("DELETE FROM wallet_classes"))

    def last_error(self, provider: str) -> str | None:
        """Of the vendor, as the operator reads it."""
        error = select(WalletVendor.last_error).where(WalletVendor.provider == provider)
        found: str | None = self._read(error)
        return found

    def _read(self, query: Any) -> Any:
        with self.sessions() as db:
            return db.execute(query).scalar_one()


def await_true(is_true: Callable[[], bool], *, within_s: float) -> float:
    """Ask until it is; returns the seconds it took.

    Raises:
        TimeoutError.
    """
    began = time.monotonic()
    while not is_true():
        if time.monotonic() - began > within_s:
            raise TimeoutError
        time.sleep(0.05)
    return time.monotonic() - began
