"""Pictures: kept under a name made of their content, and dropped when nobody shows them."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.core.errors import NotFound, PayloadTooLarge
from app.modules.loyalty.errors import ImageRejected, ProgramNotFound
from app.modules.loyalty.models import ProgramImage
from app.modules.loyalty.rules.pictures import PictureKind
from app.modules.loyalty.services import image_service
from app.modules.loyalty.services.image_service import ImageView
from app.modules.loyalty.types import ActorKind, Caller
from app.modules.tenancy.models import AuditEntry
from tests import factories, reads
from tests.factories import NOW, Shop
from tests.pictures import BLUE, picture


def send(db: Session, shop: Shop, content: bytes, after_hours: int = 0) -> ImageView:
    return image_service.store_image(
        db,
        merchant_id=shop.merchant_id,
        content=content,
        kind=PictureKind.LOGO,
        caller=Caller(shop.merchant_id, kind=ActorKind.USER, actor_id=7),
        now=NOW + timedelta(hours=after_hours),
    )


def names_of(db: Session, shop: Shop) -> set[str]:
    return {row.name for row in reads.rows_of(db, ProgramImage, merchant_id=shop.merchant_id)}


def test_given_a_picture_when_sent_then_its_name_is_the_hash_of_what_is_served(
    db: Session,
) -> None:
    shop = factories.make_shop(db)
    image = send(db, shop, picture())
    served = image_service.read_image(db, name=image["name"])
    assert image["name"] == f"logo-{hashlib.sha256(served['content']).hexdigest()}.png"
    assert (image["width"], image["height"], served["content_type"]) == (40, 30, "image/png")
    [entry] = reads.rows_of(db, AuditEntry, merchant_id=shop.merchant_id)
    assert (entry.action, entry.actor_id) == ("program_image_sent", 7)


def test_given_the_same_picture_when_sent_twice_or_by_another_then_the_same_name(
    db: Session,
) -> None:
    shop, other = factories.make_shop(db), factories.make_shop(db)
    name = send(db, shop, picture())["name"]
    assert send(db, shop, picture())["name"] == name == send(db, other, picture())["name"]
    assert names_of(db, shop) == names_of(db, other) == {name}
    assert image_service.read_image(db, name=name)["content_type"] == "image/png"


@pytest.mark.parametrize(("hours", "is_kept"), [(24, True), (25, False)])
def test_given_a_picture_that_was_never_shown_when_another_comes_a_day_later_then_it_goes(
    db: Session, hours: int, is_kept: bool
) -> None:
    shop, other = factories.make_shop(db), factories.make_shop(db)
    unsaved, foreign = send(db, shop, picture())["name"], send(db, other, picture())["name"]
    newer = send(db, shop, picture(color=BLUE), after_hours=hours)["name"]
    assert names_of(db, shop) == ({unsaved, newer} if is_kept else {newer})
    assert names_of(db, other) == {foreign}


def test_given_more_than_a_megabyte_when_sent_then_too_large_and_nothing_kept(db: Session) -> None:
    shop = factories.make_shop(db)
    exact = picture().ljust(1_000_000, b"\0")
    assert send(db, shop, exact)["width"] == 40
    with pytest.raises(PayloadTooLarge) as refused:
        send(db, shop, exact + b"\0")
    assert refused.value.params == {"max_bytes": 1_000_000}
    assert len(names_of(db, shop)) == 1


def test_given_no_picture_or_no_program_when_sent_then_refused(db: Session) -> None:
    shop = factories.make_shop(db)
    with pytest.raises(ImageRejected):
        send(db, shop, b"<svg/>")
    merchant = factories.make_merchant(db)
    with pytest.raises(ProgramNotFound):
        image_service.store_image(
            db, merchant_id=merchant.id, content=picture(), kind=PictureKind.LOGO
        )
    assert names_of(db, shop) == set()


def test_given_a_name_that_nothing_has_when_asked_for_then_not_found(db: Session) -> None:
    with pytest.raises(NotFound):
        image_service.read_image(db, name=f"logo-{'0' * 64}.png")
