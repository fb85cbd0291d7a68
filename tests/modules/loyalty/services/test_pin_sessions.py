"""PIN sessions: one PIN opens a few sliding minutes at one till."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.modules.loyalty.errors import (
    StaffPinRequired,
)
from app.modules.loyalty.schemas.pins import PinUpdate
from app.modules.loyalty.services import pin_service
from tests.factories import (
    NOW,
    PIN,
)
from tests.modules.loyalty.services.desk import Counter


@pytest.fixture
def counter(db: Session) -> Counter:
    return Counter(db)


def test_given_a_pin_session_when_used_in_time_then_no_pin_is_asked_and_it_slides(
    counter: Counter,
) -> None:
    # given
    first = counter.stamp(PIN)
    assert first["staff_session_expires_at"] == NOW + timedelta(minutes=5)
    # when
    later = NOW + timedelta(minutes=4, seconds=59)
    second = counter.stamp(None, staff_session=first["staff_session"], now=later)
    # then
    assert second["staff_name"] == "Anna"
    at_end = {"staff_session": second["staff_session"], "now": later + timedelta(minutes=5)}
    with pytest.raises(StaffPinRequired):
        counter.stamp(None, **at_end)


def test_given_a_pin_session_when_moved_to_another_till_then_it_is_worth_nothing(
    counter: Counter,
) -> None:
    session = counter.stamp(PIN)["staff_session"]
    with pytest.raises(StaffPinRequired):
        counter.stamp(None, staff_session=session, caller=counter.new_till())


def test_given_a_forged_session_when_used_then_it_is_worth_nothing(counter: Counter) -> None:
    session = counter.stamp(PIN)["staff_session"]
    assert session is not None
    for forged in ("", "x", "é", f"9{session}", session[:-1], session.replace(".", "..", 1)):
        with pytest.raises(StaffPinRequired):
            counter.stamp(None, staff_session=forged)


def test_given_a_locked_till_when_a_session_is_open_then_it_goes_on(counter: Counter) -> None:
    session = counter.stamp(PIN)["staff_session"]
    counter.fail(5)
    assert counter.stamp(None, staff_session=session)["staff_name"] == "Anna"


def test_given_an_open_session_when_the_pin_changes_then_it_ends(counter: Counter) -> None:
    session = counter.stamp(PIN)["staff_session"]
    pin_service.update_pin(
        counter.db,
        merchant_id=counter.shop.merchant_id,
        pin_id=counter.pin.id,
        data=PinUpdate(pin="6153"),
        now=NOW,
    )
    with pytest.raises(StaffPinRequired):
        counter.stamp(None, staff_session=session)
