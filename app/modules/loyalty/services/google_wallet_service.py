"""Cards in Google Wallet: what is sent, where a card is added, and who holds one."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core import clock, jobs
from app.core.db import atomic, end_read, read_connection
from app.core.errors import NotFound, Unavailable
from app.modules.loyalty.config import get_loyalty_settings, platform_key, platform_keys
from app.modules.loyalty.errors import WalletNotConfigured
from app.modules.loyalty.models import LoyaltyProgram, WalletPass
from app.modules.loyalty.rules.pass_view import PassView
from app.modules.loyalty.services import pass_pictures, pass_reading, rotating_codes
from app.modules.loyalty.types import PassDesign, PassRow, Provider
from app.modules.loyalty.types.pictures import PictureSize
from app.modules.loyalty.wallets.faults import SetupProblem, WalletFault
from app.modules.loyalty.wallets.google import content, save_link
from app.modules.loyalty.wallets.google import setup as google_setup
from app.modules.loyalty.wallets.google.callback import RootKeys
from app.modules.loyalty.wallets.google.client import GoogleWallet
from app.modules.loyalty.wallets.google.setup import GoogleSetup
from app.modules.loyalty.wallets.pace import Pace

LINK_PATH: Final = "/api/v1/loyalty/passes/google"
_MOST_TRIES: Final = 3
_LOCK = threading.Lock()
_SENDERS: list[GoogleSender] = []


class GoogleSender:
    """Sends to Google with one setup. Pure network: no database. Safe for threads."""

    def __init__(self, setup: GoogleSetup) -> None:
        self.setup = setup
        self.root_keys = RootKeys(setup)
        pace = Pace(get_loyalty_settings().wallet_requests_per_second)
        self._wallet = GoogleWallet(setup, pace=pace)
        # Threads may still use it when the configuration has changed: the last one hangs up.
        weakref.finalize(self, self._wallet.close)
        self._place = content.Place(setup.issuer_id, setup.base_url, setup.callback_url)

    def class_payload(self, design: PassDesign, *, logo_url: str | None = None) -> dict[str, Any]:
        """A program as Google is told of it."""
        return content.class_payload(self._place, design, logo_url=logo_url)

    def send_class(self, design: PassDesign, *, logo_url: str | None = None) -> None:
        """Bring a program's class up to date. `logo_url`: a picture made for Google's circle.

        Raises:
            WalletFault.
        """
        self._wallet.send_class(self.class_payload(design, logo_url=logo_url))

    def send_pass(
        self, view: PassView, *, hero_url: str | None, ring: bool, logo_url: str | None = None
    ) -> bool:
        """Bring a pass up to date. True where Google was asked to ring and took that.

        `logo_url` counts only where Google has lost the class and it is made again.

        Raises:
            WalletFault.
        """
        secret = rotating_codes.secret_of(view.serial) if view.design.rotating_barcode else None
        payload = content.object_payload(
            self._place, view, hero_url=hero_url, rotating_secret=secret
        )
        class_payload = self.class_payload(view.design, logo_url=logo_url)
        return self._wallet.send_object(payload, class_payload=class_payload, ring=ring)

    def holders(self, merchant_id: int, program_id: int) -> Iterator[tuple[str, bool]]:
        """The serial of each pass of a program, and whether somebody has saved it.

        Raises:
            WalletFault.
        """
        prefix = f"{self.setup.issuer_id}."
        class_id = content.class_id(self.setup.issuer_id, merchant_id, program_id)
        for object_id, is_held in self._wallet.holders(class_id):
            yield object_id.removeprefix(prefix), is_held

    def save_url(self, serial: str, merchant_id: int, program_id: int, *, now: datetime) -> str:
        """Google's page that puts a pass into the wallet of whoever opens it, for an hour."""
        issuer_id = self.setup.issuer_id
        return save_link.save_url(
            self.setup,
            object_id=content.object_id(issuer_id, serial),
            class_id=content.class_id(issuer_id, merchant_id, program_id),
            now=now,
        )


def sender() -> GoogleSender | None:
    """How Google is spoken to; None where it is not configured, or wrongly.

    One per process, with its token and connections, until the configuration changes.
    """
    try:
        setup = google_setup.load()
    except SetupProblem:
        return None
    with _LOCK:
        if _SENDERS and _SENDERS[0].setup is setup:
            return _SENDERS[0]
        _SENDERS.clear()
        if setup is not None:
            _SENDERS.append(GoogleSender(setup))
        return _SENDERS[0] if _SENDERS else None


def add_url(
    db: Session, *, merchant_id: int, card_id: int, now: datetime | None = None
) -> str | None:
    """Google's own page for a card, good for an hour; None where there is none.

    For callers who open it at once. It does not bring the pass up to date first: our own
    link (`add_link`) does.
    """
    now = now or clock.utc_now()
    google = sender()
    found = _current(db, merchant_id, card_id) if google else None
    if google is None or found is None:
        return None
    serial, program_id = found
    return google.save_url(serial, merchant_id, program_id, now=now)


