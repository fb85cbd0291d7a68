"""Phones that registered Apple passes: who hears of what."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session, sessionmaker

from app.core.db import atomic
from app.modules.loyalty.config import get_loyalty_settings
from app.modules.loyalty.models import AppleDeviceLog, AppleDeviceRegistration, WalletPass
from app.modules.loyalty.services import apple_devices, apple_wallet_service, wallet_passes
from app.modules.loyalty.services.pass_reading import PASS_COLUMNS, pass_row
from app.modules.loyalty.types import PassEnd, PassRow
from tests import factories
from tests.factories import NOW

PASS_TYPE = "pass.com.example.loyalty"
PHONE, OTHER_ID = "d" * 32, "e" * 32
TOKEN, NEW_TOKEN = "ab" * 32, "cd" * 32
LATER = NOW + timedelta(minutes=5)


@pytest.fixture(autouse=True)
def _configured(db: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """No phone of another test is there: on PostgreSQL they share a database."""
    for table in ("apple_device_registrations", "apple_device_logs"):
        db.execute(text(f"DELETE FROM {table}"))
    db.commit()
    monkeypatch.setattr(get_loyalty_settings(), "apple_pass_type_id", PASS_TYPE)


def make_row(db: Session, **columns: Any) -> PassRow:
    """An Apple pass of a new card, as it is read."""
    kept = factories.make_pass(
        db, card=factories.make_card(db), provider="apple", **{"served_revision": 9} | columns
    )
    return pass_row(
        db.execute(
            select(*PASS_COLUMNS).where(
                WalletPass.merchant_id == kept.merchant_id, WalletPass.id == kept.id
            )
        ).one()
    )


def register(
    db: Session, row: PassRow, *, device_id: str = PHONE, token: str = TOKEN, now: Any = NOW
) -> bool:
    return apple_devices.register(db, row, device_id=device_id, push_token=token, now=now)


def changed(db: Session, *, device_id: str = PHONE, since: str | None = None) -> Any:
    return apple_devices.changed_serials(db, device_id=device_id, pass_type=PASS_TYPE, since=since)


def tokens_of(db: Session, row: PassRow) -> set[str]:
    return apple_devices.push_tokens(db, [row.id]).get(row.id, set())


def stored(factory: sessionmaker[Session], row: PassRow) -> WalletPass:
    with factory() as db:
        return db.execute(
            select(WalletPass).where(
                WalletPass.merchant_id == row.merchant_id, WalletPass.id == row.id
            )
        ).scalar_one()


def test_given_a_new_phone_when_registered_then_the_pass_is_held_and_nothing_woken(
    db: Session, session_factory: sessionmaker[Session]
) -> None:
    row = make_row(db)
    assert register(db, row) is True
    kept = stored(session_factory, row)
    assert (kept.held_since, kept.synced_revision) == (NOW, kept.target_revision)
    assert tokens_of(db, row) == {TOKEN}


def test_given_a_registered_phone_when_registered_again_then_its_newest_token_counts(
    db: Session, session_factory: sessionmaker[Session]
) -> None:
    row = make_row(db)
    register(db, row)
    assert register(db, row, token=NEW_TOKEN, now=LATER) is False
    assert tokens_of(db, row) == {NEW_TOKEN}
    assert stored(session_factory, row).held_since == NOW


def test_given_one_phone_under_two_ids_when_registered_then_it_is_pushed_once(
    db: Session,
) -> None:
    row = make_row(db)
    assert register(db, row) is register(db, row, device_id=OTHER_ID) is True
    assert tokens_of(db, row) == {TOKEN}


def test_given_8_calls_at_once_when_one_phone_registers_then_it_is_new_to_one_of_them(
    db: Session, session_factory: sessionmaker[Session]
) -> None:
    row = make_row(db)

    def call(number: int) -> bool:
        with session_factory() as own:
            if number % 4 == 3:
                apple_devices.unregister(own, row, device_id=OTHER_ID)
                return False
            return register(own, row, token=f"{number:064x}")

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(call, range(8))) == 1
    assert len(tokens_of(db, row)) == 1
    assert stored(session_factory, row).held_since == NOW


def test_given_two_phones_when_one_unregisters_then_the_pass_is_held_until_the_other_does(
    db: Session, session_factory: sessionmaker[Session]
) -> None:
    row = make_row(db)
    register(db, row)
    register(db, row, device_id=OTHER_ID, token=NEW_TOKEN)
    apple_devices.unregister(db, row, device_id=PHONE)
    assert stored(session_factory, row).held_since == NOW
    assert tokens_of(db, row) == {NEW_TOKEN}
    apple_devices.unregister(db, row, device_id=OTHER_ID)
    assert stored(session_factory, row).held_since is None
    assert tokens_of(db, row) == set()


def test_given_a_phone_that_never_registered_when_it_unregisters_then_nothing_happens(
    db: Session,
) -> None:
    row = make_row(db)
    apple_devices.unregister(db, row, device_id=PHONE)
    register(db, row)
    apple_devices.unregister(db, row, device_id=OTHER_ID)
    assert tokens_of(db, row) == {TOKEN}


def test_given_passes_of_two_merchants_when_asked_since_a_tag_then_the_later_ones(
    db: Session,
) -> None:
    first, second, foreign = make_row(db, tag=7), make_row(db, tag=8), make_row(db, tag=9)
    register(db, first)
    register(db, second)
    register(db, foreign, device_id=OTHER_ID)
    assert changed(db, since="6") == ([first.serial, second.serial], "8")
    assert changed(db, since="7") == ([second.serial], "8")
    assert changed(db, since="8") is None


def test_given_no_tag_or_none_of_ours_when_asked_then_all_passes_of_the_phone(db: Session) -> None:
    row = make_row(db)
    register(db, row)
    garbage = ["", "abc", "-1", "7.5", "\u0667", " 7", "9" * 19, "9" * 5000, "7;--", "0x1"]
    for since in [None, *garbage]:
        assert changed(db, since=since) == ([row.serial], "0")


def test_given_an_unknown_phone_or_pass_type_when_asked_then_nothing(db: Session) -> None:
    register(db, make_row(db))
    assert changed(db, device_id="x" * 5000) is None
    of_others = apple_devices.changed_serials(db, device_id=PHONE, pass_type="pass.com.other")
    assert of_others is None


def test_given_several_passes_when_tokens_are_asked_then_each_has_its_own(db: Session) -> None:
    one, two, nobodys = make_row(db), make_row(db), make_row(db)
    register(db, one)
    register(db, two)
    register(db, two, device_id=OTHER_ID, token=NEW_TOKEN)
    tokens = apple_devices.push_tokens(db, [one.id, two.id, nobodys.id])
    assert tokens == {one.id: {TOKEN}, two.id: {TOKEN, NEW_TOKEN}}
    assert apple_devices.push_tokens(db, []) == {}


@pytest.mark.parametrize(("after_s", "forgotten"), [(-1, 0), (0, 2), (1, 2), (None, 2)], ids=str)
def test_given_a_gone_token_when_forgotten_then_only_what_was_registered_before(
    db: Session,
    session_factory: sessionmaker[Session],
    after_s: int | None,
    forgotten: int,
) -> None:
    row, other = make_row(db), make_row(db)
    register(db, row)
    register(db, other, device_id=OTHER_ID)
    register(db, other, device_id="other phone", token=NEW_TOKEN)
    at = None if after_s is None else NOW + timedelta(seconds=after_s)
    assert apple_devices.forget_token(db, TOKEN, unregistered_at=at) == forgotten
    assert tokens_of(db, row) == (set() if forgotten else {TOKEN})
    assert (stored(session_factory, row).held_since is None) is bool(forgotten)
    assert NEW_TOKEN in tokens_of(db, other)
    assert stored(session_factory, other).held_since == NOW


def test_given_a_token_registered_anew_when_gone_since_before_then_it_stays(db: Session) -> None:
    row = make_row(db)
    register(db, row)
    register(db, row, now=LATER)
    gone_at = LATER - timedelta(seconds=1)
    assert apple_devices.forget_token(db, TOKEN, unregistered_at=gone_at) == 0
    assert tokens_of(db, row) == {TOKEN}


def test_given_a_token_nobody_has_when_forgotten_then_nothing_happens(db: Session) -> None:
    assert apple_devices.forget_token(db, "12" * 32, unregistered_at=None) == 0


def test_given_a_pass_when_its_secret_is_presented_then_it_is_found_and_else_not(
    db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        apple_wallet_service, "is_secret_of", lambda serial, token: token == f"s-{serial}"
    )
    row, ended = make_row(db), make_row(db, ended_as="replaced")
    google = factories.make_pass(db, card=factories.make_card(db))

    def found(serial: str, token: str, pass_type: str = PASS_TYPE) -> PassRow | None:
        return apple_devices.pass_of(db, pass_type=pass_type, serial=serial, token=token)

    for one in (row, ended):
        presented = f"s-{one.serial}"
        assert found(one.serial, presented) == replace(one, secret=presented)
    assert found(row.serial, f"s-{ended.serial}") is None
    assert found(row.serial, f"s-{row.serial}", "pass.com.other") is None
    assert found("f" * 32, "s-" + "f" * 32) is None
    assert found(google.serial, f"s-{google.serial}") is None


def test_given_lines_of_a_phone_when_noted_then_short_printable_and_newest_first(
    db: Session,
) -> None:
    hostile = "a\x1b[31mred\r\n\x00\u202eb\u2028c" + "x" * 5000
    apple_devices.note_log(db, ["first", "", " \n", hostile], now=NOW)
    (at, line), first = apple_devices.read_log(db)
    assert (at, first) == (NOW, (NOW, "first"))
    assert line.startswith("a [31mred b c")
    assert line.isprintable()
    assert len(line) == 500


def test_given_more_lines_than_are_kept_when_noted_then_the_newest_200_stay(
    db: Session, session_factory: sessionmaker[Session]
) -> None:
    for call in range(11):
        apple_devices.note_log(db, [f"{call}-{n}" for n in range(25)], now=NOW)
    with session_factory() as fresh:
        assert fresh.scalar(select(func.count()).select_from(AppleDeviceLog)) == 200
        lines = [line for _, line in apple_devices.read_log(fresh, limit=500)]
    assert (lines[0], lines[-1]) == ("10-19", "1-0")


def test_given_a_registration_when_read_back_then_it_is_the_merchants(
    db: Session, session_factory: sessionmaker[Session]
) -> None:
    row = make_row(db)
    register(db, row)
    register(db, row, now=LATER)
    with session_factory() as fresh:
        kept = fresh.execute(
            select(AppleDeviceRegistration).where(
                AppleDeviceRegistration.merchant_id == row.merchant_id
            )
        ).scalar_one()
    assert (kept.pass_id, kept.device_id) == (row.id, PHONE)
    assert (kept.created_at, kept.updated_at) == (NOW, LATER)


@pytest.mark.parametrize(
    ("served", "synced", "expected"),
    # Behind already, it may be under way without this phone: then that counts for nothing.
    [(4, 5, 4), (5, 5, 5), (4, 3, 2), (0, 5, 5)],
)
def test_given_a_card_that_changed_before_the_pass_was_added_when_registered_then_it_is_sent(
    db: Session,
    session_factory: sessionmaker[Session],
    served: int,
    synced: int,
    expected: int,
) -> None:
    row = make_row(db, target_revision=5, synced_revision=synced, served_revision=served)
    register(db, row)
    kept = stored(session_factory, row)
    assert kept.synced_revision == expected


def test_given_a_pass_that_ended_before_it_was_added_when_registered_then_it_is_sent(
    db: Session, session_factory: sessionmaker[Session]
) -> None:
    row = make_row(db, target_revision=1, synced_revision=1, served_revision=1)
    with atomic(db):
        wallet_passes.end(
            db, merchant_id=row.merchant_id, card_id=row.card_id, ended_as=PassEnd.REPLACED
        )
    with atomic(db):
        db.execute(
            update(WalletPass)
            .where(WalletPass.merchant_id == row.merchant_id)
            .values(synced_revision=2)
        )
    register(db, row)
    assert stored(session_factory, row).synced_revision == 1
