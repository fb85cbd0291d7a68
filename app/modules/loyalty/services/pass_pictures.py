"""Pictures on passes: drawn once per look, count and size, kept, and public by name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from io import BytesIO
from typing import Final, NamedTuple

from PIL import Image
from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core import clock
from app.core.config import get_settings
from app.core.db import atomic, engine_of, in_atomic, read_connection, write_connection
from app.modules.loyalty.models import LoyaltyProgram, ProgramImage, StampPicture
from app.modules.loyalty.rules import face_picture
from app.modules.loyalty.rules.banner_picture import draw_banner
from app.modules.loyalty.rules.canvas import centred
from app.modules.loyalty.rules.face_picture import FaceLook
from app.modules.loyalty.rules.looks import StampGrid, card_face
from app.modules.loyalty.rules.monogram_picture import letter_mark
from app.modules.loyalty.rules.stamp_picture import StampLook, draw_row
from app.modules.loyalty.schemas.program import MEDIA_PATH
from app.modules.loyalty.services.pass_reading import read_design
from app.modules.loyalty.services.picture_memory import PictureMemory
from app.modules.loyalty.services.stamp_icons import stamp_icon
from app.modules.loyalty.types import PassDesign
from app.modules.loyalty.types.pictures import APPLE_ICONS, PICTURE_PREFIX, PassPicture, PictureSize

# To be counted up when the drawing changes: all pictures are then drawn anew.
DRAWN_AS: Final = 1
# Google fetches a picture when it likes, and a card may show an earlier look until then.
_OLD: Final = timedelta(days=30)
# For names that do not begin with a letter or digit we can draw.
_STAND_IN: Final = "star"
_STAND_IN_EDGE: Final = 0.55
_TARGETS: Final = range(2, 51)
_MEMORY: Final = PictureMemory()


class _Replaced(Exception):
    """The program's picture is gone; what is drawn must not be kept as if it were it."""


class _Place(NamedTuple):
    """Which picture it is."""

    merchant_id: int
    design: str
    filled: int
    size: PictureSize


def stamp_row(
    db: Session,
    design: PassDesign,
    grid: StampGrid,
    size: PictureSize,
    *,
    now: datetime | None = None,
) -> PassPicture:
    """A card's stamps as a strip (Apple) or hero (Google).

    Drawn once per look and count; to be called outside of any transaction, since it may draw.

    Raises:
        IconsMissing: the front-end was not built.
    """
    target, is_ready = grid["target"], grid["rewards_ready"] > 0

    def draw() -> bytes:
        look = StampLook(
            face=card_face(design.card_color, design.card_secondary_color),
            icon=stamp_icon(design.stamp_icon),
            gift=stamp_icon("gift"),
        )
        return draw_row(
            look,
            filled=grid["filled"],
            target=target,
            is_ready=is_ready,
            width=size.width,
            height=size.height,
        )

    key = _row_key(design, target, is_ready=is_ready)
    return _picture(db, _Place(design.merchant_id, key, grid["filled"], size), draw, now=now)


def banner(
    db: Session, design: PassDesign, size: PictureSize, *, now: datetime | None = None
) -> PassPicture:
    """The strip or hero of a card without stamps: the merchant's large picture, or its colours."""

    def draw() -> bytes:
        face = card_face(design.card_color, design.card_secondary_color)
        hero = _image(db, design, design.hero_image)
        return draw_banner(face, hero, size.width, size.height)

    place = _Place(design.merchant_id, _banner_key(design), 0, size)
    try:
        return _picture(db, place, draw, now=now)
    except _Replaced:
        return banner(db, replace(design, hero_image=None), size, now=now)


def face(
    db: Session, design: PassDesign, size: PictureSize, *, now: datetime | None = None
) -> PassPicture:
    """The merchant's logo, or a monogram where there is none, as an icon or a logo.

    Raises:
        IconsMissing: the front-end was not built.
    """

    def draw() -> bytes:
        look = FaceLook(
            face=card_face(design.card_color, design.card_secondary_color),
            logo=_image(db, design, design.logo_image),
            mark=letter_mark(design.merchant_name) or _stand_in(),
        )
        if size in APPLE_ICONS:
            return face_picture.draw_icon(look, size.width)
        if size is PictureSize.GOOGLE_LOGO:
            return face_picture.draw_round_logo(look, size.width)
        return face_picture.draw_logo(look, size.width, size.height)

    place = _Place(design.merchant_id, _face_key(design), 0, size)
    try:
        return _picture(db, place, draw, now=now)
    except _Replaced:
        return face(db, replace(design, logo_image=None), size, now=now)


def media_url(name: str) -> str:
    """Where anybody gets a picture, ours or a merchant's, with the platform's own address."""
    return f"{get_settings().base_url}{MEDIA_PATH}/{name}"


