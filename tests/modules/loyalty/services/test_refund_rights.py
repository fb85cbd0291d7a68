"""Who may refund what until when, and cards and people that changed since the order earned."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.core.db import engine_of
from app.core.errors import Forbidden
from app.modules.loyalty.errors import (
    InvalidStaffPin,
    OrderNotFound,
    RefundExceedsOrder,
    StaffPinRequired,
    TerminalLocked,
    VoidWindowPassed,
)
from app.modules.loyalty.models import OrderRefund
from app.modules.loyalty.schemas.pins import PinUpdate
from app.modules.loyalty.services import ledger_verify, pin_service, refund_queries
from app.modules.loyalty.types import ActorKind
from app.modules.tenancy.errors import MerchantSuspended
from tests import reads
from tests.factories import NOW, make_pin, make_settings
from tests.modules.loyalty.services.points_desk import MANAGER_PIN, Desk, refused

DAY = timedelta(days=1)
MONTH, LATER = NOW + 30 * DAY, NOW + 31 * DAY


@pytest.fixture
def desk(db: Session) -> Desk:
    """A shop where `ORD-1` of 25 euros has just earned."""
    desk = Desk(db)
    desk.earn(desk.card(), 2500, order_reference="ORD-1")
    return desk


def test_given_a_cashier_when_refunding_then_orders_of_today_whoever_booked_them(
    desk: Desk,
) -> None:
    make_pin(desk.db, merchant_id=desk.merchant_id, pin="8137", name="Ben")
    refused(Forbidden, desk.refund, "ORD-1", "R-1", now=NOW + DAY)
    refund = desk.refund("ORD-1", "R-1", staff_pin="8137")
    assert (refund["staff_name"], refund["points_taken_back"]) == ("Ben", 250)


@pytest.mark.parametrize("role", [{"role": "manager"}, {"can_void": True}])
def test_given_somebody_who_may_void_when_refunding_then_within_the_window(
    desk: Desk, role: dict[str, object]
) -> None:
    make_pin(desk.db, merchant_id=desk.merchant_id, pin="6153", **role)
    late = refused(VoidWindowPassed, desk.refund, "ORD-1", "R-1", staff_pin="6153", now=LATER)
    assert late.params == {"days": 30}
    assert desk.refund("ORD-1", "R-1", staff_pin="6153", now=MONTH)["points_taken_back"] == 250


def test_given_the_platforms_window_when_refunding_then_it_counts(desk: Desk) -> None:
    make_settings(desk.db, merchant_id=desk.merchant_id, void_window_days=2)
    asked: dict[str, Any] = {"staff_pin": MANAGER_PIN}
    refused(VoidWindowPassed, desk.refund, "ORD-1", "R-1", now=NOW + 3 * DAY, **asked)
    assert desk.refund("ORD-1", "R-1", now=NOW + 2 * DAY, **asked)["points_taken_back"] == 250


def test_given_a_merchant_without_voids_when_refunding_then_goods_still_come_back(
    desk: Desk,
) -> None:
    make_settings(desk.db, merchant_id=desk.merchant_id, allow_voids=False)
    assert desk.refund("ORD-1", "R-1")["points_taken_back"] == 250


def test_given_an_api_key_when_refunding_then_within_the_window_with_a_cashiers_pin_or_exempt(
    desk: Desk,
) -> None:
    key = replace(desk.till, kind=ActorKind.API_KEY, terminal_id=None, actor_id=9)
    refused(StaffPinRequired, desk.refund, "ORD-1", "R-1", 100, caller=key, staff_pin=None)
    desk.refund("ORD-1", "R-1", 100, caller=key, now=NOW + DAY)
    exempt = replace(key, pin_exempt=True)
    refund = desk.refund("ORD-1", "R-2", 100, caller=exempt, staff_pin=None, now=MONTH)
    assert refund["staff_name"] is None
    refused(VoidWindowPassed, desk.refund, "ORD-1", "R-3", caller=exempt, now=LATER)


def test_given_a_program_without_pins_when_refunding_then_by_the_signed_in_persons_role(
    db: Session,
) -> None:
    desk = Desk(db, require_staff_pin=False)
    card = desk.card()
    desk.earn(card, 2500, order_reference="ORD-1", staff_pin=None)
    asked: dict[str, Any] = {"staff_pin": None, "now": NOW + DAY}
    refused(Forbidden, desk.refund, "ORD-1", "R-1", **asked)
    refused(Forbidden, desk.refund, "ORD-1", "R-1", caller=None)
    desk.refund("ORD-1", "R-1", 1000, staff_pin=None)
    desk.refund("ORD-1", "R-2", caller=desk.office, **asked)
    entry = reads.entries_of(db, card)[-1]
    assert (entry.actor_kind, entry.actor_id) == ("user", desk.office.actor_id)


def test_given_a_pin_session_when_refunding_then_todays_orders_and_it_goes_on(desk: Desk) -> None:
    opened = desk.earn(desk.card(), 100, staff_pin=MANAGER_PIN, order_reference="ORD-2")
    by_session: dict[str, Any] = {"staff_pin": None, "staff_session": opened["staff_session"]}
    refund = desk.refund("ORD-2", "R-1", **by_session)
    assert refund["staff_name"] == "Mia"
    assert refund["staff_session"] is not None
    make_settings(desk.db, merchant_id=desk.merchant_id)
    desk.change(desk.shop.program, pin_session_minutes=60)
    soon = NOW + timedelta(minutes=30)
    assert desk.refund("ORD-1", "R-2", 100, now=soon, **by_session)["points_taken_back"] == 10


def test_given_a_managers_session_when_the_order_is_of_yesterday_then_the_pin_itself_is_asked(
    desk: Desk,
) -> None:
    later = NOW + DAY
    opened = desk.earn(desk.card(), 100, staff_pin=MANAGER_PIN, now=later)
    cashiers = desk.earn(desk.card(), 100, now=later)
    for session, refusal in (
        (opened["staff_session"], StaffPinRequired),
        (cashiers["staff_session"], Forbidden),
    ):
        by_session = {"staff_pin": None, "staff_session": session, "now": later}
        refused(refusal, desk.refund, "ORD-1", "R-1", **by_session)
    assert desk.refund("ORD-1", "R-1", staff_pin=MANAGER_PIN, now=later)["staff_name"] == "Mia"


def test_given_no_pin_or_wrong_ones_when_refunding_then_refused_and_counted(desk: Desk) -> None:
    refused(StaffPinRequired, desk.refund, "ORD-1", "R-1", staff_pin=None)
    for left in (4, 3, 2, 1, 0):
        refusal = refused(InvalidStaffPin, desk.refund, "ORD-1", "R-1", staff_pin="9174")
        assert refusal.params == {"attempts_left": left}
    refused(TerminalLocked, desk.refund, "ORD-1", "R-1")
    assert reads.count_of(desk.db, OrderRefund, merchant_id=desk.merchant_id) == 0


@pytest.mark.parametrize("elsewhere", [False, True])
def test_given_a_remembered_pin_when_it_is_switched_off_then_no_refund(
    desk: Desk, elsewhere: bool
) -> None:
    desk.refund("ORD-1", "R-1", 100)
    if elsewhere:
        with engine_of(desk.db).begin() as other:
            other.exec_driver_sql(
                "UPDATE staff_pins SET version = version + 1, is_active = false"
                f" WHERE id = {desk.cashier.id}"
            )
    else:
        pin_service.update_pin(
            desk.db, merchant_id=desk.merchant_id, pin_id=desk.cashier.id,
            data=PinUpdate(is_active=False), now=NOW,
        )  # fmt: skip
    refused(InvalidStaffPin, desk.refund, "ORD-1", "R-2", 100)
    assert desk.awards()[0].refunded_cents == 100


def test_given_a_pin_that_was_changed_elsewhere_when_refunding_then_the_database_is_asked(
    desk: Desk,
) -> None:
    with engine_of(desk.db).begin() as other:
        other.exec_driver_sql(
            "UPDATE staff_pins SET version = version + 1, name = 'Ana B'"
            f" WHERE id = {desk.cashier.id}"
        )
    assert desk.refund("ORD-1", "R-1")["staff_name"] == "Ana B"


def test_given_a_locked_person_when_their_right_pin_refunds_then_refused(desk: Desk) -> None:
    for _ in range(5):
        named = {"staff_pin": "9174", "staff_pin_id": desk.cashier.id}
        refused(InvalidStaffPin, desk.refund, "ORD-1", "R-1", **named)
    refused(StaffPinRequired, desk.refund, "ORD-1", "R-1")


def test_given_a_suspended_merchant_when_refunding_then_refused(desk: Desk) -> None:
    with engine_of(desk.db).begin() as other:
        other.exec_driver_sql(
            f"UPDATE merchants SET status = 'suspended' WHERE id = {desk.merchant_id}"
        )
    refused(MerchantSuspended, desk.refund, "ORD-1", "R-1")


def test_given_a_suspended_card_when_its_order_is_refunded_then_it_goes_back(desk: Desk) -> None:
    card = desk.card()
    desk.earn(card, 2500, order_reference="ORD-2")
    desk.change(card, status="suspended")
    assert desk.refund("ORD-2", "R-1")["cards"][0]["points_balance"] == 0


def test_given_an_erased_person_when_their_order_is_refunded_then_nothing_is_taken(
    desk: Desk,
) -> None:
    gone, stays = desk.card(), desk.card()
    desk.earn(gone, 2500, order_reference="ORD-2")
    desk.stamp(stays, 2, order_reference="ORD-2")
    desk.change(gone, status="erased")
    refund = desk.refund("ORD-2", "R-1")
    assert (refund["refunded_cents"], refund["points_taken_back"]) == (2500, 0)
    assert [card["card_id"] for card in refund["cards"]] == [stays.id]
    assert (desk.balances(gone), desk.balances(stays)) == ((0, 250), (0, 0))
    refused(RefundExceedsOrder, desk.refund, "ORD-2", "R-2")


def test_given_a_merged_card_when_its_order_is_refunded_then_the_survivor_gives_it_back(
    desk: Desk,
) -> None:
    old, survivor = desk.card(), desk.card(points=300)
    desk.earn(old, 2500, order_reference="ORD-2")
    desk.change(old, status="merged", merged_into_id=survivor.id)
    refund = desk.refund("ORD-2", "R-1")
    assert [card["card_id"] for card in refund["cards"]] == [survivor.id]
    assert desk.balances(survivor) == (0, 50)


def test_given_a_void_between_reading_and_writing_when_refunding_then_read_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: the award is voided when the refund has already read it
    read = refund_queries.awards_of_order
    voided: list[object] = []
    card = desk.card()
    booked = desk.earn(card, 2500, order_reference="ORD-2")

    def read_then_void(db: Session, **which: object) -> object:
        awards = read(db, **which)  # type: ignore[arg-type]
        if not voided:
            voided.append(desk.void(booked["transaction_id"]))
        return awards

    monkeypatch.setattr(refund_queries, "awards_of_order", read_then_void)
    # when, then
    refused(OrderNotFound, desk.refund, "ORD-2", "R-1")
    assert desk.balances(card) == (0, 0)
    assert list(ledger_verify.verify(desk.db, merchant_id=desk.merchant_id)) == []


def test_given_an_award_that_moved_when_booked_then_everything_is_rolled_back_and_tried_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: the first try finds the award changed after the card has been written
    book, tries = refund_queries.book_share, []
    card = desk.card()
    desk.earn(card, 2500, order_reference="ORD-2")

    def book_second(db: Session, share: object, **which: object) -> bool:
        tries.append(share)
        return len(tries) > 1 and book(db, share, **which)  # type: ignore[arg-type]

    monkeypatch.setattr(refund_queries, "book_share", book_second)
    # when
    desk.refund("ORD-2", "R-1")
    # then
    assert len(tries) == 2
    assert desk.ledger(card) == [("points_earned", 250, 250), ("points_refunded", -250, 0)]
