"""A code is typed in: the device is signed in, a contact proved, two cards become one."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from app.core.db import atomic
from app.core.errors import ValidationFailed
from app.modules.customers.errors import SignInCodeInvalid
from app.modules.customers.models import Consent, Customer
from app.modules.loyalty.models import LoyaltyCard, LoyaltyProgram
from app.modules.loyalty.services import card_service, code_sending, confirmation, ledger_verify
from app.modules.loyalty.services.code_sending import Visitor
from app.modules.loyalty.services.confirmation import Outcome, Verified
from app.modules.loyalty.types import ActorKind, Caller, Draft, EntryType
from app.modules.tenancy.services import principal_service, store_service
from tests import factories, reads
from tests.factories import NOW, Shop
from tests.modules.loyalty.services.mailbox import newest_code

SOON = NOW + timedelta(minutes=1)


@pytest.fixture
def shop(db: Session) -> Shop:
    return factories.make_shop(db, welcome_bonus_stamps=2)


@pytest.fixture
def visitor(db: Session, shop: Shop) -> Visitor:
    return Visitor(
        store_service.find_store(db, store_id=shop.store.id), language="en", browser="phone"
    )


def address(shop: Shop) -> str:
    """An address of this test's own: its codes are counted over all merchants of a database."""
    return f"zoe.{shop.merchant_id}@example.com"


def join(db: Session, visitor: Visitor, **more: Any) -> tuple[Visitor, LoyaltyCard]:
    """Somebody joins from the poster: their device, and their fresh card."""
    person = {"email": f"zoe.{visitor.store.merchant_id}@example.com", "locale": "en"} | more
    joined = card_service.enroll_self(db, store_id=visitor.store.store_id, now=NOW, **person)
    return replace(visitor, customer_id=joined["customer_id"]), stored(
        db, visitor, joined["card_id"]
    )


def stored(db: Session, visitor: Visitor, card_id: int) -> LoyaltyCard:
    cards = reads.rows_of(db, LoyaltyCard, merchant_id=visitor.store.merchant_id)
    (card,) = [card for card in cards if card.id == card_id]
    found: LoyaltyCard = card
    return found


def member(db: Session, shop: Shop, **columns: Any) -> LoyaltyCard:
    """The card of somebody whose address is proved."""
    customer = factories.make_customer(db, merchant_id=shop.merchant_id, email=address(shop))
    return factories.make_card(db, shop=shop, customer_id=customer.id, **columns)


def code_for(db: Session, visitor: Visitor) -> str:
    return newest_code(db, merchant_id=visitor.store.merchant_id)


def confirm(db: Session, device: Visitor, code: str | None = None) -> Verified:
    return confirmation.verify(db, device, code=code or code_for(db, device), now=SOON)


def customer_of(db: Session, card: LoyaltyCard) -> Customer:
    rows = reads.rows_of(db, Customer, merchant_id=card.merchant_id)
    (customer,) = [row for row in rows if row.id == card.customer_id]
    found: Customer = customer
    return found


def change(db: Session, model: Any, row_id: int, shop: Shop, **columns: Any) -> None:
    """What somebody else did to one row meanwhile."""
    with atomic(db):
        db.execute(
            update(model)
            .where(model.merchant_id == shop.merchant_id, model.id == row_id)
            .values(**columns)
        )


def is_whole(db: Session) -> bool:
    return list(ledger_verify.verify(db)) == []


