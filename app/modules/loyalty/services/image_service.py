"""Pictures of a program: taken in, named by their content, given out, and dropped."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any, Final, TypedDict

from sqlalchemy import Select, delete, literal, select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.db import atomic, end_read
from app.core.errors import FieldError, NotFound, PayloadTooLarge, ValidationFailed
from app.modules.loyalty.errors import ProgramNotFound
from app.modules.loyalty.models import LoyaltyProgram, ProgramImage, StampPicture
from app.modules.loyalty.rules.pictures import MAXIMUM_BYTES, Picture, PictureKind, redraw
from app.modules.loyalty.types import ActorKind, Caller
from app.modules.loyalty.types.pictures import PICTURE_PREFIX
from app.modules.tenancy.services import audit_service

# Which column of the program shows which kind.
_COLUMNS: Final = {"logo_image": PictureKind.LOGO, "hero_image": PictureKind.HERO}
# Time between sending a picture and saving the program with it.
_UNSAVED_LIFE: Final = timedelta(days=1)
_SUFFIXES: Final = {"image/png": "png", "image/jpeg": "jpg"}


class ImageView(TypedDict):
    """A picture without its content. Width and height are pixels."""

    name: str
    kind: str
    content_type: str
    width: int
    height: int


class ServedImage(TypedDict):
    """A picture as anybody gets it."""

    content: bytes
    content_type: str


def store_image(
    db: Session,
    *,
    merchant_id: int,
    content: bytes,
    kind: PictureKind,
    caller: Caller | None = None,
    now: datetime | None = None,
) -> ImageView:
    """Draw a picture anew and keep it. It shows once the program names it.

    Pictures that no program came to name are dropped a day later. The same picture again
    is the same name.

    Raises:
        ProgramNotFound, ImageRejected.
        PayloadTooLarge: more than 1 MB (1,000,000 bytes).
    """
    now = now or clock.utc_now()
    if len(content) > MAXIMUM_BYTES:
        raise PayloadTooLarge(max_bytes=MAXIMUM_BYTES)
    end_read(db)
    picture = redraw(content, kind)
    view = view_of(picture, kind)
    with atomic(db):
        program = locked_program(db, merchant_id=merchant_id)
        drop_unused(db, program, replaced=frozenset(), now=now)
        if keep(db, program, picture, view, now=now):
            _audit(db, program, view["name"], caller, now=now)
    return view


def read_image(db: Session, *, name: str) -> ServedImage:
    """A picture by its name, for anybody: the name is a hash of what it shows.

    Raises:
        NotFound.
    """
    kept: Select[bytes, str]
    if name.startswith(PICTURE_PREFIX):
        kept = select(StampPicture.content, literal("image/png").label("content_type"))
        kept = kept.where(StampPicture.name == name)
    else:
        kept = select(ProgramImage.content, ProgramImage.content_type)
        kept = kept.where(ProgramImage.name == name)
    row = db.execute(
        kept.limit(1).execution_options(tenant_exempt="a picture is public under its name")
    ).one_or_none()
    if row is None:
        raise NotFound
    return ServedImage(content=row.content, content_type=row.content_type)


def check_known(db: Session, *, merchant_id: int, columns: dict[str, Any]) -> None:
    """Refuse columns of a program that name pictures the merchant has not sent.

    Raises:
        ValidationFailed: with the field.
    """
    for column, kind in _COLUMNS.items():
        name = columns.get(column)
        is_of_kind = name is None or name.startswith(f"{kind}-")
        if name is not None and not (is_of_kind and _is_known(db, merchant_id, name)):
            raise ValidationFailed(FieldError(("body", column), "image_unknown"))


def drop_unused(
    db: Session, program: LoyaltyProgram, *, replaced: frozenset[str | None], now: datetime
) -> None:
    """Delete a merchant's pictures that the program does not show, inside the caller's `atomic`.

    Those it showed until now (`replaced`) go at once, others when they had a day to be saved.
    """
    used = {program.logo_image, program.hero_image} - {None}
    is_over = ProgramImage.created_at < now - _UNSAVED_LIFE
    db.execute(
        delete(ProgramImage)
        .where(
            ProgramImage.merchant_id == program.merchant_id,
            ProgramImage.name.not_in(used),
            is_over | ProgramImage.name.in_(replaced - {None}),
        )
        .execution_options(synchronize_session=False)
    )


def keep(
    db: Session, program: LoyaltyProgram, picture: Picture, view: ImageView, *, now: datetime
) -> bool:
    """Keep a picture, inside the caller's `atomic`; False where the merchant has it already."""
    if _is_known(db, program.merchant_id, view["name"]):
        return False
    db.add(
        ProgramImage(
            merchant_id=program.merchant_id, content=picture.content, created_at=now, **view
        )
    )
    db.flush()
    return True


def view_of(picture: Picture, kind: PictureKind) -> ImageView:
    """What is known of a picture, under the name that its content gives it."""
    digest = hashlib.sha256(picture.content).hexdigest()
    return ImageView(
        name=f"{kind}-{digest}.{_SUFFIXES[picture.content_type]}",
        kind=kind.value,
        content_type=picture.content_type,
        width=picture.width,
        height=picture.height,
    )


def locked_program(db: Session, *, merchant_id: int) -> LoyaltyProgram:
    """The program, locked: one change of a merchant's pictures after the other.

    Raises:
        ProgramNotFound.
    """
    program = db.execute(
        select(LoyaltyProgram)
        .where(LoyaltyProgram.merchant_id == merchant_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if program is None:
        raise ProgramNotFound
    return program


def _is_known(db: Session, merchant_id: int, name: str) -> bool:
    found = select(ProgramImage.id).where(
        ProgramImage.merchant_id == merchant_id, ProgramImage.name == name
    )
    return db.execute(found).scalar_one_or_none() is not None


def _audit(
    db: Session, program: LoyaltyProgram, name: str, caller: Caller | None, *, now: datetime
) -> None:
    audit_service.record(
        db,
        merchant_id=program.merchant_id,
        action="program_image_sent",
        subject=f"program:{program.id}",
        actor_kind=(caller.kind if caller else ActorKind.SERVICE).value,
        actor_id=caller.actor_id if caller else None,
        new={"image": name},
        ip_address=caller.ip_address if caller else None,
        request_id=caller.request_id if caller else None,
        now=now,
    )
