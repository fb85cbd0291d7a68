"""Staff correct names and contacts: written down, and confirmed again."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.core.db import atomic
from app.core.errors import ValidationFailed
from app.core.mail import outbox
from app.modules.customers.models import Customer
from app.modules.loyalty.errors import CardInactive, CardNotFound
from app.modules.loyalty.models import LoyaltyCard, WalletPass
from app.modules.loyalty.services import card_lists, customer_correction
from app.modules.loyalty.services.staff_card import StaffCard
from app.modules.loyalty.types import ActorKind, Caller
from app.modules.tenancy.models import AuditEntry
from tests.factories import NOW, Shop, make_card, make_customer, make_pass, make_shop
from tests.modules.loyalty.services.mailbox import codes_in, mails_of
from tests.reads import card_now, rows_of

OLD, NEW, PHONE = "zoe@exmaple.com", "zoe@example.com", "+352621987654"


@pytest.fixture
def shop(db: Session) -> Shop:
    return make_shop(db)


@pytest.fixture
def card(db: Session, shop: Shop) -> LoyaltyCard:
    customer = make_customer(
        db, merchant_id=shop.merchant_id, first_name="Zoe", last_name="Muller", email=OLD,
    )  # fmt: skip
    card = make_card(db, shop=shop, customer_id=customer.id)
    db.expunge_all()
    return card


def correct(db: Session, shop: Shop, card: LoyaltyCard, **changes: Any) -> StaffCard:
    caller = Caller(shop.merchant_id, kind=ActorKind.USER, actor_id=7, is_manager=True)
    return customer_correction.correct_customer(
        db, caller=caller, card_id=card.id, changes=changes, now=NOW
    )


def person_of(db: Session, card: LoyaltyCard) -> Customer:
    rows: list[Customer] = rows_of(db, Customer, merchant_id=card.merchant_id)
    return next(row for row in rows if row.id == card.customer_id)


def codes_of(refused: pytest.ExceptionInfo[ValidationFailed]) -> list[tuple[Any, str]]:
    return [(error.loc[-1], error.code) for error in refused.value.errors]


def test_given_a_wrong_address_when_corrected_then_it_is_pending_and_gets_a_code(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    with atomic(db):
        outbox.enqueue(
            db, to=OLD, subject="Code", text="Soon", purpose="sign_in", now=NOW,
            merchant_id=shop.merchant_id,
        )  # fmt: skip
    # when
    seen = correct(db, shop, card, email=" ZOE@Example.com ")
    # then
    assert (seen["customer"]["email"], seen["customer"]["contact_pending"]) == (NEW, True)
    person = person_of(db, card)
    assert (person.email, person.email_pending) == (NEW, True)
    assert person.search_text == "zoe muller zoe@example.com"
    (mail,) = mails_of(db, merchant_id=shop.merchant_id)
    assert mail.to_address == NEW
    assert len(codes_in(mail)) == 1
    (act,) = rows_of(db, AuditEntry, merchant_id=shop.merchant_id)
    assert (act.action, act.subject) == ("customer_corrected", f"customer:{card.customer_id}")
    assert (act.old, act.new, act.actor_id) == ({"email": OLD}, {"email": NEW}, 7)


def test_given_a_wrong_name_when_corrected_then_searches_find_it_and_passes_are_told(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    make_pass(db, card=card)
    seen = correct(db, shop, card, first_name=" Zoé ", last_name="Straßer", locale="fr")
    assert (seen["customer"]["first_name"], seen["customer"]["locale"]) == ("Zoé", "fr")
    found = card_lists.list_cards(db, merchant_id=shop.merchant_id, search="zoe strasser")
    assert [line["card_id"] for line in found["items"]] == [card.id]
    (copy,) = rows_of(db, WalletPass, merchant_id=shop.merchant_id)
    assert copy.target_revision == card_now(db, card).revision > copy.synced_revision
    assert mails_of(db, merchant_id=shop.merchant_id) == []
    assert person_of(db, card).email_pending is False


def test_given_a_phone_number_when_corrected_then_it_counts_at_once(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    correct(db, shop, card, phone="621 987 654")
    person = person_of(db, card)
    assert (person.phone, person.phone_pending) == (PHONE, False)
    found = card_lists.lookup(db, merchant_id=shop.merchant_id, query=PHONE)
    assert found["card_id"] == card.id


def test_given_what_is_right_already_when_sent_then_nothing_is_written(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    revision = card_now(db, card).revision
    correct(db, shop, card, email=OLD, first_name="Zoe")
    assert person_of(db, card).email_pending is False
    assert card_now(db, card).revision == revision
    assert rows_of(db, AuditEntry, merchant_id=shop.merchant_id) == []
    assert mails_of(db, merchant_id=shop.merchant_id) == []


def test_given_one_of_two_contacts_when_taken_away_then_the_other_stays_and_the_last_is_kept(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    correct(db, shop, card, phone=PHONE)
    correct(db, shop, card, email=None)
    person = person_of(db, card)
    assert (person.email, person.email_pending, person.phone) == (None, False, PHONE)
    with pytest.raises(ValidationFailed) as refused:
        correct(db, shop, card, phone=None)
    assert codes_of(refused) == [("email", "contact_required")]
    assert person_of(db, card).phone == PHONE


@pytest.mark.parametrize(("field", "value"), [("email", NEW), ("phone", PHONE)])
def test_given_anothers_contact_when_taken_then_refused_with_the_card_to_merge_with(
    db: Session, shop: Shop, card: LoyaltyCard, field: str, value: str
) -> None:
    owner = make_customer(db, merchant_id=shop.merchant_id, **{field: value})
    other = make_card(db, shop=shop, customer_id=owner.id)
    db.expunge_all()
    with pytest.raises(ValidationFailed) as refused:
        correct(db, shop, card, first_name="Anna", **{field: value})
    assert codes_of(refused) == [(field, "contact_in_use")]
    assert refused.value.params == {"card_id": other.id}
    assert person_of(db, card).first_name == "Zoe"


def test_given_a_contact_that_another_only_claims_when_taken_then_it_may_be(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    make_customer(db, merchant_id=shop.merchant_id, email=NEW, email_pending=True)
    db.expunge_all()
    assert correct(db, shop, card, email=NEW)["customer"]["email"] == NEW


def test_given_another_merchants_member_when_their_address_is_used_then_it_may_be(
    db: Session, shop: Shop, card: LoyaltyCard
) -> None:
    make_customer(db, merchant_id=make_shop(db).merchant_id, email=NEW)
    db.expunge_all()
    assert correct(db, shop, card, email=NEW)["customer"]["email"] == NEW


@pytest.mark.parametrize(
    "changes", [{"email": "nobody"}, {"phone": "12"}, {"first_name": "x" * 101}]
)
def test_given_what_makes_no_sense_when_sent_then_refused_and_nothing_is_written(
    db: Session, shop: Shop, card: LoyaltyCard, changes: dict[str, Any]
) -> None:
    with pytest.raises(ValidationFailed):
        correct(db, shop, card, last_name="Weber", **changes)
    assert person_of(db, card).last_name == "Muller"


def test_given_a_card_that_is_gone_or_anothers_when_corrected_then_refused(
    db: Session, shop: Shop
) -> None:
    gone, foreign = make_card(db, shop=shop, status="erased"), make_card(db)
    db.expunge_all()
    with pytest.raises(CardInactive):
        correct(db, shop, gone, first_name="Eve")
    with pytest.raises(CardNotFound):
        correct(db, shop, foreign, first_name="Eve")