def drop_old(db: Session, *, now: datetime | None = None) -> int:
    """Delete pictures of looks that a merchant's cards have not had for 30 days.

    That is where the program has been as it is for so long, and the picture is older.
    """
    now = now or clock.utc_now()
    dropped = 0
    for merchant_id in _merchants_with_old(db, now=now):
        with read_connection(db) as connection:
            keys = _keys(read_design(connection, merchant_id=merchant_id))
        with atomic(db):
            gone = db.execute(
                delete(StampPicture)
                .where(
                    StampPicture.merchant_id == merchant_id,
                    StampPicture.created_at < now - _OLD,
                    StampPicture.design.not_in(keys),
                )
                .returning(StampPicture.id)
                .execution_options(synchronize_session=False)
            ).all()
        dropped += len(gone)
    return dropped


def _merchants_with_old(db: Session, *, now: datetime) -> list[int]:
    old = select(StampPicture.merchant_id).where(StampPicture.created_at < now - _OLD)
    with read_connection(db) as connection:
        return list(
            connection.execute(
                select(LoyaltyProgram.merchant_id)
                .where(
                    LoyaltyProgram.merchant_id.in_(old),
                    LoyaltyProgram.updated_at < now - _OLD,
                )
                .order_by(LoyaltyProgram.merchant_id)
                .execution_options(tenant_exempt="the nightly tidying looks at all merchants")
            ).scalars()
        )


def _picture(
    db: Session, place: _Place, draw: Callable[[], bytes], *, now: datetime | None
) -> PassPicture:
    now = now or clock.utc_now()
    known = _MEMORY.get(db, place, now=now)
    if known is None:
        known = _stored(db, place) or _store(db, place, draw, now=now)
        _MEMORY.put(db, place, known, now=now)
    return known


def _stored(db: Session, place: _Place) -> PassPicture | None:
    statement = select(StampPicture.name, StampPicture.sha1, StampPicture.content).where(
        StampPicture.merchant_id == place.merchant_id,
        StampPicture.design == place.design,
        StampPicture.filled == place.filled,
        StampPicture.size == place.size.value,
    )
    with read_connection(db) as connection:
        row = connection.execute(statement).one_or_none()
    return row and PassPicture(name=row.name, sha1=row.sha1, content=row.content)


def _store(db: Session, place: _Place, draw: Callable[[], bytes], *, now: datetime) -> PassPicture:
    """Draw and keep a picture; where another was quicker, its picture is the one."""
    assert not in_atomic(db), "nothing is drawn while a transaction is open"
    content = draw()
    values = {
        **place._asdict(),
        "name": f"{PICTURE_PREFIX}{hashlib.sha256(content).hexdigest()}.png",
        # Apple's manifest asks for SHA-1; nothing here rests on its strength.
        "sha1": hashlib.sha1(content, usedforsecurity=False).hexdigest(),
        "content": content,
        "created_at": now,
    }
    is_sqlite = engine_of(db).dialect.name == "sqlite"
    insert = (sqlite.insert if is_sqlite else postgresql.insert)(StampPicture)
    with write_connection(db) as connection:
        connection.execute(insert.values(values).on_conflict_do_nothing())
    stored = _stored(db, place)
    assert stored is not None
    return stored


def _image(db: Session, design: PassDesign, name: str | None) -> Image.Image | None:
    """A picture of the program.

    Raises:
        _Replaced: the program has come to show another one since `design` was read.
    """
    if name is None:
        return None
    statement = select(ProgramImage.content).where(
        ProgramImage.merchant_id == design.merchant_id, ProgramImage.name == name
    )
    with read_connection(db) as connection:
        content = connection.execute(statement).scalar_one_or_none()
    if content is None:
        raise _Replaced
    return Image.open(BytesIO(content)).convert("RGBA")


def _stand_in() -> Image.Image:
    icon = stamp_icon(_STAND_IN)
    return centred(icon, icon.width, icon.width * _STAND_IN_EDGE)


def _keys(design: PassDesign) -> set[str]:
    """All looks a merchant's cards may have; some still count to an earlier target."""
    rows = {
        _row_key(design, target, is_ready=is_ready)
        for target in _TARGETS
        for is_ready in (False, True)
    }
    return rows | {_banner_key(design), _face_key(design)}


def _row_key(design: PassDesign, target: int, *, is_ready: bool) -> str:
    return _key("stamps", design, design.stamp_icon, target, is_ready)


def _banner_key(design: PassDesign) -> str:
    return _key("banner", design, design.hero_image)


def _face_key(design: PassDesign) -> str:
    return _key("face", design, design.logo_image or design.merchant_name)


def _key(kind: str, design: PassDesign, *drawn: str | int | None) -> str:
    """Everything that is drawn but the count, as 40 hex digits."""
    colors = (design.card_color, design.card_secondary_color)
    text = json.dumps([DRAWN_AS, kind, *colors, *drawn])
    return hashlib.sha256(text.encode()).hexdigest()[:40]
