"""The program: made once, changed with care, and what its cards notice of it."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.core.errors import EditConflict, ValidationFailed
from app.modules.loyalty.errors import ProgramExists, ProgramNotFound
from app.modules.loyalty.models import LoyaltyCard, LoyaltyProgram, WalletPass
from app.modules.loyalty.schemas import ProgramCreate, ProgramUpdate
from app.modules.loyalty.services import program_service
from app.modules.loyalty.types import ActorKind, Caller, Draft, EntryType
from app.modules.tenancy.errors import StoreNotFound
from app.modules.tenancy.models import AuditEntry
from tests import factories, reads


def cycle_of(card: LoyaltyCard) -> tuple[int, str]:
    return card.stamps_target, card.reward_description


def test_given_a_shop_when_it_creates_its_program_then_defaults_fill_what_was_left_out(
    db: Session,
) -> None:
    merchant = factories.make_merchant(db, name="Café " + "Bleu " * 15)
    store = factories.make_store(db, merchant_id=merchant.id)
    program = program_service.create_program(
        db, store_id=store.id, data=ProgramCreate(loyalty_type="stamps", stamps_target=8)
    )
    assert program.merchant_id == merchant.id
    assert (program.stamps_target, program.cooldown_minutes, program.max_daily_stamps) == (8, 15, 5)
    assert program.card_name == merchant.name[:50].rstrip()
    assert program.revision == 1
    [entry] = reads.rows_of(db, AuditEntry, merchant_id=merchant.id)
    assert (entry.action, entry.actor_kind) == ("program_created", "service")


def test_given_a_program_when_another_is_created_then_refused_and_unchanged(db: Session) -> None:
    shop = factories.make_shop(db, stamps_target=10)
    with pytest.raises(ProgramExists):
        program_service.create_program(
            db, store_id=shop.store.id, data=ProgramCreate(loyalty_type="stamps", stamps_target=5)
        )
    [program] = reads.rows_of(db, LoyaltyProgram, merchant_id=shop.merchant_id)
    assert (program.stamps_target, program.revision) == (10, 1)


def test_given_no_such_store_when_a_program_is_created_then_refused(db: Session) -> None:
    with pytest.raises(StoreNotFound):
        program_service.create_program(
            db, store_id=2**40, data=ProgramCreate(loyalty_type="stamps")
        )


def test_given_no_program_when_read_or_changed_then_not_found(db: Session) -> None:
    merchant = factories.make_merchant(db)
    with pytest.raises(ProgramNotFound):
        program_service.get_program(db, merchant_id=merchant.id)
    with pytest.raises(ProgramNotFound):
        program_service.update_program(
            db, merchant_id=merchant.id, data=ProgramUpdate(stamps_target=8)
        )


def test_given_half_full_cards_when_the_target_is_lowered_then_every_card_above_follows(
    db: Session,
) -> None:
    shop = factories.make_shop(db, stamps_target=10, stamps_reward_description="A coffee")
    half = factories.make_card(db, shop=shop, stamps=7)
    below = factories.make_card(db, shop=shop, stamps=3, stamps_target=4, reward_description="Tea")
    wallet_pass = factories.make_pass(db, card=half)
    changed = program_service.update_program(
        db,
        merchant_id=shop.merchant_id,
        data=ProgramUpdate(stamps_target=6, stamps_reward_description="A cake"),
    )
    assert (changed.stamps_target, changed.revision) == (6, 2)
    after = reads.card_now(db, half)
    assert cycle_of(after) == (6, "A cake")
    assert (after.stamp_count, after.revision) == (7, half.revision + 1)
    assert cycle_of(reads.card_now(db, below)) == (4, "Tea")
    assert reads.card_now(db, below).revision == below.revision
    [stale] = reads.rows_of(db, WalletPass, merchant_id=shop.merchant_id)
    assert (stale.id, stale.target_revision) == (wallet_pass.id, after.revision)
    assert stale.synced_revision < stale.target_revision


def test_given_cards_when_the_target_is_raised_then_only_empty_ones_follow(db: Session) -> None:
    shop = factories.make_shop(db, stamps_target=10, stamps_reward_description="A coffee")
    half, empty = (factories.make_card(db, shop=shop, stamps=n) for n in (4, 0))
    indebted = factories.make_card(db, shop=shop)
    factories.post(db, indebted, [Draft(EntryType.STAMP_VOIDED, -2)])
    program_service.update_program(
        db, merchant_id=shop.merchant_id, data=ProgramUpdate(stamps_target=12)
    )
    assert cycle_of(reads.card_now(db, half)) == (10, "A coffee")
    assert cycle_of(reads.card_now(db, empty)) == (12, "A coffee")
    assert cycle_of(reads.card_now(db, indebted)) == (12, "A coffee")


def test_given_cards_when_only_the_reward_text_changes_then_collected_ones_keep_theirs(
    db: Session,
) -> None:
    shop = factories.make_shop(db, stamps_reward_description="A coffee")
    half, empty = (factories.make_card(db, shop=shop, stamps=n) for n in (4, 0))
    program_service.update_program(
        db, merchant_id=shop.merchant_id, data=ProgramUpdate(stamps_reward_description="A tea")
    )
    assert cycle_of(reads.card_now(db, half)) == (10, "A coffee")
    assert cycle_of(reads.card_now(db, empty)) == (10, "A tea")


def test_given_another_merchants_cards_when_the_target_is_lowered_then_they_stay(
    db: Session,
) -> None:
    shop, other = factories.make_shop(db), factories.make_shop(db)
    foreign = factories.make_card(db, shop=other, stamps=5)
    program_service.update_program(
        db, merchant_id=shop.merchant_id, data=ProgramUpdate(stamps_target=2)
    )
    assert reads.card_now(db, foreign).revision == foreign.revision
    assert cycle_of(reads.card_now(db, foreign)) == (10, "A coffee")


def test_given_a_new_look_when_saved_then_no_card_is_touched_and_the_audit_says_what_changed(
    db: Session,
) -> None:
    shop = factories.make_shop(db, card_color="#112233")
    card = factories.make_card(db, shop=shop)
    caller = Caller(shop.merchant_id, kind=ActorKind.USER, actor_id=7, ip_address="192.0.2.1")
    program_service.update_program(
        db,
        merchant_id=shop.merchant_id,
        data=ProgramUpdate(card_color="#fff", cooldown_minutes=15),
        caller=caller,
    )
    assert reads.card_now(db, card).revision == card.revision
    [entry] = reads.rows_of(db, AuditEntry, merchant_id=shop.merchant_id)
    assert (entry.action, entry.actor_kind, entry.actor_id) == ("program_changed", "user", 7)
    assert (entry.old, entry.new) == ({"card_color": "#112233"}, {"card_color": "#FFFFFF"})
    assert entry.ip_address == "192.0.2.1"


def test_given_nothing_new_when_saved_then_revision_and_audit_stay(db: Session) -> None:
    shop = factories.make_shop(db, stamps_target=10)
    program = program_service.update_program(
        db, merchant_id=shop.merchant_id, data=ProgramUpdate(stamps_target=10)
    )
    assert program.revision == 1
    assert reads.count_of(db, AuditEntry, merchant_id=shop.merchant_id) == 0


def test_given_an_old_version_when_saved_then_edit_conflict_and_nothing_changed(
    db: Session,
) -> None:
    shop = factories.make_shop(db)
    read = program_service.etag(program_service.get_program(db, merchant_id=shop.merchant_id))
    program_service.update_program(
        db, merchant_id=shop.merchant_id, data=ProgramUpdate(stamps_target=8), if_match=read
    )
    with pytest.raises(EditConflict):
        program_service.update_program(
            db, merchant_id=shop.merchant_id, data=ProgramUpdate(stamps_target=9), if_match=read
        )
    [program] = reads.rows_of(db, LoyaltyProgram, merchant_id=shop.merchant_id)
    assert (program.stamps_target, program.revision) == (8, 2)


@pytest.mark.parametrize(("target", "is_allowed"), [(6, True), (5, False)])
def test_given_a_welcome_bonus_when_the_target_sinks_then_it_stays_above_the_bonus(
    db: Session, target: int, is_allowed: bool
) -> None:
    shop = factories.make_shop(db, stamps_target=10, welcome_bonus_stamps=5)
    data = ProgramUpdate(stamps_target=target)
    if is_allowed:
        program = program_service.update_program(db, merchant_id=shop.merchant_id, data=data)
        assert program.stamps_target == target
        return
    with pytest.raises(ValidationFailed) as refused:
        program_service.update_program(db, merchant_id=shop.merchant_id, data=data)
    assert [fault.code for fault in refused.value.errors] == ["welcome_bonus_too_large"]
    [program] = reads.rows_of(db, LoyaltyProgram, merchant_id=shop.merchant_id)
    assert program.stamps_target == 10


def test_given_a_store_code_when_anybody_asks_then_the_program_shows_without_numbers(
    db: Session,
) -> None:
    shop = factories.make_shop(db)
    factories.make_card(db, shop=shop)
    shown = program_service.public_program(db, store_code=shop.store.code)
    assert (shown["store_code"], shown["merchant_name"]) == (shop.store.code, shop.merchant.name)
    assert shown["self_enrollment"] is True
    assert not {name for name in shown if "count" in name or "cards" in name}


@pytest.mark.parametrize("why", ["inactive", "counter_only"])
def test_given_nobody_can_join_when_anybody_asks_then_the_program_says_so(
    db: Session, why: str
) -> None:
    shop = factories.make_shop(db, is_active=why != "inactive")
    if why == "counter_only":
        factories.make_settings(db, merchant_id=shop.merchant_id, allow_self_enrollment=False)
    shown = program_service.public_program(db, store_code=shop.store.code)
    assert shown["self_enrollment"] is False
