"""Undoing and correcting stamps: through the service, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.core.errors import Forbidden
from app.modules.loyalty.errors import (
    AlreadyVoided,
    InsufficientStamps,
    StaffPinRequired,
    TransactionNotFound,
)
from app.modules.loyalty.services import stamp_service
from app.modules.loyalty.types import ActorKind, Caller
from tests.factories import (
    NOW,
    Shop,
    make_card,
    make_pin,
    make_shop,
)
from tests.modules.loyalty.services.desk import stamp
from tests.reads import card_now, ledger_of

LATER = NOW + timedelta(minutes=15)


@pytest.fixture
def shop(db: Session) -> Shop:
    shop = make_shop(db)
    make_pin(db, merchant_id=shop.merchant_id)
    return shop


def manager(shop: Shop, actor_id: int = 7) -> Caller:
    return Caller(shop.merchant_id, kind=ActorKind.USER, actor_id=actor_id, is_manager=True)


def test_given_a_voided_stamp_when_the_next_is_asked_then_the_cooldown_runs_from_the_one_before(
    db: Session, shop: Shop
) -> None:
    # given
    card = make_card(db, shop=shop)
    stamp(db, card)
    second = stamp(db, card, now=LATER)
    # when
    stamp_service.void_stamp(
        db,
        transaction_id=second["transaction_id"],
        reason="mistake",
        **shop.at_counter(),
        now=LATER,
    )
    # then
    assert card_now(db, card).last_stamp_at == NOW
    assert stamp(db, card, now=LATER)["stamp_count"] == 2


def test_given_an_entry_voided_once_when_voided_again_then_refused(db: Session, shop: Shop) -> None:
    card = make_card(db, shop=shop)
    given = stamp(db, card)
    void = {"transaction_id": given["transaction_id"], "reason": "mistake", "now": NOW}
    stamp_service.void_stamp(db, **void, **shop.at_counter())  # type: ignore[arg-type]
    with pytest.raises(AlreadyVoided):
        stamp_service.void_stamp(db, **void, **shop.at_counter())  # type: ignore[arg-type]
    assert [delta for _type, delta, _after in ledger_of(db, card)] == [1, -1]


def test_given_somebody_elses_stamp_when_a_cashier_voids_it_then_forbidden(
    db: Session, shop: Shop
) -> None:
    # given
    make_pin(db, merchant_id=shop.merchant_id, pin="6153", name="Ben")
    card = make_card(db, shop=shop)
    given = stamp(db, card)
    # when, then
    with pytest.raises(Forbidden):
        stamp_service.void_stamp(
            db,
            transaction_id=given["transaction_id"],
            reason="mistake",
            caller=Caller(shop.merchant_id),
            staff_pin="6153",
            now=NOW,
        )


def test_given_a_managers_session_when_another_ones_stamp_is_voided_then_the_pin_is_asked(
    db: Session, shop: Shop
) -> None:
    # given
    make_pin(db, merchant_id=shop.merchant_id, pin="715093", name="Mia", role="manager")
    card, other = make_card(db, shop=shop), make_card(db, shop=shop)
    given = stamp(db, card)
    session = stamp(db, other, staff_pin="715093")["staff_session"]
    void = {"transaction_id": given["transaction_id"], "reason": "mistake", "now": NOW}
    caller = Caller(shop.merchant_id)
    # when
    with pytest.raises(StaffPinRequired):
        stamp_service.void_stamp(db, **void, caller=caller, staff_session=session)  # type: ignore[arg-type]
    # then
    result = stamp_service.void_stamp(db, **void, caller=caller, staff_pin="715093")  # type: ignore[arg-type]
    assert result["stamp_count"] == 0


def test_given_another_merchants_entry_when_voided_then_it_does_not_exist(
    db: Session, shop: Shop
) -> None:
    given = stamp(db, make_card(db, shop=shop))
    other = make_shop(db)
    with pytest.raises(TransactionNotFound):
        stamp_service.void_stamp(
            db,
            transaction_id=given["transaction_id"],
            reason="mistake",
            caller=manager(other),
            now=NOW,
        )


def test_given_a_manager_when_a_card_is_adjusted_then_an_entry_says_so_and_limits_stay(
    db: Session, shop: Shop
) -> None:
    # given
    card = make_card(db, shop=shop)
    # when
    result = stamp_service.adjust_stamps(
        db, card_id=card.id, delta=7, reason="paper card", caller=manager(shop), now=NOW
    )
    # then
    assert (result["stamp_count"], result["stamps_remaining_today"]) == (7, 5)
    assert ledger_of(db, card)[-1] == ("stamps_adjusted", 7, 7)
    with pytest.raises(InsufficientStamps):
        stamp_service.adjust_stamps(
            db, card_id=card.id, delta=-8, reason="paper card", caller=manager(shop), now=NOW
        )


def test_given_a_cashier_when_a_card_is_adjusted_then_forbidden(db: Session, shop: Shop) -> None:
    card = make_card(db, shop=shop)
    with pytest.raises(Forbidden):
        stamp_service.adjust_stamps(
            db, card_id=card.id, delta=1, reason="paper card", caller=Caller(shop.merchant_id)
        )