def test_given_a_fresh_card_when_its_address_is_confirmed_then_it_is_theirs_and_welcomed(
    db: Session, visitor: Visitor
) -> None:
    device, card = join(db, visitor, marketing_consent=True)
    assert (card.stamp_count, card.welcome_bonus_due) == (0, 2)
    done = confirm(db, device)
    assert (done["outcome"], done["customer_id"]) == (Outcome.CONFIRMED, card.customer_id)
    assert customer_of(db, card).email_pending is False
    assert reads.ledger_of(db, card) == [("welcome_bonus", 2, 2)]
    (entry,) = reads.entries_of(db, card)[1:]
    assert (entry.actor_kind, entry.actor_id) == ("customer", card.customer_id)
    assert reads.card_now(db, card).welcome_bonus_due == 0
    consents = reads.rows_of(db, Consent, merchant_id=card.merchant_id)
    assert [(one.granted, one.channel) for one in consents] == [
        (True, "storefront"), (True, "confirmation"),
    ]  # fmt: skip
    who = principal_service.principal_of(db, token=done["token"])
    assert who is not None
    assert who.customer_id == card.customer_id
    assert is_whole(db)


def test_given_a_confirmed_card_when_another_device_asks_then_it_signs_in(
    db: Session, shop: Shop, visitor: Visitor
) -> None:
    device, card = join(db, visitor)
    confirm(db, device)
    code_sending.send_code(db, visitor, email=address(shop), now=SOON)
    done = confirmation.verify(
        db, visitor, code=code_for(db, visitor), email=address(shop), now=SOON
    )
    assert (done["outcome"], done["customer_id"]) == (Outcome.SIGNED_IN, card.customer_id)
    assert reads.ledger_of(db, card) == [("welcome_bonus", 2, 2)]


def test_given_a_pending_address_when_another_device_signs_in_with_it_then_refused(
    db: Session, shop: Shop, visitor: Visitor
) -> None:
    device, card = join(db, visitor)
    first_code = code_for(db, visitor)
    code_sending.send_code(db, visitor, email=address(shop), now=NOW)
    for code in (first_code, "000000"):
        with pytest.raises(SignInCodeInvalid):
            confirmation.verify(db, visitor, code=code, email=address(shop), now=SOON)
    stranger, _ = join(db, visitor, email=f"eve.{shop.merchant_id}@example.com")
    with pytest.raises(SignInCodeInvalid):
        confirmation.verify(db, stranger, code=first_code, email=address(shop), now=SOON)
    assert customer_of(db, card).email_pending is True
    assert confirm(db, device, first_code)["outcome"] is Outcome.CONFIRMED


def test_given_a_known_address_when_confirmed_then_the_fresh_card_goes_into_the_older_one(
    db: Session, shop: Shop, visitor: Visitor
) -> None:
    older = member(db, shop, stamps=7)
    device, fresh = join(db, visitor)
    factories.post(db, fresh, [Draft(EntryType.STAMP_EARNED, 1)])
    done = confirm(db, device)
    assert (done["outcome"], done["customer_id"]) == (Outcome.MERGED, older.customer_id)
    now = reads.card_now(db, older)
    assert (now.card_number, now.status) == (older.card_number, "active")
    assert now.stamp_count >= 8
    assert reads.card_now(db, fresh).status == "merged"
    who = principal_service.principal_of(db, token=done["token"])
    assert who is not None
    assert who.customer_id == older.customer_id
    assert is_whole(db)


def test_given_an_older_card_that_was_welcomed_when_merged_then_nobody_is_welcomed_twice(
    db: Session, visitor: Visitor
) -> None:
    device, card = join(db, visitor)
    confirm(db, device)
    for _ in range(2):
        again, _fresh = join(db, visitor)
        assert confirm(db, again)["outcome"] is Outcome.MERGED
    assert reads.card_now(db, card).stamp_count == 2


@pytest.mark.parametrize("rest", ["program", "card"])
def test_given_a_program_or_card_at_rest_when_confirmed_then_the_bonus_stays_due(
    db: Session, shop: Shop, visitor: Visitor, rest: str
) -> None:
    device, card = join(db, visitor)
    if rest == "program":
        change(db, LoyaltyProgram, shop.program.id, shop, is_active=False)
    else:
        change(db, LoyaltyCard, card.id, shop, status="suspended")
    assert confirm(db, device)["outcome"] is Outcome.CONFIRMED
    now = reads.card_now(db, card)
    assert (now.stamp_count, now.welcome_bonus_due) == (0, 2)


