"""What a change of type, expiry or pictures does, and what it never takes away."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.core.errors import ValidationFailed
from app.modules.loyalty.errors import ProgramExists, ProgramInactive, ProgramTypeMismatch
from app.modules.loyalty.models import LoyaltyProgram, ProgramImage
from app.modules.loyalty.rules.pictures import PictureKind
from app.modules.loyalty.schemas import ProgramCreate, ProgramUpdate
from app.modules.loyalty.services import (
    image_service,
    points_service,
    program_service,
    stamp_service,
)
from app.modules.loyalty.types import LoyaltyType
from tests import factories, reads
from tests.factories import NOW, Shop
from tests.pictures import BLUE, picture


def change(db: Session, shop: Shop, **columns: Any) -> LoyaltyProgram:
    return program_service.update_program(
        db, merchant_id=shop.merchant_id, data=ProgramUpdate(**columns), now=NOW
    )


@pytest.mark.parametrize("later", ["points", "stamps", "hybrid"])
def test_given_a_hybrid_card_when_a_unit_is_removed_then_what_it_holds_is_still_redeemed(
    db: Session, later: str
) -> None:
    shop = factories.make_shop(db, loyalty_type="hybrid", stamps_target=10)
    card = factories.make_card(db, shop=shop, stamps=10, points_balance=60)
    counter = {"card_id": card.id, **shop.at_counter(), "now": NOW}
    factories.make_pin(db, merchant_id=shop.merchant_id)
    assert change(db, shop, loyalty_type=later).revision == (2 if later != "hybrid" else 1)
    held = reads.card_now(db, card)
    assert (held.stamp_count, held.points_balance) == (10, 60)
    assert stamp_service.redeem_stamps(db, **counter)["stamp_count"] == 0
    assert points_service.redeem_points(db, points_to_redeem=60, **counter)["points_balance"] == 0


def test_given_a_removed_unit_when_earned_then_refused_and_when_added_again_then_nothing_was_lost(
    db: Session,
) -> None:
    shop = factories.make_shop(db, loyalty_type="hybrid")
    card = factories.make_card(db, shop=shop, stamps=3, points_balance=60)
    counter = {"card_id": card.id, **shop.at_counter(), "now": NOW}
    factories.make_pin(db, merchant_id=shop.merchant_id)
    change(db, shop, loyalty_type="points")
    with pytest.raises(ProgramTypeMismatch):
        stamp_service.add_stamp(db, **counter)
    change(db, shop, loyalty_type="stamps")
    with pytest.raises(ProgramTypeMismatch):
        points_service.earn_points(db, purchase_amount_cents=100, **counter)
    change(db, shop, loyalty_type="hybrid")
    assert stamp_service.add_stamp(db, **counter)["stamp_count"] == 4
    earned = points_service.earn_points(db, purchase_amount_cents=100, **counter)
    assert earned["points_balance"] == 70


def test_given_a_program_switched_off_when_used_then_it_redeems_but_does_not_earn(
    db: Session,
) -> None:
    shop = factories.make_shop(db, loyalty_type="points", is_active=False)
    card = factories.make_card(db, shop=shop, points_balance=60)
    counter = {"card_id": card.id, **shop.at_counter(), "now": NOW}
    factories.make_pin(db, merchant_id=shop.merchant_id)
    with pytest.raises(ProgramInactive):
        points_service.earn_points(db, purchase_amount_cents=100, **counter)
    assert points_service.redeem_points(db, points_to_redeem=20, **counter)["points_balance"] == 40


def test_c72_given_a_program_switched_off_when_made_anew_then_refused_and_patched_back_to_life(
    db: Session,
) -> None:
    shop = factories.make_shop(db, loyalty_type="points", is_active=False)
    card = factories.make_card(db, shop=shop, points_balance=60)
    db.expunge(card)  # the refusal's rollback must not send it back to the database
    with pytest.raises(ProgramExists):
        program_service.create_program(
            db, store_id=shop.store.id, data=ProgramCreate(loyalty_type="stamps")
        )
    assert change(db, shop, is_active=True).is_active is True
    assert reads.card_now(db, card).points_balance == 60
    [program] = reads.rows_of(db, LoyaltyProgram, merchant_id=shop.merchant_id)
    assert program.loyalty_type == LoyaltyType.POINTS


@pytest.mark.parametrize(
    ("before", "after", "starts_anew"),
    [(None, 365, True), (365, 30, True), (30, 365, False), (365, None, False), (365, 365, False)],
)
def test_given_the_expiry_when_set_or_shortened_then_it_counts_from_that_day_on(
    db: Session, before: int | None, after: int | None, starts_anew: bool
) -> None:
    long_ago = NOW - timedelta(days=700)
    shop = factories.make_shop(
        db, points_expiration_days=before, points_expiry_since=long_ago if before else None
    )
    program = change(db, shop, points_expiration_days=after)
    untouched = long_ago if before else None
    assert program.points_expiry_since == (NOW if starts_anew else untouched)
    assert program.points_expiration_days == after


def test_given_another_setting_when_changed_then_the_expiry_goes_on_as_it_was(db: Session) -> None:
    long_ago = NOW - timedelta(days=700)
    shop = factories.make_shop(db, points_expiration_days=365, points_expiry_since=long_ago)
    assert change(db, shop, points_per_euro=20).points_expiry_since == long_ago


@pytest.mark.parametrize(("days", "since"), [(None, None), (365, NOW)])
def test_given_a_new_program_when_points_run_out_in_it_then_the_days_count_from_its_start(
    db: Session, days: int | None, since: object
) -> None:
    merchant = factories.make_merchant(db)
    store = factories.make_store(db, merchant_id=merchant.id)
    program = program_service.create_program(
        db,
        store_id=store.id,
        data=ProgramCreate(loyalty_type="points", points_expiration_days=days),
        now=NOW,
    )
    assert program.points_expiry_since == since


def send(db: Session, shop: Shop, content: bytes, kind: str = "logo") -> str:
    image = image_service.store_image(
        db, merchant_id=shop.merchant_id, content=content, kind=PictureKind(kind), now=NOW
    )
    return image["name"]


def names_of(db: Session, shop: Shop) -> set[str]:
    return {row.name for row in reads.rows_of(db, ProgramImage, merchant_id=shop.merchant_id)}


def test_given_a_picture_when_the_program_shows_another_then_the_old_one_is_deleted(
    db: Session,
) -> None:
    shop = factories.make_shop(db)
    red, hero = send(db, shop, picture()), send(db, shop, picture(), "hero")
    change(db, shop, logo_image=red, hero_image=hero)
    blue = send(db, shop, picture(color=BLUE))
    assert names_of(db, shop) == {red, hero, blue}
    assert change(db, shop, logo_image=blue).logo_image == blue
    assert names_of(db, shop) == {hero, blue}
    assert change(db, shop, logo_image=None).logo_image is None
    assert names_of(db, shop) == {hero}


def test_given_pictures_of_others_or_of_another_kind_when_named_then_refused(db: Session) -> None:
    shop, other = factories.make_shop(db), factories.make_shop(db)
    foreign, hero = send(db, other, picture()), send(db, shop, picture(), "hero")
    for columns in ({"logo_image": foreign}, {"logo_image": hero}, {"hero_image": foreign}):
        with pytest.raises(ValidationFailed) as refused:
            change(db, shop, **columns)
        assert [fault.code for fault in refused.value.errors] == ["image_unknown"]
    [program] = reads.rows_of(db, LoyaltyProgram, merchant_id=shop.merchant_id)
    assert (program.logo_image, program.revision) == (None, 1)
    assert names_of(db, other) == {foreign}
