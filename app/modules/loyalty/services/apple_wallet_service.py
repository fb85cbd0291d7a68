"""Apple passes: made when a phone asks for one, with what it takes to be allowed to ask."""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core import clock
from app.core.config import get_settings
from app.core.db import atomic, read_connection
from app.core.errors import NotFound
from app.core.security import Key, is_equal
from app.modules.loyalty.config import platform_key, platform_keys
from app.modules.loyalty.errors import WalletNotConfigured
from app.modules.loyalty.models import LoyaltyCard, WalletPass
from app.modules.loyalty.rules.pass_view import PassView
from app.modules.loyalty.services import pass_pictures, pass_reading
from app.modules.loyalty.services.pass_reading import PASS_COLUMNS, pass_row
from app.modules.loyalty.types import PassRow, Provider
from app.modules.loyalty.types.pictures import (
    APPLE_ICONS,
    APPLE_LOGOS,
    APPLE_STRIPS,
    PassPicture,
    PictureSize,
)
from app.modules.loyalty.wallets.apple import content, package, setup
from app.modules.loyalty.wallets.apple.setup import AppleSetup
from app.modules.loyalty.wallets.faults import SetupProblem
from app.modules.tenancy.types import Principal

MEDIA_TYPE: Final = package.MEDIA_TYPE
DOWNLOAD_MINUTES: Final = 60
_DOWNLOAD_PATH: Final = "/api/v1/loyalty/passes/apple"
_SERIAL: Final = re.compile(r"[0-9a-f]{32}")
_TOKEN: Final = re.compile(r"(?P<ends>[0-9]{1,12})\.(?P<signature>[A-Za-z0-9_-]{43})")
_STEP: Final = timedelta(seconds=1)
_BY_SERIAL: Final = {"tenant_exempt": "a pass is found by its serial, and then its owner is asked"}


@dataclass(frozen=True, slots=True)
class BuiltPass:
    """A signed `.pkpass` and what it shows."""

    content: bytes
    view: PassView


@dataclass(frozen=True, slots=True)
class Download:
    """A pass for whoever asked, and when it last changed (UTC, whole seconds)."""

    content: bytes
    last_modified: datetime


def authentication_token(serial: str) -> str:
    """The secret inside a pass, by which its phone may fetch it again: 43 characters.

    Derived, so that nothing is stored. See `is_secret_of` for what a new key of the platform
    means.
    """
    return _mac(platform_key(), "apple-pass", serial)


def is_secret_of(serial: str, token: str) -> bool:
    """True for the secret of the pass under the platform's key, or under an old one.

    A pass keeps the secret it was made with: phones know no other.
    """
    secrets = [_mac(key, "apple-pass", serial) for key in platform_keys()]
    return sum(is_equal(token, secret) for secret in secrets) > 0  # all of them, right or not


def download_url(serial: str, *, now: datetime | None = None) -> str:
    """Where the pass can be had for an hour. Whoever has the address has the pass."""
    now = now or clock.utc_now()
    ends = str(int(now.timestamp()) + DOWNLOAD_MINUTES * 60)
    token = f"{ends}.{_mac(platform_key(), 'apple-download', f'{serial}|{ends}')}"
    return f"{get_settings().base_url}{_DOWNLOAD_PATH}/{serial}.pkpass?token={token}"


def open_download(
    db: Session,
    serial: str,
    *,
    token: str | None = None,
    customer: Principal | None = None,
    now: datetime | None = None,
) -> Download:
    """The pass, for a valid `token` of `download_url` or for the customer whose card it is.

    Raises:
        NotFound: no such pass, not theirs, ended, or the token is wrong or too old; all alike.
        WalletNotConfigured: passes can't be signed at the moment.
    """
    now = now or clock.utc_now()
    row = _find(db, serial, customer, may_have_any=_is_valid(serial, token, now))
    if row is None:
        raise NotFound
    built = build_pass(db, row, now=now)
    return Download(built.content, served(db, row, built.view, now=now))


def build_pass(db: Session, row: PassRow, *, now: datetime) -> BuiltPass:
    """The pass as it should look now, signed. Nothing is recorded: see `served`.

    Raises:
        NotFound: its card is gone for good.
        WalletNotConfigured: passes can't be signed at the moment.
    """
    keys = _keys(now)
    view = pass_reading.read_views(db, [row], now=now).get(row.id)
    if view is None:
        raise NotFound
    packed = package.build_package(
        view,
        _pictures(db, view, now=now),
        keys,
        authentication_token=row.secret or authentication_token(view.serial),
        announce=content.announcing(row.shown, view.facts),
    )
    return BuiltPass(packed, view)


