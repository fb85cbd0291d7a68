"""Cards put on hold, given new codes, and noted about."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.modules.loyalty.errors import (
    CardInactive,
    CardNotFound,
    CardReplaced,
    IdempotencyKeyReused,
)
from app.modules.loyalty.models import CardCode, LoyaltyCard, WalletPass
from app.modules.loyalty.services import (
    card_lifecycle,
    card_lists,
    card_merge,
    ledger_verify,
    stamp_service,
)
from app.modules.loyalty.services.ledger_entries import Actor
from app.modules.loyalty.services.staff_card import StaffCard
from app.modules.loyalty.types import ActorKind, Caller
from app.modules.tenancy.models import AuditEntry
from app.modules.tenancy.services import auth_service, principal_service
from tests.factories import NOW, Shop, make_card, make_pass, make_shop, save
from tests.reads import card_now, entries_of, rows_of


@pytest.fixture
def shop(db: Session) -> Shop:
    return make_shop(db, require_staff_pin=False)


@pytest.fixture
def card(db: Session, shop: Shop) -> LoyaltyCard:
    card = make_card(db, shop=shop, stamps=4)
    db.expunge_all()
    return card


def manager(shop: Shop) -> Caller:
    return Caller(
        shop.merchant_id, kind=ActorKind.USER, actor_id=7, is_manager=True, request_id="r-1",
        ip_address="192.0.2.1",
    )  # fmt: skip


def change(db: Session, shop: Shop, card: LoyaltyCard, **facts: Any) -> StaffCard:
    defaults: dict[str, Any] = {"card_id": card.id, "now": NOW}
    return card_lifecycle.change_card(db, caller=manager(shop), **defaults | facts)


def replace(db: Session, shop: Shop, card: LoyaltyCard, **facts: Any) -> StaffCard:
    defaults: dict[str, Any] = {"card_id": card.id, "reason": "Lost on the bus", "now": NOW}
    return card_lifecycle.replace_card(db, caller=manager(shop), **defaults | facts)


def types_of(db: Session, card: LoyaltyCard) -> list[str]:
    return [entry.type for entry in entries_of(db, card)[2:]]


def acts(db: Session, shop: Shop) -> list[tuple[str, Any, Any]]:
    rows = rows_of(db, AuditEntry, merchant_id=shop.merchant_id)
    return [(row.action, row.old, row.new) for row in rows]


def test_given_a_card_when_suspended_then_it_collects_no_more_until_it_is_taken_back(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    caller = Caller(shop.merchant_id)
    make_pass(db, card=card)
    # when
    seen = change(db, shop, card, status="suspended", reason="Reported as stolen")
    # then
    assert (seen["status"], seen["stamp_count"]) == ("suspended", 4)
    with pytest.raises(CardInactive):
        stamp_service.add_stamp(db, card_id=card.id, caller=caller, now=NOW)
    with pytest.raises(CardInactive):
        stamp_service.add_stamp(db, qr_code=card.qr_code_data, caller=caller, now=NOW)
    (copy,) = rows_of(db, WalletPass, merchant_id=shop.merchant_id)
    assert copy.target_revision == card_now(db, card).revision > copy.synced_revision
    # and when
    change(db, shop, card, status="active")
    assert stamp_service.add_stamp(db, card_id=card.id, caller=caller, now=NOW)["stamp_count"] == 5
    assert types_of(db, card) == ["card_suspended", "card_reactivated", "stamp_earned"]
    assert acts(db, shop) == [
        (
            "card_suspended",
            {"status": "active"},
            {"status": "suspended", "reason": "Reported as stolen"},
        ),
        ("card_reactivated", {"status": "suspended"}, {"status": "active", "reason": None}),
    ]
    assert list(ledger_verify.verify(db, merchant_id=shop.merchant_id)) == []


def test_given_a_suspended_card_when_suspended_again_then_nothing_is_written(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    change(db, shop, card, status="suspended")
    revision = card_now(db, card).revision
    assert change(db, shop, card, status="suspended")["status"] == "suspended"
    assert card_now(db, card).revision == revision
    assert types_of(db, card) == ["card_suspended"]
    assert len(acts(db, shop)) == 1


def test_given_a_note_when_written_then_it_stands_in_the_audit_and_not_in_the_ledger(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    assert change(db, shop, card, note="Oat milk")["note"] == "Oat milk"
    change(db, shop, card, note="Oat milk")
    assert change(db, shop, card, note="")["note"] == ""
    assert acts(db, shop) == [
        ("card_noted", {"note": ""}, {"note": "Oat milk"}),
        ("card_noted", {"note": "Oat milk"}, {"note": ""}),
    ]
    assert types_of(db, card) == []


def test_given_a_lost_card_when_replaced_then_new_codes_work_and_old_ones_say_so(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    token = auth_service.issue_customer_token(
        db, merchant_id=shop.merchant_id, customer_id=card.customer_id, now=NOW
    )
    seen = replace(db, shop, card)
    # then
    assert seen["stamp_count"] == 4
    assert seen["card_number"] != card.card_number
    assert seen["qr_code_data"] != card.qr_code_data
    caller = Caller(shop.merchant_id)
    for code in (card.qr_code_data, card.card_number):
        with pytest.raises(CardReplaced):
            stamp_service.add_stamp(db, qr_code=code, caller=caller, now=NOW)
        with pytest.raises(CardReplaced):
            card_lists.lookup(db, merchant_id=shop.merchant_id, query=code)
    stamped = stamp_service.add_stamp(db, qr_code=seen["qr_code_data"], caller=caller, now=NOW)
    assert (stamped["card_id"], stamped["stamp_count"]) == (card.id, 5)
    assert types_of(db, card) == ["card_replaced", "stamp_earned"]
    assert principal_service.principal_of(db, token=token, now=NOW) is None
    assert list(ledger_verify.verify(db, merchant_id=shop.merchant_id)) == []


def test_given_a_replacement_when_audited_then_no_code_stands_there(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    seen = replace(db, shop, card)
    ((action, old, new),) = acts(db, shop)
    assert action == "card_replaced"
    assert old == {"card_number": f"…{card.card_number[-4:]}"}
    assert new == {"card_number": f"…{seen['card_number'][-4:]}", "reason": "Lost on the bus"}


def test_given_a_customer_with_the_phone_at_hand_when_replaced_then_it_may_stay_signed_in(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    token = auth_service.issue_customer_token(
        db, merchant_id=shop.merchant_id, customer_id=card.customer_id, now=NOW
    )
    replace(db, shop, card, sign_out=False)
    assert principal_service.principal_of(db, token=token, now=NOW) is not None


def test_given_a_card_with_older_codes_when_replaced_then_all_of_them_are_dead(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    other = make_card(db, shop=shop)
    save(
        db,
        CardCode(merchant_id=shop.merchant_id, kind="number", code="4711", card_id=card.id,
                 state="imported"),
    )  # fmt: skip
    db.expunge_all()
    card_merge.merge(
        db, merchant_id=shop.merchant_id, survivor_card_id=card.id, other_card_id=other.id,
        reason="Same person", actor=Actor(ActorKind.USER, 7), now=NOW,
    )  # fmt: skip
    first = replace(db, shop, card)
    second = replace(db, shop, card)
    codes = (card.card_number, first["card_number"], other.qr_code_data, "4711")
    for code in codes:
        with pytest.raises(CardReplaced):
            card_lists.lookup(db, merchant_id=shop.merchant_id, query=code)
    found = card_lists.lookup(db, merchant_id=shop.merchant_id, query=second["card_number"])
    assert found["card_id"] == card.id


def test_given_a_key_when_the_replacement_is_sent_again_then_it_is_replaced_once(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    other = make_card(db, shop=shop)
    db.expunge_all()
    first = replace(db, shop, card, idempotency_key="new-1")
    again = replace(db, shop, card, idempotency_key="new-1", reason="Lost again")
    assert again["card_number"] == first["card_number"]
    with pytest.raises(IdempotencyKeyReused):
        replace(db, shop, other, idempotency_key="new-1")


def test_given_a_suspended_card_when_replaced_then_it_stays_suspended(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    change(db, shop, card, status="suspended")
    assert replace(db, shop, card)["status"] == "suspended"


@pytest.mark.parametrize("status", ["merged", "erased"])
def test_given_a_card_that_is_gone_when_changed_then_refused(
    db: Session, shop: Shop, status: str
) -> None:
    card = make_card(db, shop=shop, status=status)
    db.expunge_all()
    for facts in ({"status": "active"}, {"note": "Oat milk"}):
        with pytest.raises(CardInactive):
            change(db, shop, card, **facts)
    with pytest.raises(CardInactive):
        replace(db, shop, card)
    assert acts(db, shop) == []


def test_given_anothers_card_when_changed_then_there_is_none(db: Session, shop: Shop) -> None:
    foreign = make_card(db)
    db.expunge_all()
    with pytest.raises(CardNotFound):
        change(db, shop, foreign, status="suspended")
    with pytest.raises(CardNotFound):
        replace(db, shop, foreign)
    assert card_now(db, foreign).status == "active"