def test_given_no_bonus_when_confirmed_then_no_entry(db: Session) -> None:
    shop = factories.make_shop(db)
    visitor = Visitor(store_service.find_store(db, store_id=shop.store.id), language="en")
    device, card = join(db, visitor)
    assert confirm(db, device)["outcome"] is Outcome.CONFIRMED
    assert reads.ledger_of(db, card) == []


def test_given_a_record_without_a_card_when_its_address_is_confirmed_then_one_person(
    db: Session, shop: Shop, visitor: Visitor
) -> None:
    record = factories.make_customer(
        db, merchant_id=shop.merchant_id, email=address(shop), last_name="Weber"
    )
    device, card = join(db, visitor)
    assert confirm(db, device)["outcome"] is Outcome.CONFIRMED
    person = customer_of(db, card)
    assert (person.email, person.email_pending, person.last_name) == (
        address(shop), False, "Weber",
    )  # fmt: skip
    rows = {row.id: row for row in reads.rows_of(db, Customer, merchant_id=shop.merchant_id)}
    assert rows[record.id].email is None


def test_given_a_contact_corrected_meanwhile_when_the_old_code_is_typed_then_refused(
    db: Session, shop: Shop, visitor: Visitor
) -> None:
    device, card = join(db, visitor)
    code = code_for(db, visitor)
    change(db, Customer, card.customer_id, shop, email=f"new.{address(shop)}")
    with pytest.raises(SignInCodeInvalid):
        confirm(db, device, code)
    assert customer_of(db, card).email_pending is True


def test_given_a_device_without_a_pending_address_when_no_address_is_named_then_refused(
    db: Session, visitor: Visitor
) -> None:
    device, _card = join(db, visitor)
    confirm(db, device)
    for nobody in (visitor, device):
        with pytest.raises(ValidationFailed):
            confirmation.verify(db, nobody, code="123456", now=SOON)


def test_given_two_devices_when_they_confirm_one_address_at_once_then_one_merges(
    db: Session, session_factory: sessionmaker[Session], visitor: Visitor
) -> None:
    devices = []
    for _ in range(4):
        device, card = join(db, visitor)
        devices.append((device, card, code_for(db, visitor)))
    start = threading.Barrier(len(devices))

    def one(entry: tuple[Visitor, LoyaltyCard, str]) -> Verified:
        with session_factory() as other:
            start.wait(timeout=30)
            return confirm(other, entry[0], entry[2])

    with ThreadPoolExecutor(len(devices)) as pool:
        done = list(pool.map(one, devices))
    outcomes = sorted(result["outcome"].value for result in done)
    assert outcomes == ["confirmed", "merged", "merged", "merged"]
    assert len({result["customer_id"] for result in done}) == 1
    statuses = sorted(reads.card_now(db, card).status for _, card, _ in devices)
    assert statuses == ["active", "merged", "merged", "merged"]
    assert is_whole(db)


@pytest.mark.parametrize("device", ["their own", "anybody's"])
def test_given_an_address_that_waits_when_staff_send_the_code_then_any_device_proves_it(
    db: Session, visitor: Visitor, shop: Shop, device: str
) -> None:
    owner, card = join(db, visitor)
    manager = Caller(shop.merchant_id, shop.store.id, ActorKind.USER, 7, is_manager=True)
    code_sending.send_code_to_card(db, card_id=card.id, caller=manager, now=NOW)
    where = owner if device == "their own" else replace(visitor, browser="library")
    done = confirmation.verify(
        db, where, code=newest_code(db, merchant_id=shop.merchant_id), email=address(shop), now=SOON
    )
    assert (done["outcome"], done["customer_id"]) == (Outcome.CONFIRMED, card.customer_id)
    assert stored(db, visitor, card.id).stamp_count == 2  # the welcome that was due
