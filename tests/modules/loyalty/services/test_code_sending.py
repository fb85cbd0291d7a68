"""Codes by e-mail: who gets which, in which language, and that nobody else learns of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.core.errors import RateLimited, ValidationFailed
from app.modules.customers.models import SignInCode
from app.modules.loyalty.errors import CardNotFound
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.services import card_service, code_sending
from app.modules.loyalty.services.code_sending import Visitor
from app.modules.loyalty.types import ActorKind, Caller, Enrolment
from app.modules.tenancy.models import AuditEntry
from app.modules.tenancy.services import store_service
from tests import factories, reads
from tests.factories import NOW, Shop
from tests.modules.loyalty.services.mailbox import code_in, codes_in, mails_of


def known(shop: Shop) -> str:
    """An address of this test's own: its codes are counted over all merchants of a database."""
    return f"zoe.{shop.merchant_id}@example.com"


@pytest.fixture
def shop(db: Session) -> Shop:
    return factories.make_shop(db)


@pytest.fixture
def visitor(db: Session, shop: Shop) -> Visitor:
    """Somebody who reads French, in a browser that was here before."""
    store = store_service.find_store(db, store_id=shop.store.id)
    return Visitor(store, language="fr", browser="phone")


def member(db: Session, shop: Shop, **customer: Any) -> LoyaltyCard:
    """The card of somebody whose address is proved, if nothing else is said."""
    made = factories.make_customer(
        db, merchant_id=shop.merchant_id, **{"email": known(shop), "locale": "lb"} | customer
    )
    return factories.make_card(db, shop=shop, customer_id=made.id)


def enroll(db: Session, shop: Shop, email: str | None = "", **more: Any) -> Enrolment:
    person: dict[str, Any] = {"store_id": shop.store.id, "locale": "de", "now": NOW} | more
    return card_service.enroll_self(db, email=known(shop) if email == "" else email, **person)


def purposes(db: Session, shop: Shop) -> list[str]:
    return [mail.purpose for mail in mails_of(db, merchant_id=shop.merchant_id)]


@contextmanager
def counted(db: Session) -> Iterator[list[str]]:
    """The statements that the block sends to the database, without their values."""
    sent: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    engine = db.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


def test_given_a_member_when_a_code_is_asked_for_then_it_comes_in_their_language(
    db: Session, shop: Shop, visitor: Visitor
) -> None:
    member(db, shop)
    code_sending.send_code(db, visitor, email=known(shop).upper(), now=NOW)
    (mail,) = mails_of(db, merchant_id=shop.merchant_id)
    assert (mail.to_address, mail.purpose) == (known(shop), "sign_in")
    assert mail.subject == f"{shop.merchant.name}: \u00c4re Code"
    assert code_in(mail) not in mail.subject
    assert "10 Minutten" in mail.text_body
    assert mail.give_up_at == NOW + timedelta(minutes=10)


@pytest.mark.parametrize(
    ("language", "word"), [("en", "code"), ("fr", "code"), ("de", "Code"), ("lb", "Code")]
)
def test_given_any_language_when_a_card_is_made_then_the_first_code_comes_with_it(
    db: Session, shop: Shop, language: str, word: str
) -> None:
    enroll(db, shop, locale=language)
    (mail,) = mails_of(db, merchant_id=shop.merchant_id)
    assert mail.purpose == "confirm"
    assert word in mail.subject
    assert shop.merchant.name in mail.subject
    assert len(code_in(mail)) == 6


def test_given_a_phone_number_alone_when_a_card_is_made_then_no_code(
    db: Session, shop: Shop
) -> None:
    enroll(db, shop, email=None, phone="+352 621 000 001")
    assert mails_of(db, merchant_id=shop.merchant_id) == []


def test_c63_given_a_known_address_when_a_card_is_made_then_only_the_mailbox_tells(
    db: Session, shop: Shop
) -> None:
    member(db, shop)
    enroll(db, shop, f"warm.up.{shop.merchant_id}@example.com")
    with counted(db) as for_unknown:
        enroll(db, shop, f"new.{shop.merchant_id}@example.com")
    with counted(db) as for_known:
        enroll(db, shop, known(shop))
    assert for_known == for_unknown
    assert purposes(db, shop) == ["confirm", "confirm", "confirm_known"]


def test_c63_given_known_and_unknown_addresses_when_codes_are_asked_for_then_the_same_work(
    db: Session, shop: Shop, visitor: Visitor
) -> None:
    member(db, shop)
    for _ in range(6):  # the sixth meets the limit, and that looks alike too
        with counted(db) as for_known:
            code_sending.send_code(db, visitor, email=known(shop), now=NOW)
        with counted(db) as for_unknown:
            code_sending.send_code(db, visitor, email=f"no.{known(shop)}", now=NOW)
        assert for_known == for_unknown
    assert sorted(purposes(db, shop)) == ["no_card"] * 5 + ["sign_in"] * 5