def served(db: Session, row: PassRow, view: PassView, *, now: datetime) -> datetime:
    """Record that a phone gets the pass of `row`, and say when that last changed: Last-Modified.

    In whole seconds, since HTTP knows no others, and rising with every change even within one
    of them: otherwise a phone would be told that it has the second of two quick stamps. `row`
    must have been read before `view`, so that what is shown is at least as new.
    """
    while True:
        last = last_served(db, row)
        if (moment := last.moment_of(row, view)) is not None:
            return moment
        if _record(db, row, view, last.at, at=last.next_moment(now)):
            return last.next_moment(now)


@dataclass(frozen=True, slots=True)
class LastServed:
    """Which version of a pass a phone got last, and its moment (UTC, whole seconds)."""

    revision: int
    design: int
    at: datetime | None

    def moment_of(self, row: PassRow, view: PassView) -> datetime | None:
        """Its moment, if that is the pass as it is."""
        is_same = (self.revision, self.design) == (row.target_revision, view.design.revision)
        return self.at if is_same else None

    def next_moment(self, now: datetime) -> datetime:
        """The moment of the next version: whole seconds, and later than the last one's."""
        at = now.replace(microsecond=0)
        return at if self.at is None else max(at, self.at + _STEP)


def last_served(db: Session, row: PassRow) -> LastServed:
    """What a phone got last of the pass."""
    one = WalletPass
    with read_connection(db) as connection:
        found = connection.execute(
            select(one.served_revision, one.served_design, one.served_at).where(
                one.merchant_id == row.merchant_id, one.id == row.id
            )
        ).one()
    return LastServed(*found)


def _record(
    db: Session,
    row: PassRow,
    view: PassView,
    last: datetime | None,
    *,
    at: datetime,
) -> bool:
    """False where somebody else recorded something since `last`."""
    one = WalletPass
    unchanged = one.served_at.is_(None) if last is None else one.served_at == last
    with atomic(db):
        recorded = db.execute(
            update(one)
            .where(one.merchant_id == row.merchant_id, one.id == row.id, unchanged)
            .values(
                served_revision=row.target_revision,
                served_design=view.design.revision,
                served_at=at,
                shown=view.facts,
            )
            .returning(one.id)
            .execution_options(synchronize_session=False)
        ).first()
    return recorded is not None


def _find(
    db: Session, serial: str, customer: Principal | None, *, may_have_any: bool
) -> PassRow | None:
    if not _SERIAL.fullmatch(serial):
        return None
    query = (
        select(*PASS_COLUMNS, LoyaltyCard.customer_id)
        .join(
            LoyaltyCard,
            (LoyaltyCard.merchant_id == WalletPass.merchant_id)
            & (LoyaltyCard.id == WalletPass.card_id),
        )
        .where(
            WalletPass.serial == serial,
            WalletPass.provider == Provider.APPLE.value,
            WalletPass.ended_as.is_(None),
        )
    )
    with read_connection(db) as connection:
        found = connection.execute(query, execution_options=_BY_SERIAL).one_or_none()
    if found is None:
        return None
    is_theirs = customer is not None and (customer.merchant_id, customer.customer_id) == (
        found.merchant_id,
        found.customer_id,
    )
    return pass_row(found) if may_have_any or is_theirs else None


def _is_valid(serial: str, token: str | None, now: datetime) -> bool:
    said = _TOKEN.fullmatch(token or "")
    if said is None:
        return False
    expected = _mac(platform_key(), "apple-download", f"{serial}|{said['ends']}")
    return is_equal(said["signature"], expected) and now.timestamp() < int(said["ends"])


def _keys(now: datetime) -> AppleSetup:
    try:
        keys = setup.load(now=now)
    except SetupProblem:
        keys = None
    if keys is None:
        raise WalletNotConfigured
    return keys


def _pictures(db: Session, view: PassView, *, now: datetime) -> dict[str, PassPicture]:
    """The pass's pictures by their paths in it; drawn long ago, save for a new look."""
    design, grid = view.design, view.grid
    faces = (*APPLE_ICONS, *APPLE_LOGOS)
    found = {_path(size): pass_pictures.face(db, design, size, now=now) for size in faces}
    for size in () if view.ended else APPLE_STRIPS:
        if grid is not None and content.main_unit(view) == "stamps":
            strip = pass_pictures.stamp_row(db, design, grid, size, now=now)
        else:
            strip = pass_pictures.banner(db, design, size, now=now)
        found[_path(size)] = strip
    return found


def _path(size: PictureSize) -> str:
    return f"{size.value}.png"


def _mac(key: Key, purpose: str, text: str) -> str:
    """32 bytes as 43 characters that are safe in addresses and headers."""
    message = text.encode("utf-8", "surrogatepass")
    digest = hmac.digest(key.derive(purpose), message, "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
