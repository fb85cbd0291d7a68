"""The drain of a vendor: order, pace, failures, re-issues; against a vendor that does as told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session, sessionmaker

from app.core.db import atomic
from app.core.jobs import LeaseLost
from app.modules.loyalty.models import LoyaltyProgram, WalletClass, WalletPass, WalletVendor
from app.modules.loyalty.rules.pass_view import PassView
from app.modules.loyalty.services import (
    stamp_service,
    wallet_designs,
    wallet_passes,
    wallet_queue,
    wallet_sync,
)
from app.modules.loyalty.types import FaultKind, Outcome, PassRow, Provider
from tests.factories import NOW, make_card, make_pass, make_shop

GOOGLE = Provider.GOOGLE
Answer = Callable[[PassRow, PassView], Outcome]


@pytest.fixture(autouse=True)
def only_what_a_test_makes(db: Session) -> None:
    """A drain serves all merchants: none is left from another test."""
    with atomic(db):
        for table in ("apple_device_registrations", "wallet_passes", "wallet_classes",
                      "wallet_vendors"):  # fmt: skip
            db.execute(text(f"DELETE FROM {table}"))


class FakeVendor:
    """Takes everything, or does with each pass as `answer` says; remembers what it was sent."""

    provider = GOOGLE

    def __init__(self, answer: Answer | None = None) -> None:
        self.sent: list[tuple[int, dict[str, int]]] = []
        self._answer = answer or (lambda row, _view: Outcome(row.id))

    def prepare(
        self, db: Session, passes: Sequence[PassRow], views: dict[int, PassView], *, now: Any
    ) -> list[Callable[[], Outcome | None]]:
        for view in views.values():
            wallet_designs.class_of(db, self.provider, view.design, now=now)
        return [self._task(row, views[row.id]) for row in passes]

    def after(self, db: Session) -> None:
        pass

    def _task(self, row: PassRow, view: PassView) -> Callable[[], Outcome]:
        def task() -> Outcome:
            self.sent.append((row.card_id, view.facts))
            return self._answer(row, view)

        return task


def drain(db: Session, vendor: FakeVendor, *, after_s: int = 0, **options: Any) -> Any:
    now = NOW + timedelta(seconds=after_s)
    options = {"keep_alive": lambda: None, "stopwatch": lambda: 0.0} | options
    return wallet_sync.reconcile(db, vendor, now=now, **options)


def stale_card(db: Session, shop: Any, *, stamps: int = 0, **columns: Any) -> Any:
    card = make_card(db, shop=shop, stamps=stamps)
    return make_pass(db, card=card, **{"target_revision": 1, "synced_revision": 0} | columns)


def reread(db: Session, row: Any) -> Any:
    return db.execute(
        select(WalletPass)
        .where(WalletPass.merchant_id == row.merchant_id, WalletPass.id == row.id)
        .execution_options(populate_existing=True)
    ).scalar_one()


def test_given_passes_that_are_behind_when_drained_then_sent_once_with_what_the_card_has(
    db: Session,
) -> None:
    shop = make_shop(db)
    first, current = stale_card(db, shop, stamps=3), stale_card(db, shop, synced_revision=9)
    vendor = FakeVendor()
    assert drain(db, vendor) == {"sent": 1, "put_off": 0, "parked": 0}
    assert vendor.sent == [(first.card_id, {"stamps": 3, "points": 0, "rewards": 0})]
    row = reread(db, first)
    assert row.synced_revision == row.target_revision
    assert (row.shown, row.design_revision) == ({"stamps": 3, "points": 0, "rewards": 0}, 1)
    assert reread(db, current).synced_at is None
    assert drain(db, vendor)["sent"] == 0


def test_given_a_stamp_during_the_call_when_settled_then_the_pass_is_behind_and_sent_again(
    db: Session, session_factory: sessionmaker[Session]
) -> None:
    shop = make_shop(db, require_staff_pin=False)
    row = stale_card(db, shop)
    stamped: list[bool] = []

    def stamp_meanwhile(sent: PassRow, _view: PassView) -> Outcome:
        if not stamped:
            stamped.append(True)
            with session_factory() as other:
                stamp_service.add_stamp(other, card_id=sent.card_id, now=NOW)
        return Outcome(sent.id)

    vendor = FakeVendor(stamp_meanwhile)
    assert drain(db, vendor)["sent"] == 2
    assert [facts["stamps"] for _card, facts in vendor.sent] == [0, 1]
    assert reread(db, row).synced_revision == reread(db, row).target_revision


def test_given_held_passes_and_a_large_merchant_when_drained_then_held_first_and_turns(
    db: Session,
) -> None:
    large, small = make_shop(db), make_shop(db)
    crowd = [stale_card(db, large).card_id for _ in range(40)]
    alone = stale_card(db, small).card_id
    held = [stale_card(db, shop, held_since=NOW).card_id for shop in (large, small)]
    vendor = FakeVendor()
    drain(db, vendor)
    order = [card_id for card_id, _facts in vendor.sent]
    assert set(order[:2]) == set(held)
    assert order.index(alone) < 34, "within the first batch of the others"
    assert sorted(order) == sorted([*crowd, alone, *held])


@pytest.mark.parametrize(
    ("attempts", "least_s", "most_s"), [(0, 1, 2), (3, 8, 16), (20, 1800, 3600)]
)
def test_given_a_failure_that_may_pass_when_settled_then_tried_again_later_and_later(
    db: Session, attempts: int, least_s: int, most_s: int
) -> None:
    row = stale_card(db, make_shop(db), attempts=attempts)
    vendor = FakeVendor(lambda sent, _v: Outcome(sent.id, FaultKind.TRANSIENT, "timeout"))
    assert drain(db, vendor)["put_off"] == 1
    after = reread(db, row)
    wait = (after.next_attempt_at - NOW).total_seconds()
    assert least_s <= wait <= most_s + 1
    assert (after.attempts, after.last_error) == (attempts + 1, "timeout")
    assert wallet_queue.has_due(db, GOOGLE, now=NOW) is False
    assert drain(db, FakeVendor(), after_s=most_s + 1)["sent"] == 1
    assert (reread(db, row).attempts, reread(db, row).last_error) == (0, None)


def test_given_a_vendor_that_asks_for_time_when_settled_then_it_gets_it(db: Session) -> None:
    row = stale_card(db, make_shop(db))
    busy = Outcome(row.id, FaultKind.TRANSIENT, "busy", retry_after_s=90)
    drain(db, FakeVendor(lambda _s, _v: busy))
    assert reread(db, row).next_attempt_at >= NOW + timedelta(seconds=90)


def test_given_a_vendor_that_is_down_when_drained_then_it_is_left_alone_and_probed(
    db: Session,
) -> None:
    shop = make_shop(db)
    for _ in range(40):
        stale_card(db, shop)
    broken = FakeVendor(lambda sent, _v: Outcome(sent.id, FaultKind.TRANSIENT, "timeout"))
    drain(db, broken)
    assert len(broken.sent) == 32, "one batch, then a pause"
    assert drain(db, broken, after_s=1)["put_off"] == 0
    drain(db, broken, after_s=3)
    assert len(broken.sent) == 34, "two of them try it"
    healed = FakeVendor()
    for after_s in range(10, 60, 10):
        drain(db, healed, after_s=after_s)
    assert len({card_id for card_id, _facts in healed.sent}) == 40


def test_given_a_vendor_that_refuses_us_when_drained_then_paused_for_a_minute_with_the_reason(
    db: Session,
) -> None:
    row = stale_card(db, make_shop(db))
    refusal = Outcome(row.id, FaultKind.PAUSE, "permission_denied", "not a user of the issuer")
    vendor = FakeVendor(lambda _s, _v: refusal)
    drain(db, vendor)
    state = db.execute(select(WalletVendor).where(WalletVendor.provider == "google")).scalar_one()
    assert state.paused_until == NOW + timedelta(seconds=60)
    assert (state.pause_reason, state.pause_detail) == (refusal.reason, refusal.detail)
    drain(db, vendor, after_s=59)
    assert len(vendor.sent) == 1
    healed = FakeVendor()
    assert drain(db, healed, after_s=90)["sent"] == 1


def test_given_a_pass_the_vendor_will_not_have_when_drained_then_parked_alone_until_sent_again(
    db: Session,
) -> None:
    shop = make_shop(db)
    bad, good = stale_card(db, shop), stale_card(db, shop)

    def refuse(sent: PassRow, _view: PassView) -> Outcome:
        if sent.card_id == bad.card_id:
            return Outcome(sent.id, FaultKind.PARK, "invalid_resource", "no such logo")
        return Outcome(sent.id)

    assert drain(db, FakeVendor(refuse)) == {"sent": 1, "put_off": 0, "parked": 1}
    assert reread(db, bad).last_error_detail == "no such logo"
    assert reread(db, good).synced_at == NOW
    assert drain(db, FakeVendor(), after_s=86_400)["sent"] == 0
    with atomic(db):
        wallet_passes.send_again(db, merchant_id=bad.merchant_id, card_id=bad.card_id)
    assert drain(db, FakeVendor())["sent"] == 1


def test_given_a_lease_that_is_lost_when_drained_then_nothing_is_written(db: Session) -> None:
    row = stale_card(db, make_shop(db))
    calls: list[int] = []

    def lose() -> None:
        calls.append(1)
        if len(calls) == 3:  # after what was sent
            raise LeaseLost("wallets")

    vendor = FakeVendor()
    with pytest.raises(LeaseLost):
        drain(db, vendor, keep_alive=lose)
    assert len(vendor.sent) == 1
    assert reread(db, row).synced_revision == 0


def redesign(db: Session, shop: Any) -> int:
    with atomic(db):
        revision = db.execute(
            update(LoyaltyProgram)
            .where(LoyaltyProgram.merchant_id == shop.merchant_id)
            .values(revision=LoyaltyProgram.revision + 1)
            .returning(LoyaltyProgram.revision)
        ).scalar_one()
        wallet_passes.redesign(db, merchant_id=shop.merchant_id, revision=revision, now=NOW)
    return int(revision)


def test_given_a_new_design_when_drained_then_every_pass_is_sent_again_after_the_balances(
    db: Session,
) -> None:
    shop = make_shop(db)
    rows = [stale_card(db, shop) for _ in range(35)]
    drain(db, FakeVendor())
    revision = redesign(db, shop)
    late = stale_card(db, shop)
    assert wallet_queue.has_due(db, GOOGLE, now=NOW)
    vendor = FakeVendor()
    assert drain(db, vendor)["sent"] == 36
    assert vendor.sent[0][0] == late.card_id
    assert {reread(db, row).design_revision for row in rows} == {revision}
    klass = db.execute(
        select(WalletClass).where(WalletClass.merchant_id == shop.merchant_id)
    ).scalar_one()
    assert (klass.reissued_revision, klass.reissue_done, klass.reissue_total) == (revision, 35, 35)
    assert not wallet_queue.has_due(db, GOOGLE, now=NOW)


def test_given_a_walk_that_was_cut_off_when_drained_again_then_it_goes_on_where_it_was(
    db: Session,
) -> None:
    shop = make_shop(db)
    for _ in range(40):
        stale_card(db, shop)
    drain(db, FakeVendor())
    redesign(db, shop)
    calls: list[int] = []

    def stop_after_a_batch() -> None:
        calls.append(1)
        if len(calls) == 4:  # before, between and after the first batch, and then
            raise LeaseLost("wallets")

    first = FakeVendor()
    with pytest.raises(LeaseLost):
        drain(db, first, keep_alive=stop_after_a_batch)
    second = FakeVendor()
    drain(db, second)
    assert (len(first.sent), len(second.sent)) == (32, 8)


def test_given_a_failure_in_a_walk_when_tried_again_then_that_pass_gets_the_design_too(
    db: Session,
) -> None:
    shop = make_shop(db)
    rows = [stale_card(db, shop) for _ in range(3)]
    drain(db, FakeVendor())
    revision = redesign(db, shop)

    def fail_second(sent: PassRow, _view: PassView) -> Outcome:
        fault = FaultKind.TRANSIENT if sent.id == rows[1].id else None
        return Outcome(sent.id, fault, "timeout")

    drain(db, FakeVendor(fail_second))
    assert reread(db, rows[1]).design_revision < revision
    assert drain(db, FakeVendor(), after_s=60)["sent"] == 1
    assert reread(db, rows[1]).design_revision == revision
