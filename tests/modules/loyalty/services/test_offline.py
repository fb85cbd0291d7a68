"""What tills kept while they were offline: when it counts, and who may say so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.core.errors import ValidationFailed
from app.modules.loyalty.errors import DailyStampLimit, StampCooldown
from app.modules.loyalty.services import ledger_verify, stamp_service
from app.modules.loyalty.types import ActorKind
from tests import reads
from tests.factories import NOW, PIN
from tests.modules.loyalty.services.points_desk import MANAGER_PIN, Desk, at, refused

HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)


@pytest.fixture
def desk(db: Session) -> Desk:
    """Cooldown 15 minutes, 5 stamps a day; it is 10:00 in Luxembourg."""
    return Desk(db, cooldown_minutes=15, max_daily_stamps=5)


def test_given_an_earlier_instant_when_told_later_then_dated_then_and_recorded_now(
    desk: Desk,
) -> None:
    card = desk.card()
    then = NOW - 24 * HOUR + SECOND
    answer = desk.stamp(card, occurred_at=then)
    assert answer["stamps_remaining_today"] == 5
    assert answer["next_stamp_available_at"] is None
    booked = desk.earn(card, 2500, occurred_at=then, order_reference="7")
    assert booked["points_balance"] == 250
    for entry in reads.entries_of(desk.db, card)[1:]:
        assert (entry.occurred_at, entry.recorded_at) == (then, NOW)
        assert entry.business_day == then.date()
    assert desk.awards()[0].business_day == then.date()
    assert reads.card_now(desk.db, card).last_stamp_at == then
    assert list(ledger_verify.verify(desk.db, merchant_id=desk.merchant_id)) == []


@pytest.mark.parametrize("offset", [-24 * HOUR - SECOND, SECOND, 400 * 24 * HOUR])
def test_given_an_instant_too_old_or_ahead_when_told_then_refused(
    desk: Desk, offset: timedelta
) -> None:
    card = desk.card()
    for ask in (desk.stamp, desk.earn):
        fault = refused(ValidationFailed, ask, card, 1, occurred_at=NOW + offset)
        assert isinstance(fault, ValidationFailed)
        assert [error.code for error in fault.errors] == ["occurred_at_range"]
    assert desk.balances(card) == (0, 0)


def test_given_a_person_without_a_till_when_they_say_when_then_refused(desk: Desk) -> None:
    card = desk.card()
    then = NOW - HOUR
    for caller in (desk.office, None):
        fault = refused(ValidationFailed, desk.stamp, card, caller=caller, occurred_at=then)
        assert isinstance(fault, ValidationFailed)
        assert [error.code for error in fault.errors] == ["occurred_at_only_tills"]
    key = replace(desk.till, kind=ActorKind.API_KEY, terminal_id=None, actor_id=9)
    assert desk.stamp(card, caller=key, occurred_at=then)["stamp_count"] == 1


def test_given_stamps_on_both_sides_when_one_is_told_later_then_the_cooldown_of_both_counts(
    desk: Desk,
) -> None:
    card = desk.card()
    desk.stamp(card, now=NOW - 60 * MINUTE)
    desk.stamp(card, now=NOW - 20 * MINUTE)
    refusal = refused(StampCooldown, desk.stamp, card, occurred_at=NOW - 46 * MINUTE)
    assert refusal.params == {"next_stamp_available_at": NOW - 45 * MINUTE}
    refusal = refused(StampCooldown, desk.stamp, card, occurred_at=NOW - 34 * MINUTE)
    assert refusal.params == {"next_stamp_available_at": NOW - 5 * MINUTE}
    told = desk.stamp(card, occurred_at=NOW - 45 * MINUTE)
    assert told["stamp_count"] == 3
    # Its neighbours now stand closer together than two more could.
    refused(StampCooldown, desk.stamp, card, occurred_at=NOW - 40 * MINUTE)
    assert reads.card_now(desk.db, card).last_stamp_at == NOW - 20 * MINUTE
    assert desk.stamp(card)["stamp_count"] == 4


def test_given_a_voided_neighbour_when_one_is_told_later_then_it_no_longer_counts(
    desk: Desk,
) -> None:
    card = desk.card()
    near = desk.stamp(card, now=NOW - 20 * MINUTE)
    stamp_service.void_stamp(
        desk.db, transaction_id=near["transaction_id"], reason="wrong_card",
        caller=desk.till, staff_pin=PIN, now=NOW - 19 * MINUTE,
    )  # fmt: skip
    assert desk.stamp(card, occurred_at=NOW - 21 * MINUTE)["stamp_count"] == 1


def test_given_yesterdays_stamps_when_told_today_then_yesterdays_limit_counts(
    desk: Desk,
) -> None:
    card = desk.card()
    midnight = at(23, 0, day=9)  # in Luxembourg
    desk.stamp(card, 4, now=midnight - 2 * HOUR)
    refusal = refused(
        DailyStampLimit, desk.stamp, card, 2, occurred_at=midnight - HOUR, now=midnight + HOUR
    )
    assert refusal.params == {"remaining": 1, "resets_at": midnight}
    desk.stamp(card, 1, occurred_at=midnight - HOUR, now=midnight + HOUR)
    today = desk.stamp(card, 5, occurred_at=midnight + MINUTE, now=midnight + HOUR)
    assert (today["stamp_count"], today["stamps_remaining_today"]) == (10, 0)


def test_given_a_limit_in_the_way_when_a_manager_lifts_it_later_then_it_is_marked(
    desk: Desk,
) -> None:
    card = desk.card()
    desk.stamp(card, now=NOW - HOUR)
    override = {"pin": MANAGER_PIN, "reason": "the line was down"}
    desk.stamp(card, occurred_at=NOW - HOUR + MINUTE, override=override)
    assert reads.entries_of(desk.db, card)[-1].overrides_limits is True


def test_given_an_answer_that_was_lost_when_told_again_then_it_counts_once(desk: Desk) -> None:
    card = desk.card()
    asked: dict[str, Any] = {"occurred_at": NOW - HOUR, "idempotency_key": "k"}
    first = desk.stamp(card, **asked)
    for now in (NOW, NOW + 72 * HOUR):
        again = desk.stamp(card, **asked, now=now)
        assert again["replayed"] is True
        assert again["transaction_id"] == first["transaction_id"]
    assert desk.balances(card) == (1, 0)


def test_given_points_told_later_when_newer_ones_exist_then_the_newest_use_keeps_them_alive(
    db: Session,
) -> None:
    desk = Desk(db, points_expiration_days=30)
    card = desk.card()
    newest = desk.earn(card, 100)["points_expire_on"]
    told = desk.earn(card, 100, occurred_at=NOW - 20 * HOUR)
    assert told["points_expire_on"] == newest
    assert reads.card_now(db, card).last_collected_at == NOW
