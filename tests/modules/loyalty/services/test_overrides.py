"""Lifting a limit once: by whom, how often wrong, and what the ledger says of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.db import engine_of
from app.core.errors import Forbidden, ValidationFailed
from app.modules.loyalty.errors import (
    AmountTooLarge,
    DailyStampLimit,
    InvalidStaffPin,
    OwnCard,
    StaffPinRequired,
    StampCooldown,
    TerminalLocked,
)
from app.modules.loyalty.models import LoyaltyCard, LoyaltyTransaction, TransactionDetail
from app.modules.loyalty.schemas.pins import PinUpdate
from app.modules.loyalty.services import pin_service, stamp_service
from app.modules.loyalty.types import Override
from tests import reads
from tests.factories import NOW, PIN, make_pin, make_store
from tests.modules.loyalty.services.points_desk import MANAGER_PIN, Desk, refused

WRONG = "9174"


def by(pin: str, reason: str = "second visit") -> Override:
    return {"pin": pin, "reason": reason}


@pytest.fixture
def desk(db: Session) -> Desk:
    """Cooldown 15 minutes, 5 stamps a day."""
    return Desk(db, cooldown_minutes=15, max_daily_stamps=5)


def last_entry(desk: Desk, card: LoyaltyCard) -> LoyaltyTransaction:
    return reads.entries_of(desk.db, card)[-1]


def notes_of(desk: Desk, entry: LoyaltyTransaction) -> str | None:
    return desk.db.execute(
        select(TransactionDetail.notes).where(
            TransactionDetail.merchant_id == desk.merchant_id,
            TransactionDetail.transaction_id == entry.id,
        )
    ).scalar_one()


def test_given_a_cooldown_when_a_manager_lifts_it_then_once_and_the_ledger_says_who(
    desk: Desk,
) -> None:
    card = desk.card()
    desk.stamp(card)
    lifted = desk.stamp(card, override=by(MANAGER_PIN), notes="two cups")
    assert (lifted["stamp_count"], lifted["staff_name"]) == (2, "Ana")
    entry = last_entry(desk, card)
    assert entry.overrides_limits is True
    assert (entry.actor_id, entry.override_pin_id) == (desk.cashier.id, desk.manager.id)
    assert notes_of(desk, entry) == "two cups\nsecond visit"
    refused(StampCooldown, desk.stamp, card)


def test_given_a_full_day_when_a_manager_lifts_the_limit_then_the_stamps_count_for_the_day(
    desk: Desk,
) -> None:
    card = desk.card()
    desk.stamp(card, 5)
    later = NOW + timedelta(minutes=15)
    refused(DailyStampLimit, desk.stamp, card, now=later)
    lifted = desk.stamp(card, 2, override=by(MANAGER_PIN), now=later)
    assert (lifted["stamp_count"], lifted["stamps_remaining_today"]) == (7, 0)
    assert last_entry(desk, card).overrides_limits is True
    refusal = refused(DailyStampLimit, desk.stamp, card, now=later + timedelta(minutes=15))
    assert refusal.params["remaining"] == 0


def test_given_no_limit_in_the_way_when_an_override_comes_along_then_it_is_not_marked(
    desk: Desk,
) -> None:
    card = desk.card()
    desk.stamp(card, override=by(MANAGER_PIN))
    entry = last_entry(desk, card)
    assert (entry.overrides_limits, entry.override_pin_id) == (False, None)


def test_given_somebody_who_may_override_when_asked_then_it_is_lifted_and_by_others_not(
    desk: Desk,
) -> None:
    make_pin(desk.db, merchant_id=desk.merchant_id, pin="6153", can_override=True)
    make_pin(desk.db, merchant_id=desk.merchant_id, pin="8137", can_void=True)
    card = desk.card()
    desk.stamp(card)
    refused(Forbidden, desk.stamp, card, override=by("8137"))
    refused(Forbidden, desk.stamp, card, override=by(PIN))
    assert desk.stamp(card, override=by("6153"))["stamp_count"] == 2


def test_given_the_most_of_one_operation_when_overridden_then_it_still_holds(desk: Desk) -> None:
    refused(AmountTooLarge, desk.stamp, desk.card(), 6, override=by(MANAGER_PIN))


def test_given_wrong_override_pins_when_typed_then_they_count_at_the_till_and_lock_it(
    desk: Desk,
) -> None:
    card = desk.card()
    desk.stamp(card)
    for left in (4, 3, 2, 1, 0):
        # The cashier's own PIN is right each time, and does not wipe the count.
        refusal = refused(InvalidStaffPin, desk.stamp, card, override=by(WRONG))
        assert refusal.params == {"attempts_left": left}
    locked = refused(TerminalLocked, desk.stamp, card, override=by(MANAGER_PIN))
    assert locked.params == {"retry_at": NOW + timedelta(minutes=30)}
    assert desk.balances(card) == (1, 0)
    other = desk.new_till(desk.shop.store.id)
    assert desk.stamp(card, caller=other, override=by(MANAGER_PIN))["stamp_count"] == 2


def test_given_a_named_cashier_when_the_override_is_wrong_then_the_till_counts_it(
    desk: Desk,
) -> None:
    card = desk.card()
    named = {"staff_pin_id": desk.cashier.id}
    for _ in range(5):
        refused(InvalidStaffPin, desk.stamp, card, override=by(WRONG), **named)
    refused(TerminalLocked, desk.stamp, card, override=by(MANAGER_PIN), **named)
    assert desk.stamp(card, **named)["stamp_count"] == 1, "the person is not locked"


def test_given_no_pin_at_all_when_written_as_an_override_then_the_field_is_refused(
    desk: Desk,
) -> None:
    refused(ValidationFailed, desk.stamp, desk.card(), override=by("12"))


def switch_off(desk: Desk) -> None:
    pin_service.update_pin(
        desk.db, merchant_id=desk.merchant_id, pin_id=desk.manager.id,
        data=PinUpdate(is_active=False), now=NOW,
    )  # fmt: skip


def switch_off_elsewhere(desk: Desk) -> None:
    with engine_of(desk.db).begin() as other:
        other.exec_driver_sql(
            f"UPDATE staff_pins SET version = version + 1, is_active = false"
            f" WHERE id = {desk.manager.id}"
        )


@pytest.mark.parametrize("switch", [switch_off, switch_off_elsewhere])
def test_given_a_remembered_manager_when_switched_off_then_refused_at_once(
    desk: Desk, switch: Any
) -> None:
    card = desk.card()
    desk.stamp(card)
    desk.stamp(card, override=by(MANAGER_PIN))
    switch(desk)
    refusal = refused(InvalidStaffPin, desk.stamp, card, override=by(MANAGER_PIN))
    assert refusal.params == {"attempts_left": 4}
    assert desk.balances(card) == (2, 0)


def test_given_a_manager_who_was_demoted_elsewhere_when_overriding_then_forbidden(
    desk: Desk,
) -> None:
    card = desk.card()
    desk.stamp(card)
    desk.stamp(card, override=by(MANAGER_PIN))
    with engine_of(desk.db).begin() as other:
        other.exec_driver_sql(
            f"UPDATE staff_pins SET version = version + 1, role = 'cashier'"
            f" WHERE id = {desk.manager.id}"
        )
    refused(Forbidden, desk.stamp, card, override=by(MANAGER_PIN))


def test_given_a_manager_who_is_locked_out_when_overriding_then_refused(desk: Desk) -> None:
    card = desk.card()
    desk.stamp(card)
    for _ in range(5):
        named = {"staff_pin": WRONG, "staff_pin_id": desk.manager.id}
        refused(InvalidStaffPin, desk.stamp, card, **named)
    refused(StaffPinRequired, desk.stamp, card, override=by(MANAGER_PIN))
    after_lock = NOW + timedelta(minutes=30)
    lifted = desk.stamp(card, 5, override=by(MANAGER_PIN), now=after_lock)
    assert lifted["stamp_count"] == 6


def test_given_a_manager_of_another_store_when_overriding_here_then_refused(desk: Desk) -> None:
    elsewhere = make_store(desk.db, merchant_id=desk.merchant_id)
    make_pin(
        desk.db, merchant_id=desk.merchant_id, pin="6153", role="manager", store_id=elsewhere.id
    )
    card = desk.card()
    desk.stamp(card)
    refused(InvalidStaffPin, desk.stamp, card, override=by("6153"))
    # Where nothing but the cashier's PIN says which store it is, the manager has to fit that.
    nowhere = {"caller": None, "override": by("6153")}
    refused(Forbidden, desk.stamp, card, **nowhere)


def test_given_a_used_key_when_the_override_comes_again_then_the_first_answer(desk: Desk) -> None:
    card = desk.card()
    desk.stamp(card)
    first = desk.stamp(card, override=by(MANAGER_PIN), idempotency_key="k")
    again = desk.stamp(card, override=by(WRONG), idempotency_key="k")
    assert again["replayed"] is True
    assert again["transaction_id"] == first["transaction_id"]
    assert desk.balances(card) == (2, 0)


def test_given_a_session_of_the_cashier_when_the_manager_types_then_the_limit_is_lifted(
    desk: Desk,
) -> None:
    card = desk.card()
    session = desk.stamp(card)["staff_session"]
    lifted = desk.stamp(card, override=by(MANAGER_PIN), staff_pin=None, staff_session=session)
    assert lifted["stamp_count"] == 2


@pytest.mark.parametrize("act", ["stamp", "earn"])
def test_given_staffs_own_card_when_a_manager_overrides_then_served_and_marked(
    desk: Desk, act: str
) -> None:
    card = desk.card()
    desk.change(desk.cashier, own_card_id=card.id)
    make_pin(desk.db, merchant_id=desk.merchant_id, pin="6153", can_override=True)

    def serve(**changes: Any) -> None:
        if act == "stamp":
            desk.stamp(card, **changes)
        else:
            desk.earn(card, 2500, **changes)

    refused(OwnCard, serve)
    refused(OwnCard, serve, override=by("6153"))
    serve(override=by(MANAGER_PIN))
    entry = last_entry(desk, card)
    assert (entry.overrides_limits, entry.override_pin_id) == (True, desk.manager.id)
    assert entry.actor_id == desk.cashier.id


def test_given_a_managers_own_card_when_they_override_themselves_then_refused(desk: Desk) -> None:
    card = desk.card()
    desk.change(desk.manager, own_card_id=card.id)
    refused(OwnCard, desk.stamp, card, staff_pin=MANAGER_PIN, override=by(MANAGER_PIN))
    # A colleague serves the manager's card, and its limits hold for the manager as well.
    assert desk.stamp(card)["stamp_count"] == 1
    refused(OwnCard, desk.stamp, card, override=by(MANAGER_PIN))
    refused(StampCooldown, desk.stamp, card)


def test_given_a_redemption_when_the_card_is_ones_own_then_nobody_overrides(desk: Desk) -> None:
    card = desk.card(stamps=10)
    desk.change(desk.cashier, own_card_id=card.id)
    asked = {"card_id": card.id, "caller": desk.till, "staff_pin": PIN, "now": NOW}
    with pytest.raises(OwnCard):
        stamp_service.redeem_stamps(desk.db, **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(("notes", "fits"), [("x" * 487, True), ("x" * 488, False)])
def test_given_notes_and_a_reason_when_kept_together_then_within_their_room(
    desk: Desk, notes: str, fits: bool
) -> None:
    card = desk.card()
    asked: dict[str, Any] = {"notes": notes, "override": by(MANAGER_PIN, "second visit")}
    if fits:
        assert desk.stamp(card, **asked)["stamp_count"] == 1
        return
    refused(ValidationFailed, desk.stamp, card, **asked)
