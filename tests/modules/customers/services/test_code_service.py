"""Sign-in codes in the database: made, tried, used, at the same moment too."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from app.core.db import atomic
from app.core.errors import ValidationFailed
from app.core.security import is_equal
from app.modules.customers.errors import SignInCodeInvalid
from app.modules.customers.models import Customer, SignInCode
from app.modules.customers.services import code_service
from app.modules.customers.services.code_service import Checked, CodeFor
from app.modules.customers.types import CodePurpose
from tests import factories, reads
from tests.factories import NOW

THREADS = 20
MINUTE = timedelta(minutes=1)


@pytest.fixture
def customer(db: Session) -> Customer:
    merchant = factories.make_merchant(db)
    return factories.make_customer(db, merchant_id=merchant.id)


def claim(customer: Customer, **changes: Any) -> CodeFor:
    assert customer.email is not None
    asked = CodeFor(
        customer.merchant_id, customer.email, CodePurpose.SIGN_IN, customer.id, browser="phone"
    )
    return replace(asked, **changes)


def issue(db: Session, asked: CodeFor, *, now: datetime = NOW) -> str | None:
    with atomic(db):
        return code_service.issue(db, asked, now=now)


def issued(db: Session, asked: CodeFor, *, now: datetime = NOW) -> str:
    code = issue(db, asked, now=now)
    assert code is not None
    return code


def use(db: Session, checked: Checked, *, now: datetime = NOW) -> None:
    with atomic(db):
        code_service.use(db, checked, now=now)


def refused(act: Callable[[], object]) -> int:
    """How many tries the refusal says are left."""
    with pytest.raises(SignInCodeInvalid) as refusal:
        act()
    left: int = refusal.value.params["attempts_left"]
    return left


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


def test_given_a_code_when_it_is_typed_then_it_names_the_customer_and_is_used_once(
    db: Session, customer: Customer
) -> None:
    asked = claim(customer)
    code = issued(db, asked)
    assert len(code) == 6
    assert code.isdecimal()
    checked = code_service.check(db, asked, f" {code[:3]} {code[3:]} ", now=NOW)
    assert (checked.merchant_id, checked.customer_id) == (customer.merchant_id, customer.id)
    use(db, checked)
    assert refused(lambda: use(db, checked)) == 0
    assert refused(lambda: code_service.check(db, asked, code, now=NOW)) == 0


def test_given_a_code_when_stored_then_neither_it_nor_the_address_can_be_read(
    db: Session, customer: Customer
) -> None:
    code = issued(db, claim(customer))
    (row,) = reads.rows_of(db, SignInCode, merchant_id=customer.merchant_id)
    stored = repr({name: value for name, value in vars(row).items() if name.endswith("hash")})
    assert customer.email is not None
    assert code not in stored
    assert customer.email not in stored
    assert "phone" not in stored
    assert row.code_hash != issued_hash_of(db, claim(customer))


def issued_hash_of(db: Session, asked: CodeFor) -> str:
    issued(db, asked, now=NOW + MINUTE)
    code_hash: str = reads.rows_of(db, SignInCode, merchant_id=asked.merchant_id)[-1].code_hash
    return code_hash


def test_given_ten_minutes_when_a_code_is_tried_then_it_ends_exactly_there(
    db: Session, customer: Customer
) -> None:
    asked = claim(customer)
    code = issued(db, asked)
    end = NOW + timedelta(minutes=10)
    checked = code_service.check(db, asked, code, now=end - timedelta(microseconds=1))
    assert refused(lambda: code_service.check(db, asked, code, now=end)) == 0
    assert refused(lambda: use(db, checked, now=end)) == 0
    use(db, checked, now=end - timedelta(microseconds=1))


def test_given_wrong_tries_when_counted_then_the_sixth_is_refused_even_if_right(
    db: Session, customer: Customer
) -> None:
    asked = claim(customer)
    code = issued(db, asked)
    left = [refused(lambda: code_service.check(db, asked, wrong(code), now=NOW)) for _ in range(5)]
    assert left == [4, 3, 2, 1, 0]
    assert refused(lambda: code_service.check(db, asked, code, now=NOW)) == 0
    newer = issued(db, asked, now=NOW + MINUTE)
    assert code_service.check(db, asked, newer, now=NOW + MINUTE).customer_id == customer.id


def test_given_a_newer_code_when_the_older_one_is_tried_then_it_has_ended(
    db: Session, customer: Customer
) -> None:
    asked = claim(customer)
    older = issued(db, asked)
    newer = issued(db, asked)
    while newer == older:
        newer = issued(db, asked)
    assert refused(lambda: code_service.check(db, asked, older, now=NOW)) == 4
    use(db, code_service.check(db, asked, newer, now=NOW))
    # Once the newest one is used, the older ones do not come back to life.
    assert refused(lambda: code_service.check(db, asked, older, now=NOW)) == 0


def test_given_another_browser_when_it_tries_the_code_then_refused_and_not_counted(
    db: Session, customer: Customer
) -> None:
    asked = claim(customer)
    code = issued(db, asked)
    for browser in ("laptop", None):
        elsewhere = replace(asked, browser=browser)
        assert refused(lambda: code_service.check(db, elsewhere, code, now=NOW)) == 0  # noqa: B023
    (row,) = reads.rows_of(db, SignInCode, merchant_id=customer.merchant_id)
    assert row.attempts == 0
    assert code_service.check(db, asked, code, now=NOW).customer_id == customer.id


def test_given_a_code_of_the_staff_when_tried_then_any_browser_may_use_it(
    db: Session, customer: Customer
) -> None:
    code = issued(db, claim(customer, browser=None))
    assert code_service.check(db, claim(customer), code, now=NOW).customer_id == customer.id


@pytest.mark.parametrize("other", ["merchant", "address", "purpose", "customer"])
def test_given_another_claim_when_the_code_is_tried_for_it_then_refused(
    db: Session, customer: Customer, other: str
) -> None:
    purpose = CodePurpose.CONFIRM if other == "customer" else CodePurpose.SIGN_IN
    asked = claim(customer, purpose=purpose)
    code = issued(db, asked)
    others: dict[str, dict[str, Any]] = {
        "merchant": {"merchant_id": factories.make_merchant(db).id},
        "address": {"email": "somebody.else@example.com"},
        "purpose": {"purpose": CodePurpose.CONFIRM},
        "customer": {"customer_id": customer.id + 1},
    }
    foreign = replace(asked, **others[other])
    assert refused(lambda: code_service.check(db, foreign, code, now=NOW)) == 0
    assert code_service.check(db, asked, code, now=NOW).customer_id == customer.id


def test_given_the_address_of_nobody_when_its_code_is_guessed_then_it_is_wrong_all_the_same(
    db: Session, customer: Customer
) -> None:
    asked = claim(customer, customer_id=None, email="nobody@example.com")
    code = issued(db, asked)
    assert refused(lambda: code_service.check(db, asked, code, now=NOW)) == 4


def test_given_other_spellings_of_an_address_when_counted_then_it_is_one(
    db: Session, customer: Customer
) -> None:
    asked = claim(customer, email="Zoé@EXAMPLE.com")
    code = issued(db, asked)
    same = replace(asked, email=" zoe\u0301@example.com ")
    assert code_service.check(db, same, code, now=NOW).customer_id == customer.id
    with pytest.raises(ValidationFailed):
        code_service.check(db, replace(asked, email="zoe"), code, now=NOW)


def test_given_five_codes_within_the_hour_when_a_sixth_is_asked_for_then_none_anywhere(
    db: Session, customer: Customer
) -> None:
    elsewhere = claim(customer, merchant_id=factories.make_merchant(db).id, customer_id=None)
    for minutes in range(4):
        assert issue(db, claim(customer), now=NOW + minutes * MINUTE) is not None
    last = issued(db, claim(customer), now=NOW + 4 * MINUTE)
    assert issue(db, claim(customer), now=NOW + 5 * MINUTE) is None
    assert issue(db, elsewhere, now=NOW + 5 * MINUTE) is None
    # The last one that was sent goes on.
    checked = code_service.check(db, claim(customer), last, now=NOW + 5 * MINUTE)
    assert checked.customer_id == customer.id
    an_hour = NOW + timedelta(hours=1)
    assert issue(db, claim(customer), now=an_hour - timedelta(microseconds=1)) is None
    assert issue(db, claim(customer), now=an_hour) is not None


def at_once(
    session_factory: sessionmaker[Session], act: Callable[[Session], object]
) -> list[object]:
    """What `THREADS` callers hear who ask at the same moment."""
    start = threading.Barrier(THREADS)

    def one(_number: int) -> object:
        with session_factory() as db:
            start.wait(timeout=30)
            try:
                return act(db)
            except SignInCodeInvalid as refusal:
                return refusal.params["attempts_left"]

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(one, range(THREADS)))


def test_given_twenty_requests_at_once_when_counted_then_the_address_gets_five(
    db: Session, session_factory: sessionmaker[Session], customer: Customer
) -> None:
    asked = claim(customer)
    codes = at_once(session_factory, lambda other: issue(other, asked))
    assert sum(code is not None for code in codes) == 5
    rows = reads.rows_of(db, SignInCode, merchant_id=customer.merchant_id)
    assert sorted(row.number for row in rows) == [1, 2, 3, 4, 5]


def test_given_twenty_guesses_at_once_when_counted_then_five_are_looked_at(
    db: Session,
    session_factory: sessionmaker[Session],
    customer: Customer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = claim(customer)
    code = issued(db, asked)
    looked_at: list[str] = []

    def look(one: str, other: str) -> bool:
        looked_at.append(other)
        return is_equal(one, other)

    monkeypatch.setattr("app.modules.customers.services.code_service.is_equal", look)
    left = at_once(
        session_factory, lambda other: code_service.check(other, asked, wrong(code), now=NOW)
    )
    assert len(looked_at) == 5
    assert sorted(map(str, left)) == ["0"] * 16 + ["1", "2", "3", "4"]
    assert refused(lambda: code_service.check(db, asked, code, now=NOW)) == 0


def test_given_the_right_code_twice_at_once_when_used_then_once(
    db: Session, session_factory: sessionmaker[Session], customer: Customer
) -> None:
    asked = claim(customer)
    checked = code_service.check(db, asked, issued(db, asked), now=NOW)
    done = at_once(session_factory, lambda other: use(other, checked))
    assert done.count(None) == 1
    assert done.count(0) == THREADS - 1


def test_given_an_erased_person_when_forgotten_then_their_codes_are_gone_and_no_others(
    db: Session, customer: Customer
) -> None:
    other = factories.make_customer(db, merchant_id=customer.merchant_id)
    issued(db, claim(customer))
    issued(db, claim(other))
    with atomic(db):
        code_service.forget(db, merchant_id=customer.merchant_id, customer_id=customer.id)
    rows = reads.rows_of(db, SignInCode, merchant_id=customer.merchant_id)
    assert [row.customer_id for row in rows] == [other.id]


def test_given_codes_of_yesterday_when_purged_then_only_they_go(
    db: Session, customer: Customer
) -> None:
    issued(db, claim(customer))
    issued(db, claim(customer), now=NOW + MINUTE)
    code_service.purge(db, now=NOW + timedelta(days=1))
    with Session(db.get_bind()) as fresh:
        kept = fresh.execute(
            select(SignInCode.created_at).where(SignInCode.merchant_id == customer.merchant_id)
        ).scalars()
        assert list(kept) == [NOW + MINUTE]