def add_link(
    db: Session, *, merchant_id: int, card_id: int, now: datetime | None = None
) -> str | None:
    """Our own address of a card's pass, for pages and e-mails, good for a year."""
    now = now or clock.utc_now()
    google = sender()
    found = _current(db, merchant_id, card_id) if google else None
    if google is None or found is None:
        return None
    link = save_link.make_link(platform_key(), found[0], now=now)
    return f"{google.setup.base_url}{LINK_PATH}/{link}"


def open_link(db: Session, *, link: str, now: datetime | None = None) -> str:
    """Where one of our links leads now: Google's page, with the pass as it is.

    A pass that Google lacks, or has as it was, is sent first: nobody adds an old balance. The
    worker sends it again; only it writes down what Google has.

    Raises:
        NotFound: not our link, or over, or its pass stands for no card any more.
        WalletNotConfigured.
        Unavailable: Google takes nothing at the moment.
    """
    now = now or clock.utc_now()
    read = (save_link.read_link(key, link, now=now) for key in platform_keys())
    serial = next(filter(None, read), None)
    if serial is None:
        raise NotFound
    google = sender()
    if google is None:
        raise WalletNotConfigured
    row, view = _read(db, serial, now=now)
    if row.synced_revision < row.target_revision and not view.ended:
        view = _bring_up_to_date(db, google, view, now=now)
    if view.ended:
        raise NotFound
    _mark_click(db, row, now=now)
    design = view.design
    return google.save_url(serial, design.merchant_id, design.program_id, now=now)


def _bring_up_to_date(
    db: Session, google: GoogleSender, view: PassView, *, now: datetime
) -> PassView:
    """The pass as Google has it now.

    Read again after each sending: the worker may have sent something newer meanwhile, and what
    was read before must not be the last word.
    """
    for _try in range(_MOST_TRIES):
        hero, logo = hero_url(db, view, now=now), logo_url(db, view.design, now=now)
        try:
            google.send_pass(view, ring=False, hero_url=hero, logo_url=logo)
        except WalletFault as fault:
            raise Unavailable(retry_after_seconds=fault.retry_after_s or 60) from fault
        sent, (_row, view) = view, _read(db, view.serial, now=now)
        if (view.revision, view.ended) == (sent.revision, sent.ended):
            break
    return view


def _read(db: Session, serial: str, *, now: datetime) -> tuple[PassRow, PassView]:
    row = _by_serial(db, serial)
    view = pass_reading.read_views(db, [row], now=now).get(row.id) if row else None
    if row is None or view is None:
        raise NotFound
    return row, view


def logo_url(db: Session, design: PassDesign, *, now: datetime) -> str:
    """Where Google gets the merchant's logo, or what stands in for it; drawn where it is new."""
    logo = pass_pictures.face(db, design, PictureSize.GOOGLE_LOGO, now=now)
    end_read(db)
    return pass_pictures.media_url(logo.name)


def hero_url(db: Session, view: PassView, *, now: datetime) -> str:
    """The same for the row of stamps, or the large picture of a card without stamps."""
    design, size = view.design, PictureSize.GOOGLE_HERO
    if view.grid is None:
        hero = pass_pictures.banner(db, design, size, now=now)
    else:
        hero = pass_pictures.stamp_row(db, design, view.grid, size, now=now)
    end_read(db)
    return pass_pictures.media_url(hero.name)


def _mark_click(db: Session, row: PassRow, *, now: datetime) -> None:
    """Whoever clicks is about to hold it: it comes first from now on."""
    if not row.held:
        with atomic(db):
            db.execute(
                update(WalletPass)
                .where(
                    WalletPass.merchant_id == row.merchant_id,
                    WalletPass.id == row.id,
                    WalletPass.held_since.is_(None),
                )
                .values(held_since=now)
                .execution_options(synchronize_session=False)
            )
    jobs.wake()


def _current(db: Session, merchant_id: int, card_id: int) -> tuple[str, int] | None:
    """The serial of the card's pass, and its program."""
    with read_connection(db) as connection:
        row = connection.execute(
            select(WalletPass.serial, LoyaltyProgram.id)
            .join(LoyaltyProgram, LoyaltyProgram.merchant_id == WalletPass.merchant_id)
            .where(
                WalletPass.merchant_id == merchant_id,
                WalletPass.card_id == card_id,
                WalletPass.provider == Provider.GOOGLE.value,
                WalletPass.ended_as.is_(None),
            )
        ).one_or_none()
    return None if row is None else (row[0], row[1])


def _by_serial(db: Session, serial: str) -> PassRow | None:
    with read_connection(db) as connection:
        row = connection.execute(
            select(*pass_reading.PASS_COLUMNS)
            .where(WalletPass.serial == serial, WalletPass.provider == Provider.GOOGLE.value)
            .execution_options(tenant_exempt="a serial is a secret that names one pass")
        ).one_or_none()
    return None if row is None else pass_reading.pass_row(row)
