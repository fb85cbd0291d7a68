"""What an outage, a refusal or one bad pass at a vendor does to everybody else: nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from app.core.db import atomic
from app.modules.loyalty.models import AppleDeviceRegistration, WalletPass, WalletVendor
from app.modules.loyalty.rules.pass_view import PassView
from app.modules.loyalty.services import (
    pass_reading,
    wallet_designs,
    wallet_queue,
    wallet_settling,
    wallet_sync,
    wallet_vendors,
)
from app.modules.loyalty.types import FaultKind, Outcome, PassDesign, PassRow, Provider
from app.modules.loyalty.wallets.faults import WalletFault
from tests.factories import NOW, make_card, make_pass, make_shop, save

GOOGLE, APPLE = Provider.GOOGLE, Provider.APPLE
DOWN = WalletFault(FaultKind.TRANSIENT, "timeout")


@pytest.fixture(autouse=True)
def only_what_a_test_makes(db: Session) -> None:
    """A drain serves all merchants: none is left from another test."""
    with atomic(db):
        for table in ("apple_device_registrations", "wallet_passes", "wallet_classes",
                      "wallet_vendors"):  # fmt: skip
            db.execute(text(f"DELETE FROM {table}"))


class FakeVendor:
    """Does with each pass as `answer` says."""

    provider = GOOGLE

    def __init__(self, answer: Callable[[PassRow], Outcome]) -> None:
        self.sent: list[int] = []
        self._answer = answer

    def prepare(
        self, db: Session, passes: Sequence[PassRow], views: dict[int, PassView], *, now: Any
    ) -> list[wallet_sync.Task]:
        for view in views.values():
            wallet_designs.class_of(db, self.provider, view.design, now=now)
        return [self._task(row) for row in passes]

    def after(self, db: Session) -> None:
        pass

    def _task(self, row: PassRow) -> wallet_sync.Task:
        def task() -> Outcome:
            self.sent.append(row.id)
            return self._answer(row)

        return task


class FakeSender:
    """Google as the drain sees it; `class_fault` says what becomes of a merchant's class."""

    def __init__(self, class_fault: Callable[[int], WalletFault | None]) -> None:
        self.classes: list[int] = []
        self.passes: list[str] = []
        self._class_fault = class_fault

    def send_class(self, design: PassDesign, **_pictures: Any) -> None:
        self.classes.append(design.merchant_id)
        fault = self._class_fault(design.merchant_id)
        if fault is not None:
            raise fault

    def send_pass(self, view: PassView, **_how: Any) -> bool:
        self.passes.append(view.serial)
        return False


def drain(db: Session, vendor: Any, *, now: datetime = NOW) -> Any:
    return wallet_sync.reconcile(
        db, vendor, now=now, keep_alive=lambda: None, stopwatch=lambda: 0.0
    )


def google(sender: FakeSender) -> wallet_vendors.GoogleVendor:
    return wallet_vendors.GoogleVendor(sender)  # type: ignore[arg-type]  # a stand-in of ours


def stale_pass(db: Session, shop: Any = None, **columns: Any) -> WalletPass:
    card = make_card(db, shop=shop or make_shop(db))
    return make_pass(db, card=card, **{"target_revision": 1, "synced_revision": 0} | columns)


def pass_on_phone(db: Session, token: str) -> None:
    row = stale_pass(db, provider="apple")
    place = {"merchant_id": row.merchant_id, "pass_id": row.id, "device_id": "phone"}
    times = {"created_at": NOW, "updated_at": NOW}
    save(db, AppleDeviceRegistration(**place, push_token=token, **times))


def reread(db: Session, row: WalletPass) -> WalletPass:
    return db.execute(
        select(WalletPass)
        .where(WalletPass.merchant_id == row.merchant_id, WalletPass.id == row.id)
        .execution_options(populate_existing=True)
    ).scalar_one()


