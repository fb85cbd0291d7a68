"""Pictures on passes: drawn once per look and count, kept, and dropped long after."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.core.db import atomic
from app.modules.loyalty.models import LoyaltyProgram, StampPicture
from app.modules.loyalty.rules.looks import StampGrid, stamp_grid
from app.modules.loyalty.rules.pictures import PictureKind
from app.modules.loyalty.rules.stamp_picture import StampLook, draw_row
from app.modules.loyalty.services import image_service, pass_pictures, stamp_icons
from app.modules.loyalty.services.pass_reading import read_design
from app.modules.loyalty.services.picture_memory import KEPT, PictureMemory
from app.modules.loyalty.types import PassDesign
from app.modules.loyalty.types.pictures import PassPicture, PictureSize
from tests import factories, reads
from tests.factories import NOW, Shop
from tests.pictures import opened, picture

STRIP = PictureSize.STRIP_1X
DAY = timedelta(days=1)


class Pen:
    """Counts what is drawn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.drawn: list[int] = []
        monkeypatch.setattr(pass_pictures, "draw_row", self._draw)

    def _draw(self, look: StampLook, *, filled: int, **more: Any) -> bytes:
        self.drawn.append(filled)
        return draw_row(look, filled=filled, **more)


@pytest.fixture(autouse=True)
def _fresh_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    forget(monkeypatch)


@pytest.fixture
def pen(monkeypatch: pytest.MonkeyPatch) -> Pen:
    return Pen(monkeypatch)


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """As another process sees it."""
    monkeypatch.setattr(pass_pictures, "_MEMORY", PictureMemory())


def design_of(db: Session, shop: Shop) -> PassDesign:
    return read_design(db.connection(), merchant_id=shop.merchant_id)


def grid(stamps: int, target: int = 10) -> StampGrid:
    return stamp_grid(stamps, target)


def names_of(db: Session, shop: Shop) -> set[str]:
    return {row.name for row in reads.rows_of(db, StampPicture, merchant_id=shop.merchant_id)}


def change(db: Session, shop: Shop, after: timedelta, **columns: object) -> None:
    with atomic(db):
        db.execute(
            update(LoyaltyProgram)
            .where(LoyaltyProgram.merchant_id == shop.merchant_id)
            .values(updated_at=NOW + after, **columns)
        )


