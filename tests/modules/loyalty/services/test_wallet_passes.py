"""Passes come and go with their cards; nothing here speaks to a vendor."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.core.db import atomic
from app.modules.loyalty.models import (
    AppleDeviceRegistration,
    WalletCallback,
    WalletClass,
    WalletPass,
)
from app.modules.loyalty.schemas import ProgramUpdate
from app.modules.loyalty.schemas.rewards import RewardCreate
from app.modules.loyalty.services import (
    card_lifecycle,
    card_merge,
    card_service,
    privacy_service,
    program_service,
    reward_service,
    stamp_service,
    wallet_passes,
    wallet_service,
    wallet_setup,
    wallet_upkeep,
)
from app.modules.loyalty.services.ledger_entries import Actor
from app.modules.loyalty.types import ActorKind, Caller, PassEnd, Provider
from tests.factories import NOW, Shop, make_card, make_pass, make_shop, save


@pytest.fixture(autouse=True)
def both_wallets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wallet_setup, "providers", lambda: (Provider.GOOGLE, Provider.APPLE))


@pytest.fixture
def shop(db: Session) -> Shop:
    return make_shop(db, require_staff_pin=False)


def passes_of(db: Session, merchant_id: int, card_id: int) -> list[Any]:
    return list(
        db.execute(
            select(WalletPass)
            .where(WalletPass.merchant_id == merchant_id, WalletPass.card_id == card_id)
            .order_by(WalletPass.id)
            .execution_options(populate_existing=True)
        ).scalars()
    )


def joined(db: Session, shop: Shop, email: str = "zoe@example.com") -> int:
    answer = card_service.enroll(db, store_id=shop.store.id, email=email, now=NOW)
    return int(answer["card_id"])


def is_behind(row: Any) -> bool:
    return bool(row.synced_revision < row.target_revision)


def test_given_both_wallets_when_somebody_joins_then_a_pass_each_with_a_serial_of_its_own(
    db: Session, shop: Shop
) -> None:
    card_id = joined(db, shop)
    rows = passes_of(db, shop.merchant_id, card_id)
    assert [row.provider for row in rows] == ["google", "apple"]
    assert all(is_behind(row) for row in rows)
    assert len({row.serial for row in rows}) == 2
    assert {len(row.serial) for row in rows} == {32}
    card_service.enroll(db, store_id=shop.store.id, email="zoe@example.com", now=NOW)
    assert len(passes_of(db, shop.merchant_id, card_id)) == 2


def test_given_no_wallet_when_somebody_joins_then_no_pass_and_no_address(
    db: Session, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wallet_setup, "providers", lambda: ())
    card = card_service.enroll_customer(
        db, store_id=shop.store.id, customer_id=make_card(db, shop=shop).customer_id
    )
    assert passes_of(db, shop.merchant_id, card.id) == []
    urls = wallet_service.get_add_to_wallet_urls(db, card)
    assert urls == {"google_wallet_url": None, "apple_wallet_url": None}


def test_given_a_card_from_before_the_wallets_when_asked_twice_then_one_pass_each(
    db: Session, shop: Shop
) -> None:
    card = make_card(db, shop=shop)
    wallet_service.create_wallet_objects(db, card)
    wallet_service.create_wallet_objects(db, card)
    assert len(passes_of(db, shop.merchant_id, card.id)) == 2


def test_given_a_stamp_when_posted_then_the_living_passes_are_behind_and_the_ended_one_is_not(
    db: Session, shop: Shop
) -> None:
    card = make_card(db, shop=shop)
    old = make_pass(db, card=card, ended_as=PassEnd.REPLACED.value)
    new = make_pass(db, card=card)
    stamp_service.add_stamp(db, card_id=card.id, now=NOW)
    rows = {row.id: row for row in passes_of(db, shop.merchant_id, card.id)}
    assert (is_behind(rows[old.id]), is_behind(rows[new.id])) == (False, True)


def test_given_a_replaced_card_when_lost_then_its_passes_end_and_new_ones_wait(
    db: Session, shop: Shop
) -> None:
    card = make_card(db, shop=shop)
    old = make_pass(db, card=card, provider="apple", held_since=NOW, shown={"stamps": 1})
    manager = Caller(shop.merchant_id, is_manager=True)
    card_lifecycle.replace_card(db, caller=manager, card_id=card.id, now=NOW)
    ended, fresh = passes_of(db, shop.merchant_id, card.id)
    assert (ended.id, ended.ended_as, ended.shown) == (old.id, "replaced", None)
    assert is_behind(ended)
    assert (fresh.ended_as, fresh.held_since, is_behind(fresh)) == (None, None, True)
    assert fresh.serial != ended.serial


def test_given_a_merged_card_when_folded_then_its_pass_ends_and_the_survivors_is_behind(
    db: Session, shop: Shop
) -> None:
    survivor, other = make_card(db, shop=shop), make_card(db, shop=shop)
    for card in (survivor, other):
        make_pass(db, card=card)
    card_merge.merge(
        db,
        merchant_id=shop.merchant_id,
        survivor_card_id=survivor.id,
        other_card_id=other.id,
        reason="one person",
        actor=Actor(ActorKind.USER),
        now=NOW,
    )
    (theirs,), (kept,) = (passes_of(db, shop.merchant_id, card.id) for card in (other, survivor))
    assert (theirs.ended_as, is_behind(theirs)) == ("merged", True)
    assert (kept.ended_as, is_behind(kept)) == (None, True)


def test_given_an_erased_person_when_gone_then_the_passes_end_and_remember_no_balance(
    db: Session, shop: Shop
) -> None:
    card = make_card(db, shop=shop, stamps=3)
    make_pass(db, card=card, shown={"stamps": 3, "points": 0, "rewards": 0})
    privacy_service.erase(
        db,
        merchant_id=shop.merchant_id,
        customer_id=card.customer_id,
        actor=Actor(ActorKind.USER),
        now=NOW,
    )
    (row,) = passes_of(db, shop.merchant_id, card.id)
    assert (row.ended_as, row.shown, is_behind(row)) == ("erased", None, True)


def test_given_a_pass_that_was_sent_when_sent_again_then_behind_and_never_further_than_it_was(
    db: Session, shop: Shop
) -> None:
    card = make_card(db, shop=shop)
    make_pass(db, card=card, parked_at=NOW, last_error="invalid_resource")
    far = make_pass(db, card=card, provider="apple", target_revision=9, synced_revision=2)
    wallet_service.sync_card_to_wallets(db, card)
    sent, behind = passes_of(db, shop.merchant_id, card.id)
    assert (is_behind(sent), sent.parked_at) == (True, None)
    assert sent.target_revision == card.revision, "else the next change would look like this one"
    assert (behind.id, behind.synced_revision) == (far.id, 2)


@pytest.mark.parametrize(
    ("change", "is_shown"),
    [
        ({"card_color": "#123456"}, True),
        ({"terms_text": "New"}, True),
        ({"cooldown_minutes": 3}, False),
    ],
)
def test_given_a_change_of_the_program_when_saved_then_only_what_shows_is_sent_again(
    db: Session, shop: Shop, change: dict[str, Any], is_shown: bool
) -> None:
    save(
        db,
        WalletClass(
            merchant_id=shop.merchant_id, provider="google", target_revision=1, synced_revision=1,
            reissued_revision=1, reissued_to_id=77, created_at=NOW,
        ),
    )  # fmt: skip
    program_service.update_program(
        db, merchant_id=shop.merchant_id, data=ProgramUpdate(**change), now=NOW
    )
    row = db.execute(
        select(WalletClass)
        .where(WalletClass.merchant_id == shop.merchant_id)
        .execution_options(populate_existing=True)
    ).scalar_one()
    wanted = (2, 0) if is_shown else (1, 77)
    assert (row.target_revision, row.reissued_to_id) == wanted


def test_given_a_new_reward_when_saved_then_all_passes_are_sent_again(
    db: Session, shop: Shop
) -> None:
    save(
        db,
        WalletClass(
            merchant_id=shop.merchant_id, provider="apple", target_revision=1, created_at=NOW
        ),
    )
    reward_service.create_reward(
        db,
        merchant_id=shop.merchant_id,
        data=RewardCreate(name="Bread", cost_points=100),
        now=NOW,
    )
    target = select(WalletClass.target_revision).where(WalletClass.merchant_id == shop.merchant_id)
    assert db.execute(target).scalar_one() == 2


def clear(db: Session) -> None:
    with atomic(db):
        for table in ("apple_device_registrations", "wallet_passes", "wallet_classes"):
            db.execute(text(f"DELETE FROM {table}"))


def test_given_what_was_missed_when_the_hourly_job_runs_then_made_unparked_and_told(
    db: Session, shop: Shop
) -> None:
    clear(db)
    card, bare = make_card(db, shop=shop), make_card(db, shop=shop)
    make_pass(db, card=card, parked_at=NOW, target_revision=9)
    make_pass(db, card=card, provider="apple", target_revision=9)
    report = wallet_upkeep.catch_up(db, now=NOW, keep_alive=lambda: None)
    assert (report["stale"], report["unparked"]) == (1, 1)
    assert report["made"] >= 2
    assert len(passes_of(db, shop.merchant_id, bare.id)) == 2
    assert [row.parked_at for row in passes_of(db, shop.merchant_id, card.id)] == [None, None]
    assert wallet_upkeep.catch_up(db, now=NOW, keep_alive=lambda: None)["made"] == 0


def test_given_passes_that_ended_when_the_nightly_job_runs_then_phones_are_forgotten_after_a_month(
    db: Session, shop: Shop
) -> None:
    card = make_card(db, shop=shop)
    for days, ended_as in ((29, "erased"), (31, "erased"), (99, None)):
        row = make_pass(db, card=card, ended_as=ended_as, synced_at=NOW - timedelta(days=days))
        save(
            db,
            AppleDeviceRegistration(
                merchant_id=shop.merchant_id, pass_id=row.id, device_id=f"phone-{days}",
                push_token="aa", created_at=NOW, updated_at=NOW,
            ),
        )  # fmt: skip
    save(db, WalletCallback(nonce=f"n-{shop.merchant_id}", heard_at=NOW - timedelta(days=31)))
    report = wallet_upkeep.tidy(db, now=NOW)
    assert report["phones"] == 1
    assert report["callbacks"] >= 1
    phones = select(AppleDeviceRegistration.device_id).where(
        AppleDeviceRegistration.merchant_id == shop.merchant_id
    )
    assert set(db.execute(phones).scalars()) == {"phone-29", "phone-99"}


def test_given_no_transaction_when_a_row_is_changed_then_it_says_so(db: Session) -> None:
    with pytest.raises(AssertionError):
        wallet_passes.mark(db, merchant_id=1, card_id=1, revision=1)