def is_current(db: Session, row: WalletPass) -> bool:
    synced, target = db.execute(
        select(WalletPass.synced_revision, WalletPass.target_revision).where(
            WalletPass.merchant_id == row.merchant_id, WalletPass.id == row.id
        )
    ).one()
    return bool(synced == target)


def fail(row: PassRow) -> Outcome:
    return Outcome(row.id, FaultKind.TRANSIENT, "timeout")


def test_given_70_merchants_with_passes_put_off_when_drained_then_the_next_ones_are_sent(
    db: Session,
) -> None:
    for _ in range(70):
        stale_pass(db, next_attempt_at=NOW + timedelta(hours=1))
    rows = [stale_pass(db), stale_pass(db, held_since=NOW)]
    assert wallet_queue.has_due(db, GOOGLE, now=NOW)
    assert drain(db, FakeVendor(lambda row: Outcome(row.id)))["sent"] == 2
    assert all(is_current(db, row) for row in rows)
    assert not wallet_queue.has_due(db, GOOGLE, now=NOW)


def test_given_a_pass_that_breaks_our_own_code_when_drained_then_the_others_are_sent(
    db: Session,
) -> None:
    shop = make_shop(db)
    bad, good = stale_pass(db, shop), stale_pass(db, shop)

    def answer(row: PassRow) -> Outcome:
        if row.id == bad.id:
            raise RuntimeError("never seen before")
        return Outcome(row.id)

    assert drain(db, FakeVendor(answer)) == {"sent": 1, "put_off": 1, "parked": 0}
    assert is_current(db, good)
    assert reread(db, bad).last_error == "internal_error"
    assert reread(db, bad).next_attempt_at is not None


def test_given_a_push_that_breaks_when_two_passes_share_the_phone_then_neither_waits_for_ever(
    db: Session,
) -> None:
    for _ in range(2):
        pass_on_phone(db, "ab" * 32)

    class Pushes:
        def push(self, token: str) -> None:
            raise RuntimeError(f"the library's own, of {len(token)} digits")

    vendor = wallet_vendors.AppleVendor(Pushes())  # type: ignore[arg-type]  # a stand-in of ours
    assert drain(db, vendor) == {"sent": 0, "put_off": 2, "parked": 0}


def test_given_passes_that_no_phone_holds_when_drained_then_they_do_not_hide_that_apple_is_down(
    db: Session,
) -> None:
    class Pushes:
        def push(self, token: str) -> None:
            raise WalletFault(FaultKind.TRANSIENT, "timeout", token[:2])

    for number in range(8):
        pass_on_phone(db, f"{number:064x}")
        stale_pass(db, provider="apple")
    vendor = wallet_vendors.AppleVendor(Pushes())  # type: ignore[arg-type]  # a stand-in of ours
    assert drain(db, vendor) == {"sent": 8, "put_off": 8, "parked": 0}
    state = wallet_settling.vendor_state(db, APPLE)
    assert state.health == 0xFF
    assert state.last_success_at is None
    assert state.paused_until is not None


def test_given_a_vendor_that_refused_us_all_day_when_it_takes_us_again_then_all_are_sent_at_once(
    db: Session,
) -> None:
    rows = [stale_pass(db, shop) for shop in [make_shop(db)] * 3]
    refusal = FakeVendor(lambda row: Outcome(row.id, FaultKind.PAUSE, "permissionDenied"))
    for minutes in range(0, 60, 2):
        drain(db, refusal, now=NOW + timedelta(minutes=minutes))
    assert len(refusal.sent) == 30 * 3, "every minute they are tried"
    healed = FakeVendor(lambda row: Outcome(row.id))
    drain(db, healed, now=NOW + timedelta(hours=1))
    assert all(is_current(db, row) for row in rows)