def test_given_a_count_when_asked_for_often_and_elsewhere_then_drawn_once(
    db: Session, pen: Pen, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = factories.make_shop(db)
    design = design_of(db, shop)
    first = pass_pictures.stamp_row(db, design, grid(3), STRIP, now=NOW)
    assert pass_pictures.stamp_row(db, design, grid(3), STRIP, now=NOW) is first
    forget(monkeypatch)
    assert pass_pictures.stamp_row(db, design, grid(3), STRIP, now=NOW) == first
    assert pen.drawn == [3]
    assert first.name == f"pass-{hashlib.sha256(first.content).hexdigest()}.png"
    assert first.sha1 == hashlib.sha1(first.content, usedforsecurity=False).hexdigest()
    assert names_of(db, shop) == {first.name}


def test_given_cards_that_look_alike_when_asked_then_no_picture_more(db: Session, pen: Pen) -> None:
    design = design_of(db, factories.make_shop(db))
    for stamps in (0, -3):  # nothing, and owed
        pass_pictures.stamp_row(db, design, grid(stamps), STRIP, now=NOW)
    for stamps in (12, 22):  # two, and one or two rewards
        pass_pictures.stamp_row(db, design, grid(stamps), STRIP, now=NOW)
    retold = replace(design, revision=9, terms_text="New", hero_image="hero-x.png")
    pass_pictures.stamp_row(db, retold, grid(0), STRIP, now=NOW)
    assert pen.drawn == [0, 2]


def test_given_another_look_or_merchant_when_asked_then_drawn_anew(db: Session, pen: Pen) -> None:
    design = design_of(db, factories.make_shop(db))
    other = design_of(db, factories.make_shop(db))
    looks = [
        (design, grid(2)),
        (other, grid(2)),
        (design, grid(12)),
        (design, grid(2, 11)),
        (replace(design, card_color="#aa0000"), grid(2)),
        (replace(design, card_secondary_color="#000000"), grid(2)),
        (replace(design, stamp_icon="beer"), grid(2)),
    ]
    names = [pass_pictures.stamp_row(db, look, of, STRIP, now=NOW).name for look, of in looks]
    assert pen.drawn == [2] * len(looks)
    assert names[0] == names[1]  # the same content has the same address
    assert len(set(names)) == len(looks) - 1


def test_given_two_that_draw_at_once_when_kept_then_both_have_the_first_ones(
    db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = factories.make_shop(db)
    design = design_of(db, shop)
    others = []

    def draw_slowly(*look: object, **more: object) -> bytes:
        monkeypatch.setattr(pass_pictures, "draw_row", draw_row)
        with Session(db.get_bind()) as other:
            others.append(pass_pictures.stamp_row(other, design, grid(3), STRIP, now=NOW))
        return b"drawn a little later"

    monkeypatch.setattr(pass_pictures, "draw_row", draw_slowly)
    mine = pass_pictures.stamp_row(db, design, grid(3), STRIP, now=NOW)
    assert [mine] == others
    assert names_of(db, shop) == {mine.name}


def test_given_an_open_transaction_when_it_would_be_drawn_then_that_is_a_bug(db: Session) -> None:
    design = design_of(db, factories.make_shop(db))
    with atomic(db), pytest.raises(AssertionError, match="transaction"):
        pass_pictures.stamp_row(db, design, grid(3), STRIP, now=NOW)


def test_given_a_logo_when_asked_for_faces_then_they_show_it_in_every_size(db: Session) -> None:
    shop = factories.make_shop(db)
    sent = image_service.store_image(
        db, merchant_id=shop.merchant_id, content=picture(), kind=PictureKind.LOGO, now=NOW
    )
    plain = design_of(db, shop)
    design = replace(plain, logo_image=sent["name"])
    for size in (PictureSize.ICON_2X, PictureSize.LOGO_3X, PictureSize.GOOGLE_LOGO):
        face = pass_pictures.face(db, design, size, now=NOW)
        assert face.name != pass_pictures.face(db, plain, size, now=NOW).name
        width, height = opened(face.content).size
        assert height == size.height
        assert width == (200 if size is PictureSize.LOGO_3X else size.width)


def test_given_a_logo_that_was_just_replaced_when_drawn_then_nothing_wrong_is_kept_as_it(
    db: Session,
) -> None:
    shop = factories.make_shop(db)
    plain = design_of(db, shop)
    gone = replace(plain, logo_image="logo-gone.png", hero_image="hero-gone.png")
    size = PictureSize.ICON_1X
    monogram = pass_pictures.face(db, gone, size, now=NOW)
    assert monogram == pass_pictures.face(db, plain, size, now=NOW)
    banner = pass_pictures.banner(db, gone, STRIP, now=NOW)
    assert banner == pass_pictures.banner(db, plain, STRIP, now=NOW)
    assert names_of(db, shop) == {monogram.name, banner.name}
    assert len(reads.rows_of(db, StampPicture, merchant_id=shop.merchant_id)) == 2


def test_given_a_large_picture_when_asked_for_a_banner_then_it_shows_it(db: Session) -> None:
    shop = factories.make_shop(db)
    image = image_service.store_image(
        db, merchant_id=shop.merchant_id, content=picture(), kind=PictureKind.HERO, now=NOW
    )
    design = replace(design_of(db, shop), hero_image=image["name"])
    shown = opened(pass_pictures.banner(db, design, PictureSize.GOOGLE_HERO, now=NOW).content)
    assert shown.size == (1032, 336)
    red, green, _ = shown.convert("RGB").crop((500, 150, 501, 151)).tobytes()
    assert red > 150 > green


def test_given_a_name_without_a_letter_we_draw_when_asked_then_a_star_stands_in(
    db: Session,
) -> None:
    shop = factories.make_shop(db, factories.make_merchant(db, name="Пекарня"))
    face = pass_pictures.face(db, design_of(db, shop), PictureSize.ICON_3X, now=NOW)
    assert len(set(opened(face.content).convert("L").tobytes())) > 20


@pytest.mark.parametrize(
    ("age", "changed", "is_kept"),
    [(31, 30, True), (31, 31, False), (30, 31, True)],
    ids=["changed lately", "old", "drawn lately"],
)
def test_given_an_earlier_look_when_tidied_then_it_goes_after_thirty_days(
    db: Session, age: int, changed: int, is_kept: bool
) -> None:
    shop = factories.make_shop(db)
    design = design_of(db, shop)
    now = NOW + 40 * DAY
    before = [
        pass_pictures.stamp_row(db, design, grid(3), STRIP, now=now - age * DAY),
        pass_pictures.face(db, design, PictureSize.ICON_1X, now=now - age * DAY),
    ]
    change(db, shop, 40 * DAY - changed * DAY, card_color="#aa0000")
    pass_pictures.drop_old(db, now=now)
    assert names_of(db, shop) == ({one.name for one in before} if is_kept else set())


def test_given_the_look_of_today_when_tidied_then_it_stays_with_any_target(db: Session) -> None:
    shop, other = factories.make_shop(db), factories.make_shop(db)
    design = design_of(db, shop)
    kept = {
        pass_pictures.stamp_row(db, design, grid(12), STRIP, now=NOW).name,
        pass_pictures.stamp_row(db, design, grid(2, 50), STRIP, now=NOW).name,
        pass_pictures.banner(db, design, STRIP, now=NOW).name,
        pass_pictures.face(db, design, PictureSize.ICON_1X, now=NOW).name,
    }
    foreign = pass_pictures.stamp_row(db, design_of(db, other), grid(1), STRIP, now=NOW).name
    pass_pictures.drop_old(db, now=NOW + 400 * DAY)
    assert (names_of(db, shop), names_of(db, other)) == (kept, {foreign})


def test_given_the_front_end_is_not_built_when_drawn_then_it_says_what_to_do(
    db: Session, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stamp_icons, "_DIRECTORY", tmp_path)
    stamp_icons.stamp_icon.cache_clear()
    shop = factories.make_shop(db)
    with pytest.raises(stamp_icons.IconsMissing, match="make build"):
        pass_pictures.stamp_row(db, design_of(db, shop), grid(1), STRIP, now=NOW)
    assert names_of(db, shop) == set()


def test_given_more_than_there_is_room_for_when_remembered_then_the_oldest_go(db: Session) -> None:
    memory = PictureMemory(most_bytes=250)
    pictures = [PassPicture(f"pass-{n}.png", "", bytes(100)) for n in range(3)]
    memory.put(db, 0, pictures[0], now=NOW)
    memory.put(db, 1, pictures[1], now=NOW)
    assert memory.get(db, 0, now=NOW) is pictures[0]  # used later than the other
    memory.put(db, 2, pictures[2], now=NOW)
    assert [memory.get(db, n, now=NOW) is not None for n in range(3)] == [True, False, True]
    assert memory.get(db, 2, now=NOW + KEPT - timedelta(seconds=1)) is pictures[2]
    assert memory.get(db, 2, now=NOW + KEPT) is None


def test_given_a_name_when_its_address_is_asked_then_it_begins_with_the_platforms_own() -> None:
    assert pass_pictures.media_url("pass-1.png") == "http://127.0.0.1:8000/media/pass-1.png"
