"""Who is at the counter: PINs, sessions, and the locks that wrong PINs bring."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import bcrypt
import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.core.db import engine_of
from app.core.errors import ValidationFailed
from app.modules.loyalty.errors import (
    InvalidStaffPin,
    StaffPinLocked,
    StaffPinRequired,
    TerminalLocked,
)
from app.modules.loyalty.schemas.pins import PinUpdate
from app.modules.loyalty.services import pin_service, stamp_service
from app.modules.loyalty.types import ActorKind
from app.modules.tenancy.models import AuditEntry
from tests.factories import (
    NOW,
    PIN,
    make_pin,
    make_settings,
    make_store,
)
from tests.modules.loyalty.services.desk import LOCK, WRONG, Counter
from tests.reads import entries_of, ledger_of, rows_of


@pytest.fixture
def counter(db: Session) -> Counter:
    return Counter(db)


def test_given_a_right_pin_when_it_is_used_again_then_bcrypt_is_not_asked(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    counter.stamp(PIN)
    monkeypatch.setattr(bcrypt, "checkpw", lambda *_: pytest.fail("bcrypt on the path of a stamp"))
    # when, then
    assert counter.stamp(PIN, now=NOW + timedelta(hours=7, minutes=59))["staff_name"] == "Anna"
    with pytest.raises(pytest.fail.Exception):
        counter.stamp(PIN, now=NOW + timedelta(hours=8))


def test_given_a_stamp_when_posted_then_the_entry_names_the_pin_and_the_till(
    counter: Counter,
) -> None:
    card = counter.card()
    counter.stamp(PIN, card_id=card.id)
    entry = entries_of(counter.db, card)[-1]
    assert (entry.actor_kind, entry.actor_id) == ("pin", counter.pin.id)
    assert entry.terminal_id == counter.till.terminal_id


def test_given_no_pin_when_the_program_asks_then_required(counter: Counter) -> None:
    with pytest.raises(StaffPinRequired):
        counter.stamp(None)


@pytest.mark.parametrize("pin", ["", "123", "123456789", "12a4", "١٢٣٤", "4826\n", " 4826"])
def test_given_a_text_that_is_no_pin_when_typed_then_refused_and_not_counted(
    counter: Counter, pin: str
) -> None:
    for _ in range(6):
        with pytest.raises(ValidationFailed):
            counter.stamp(pin)
    assert counter.stamp(PIN)["staff_name"] == "Anna"


def test_given_wrong_pins_when_typed_then_each_says_what_is_left_and_the_sixth_is_locked(
    counter: Counter,
) -> None:  # C36
    # given
    left = []
    for _ in range(5):
        with pytest.raises(InvalidStaffPin) as refusal:
            counter.stamp(WRONG)
        left.append(refusal.value.params["attempts_left"])
    # when, then: also the right one, which the lock does not confirm
    for pin in (WRONG, PIN):
        with pytest.raises(TerminalLocked) as locked:
            counter.stamp(pin, now=NOW + timedelta(minutes=29, seconds=59))
        assert locked.value.params == {"retry_at": NOW + LOCK}
    assert left == [4, 3, 2, 1, 0]


def test_given_a_lock_when_it_is_tried_against_then_it_ends_on_time_and_counts_anew(
    counter: Counter,
) -> None:  # C36
    # given
    counter.fail(5)
    for _ in range(100):
        with pytest.raises(TerminalLocked):
            counter.stamp(WRONG, now=NOW + timedelta(minutes=10))
    # when
    with pytest.raises(InvalidStaffPin) as refusal:
        counter.stamp(WRONG, now=NOW + LOCK)
    # then
    assert refusal.value.params["attempts_left"] == 4
    assert counter.stamp(PIN, now=NOW + LOCK)["staff_name"] == "Anna"


def test_given_a_locked_till_when_colleagues_work_elsewhere_then_they_go_on(
    counter: Counter,
) -> None:  # C36
    # given
    make_pin(counter.db, merchant_id=counter.shop.merchant_id, pin="6153", name="Ben")
    gare = make_store(counter.db, merchant_id=counter.shop.merchant_id)
    counter.fail(5)
    # when, then
    assert counter.stamp("6153", caller=counter.new_till())["staff_name"] == "Ben"
    assert counter.stamp("6153", caller=counter.new_till(gare.id))["staff_name"] == "Ben"


def test_given_a_locked_till_when_the_manager_unlocks_then_it_works_at_once(
    counter: Counter,
) -> None:  # C36
    counter.fail(5)
    assert counter.till.terminal_id is not None
    pin_service.unlock_terminal(
        counter.db, merchant_id=counter.shop.merchant_id, terminal_id=counter.till.terminal_id
    )
    assert counter.stamp(PIN)["staff_name"] == "Anna"


def test_given_a_right_pin_when_typed_after_wrong_ones_then_the_count_starts_again(
    counter: Counter,
) -> None:
    counter.fail(4)
    counter.stamp(PIN)
    counter.fail(4)
    assert counter.stamp(PIN)["staff_name"] == "Anna"


def test_given_a_named_person_when_the_pin_is_wrong_then_only_that_person_is_locked(
    counter: Counter,
) -> None:
    # given
    ben = make_pin(counter.db, merchant_id=counter.shop.merchant_id, pin="6153", name="Ben")
    counter.fail(5, staff_pin_id=ben.id)
    # when, then
    with pytest.raises(StaffPinLocked) as refusal:
        counter.stamp("6153", staff_pin_id=ben.id)
    assert refusal.value.params == {"retry_at": NOW + LOCK}
    assert counter.stamp(PIN)["staff_name"] == "Anna"
    pin_service.unlock_pin(counter.db, merchant_id=counter.shop.merchant_id, pin_id=ben.id)
    assert counter.stamp("6153", staff_pin_id=ben.id)["staff_name"] == "Ben"


def test_given_a_named_person_when_a_colleagues_pin_is_typed_then_it_is_wrong(
    counter: Counter,
) -> None:
    ben = make_pin(counter.db, merchant_id=counter.shop.merchant_id, pin="6153", name="Ben")
    with pytest.raises(InvalidStaffPin):
        counter.stamp(PIN, staff_pin_id=ben.id)


def test_given_ten_pins_when_many_are_guessed_then_the_till_stops_after_five_in_all(
    counter: Counter,
) -> None:  # C37
    for n in range(9):
        make_pin(counter.db, merchant_id=counter.shop.merchant_id, pin=f"61{n}3")
    refusals = []
    for guess in range(7000, 7010):
        with pytest.raises((InvalidStaffPin, TerminalLocked)) as refusal:
            counter.stamp(f"{guess:04d}")
        refusals.append(refusal.type)
    assert refusals == [InvalidStaffPin] * 5 + [TerminalLocked] * 5
    failures = [
        entry
        for entry in rows_of(counter.db, AuditEntry, merchant_id=counter.shop.merchant_id)
        if entry.action == "pin_failed"
    ]
    assert [(f.terminal_id, f.ip_address, f.at) for f in failures] == [
        (counter.till.terminal_id, "192.0.2.9", NOW)
    ] * 5


def test_given_many_guesses_at_once_when_they_race_then_no_more_are_checked_than_allowed(
    counter: Counter, session_factory: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    card_id = counter.card().id
    checks: list[bytes] = []

    def refuse(_peppered: bytes, stored: bytes) -> bool:
        checks.append(stored)
        return False

    monkeypatch.setattr(bcrypt, "checkpw", refuse)
    start = threading.Barrier(12)

    def guess(n: int) -> None:
        start.wait()
        with session_factory() as db, pytest.raises((InvalidStaffPin, TerminalLocked)):
            stamp_service.add_stamp(
                db, card_id=card_id, caller=counter.till, staff_pin=f"{7000 + n}", now=NOW
            )

    # when
    threads = [threading.Thread(target=guess, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # then
    assert len(checks) == 5


def test_given_a_fresh_start_when_many_type_a_right_pin_at_once_then_nobody_is_locked_out(
    counter: Counter, session_factory: sessionmaker[Session]
) -> None:
    # given: nothing is remembered yet, and all type at one terminal
    cards = [counter.card().id for _ in range(12)]
    names: list[str | None] = []
    start = threading.Barrier(len(cards))

    def stamp(card_id: int) -> None:
        start.wait()
        with session_factory() as db:
            result = stamp_service.add_stamp(
                db, card_id=card_id, caller=counter.till, staff_pin=PIN, now=NOW
            )
        names.append(result["staff_name"])

    # when
    threads = [threading.Thread(target=stamp, args=(card_id,)) for card_id in cards]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # then
    assert names == ["Anna"] * len(cards)


def test_given_a_remembered_pin_when_it_is_switched_off_then_it_dies_at_once(
    counter: Counter,
) -> None:
    # given: another process would still remember it, so this one is made to
    counter.stamp(PIN)
    pin_service.update_pin(
        counter.db,
        merchant_id=counter.shop.merchant_id,
        pin_id=counter.pin.id,
        data=PinUpdate(is_active=False),
        now=NOW,
    )
    # when, then
    with pytest.raises(InvalidStaffPin):
        counter.stamp(PIN)


def test_given_another_process_changed_a_remembered_pin_when_used_then_the_database_is_asked(
    counter: Counter,
) -> None:
    # given
    counter.stamp(PIN)
    with engine_of(counter.db).begin() as other:
        other.exec_driver_sql(
            f"UPDATE staff_pins SET version = version + 1, name = 'Anna B'"
            f" WHERE id = {counter.pin.id}"
        )
    # when, then
    assert counter.stamp(PIN)["staff_name"] == "Anna B"


def test_given_a_pin_of_another_store_when_typed_here_then_it_is_wrong(counter: Counter) -> None:
    gare = make_store(counter.db, merchant_id=counter.shop.merchant_id)
    make_pin(counter.db, merchant_id=counter.shop.merchant_id, pin="6153", store_id=gare.id)
    with pytest.raises(InvalidStaffPin):
        counter.stamp("6153")


def test_given_an_exempt_key_when_it_stamps_then_the_key_is_named(counter: Counter) -> None:
    card = counter.card()
    till = counter.till
    key = replace(till, kind=ActorKind.API_KEY, actor_id=9, pin_exempt=True, terminal_id=None)
    counter.stamp(None, card_id=card.id, caller=key)
    entry = entries_of(counter.db, card)[-1]
    assert (entry.actor_kind, entry.actor_id) == ("api_key", 9)


def test_given_another_limit_of_the_platform_when_pins_are_wrong_then_it_counts(
    counter: Counter,
) -> None:
    make_settings(
        counter.db,
        merchant_id=counter.shop.merchant_id,
        pin_max_failed_attempts=2,
        pin_lockout_minutes=1,
    )
    counter.fail(2)
    with pytest.raises(TerminalLocked):
        counter.stamp(PIN)
    assert counter.stamp(PIN, now=NOW + timedelta(minutes=1))["staff_name"] == "Anna"


def test_given_wrong_pins_when_refused_then_no_entry_was_written(counter: Counter) -> None:
    card = counter.card()
    counter.fail(2, card_id=card.id)
    assert ledger_of(counter.db, card) == []