def test_given_a_vendor_that_is_left_alone_when_asked_then_there_is_nothing_to_do_meanwhile(
    db: Session,
) -> None:
    stale_pass(db)
    drain(db, FakeVendor(lambda row: Outcome(row.id, FaultKind.PAUSE, "permissionDenied")))
    assert not wallet_queue.has_due(db, GOOGLE, now=NOW + timedelta(seconds=59))
    assert wallet_queue.has_due(db, GOOGLE, now=NOW + timedelta(seconds=61))


def test_given_a_class_that_fails_when_drained_then_the_vendor_is_not_taken_for_down(
    db: Session,
) -> None:
    bad, good = make_shop(db), make_shop(db)
    for _ in range(12):
        stale_pass(db, bad)
    rows = [stale_pass(db, good) for _ in range(3)]
    sender = FakeSender(lambda merchant_id: DOWN if merchant_id == bad.merchant_id else None)
    assert drain(db, google(sender)) == {"sent": 3, "put_off": 12, "parked": 0}
    assert all(is_current(db, row) for row in rows)
    state = wallet_settling.vendor_state(db, GOOGLE)
    assert state.health.bit_count() == 1, "one call failed"
    assert state.paused_until is None


def test_given_a_vendor_that_hangs_when_many_classes_are_new_then_one_is_tried_in_a_batch(
    db: Session,
) -> None:
    rows = [stale_pass(db) for _ in range(10)]
    sender = FakeSender(lambda _merchant_id: DOWN)
    vendor = google(sender)
    views: dict[int, PassView] = pass_reading.read_views(db, batch_of(db), now=NOW)
    tasks = vendor.prepare(db, batch_of(db), views, now=NOW)
    assert len(sender.classes) == 1
    assert [task() is None for task in tasks] == [False] + [True] * (len(rows) - 1)


def batch_of(db: Session) -> list[PassRow]:
    return wallet_queue.Turns().next_batch(db, GOOGLE, size=32, now=NOW)


def test_given_many_new_classes_when_drained_then_all_are_made_and_every_pass_is_sent(
    db: Session,
) -> None:
    rows = [stale_pass(db) for _ in range(10)]
    sender = FakeSender(lambda _merchant_id: None)
    assert drain(db, google(sender))["sent"] == 10
    assert len(sender.classes) == 10
    assert sorted(sender.passes) == sorted(row.serial for row in rows)


def test_given_an_outage_of_an_hour_when_it_ends_then_no_pass_has_to_wait_longer_than_seconds(
    db: Session,
) -> None:
    shop = make_shop(db)
    rows = [stale_pass(db, shop) for _ in range(40)]
    now, broken = NOW, FakeVendor(fail)
    while now < NOW + timedelta(hours=1):
        drain(db, broken, now=now)
        now += timedelta(seconds=60)
    assert len(broken.sent) < 300, "it is left alone most of the time"
    healed = FakeVendor(lambda row: Outcome(row.id))
    for second in range(0, 45, 2):
        drain(db, healed, now=now + timedelta(seconds=second))
    assert all(is_current(db, row) for row in rows)


def test_given_a_result_that_comes_late_when_settled_then_it_takes_nothing_back(
    db: Session,
) -> None:
    card = make_card(db)
    row = make_pass(db, card=card, target_revision=5, synced_revision=2)
    (late,) = batch_of(db)
    with atomic(db):  # another has sent what came meanwhile
        db.execute(
            update(WalletPass)
            .where(WalletPass.merchant_id == row.merchant_id, WalletPass.id == row.id)
            .values(target_revision=7, synced_revision=7)
        )
    for fault in (None, FaultKind.TRANSIENT, FaultKind.PARK):
        outcome = Outcome(late.id, fault)
        wallet_settling.settle(db, GOOGLE, [wallet_settling.Sent(late, None, outcome)], now=NOW)
    row = reread(db, row)
    assert (row.synced_revision, row.parked_at, row.attempts) == (7, None, 0)
    assert db.execute(select(WalletVendor.last_success_at)).scalar_one() == NOW
