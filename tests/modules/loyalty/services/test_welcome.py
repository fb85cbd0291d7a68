"""The welcome of a hybrid program: whichever way somebody joins, both units, and once."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.services import card_service, confirmation, points_service
from app.modules.loyalty.services.code_sending import Visitor
from app.modules.loyalty.services.points_service import PointsPreview
from app.modules.loyalty.types import Enrolment
from app.modules.tenancy.services import store_service
from tests import reads
from tests.factories import NOW
from tests.modules.loyalty.services.mailbox import newest_code
from tests.modules.loyalty.services.points_desk import Desk


@pytest.fixture
def desk(db: Session) -> Desk:
    return Desk(db, welcome_bonus_stamps=2, welcome_bonus_points=30)


def email(desk: Desk) -> str:
    """An address of this test's own: its codes are counted over all merchants of a database."""
    return f"mia.{desk.merchant_id}@example.com"


def card_of(desk: Desk, enrolment: Enrolment) -> LoyaltyCard:
    [found] = reads.rows_of(desk.db, LoyaltyCard, merchant_id=desk.merchant_id)
    card: LoyaltyCard = found
    assert card.id == enrolment["card_id"]
    return card


def join_alone(desk: Desk) -> LoyaltyCard:
    joined = card_service.enroll_self(
        desk.db, store_id=desk.shop.store.id, email=email(desk), locale="en", now=NOW
    )
    return card_of(desk, joined)


def test_given_somebody_at_the_counter_when_enrolled_then_welcomed_at_once(desk: Desk) -> None:
    store_id = desk.shop.store.id
    made = card_service.enroll(
        desk.db, caller=desk.till, store_id=store_id, email=email(desk), paper_stamps=6, now=NOW
    )
    card = card_of(desk, made)
    assert desk.balances(card) == (8, 30)
    types = [entry.type for entry in reads.entries_of(desk.db, card)]
    assert types == ["card_created", "welcome_bonus", "stamps_adjusted"]


def test_given_somebody_who_joined_alone_when_they_confirm_then_welcomed(desk: Desk) -> None:
    card = join_alone(desk)
    assert desk.balances(card) == (0, 0)
    store = store_service.find_store(desk.db, store_id=desk.shop.store.id)
    device = Visitor(store, language="en", browser="phone", customer_id=card.customer_id)
    code = newest_code(desk.db, merchant_id=desk.merchant_id)
    confirmation.verify(desk.db, device, code=code, now=NOW)
    assert desk.balances(card) == (2, 30)
    assert desk.earn(card, 1000)["points_balance"] == 130


@pytest.mark.parametrize("first", ["stamp", "purchase"])
def test_given_somebody_who_joined_alone_when_first_served_then_welcomed_once(
    desk: Desk, first: str
) -> None:
    card = join_alone(desk)
    for _ in range(2):
        if first == "stamp":
            desk.stamp(card)
        else:
            desk.earn(card, 1000)
    assert desk.balances(card) == ((4, 30) if first == "stamp" else (2, 230))


def test_given_a_welcome_that_is_due_when_a_purchase_is_previewed_then_it_is_in_the_balance(
    desk: Desk,
) -> None:
    card = join_alone(desk)
    told = points_service.preview_points(
        desk.db, caller=desk.till, card_id=card.id, purchase_amount_cents=2599, now=NOW
    )
    earned = desk.earn(card, 2599)
    assert told == PointsPreview(
        points_earned=earned["points_earned"], points_balance=earned["points_balance"]
    )
    assert told == {"points_earned": 259, "points_balance": 289}
