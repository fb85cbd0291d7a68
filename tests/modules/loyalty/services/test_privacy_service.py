"""A person's data handed out and removed: everything, everywhere, and once."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.db import Base, atomic
from app.core.mail import outbox
from app.core.mail.models import OutboxEmail
from app.modules.customers.errors import CustomerNotFound
from app.modules.customers.models import Consent, Customer, SignInCode
from app.modules.customers.services import code_service, customer_service
from app.modules.customers.services.code_service import CodeFor
from app.modules.customers.types import CodePurpose
from app.modules.loyalty.errors import CardInactive, CardNotFound
from app.modules.loyalty.models import AppleDeviceRegistration, CardCode, LoyaltyCard
from app.modules.loyalty.services import (
    card_lists,
    card_merge,
    card_service,
    ledger_verify,
    privacy_service,
    stamp_service,
)
from app.modules.loyalty.services.ledger_entries import Actor
from app.modules.loyalty.types import ActorKind, Caller
from app.modules.tenancy.models import AccessToken, AuditEntry
from app.modules.tenancy.services import audit_service, auth_service, principal_service
from tests.factories import (
    NOW,
    Shop,
    make_card,
    make_customer,
    make_pass,
    make_pin,
    make_shop,
    save,
)
from tests.reads import card_now, count_of, entries_of, rows_of

MANAGER = Actor(ActorKind.USER, 7)
EMAIL, PHONE, IP = "melusina@example.com", "+352621987654", "198.51.100.23"
LATER = NOW + timedelta(days=1)
# What only this person has: none of it may be found anywhere once she is erased.
TRACES = ("Melusina", "Siegfried", EMAIL, PHONE, IP, "Pocket browser", "window seat", "melusina")


@pytest.fixture
def shop(db: Session) -> Shop:
    return make_shop(db, loyalty_type="hybrid", require_staff_pin=False)


@pytest.fixture
def card(db: Session, shop: Shop) -> LoyaltyCard:
    """A card with all that a platform gets to know of a person."""
    merchant_id = shop.merchant_id
    customer = make_customer(
        db, merchant_id=merchant_id, first_name="Melusina", last_name="Siegfried", email=EMAIL,
        phone=PHONE, search_text="melusina siegfried",
    )  # fmt: skip
    card = make_card(db, shop=shop, customer_id=customer.id, stamps=4, note="Likes the window seat")
    save(
        db,
        CardCode(merchant_id=merchant_id, kind="number", code="4711", card_id=card.id,
                 state="imported"),
    )  # fmt: skip
    stamp_service.add_stamp(
        db, card_id=card.id, caller=Caller(merchant_id), ip_address=IP,
        user_agent="Pocket browser", notes="Melusina came with a friend", now=NOW,
    )  # fmt: skip
    about: dict[str, Any] = {"merchant_id": merchant_id, "now": NOW}
    with atomic(db):
        customer_service.record_consent(
            db, customer_id=customer.id, granted=True, locale="en", channel="storefront",
            ip_address=IP, **about,
        )  # fmt: skip
        outbox.enqueue(
            db, to=EMAIL, subject="For Melusina", text="Your code is 123456", purpose="confirm",
            **about,
        )  # fmt: skip
        code_service.issue(
            db, CodeFor(merchant_id, EMAIL, CodePurpose.SIGN_IN, customer.id), now=NOW
        )
        audit_service.record(
            db, action="customer_corrected", subject=f"customer:{customer.id}",
            actor_kind="customer", actor_id=customer.id, old={"first_name": "Melusine"},
            new={"first_name": "Melusina"}, ip_address=IP, **about,
        )  # fmt: skip
    db.expunge_all()
    return card


def erase(db: Session, card: LoyaltyCard, **more: Any) -> privacy_service.Erasure:
    defaults: dict[str, Any] = {"actor": MANAGER, "reason": "Asked for at the counter", "now": NOW}
    return privacy_service.erase(
        db, merchant_id=card.merchant_id, customer_id=card.customer_id, **defaults | more
    )


def everything_stored(db: Session, shop: Shop) -> str:
    """All rows of the merchant, of all tables, as one text."""
    with Session(db.get_bind()) as fresh:
        return "\n".join(
            str(tuple(row))
            for table in Base.metadata.sorted_tables
            if "merchant_id" in table.columns
            for row in fresh.execute(
                text(f"SELECT * FROM {table.name} WHERE merchant_id = {shop.merchant_id}")
            )
        )


def test_given_a_person_when_erased_then_no_trace_is_left_in_any_table(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    token = auth_service.issue_customer_token(
        db, merchant_id=shop.merchant_id, customer_id=card.customer_id, now=NOW
    )
    stored = everything_stored(db, shop)
    assert [trace for trace in TRACES if trace not in stored] == []
    # when
    erasure = erase(db, card)
    # then
    assert erasure == {"erased_at": NOW, "already": False}
    left = everything_stored(db, shop)
    gone = (*TRACES, card.card_number, card.qr_code_data, "4711")
    assert [trace for trace in gone if trace in left] == []
    assert principal_service.principal_of(db, token=token, now=NOW) is None
    for model in (AccessToken, SignInCode, OutboxEmail, CardCode):
        assert count_of(db, model, merchant_id=shop.merchant_id) == 0, model
    (consent,) = rows_of(db, Consent, merchant_id=shop.merchant_id)
    assert (consent.granted, consent.ip_address) == (True, None)


def test_given_an_erased_person_when_the_ledger_is_read_then_amounts_stay_and_it_is_sound(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    erase(db, card)
    stored = card_now(db, card)
    assert (stored.status, stored.stamp_count, stored.note) == ("erased", 5, "")
    assert entries_of(db, card)[-1].type == "customer_erased"
    assert list(ledger_verify.verify(db, merchant_id=shop.merchant_id)) == []


def test_c62_given_an_erased_person_when_erased_again_then_already_with_the_first_date(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    erase(db, card)
    before = everything_stored(db, shop)
    assert erase(db, card, now=LATER) == {"erased_at": NOW, "already": True}
    assert everything_stored(db, shop) == before


def test_c62_given_an_erased_card_when_used_then_refused_and_its_codes_lead_nowhere(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    erase(db, card)
    caller = Caller(shop.merchant_id)
    with pytest.raises(CardInactive):
        stamp_service.add_stamp(db, card_id=card.id, caller=caller, now=LATER)
    for code in (card.qr_code_data, card.card_number, "4711"):
        with pytest.raises(CardNotFound):
            stamp_service.add_stamp(db, qr_code=code, caller=caller, now=LATER)
    for typed in (EMAIL, PHONE):
        with pytest.raises(CardNotFound):
            card_lists.lookup(db, merchant_id=shop.merchant_id, query=typed)
    for found in ("melusina", card.card_number):
        page = card_lists.list_cards(db, merchant_id=shop.merchant_id, search=found)
        assert page["items"] == []


def test_c62_given_an_erased_person_when_enrolled_again_then_a_new_card_at_zero(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    erase(db, card)
    again = card_service.enroll(db, store_id=shop.store.id, email=EMAIL, phone=PHONE, now=LATER)
    assert again["created"]
    assert again["card_id"] != card.id
    assert again["customer_id"] != card.customer_id
    fresh = card_lists.get_card(db, merchant_id=shop.merchant_id, card_id=again["card_id"])
    assert (fresh["stamp_count"], fresh["points_balance"]) == (0, 0)
    # The old one stays nobody's.
    with pytest.raises(CustomerNotFound):
        card_service.enroll(db, store_id=shop.store.id, customer_id=card.customer_id, now=LATER)


def test_given_a_person_with_merged_cards_when_erased_by_any_then_all_of_it_goes(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    survivor = make_card(db, shop=shop, stamps=1)
    db.expunge_all()
    card_merge.merge(
        db, merchant_id=shop.merchant_id, survivor_card_id=survivor.id, other_card_id=card.id,
        reason="Melusina has two", actor=MANAGER, now=NOW,
    )  # fmt: skip
    erase(db, card)
    left = everything_stored(db, shop)
    gone = (*TRACES, card.card_number, survivor.card_number, survivor.qr_code_data)
    assert [trace for trace in gone if trace in left] == []
    assert (card_now(db, survivor).status, card_now(db, card).status) == ("erased", "merged")
    assert erase(db, survivor, now=LATER) == {"erased_at": NOW, "already": True}
    with pytest.raises(CardNotFound):
        stamp_service.add_stamp(
            db, qr_code=card.qr_code_data, caller=Caller(shop.merchant_id), now=LATER
        )


def test_given_a_person_without_a_card_when_erased_then_it_works_too(
    db: Session, shop: Shop
) -> None:
    person = make_customer(db, merchant_id=shop.merchant_id)
    ids: dict[str, Any] = {"merchant_id": shop.merchant_id, "customer_id": person.id}
    db.expunge_all()
    assert privacy_service.erase(db, **ids, actor=MANAGER, now=NOW)["already"] is False
    assert privacy_service.erase(db, **ids, actor=MANAGER, now=LATER) == {
        "erased_at": NOW, "already": True,
    }  # fmt: skip


def test_given_anothers_customer_when_erased_or_exported_then_there_is_none(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    stranger = make_shop(db)
    ids: dict[str, Any] = {"merchant_id": stranger.merchant_id, "customer_id": card.customer_id}
    with pytest.raises(CustomerNotFound):
        privacy_service.erase(db, **ids, actor=MANAGER)
    with pytest.raises(CustomerNotFound):
        privacy_service.export(db, **ids)
    with pytest.raises(CardNotFound):
        privacy_service.customer_of(db, merchant_id=stranger.merchant_id, card_id=card.id)


def test_given_an_erasure_when_the_audit_is_read_then_who_and_why_but_no_values_of_before(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    erase(db, card, ip_address="192.0.2.1", request_id="r-1")
    corrected, erased = rows_of(db, AuditEntry, merchant_id=shop.merchant_id)
    assert (corrected.action, corrected.old, corrected.new) == ("customer_corrected", None, None)
    assert corrected.ip_address is None
    assert (erased.action, erased.subject) == (
        "customer_erased", f"customer:{card.customer_id}",
    )  # fmt: skip
    assert (erased.actor_kind, erased.actor_id, erased.request_id) == ("user", 7, "r-1")
    assert erased.new == {"reason": "Asked for at the counter"}


def test_given_a_person_when_exported_then_all_there_is_and_no_secret(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    token = auth_service.issue_customer_token(
        db, merchant_id=shop.merchant_id, customer_id=card.customer_id, now=NOW
    )
    pin = make_pin(db, merchant_id=shop.merchant_id, name="Ana the cashier", pin="7295")
    stamp_service.add_stamp(
        db, card_id=card.id, caller=Caller(shop.merchant_id), staff_pin="7295", now=LATER
    )
    kept = make_pass(db, card=card, provider="apple", held_since=NOW)
    save(
        db,
        AppleDeviceRegistration(
            merchant_id=shop.merchant_id, pass_id=kept.id, device_id="phone-secret",
            push_token="push-secret", created_at=NOW, updated_at=LATER,
        ),
    )  # fmt: skip
    # when
    data = privacy_service.export(
        db, merchant_id=shop.merchant_id, customer_id=card.customer_id, actor=MANAGER, now=LATER
    )
    # then
    written = json.dumps(data, default=str, ensure_ascii=False)
    known = ("Melusina", "Siegfried", EMAIL, PHONE, IP, "window seat", card.card_number,
             card.qr_code_data, "4711", "came with a friend", "For Melusina")  # fmt: skip
    assert [fact for fact in known if fact not in written] == []
    secrets = (token, "123456", pin.pin_hash, pin.pin_lookup, "Ana the cashier", "hash", "salt",
               "phone-secret", "push-secret", kept.serial)  # fmt: skip
    assert [secret for secret in secrets if secret in written] == []
    assert [entry["type"] for entry in data["transactions"]] == [
        "card_created", "stamps_adjusted", "stamp_earned", "stamp_earned",
    ]  # fmt: skip
    assert len(data["devices"]) == 1
    assert [row["held_since"] for row in data["wallet_passes"]] == [NOW]
    assert [row["updated_at"] for row in data["wallet_phones"]] == [LATER]
    assert rows_of(db, AuditEntry, merchant_id=shop.merchant_id)[-1].action == "customer_exported"


def test_given_a_merged_person_when_exported_then_both_cards_are_in_it(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    survivor = make_card(db, shop=shop)
    db.expunge_all()
    card_merge.merge(
        db, merchant_id=shop.merchant_id, survivor_card_id=survivor.id, other_card_id=card.id,
        reason="Same person", actor=MANAGER, now=NOW,
    )  # fmt: skip
    data = privacy_service.export(
        db, merchant_id=shop.merchant_id, customer_id=card.customer_id, now=LATER
    )
    assert data["customer_id"] == survivor.customer_id
    assert {row["id"] for row in data["cards"]} == {card.id, survivor.id}
    assert len(data["customers"]) == 1
    erase(db, card)
    with pytest.raises(CustomerNotFound):
        privacy_service.export(db, merchant_id=shop.merchant_id, customer_id=card.customer_id)


def test_given_another_person_when_one_is_erased_then_nothing_of_theirs_is_touched(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    other = make_card(db, shop=shop, stamps=2, note="Keep me")
    db.expunge_all()
    erase(db, card)
    assert card_now(db, other).note == "Keep me"
    people = rows_of(db, Customer, merchant_id=shop.merchant_id)
    (kept,) = [person for person in people if person.id == other.customer_id]
    assert (kept.erased_at, kept.first_name) == (None, "Zoé")
