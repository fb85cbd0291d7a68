"""Keeping staff PINs: at rest, unique, changed, deleted."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.core.config import ConfigError
from app.core.errors import ValidationFailed
from app.core.security import Keyring
from app.modules.loyalty.config import get_loyalty_settings, pin_keys
from app.modules.loyalty.errors import (
    CardNotFound,
    InvalidStaffPin,
    PinInUse,
    PinNotFound,
    WeakPin,
)
from app.modules.loyalty.models import StaffPin, staff_pin
from app.modules.loyalty.schemas.pins import PinCreate, PinUpdate
from app.modules.loyalty.services import pin_service, staff_auth, stamp_service
from app.modules.loyalty.types import Caller
from app.modules.tenancy.errors import StoreNotFound, StoreRequired
from app.modules.tenancy.models import AuditEntry
from tests.factories import NOW, PIN, make_card, make_pin, make_shop, make_store
from tests.fixtures import REAL_BCRYPT_ROUNDS
from tests.reads import entries_of, rows_of

TEST_PEPPER = os.environ["ORION_PIN_PEPPER"]


def test_given_the_model_when_a_pin_is_set_then_it_verifies_and_leading_zeros_count() -> None:
    pin = StaffPin(merchant_id=1)
    pin.set_pin("0123")
    assert pin.verify_pin("0123")
    assert not pin.verify_pin("123")
    assert not pin.verify_pin("0124")
    with pytest.raises(ValidationFailed):
        pin.set_pin("123")


def test_given_a_pin_at_rest_when_looked_at_then_it_is_peppered_and_costs_ten_rounds() -> None:
    one, other = StaffPin(merchant_id=1), StaffPin(merchant_id=2)
    one.set_pin(PIN)
    other.set_pin(PIN)
    assert REAL_BCRYPT_ROUNDS == 10
    assert one.pin_hash.startswith("$2b$")
    assert one.key_id == pin_keys().current.id
    # another merchant's equal PIN neither looks alike nor opens this one
    assert one.pin_lookup != other.pin_lookup
    other.pin_hash = one.pin_hash
    assert not other.verify_pin(PIN)


def test_given_a_pin_of_an_unknown_pepper_when_verified_then_it_is_wrong() -> None:
    pin = StaffPin(merchant_id=1)
    pin.set_pin(PIN)
    pin.key_id = "00000000"
    assert not pin.verify_pin(PIN)


def test_given_a_new_member_when_listed_then_everything_but_the_hash_shows(db: Session) -> None:
    # given
    shop = make_shop(db)
    # when
    made = pin_service.create_pin(
        db,
        merchant_id=shop.merchant_id,
        data=PinCreate(name="Anna", pin=PIN, staff_code="A1", role="manager", can_void=True),
        now=NOW,
    )
    # then
    (listed,) = pin_service.list_pins(db, merchant_id=shop.merchant_id, now=NOW)
    assert listed == made
    assert (listed["name"], listed["role"], listed["can_void"]) == ("Anna", "manager", True)
    assert not any("hash" in field or "lookup" in field for field in listed)
    (audited,) = rows_of(db, AuditEntry, merchant_id=shop.merchant_id)
    assert audited.action == "pin_created"
    assert PIN not in str(audited.new)


def test_given_a_pin_in_use_when_a_colleague_wants_it_then_refused_also_in_another_store(
    db: Session,
) -> None:
    shop = make_shop(db)
    make_pin(db, merchant_id=shop.merchant_id)
    gare = make_store(db, merchant_id=shop.merchant_id)
    with pytest.raises(PinInUse):
        pin_service.create_pin(
            db,
            merchant_id=shop.merchant_id,
            data=PinCreate(name="Ben", pin=PIN, store_id=gare.id),
        )
    assert len(pin_service.list_pins(db, merchant_id=shop.merchant_id)) == 1


def test_given_a_deleted_members_pin_when_somebody_new_takes_it_then_it_is_theirs(
    db: Session,
) -> None:
    # given
    shop = make_shop(db)
    anna = make_pin(db, merchant_id=shop.merchant_id, name="Anna")
    card = make_card(db, shop=shop)
    stamp_service.add_stamp(db, card_id=card.id, **shop.at_counter(), now=NOW)
    # when
    pin_service.delete_pin(db, merchant_id=shop.merchant_id, pin_id=anna.id)
    pin_service.create_pin(
        db, merchant_id=shop.merchant_id, data=PinCreate(name="Ben", pin=PIN), now=NOW
    )
    # then
    names = [pin["name"] for pin in pin_service.list_pins(db, merchant_id=shop.merchant_id)]
    later = NOW + timedelta(minutes=15)
    result = stamp_service.add_stamp(db, card_id=card.id, **shop.at_counter(), now=later)
    assert names == ["Ben"]
    assert result["staff_name"] == "Ben"
    assert entries_of(db, card)[1].actor_id == anna.id


@pytest.mark.parametrize("pin", ["0000", "1234", "1122", "1980"])
def test_given_an_easy_pin_when_chosen_then_refused(db: Session, pin: str) -> None:
    shop = make_shop(db)
    with pytest.raises(WeakPin):
        pin_service.create_pin(
            db, merchant_id=shop.merchant_id, data=PinCreate(name="Anna", pin=pin)
        )
    kept = make_pin(db, merchant_id=shop.merchant_id)
    with pytest.raises(WeakPin):
        pin_service.update_pin(
            db, merchant_id=shop.merchant_id, pin_id=kept.id, data=PinUpdate(pin=pin)
        )


def test_given_another_merchants_member_when_touched_then_it_does_not_exist(db: Session) -> None:
    shop, other = make_shop(db), make_shop(db)
    theirs = make_pin(db, merchant_id=other.merchant_id)
    for act in (
        lambda who: pin_service.update_pin(db, data=PinUpdate(name="X"), **who),
        lambda who: pin_service.unlock_pin(db, **who),
        lambda who: pin_service.delete_pin(db, **who),
    ):
        with pytest.raises(PinNotFound):
            act({"merchant_id": shop.merchant_id, "pin_id": theirs.id})
    assert len(pin_service.list_pins(db, merchant_id=other.merchant_id)) == 1


def test_given_another_merchants_store_or_card_when_named_then_refused(db: Session) -> None:
    shop, other = make_shop(db), make_shop(db)
    card = make_card(db, shop=other)
    for refusal, field in (
        (StoreNotFound, {"store_id": other.store.id}),
        (CardNotFound, {"own_card_id": card.id}),
    ):
        with pytest.raises(refusal):
            pin_service.create_pin(
                db,
                merchant_id=shop.merchant_id,
                data=PinCreate(name="Anna", pin=PIN, **field),  # type: ignore[arg-type]
            )
    assert pin_service.list_pins(db, merchant_id=shop.merchant_id) == []


def test_given_a_till_when_a_pin_is_verified_then_a_session_opens_as_the_program_allows(
    db: Session,
) -> None:
    # given
    shop = make_shop(db, pin_session_minutes=10)
    strict = make_shop(db, pin_session_minutes=0)
    for place in (shop, strict):
        make_pin(db, merchant_id=place.merchant_id, name="Anna")
    till = Caller(shop.merchant_id, store_id=shop.store.id)
    # when
    opened = pin_service.verify_pin(db, caller=till, staff_pin=PIN, now=NOW)
    closed = pin_service.verify_pin(
        db, caller=Caller(strict.merchant_id, store_id=strict.store.id), staff_pin=PIN, now=NOW
    )
    # then
    assert opened["staff_session_expires_at"] == NOW + timedelta(minutes=10)
    assert closed["staff_session"] is None
    result = stamp_service.add_stamp(
        db,
        card_id=make_card(db, shop=shop).id,
        caller=till,
        staff_session=opened["staff_session"],
        now=NOW + timedelta(minutes=9),
    )
    assert result["staff_name"] == "Anna"


def test_given_no_place_when_a_pin_is_verified_then_the_store_is_asked(db: Session) -> None:
    shop = make_shop(db)
    with pytest.raises(StoreRequired):
        pin_service.verify_pin(db, caller=Caller(shop.merchant_id), staff_pin=PIN)


def test_given_a_wrong_pin_when_verified_then_it_counts_like_any_other(db: Session) -> None:
    shop = make_shop(db)
    make_pin(db, merchant_id=shop.merchant_id)
    till = Caller(shop.merchant_id, store_id=shop.store.id)
    with pytest.raises(InvalidStaffPin) as refusal:
        pin_service.verify_pin(db, caller=till, staff_pin="9174", now=NOW)
    assert refusal.value.params == {"attempts_left": 4}


def test_given_a_new_pepper_when_somebody_wants_a_pin_of_an_old_one_then_it_is_in_use(
    db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    shop = make_shop(db)
    old = pin_keys()
    make_pin(db, merchant_id=shop.merchant_id, name="Anna")
    rotated = Keyring("another-pepper-0123456789abcdefghijklmno", [TEST_PEPPER])
    assert old.current.id in {key.id for key in rotated}
    for module in (staff_pin, staff_auth, pin_service):
        monkeypatch.setattr(module, "pin_keys", lambda: rotated)
    # when
    with pytest.raises(PinInUse):
        pin_service.create_pin(
            db, merchant_id=shop.merchant_id, data=PinCreate(name="Ben", pin=PIN), now=NOW
        )
    # then: Anna's PIN still works under its old pepper
    card = make_card(db, shop=shop)
    result = stamp_service.add_stamp(db, card_id=card.id, **shop.at_counter(), now=NOW)
    assert result["staff_name"] == "Anna"


def test_given_a_setting_out_of_bounds_when_read_then_one_sentence_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOYALTY_PIN_LOCKOUT_MINUTES", "0")
    get_loyalty_settings.cache_clear()
    with pytest.raises(ConfigError, match="LOYALTY_PIN_LOCKOUT_MINUTES"):
        get_loyalty_settings()
    monkeypatch.undo()
    get_loyalty_settings.cache_clear()