def test_given_no_card_with_the_address_when_asked_for_then_its_owner_is_told_without_a_code(
    db: Session, shop: Shop, visitor: Visitor
) -> None:
    member(db, shop, email_pending=True)
    for email in (f"nobody.{shop.merchant_id}@example.com", known(shop)):
        code_sending.send_code(db, visitor, email=email, now=NOW)
    for mail in mails_of(db, merchant_id=shop.merchant_id):
        assert mail.purpose == "no_card"
        assert f"/loyalty/enroll?store={shop.store.code}" in mail.text_body
        assert codes_in(mail) == []


def test_given_five_mails_within_the_hour_when_joining_with_the_address_then_card_but_no_mail(
    db: Session, shop: Shop, visitor: Visitor
) -> None:
    for _ in range(5):
        code_sending.send_code(db, visitor, email=known(shop), now=NOW)
    assert enroll(db, shop)["created"]
    assert len(mails_of(db, merchant_id=shop.merchant_id)) == 5


def test_given_a_fresh_card_when_its_device_asks_again_then_for_the_address_that_waits(
    db: Session, shop: Shop, visitor: Visitor
) -> None:
    joined = enroll(db, shop)
    on_device = replace(visitor, customer_id=joined["customer_id"])
    code_sending.send_code(db, on_device, now=NOW)
    code_sending.send_code(db, on_device, email=f" {known(shop)}", now=NOW)
    assert purposes(db, shop) == ["confirm"] * 3
    code_sending.send_code(db, on_device, email=f"other.{shop.merchant_id}@example.com", now=NOW)
    assert purposes(db, shop)[-1] == "no_card"


@pytest.mark.parametrize("email", [None, "", "zoe", "a@b@c.lu", "zoe@example.com\nBcc: x@y.lu"])
def test_given_no_address_or_a_malformed_one_when_asked_for_then_refused_and_nothing_sent(
    db: Session, shop: Shop, visitor: Visitor, email: str | None
) -> None:
    with pytest.raises(ValidationFailed):
        code_sending.send_code(db, visitor, email=email, now=NOW)
    assert mails_of(db, merchant_id=shop.merchant_id) == []
    assert reads.rows_of(db, SignInCode, merchant_id=shop.merchant_id) == []


def manager(shop: Shop) -> Caller:
    return Caller(shop.merchant_id, shop.store.id, ActorKind.USER, actor_id=7, is_manager=True)


def send_to_card(db: Session, shop: Shop, card_id: int) -> None:
    code_sending.send_code_to_card(db, card_id=card_id, caller=manager(shop), now=NOW)


def test_given_a_manager_when_helping_somebody_back_in_then_a_code_goes_out_and_is_noted(
    db: Session, shop: Shop
) -> None:
    card_id = member(db, shop).id
    send_to_card(db, shop, card_id)
    (mail,) = mails_of(db, merchant_id=shop.merchant_id)
    assert (mail.to_address, mail.purpose) == (known(shop), "sign_in_by_staff")
    assert f"/loyalty/sign-in/code?store={shop.store.code}" in mail.text_body
    (noted,) = reads.rows_of(db, AuditEntry, merchant_id=shop.merchant_id)
    assert (noted.action, noted.subject) == ("sign_in_code_sent", f"card:{card_id}")
    assert (noted.actor_kind, noted.actor_id) == ("user", 7)
    for _ in range(4):
        send_to_card(db, shop, card_id)
    with pytest.raises(RateLimited):
        send_to_card(db, shop, card_id)


def test_given_a_card_without_an_address_when_helping_then_refused(db: Session, shop: Shop) -> None:
    card_id = member(db, shop, email=None, phone="+352621000001").id
    with pytest.raises(ValidationFailed) as refusal:
        send_to_card(db, shop, card_id)
    assert refusal.value.errors[0].code == "no_email"
    assert mails_of(db, merchant_id=shop.merchant_id) == []


def test_given_another_merchants_or_a_dead_card_when_helping_then_there_is_none(
    db: Session, shop: Shop
) -> None:
    foreign = member(db, factories.make_shop(db)).id
    customer = factories.make_customer(db, merchant_id=shop.merchant_id)
    dead = factories.make_card(db, shop=shop, customer_id=customer.id, status="erased").id
    for card_id in (foreign, dead, 2**40):
        with pytest.raises(CardNotFound):
            send_to_card(db, shop, card_id)
